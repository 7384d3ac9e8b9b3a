"""Vectors to a gallery, and what one does with a gallery: append, verify, describe, index for near search."""
