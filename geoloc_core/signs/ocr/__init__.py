"""Optical character recognition with PP-OCR's small models, which ship in the wheel of rapidocr."""
