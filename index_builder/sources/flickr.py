"""The names that Flickr's photos have in data sets: one photo has one id, whatever its file is called."""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"\.(?:jpe?g|jpe|jfif|png|webp|avif|tiff?|bmp|gif|hei[cf]|hif|mpo)$", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:[0-9a-f]{2}_){2}(?P<flat>\d+)"  # MP16-Pro and extracted YFCC26k: ab_cd_123
    r"|(?P<id>\d+)_[0-9a-f]{8,12}(?:_.*)?",  # Flickr and Im2GPS: 123_secret, 123_secret_z, 123_secret_server_owner
    re.DOTALL,
)
_OWNER = re.compile(r"_(\d+@N\d\d)(?:\.|$)")


def photo_id(text: str) -> str:
    """The id in a photo's name or path.

    It is 123 for 123, 123.jpg, ab/cd/123.jpg, ab_cd_123.jpg and 123_secret_server_owner.jpg. Any other name
    stands for itself, without folders and image suffixes.
    """
    name = text.replace("\\", "/").rpartition("/")[2].strip()
    while (short := _SUFFIX.sub("", name)) and short != name:
        name = short.strip()
    if name.isdecimal():
        return name
    match = _NAMED.fullmatch(name)
    return match["flat"] or match["id"] if match else name


def owner(text: str) -> str:
    """The photographer's Flickr id (78841376@N00) at the end of an Im2GPS file name; "" if there is none."""
    match = _OWNER.search(text) if "@" in text else None
    return match[1] if match else ""
