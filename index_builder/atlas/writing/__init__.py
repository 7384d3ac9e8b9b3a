"""Drawn photos of real writing: signs with the languages, names and forms of the place they stand at.

    for photo in sign_photos(200, seed=1, split="test"):
        photo.image, photo.lat, photo.lon, photo.texts

Reading order: `tables` (what is typed), `places` (where, and what is near), `forms` (numbers, addresses, domains),
`texts` (a sign's lines), `fonts` (lines into glyphs), `boards` (a sign), `backdrop` (what it stands before), `photo`.
"""

from __future__ import annotations

from index_builder.atlas.writing.photo import SignPhoto, draw_signs, sign_photos
from index_builder.atlas.writing.places import SignPlace, sign_places
from index_builder.atlas.writing.texts import SignText, sign_text

__all__ = ["SignPhoto", "SignPlace", "SignText", "draw_signs", "sign_photos", "sign_places", "sign_text"]
