"""Whole zooms, or regions, of map tiles embedded ahead of the walks."""
