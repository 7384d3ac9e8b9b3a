"""Untrusted bytes to a tile's picture: RGB of 256 x 256 pixels, or the reason why there is none.

What a server sends for a tile may be a web page, half a file, or a picture made to fill the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from PIL import Image

from geoloc_core.errors import PhotoEmpty, PhotoError, PhotoTooLarge
from geoloc_core.photo import PhotoLimits, read_photo

SIDE = 256
MOST_BYTES = 4_000_000
_LIMITS = PhotoLimits(max_bytes=MOST_BYTES, max_pixels=2048 * 2048, min_side=1)
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_ONE_COLOUR = 3  # of 255: what JPEG adds to a plain square


class Trouble(StrEnum):
    """Why a tile's picture could not be had; the value completes "could not be had: ..."."""

    MISSING = "not there"
    OUTSIDE = "outside what the source has"
    EMPTY = "no bytes"
    WEB_PAGE = "a web page instead"
    BROKEN = "damaged or no picture"
    TOO_LARGE = "far too large"
    NOT_SQUARE = "not square"
    REFUSED = "refused"
    BUSY = "server too busy"
    FAILED = "server failed"
    SILENT = "no answer in time"
    UNREACHABLE = "server unreachable"
    GIVEN_UP = "not asked for, the server being down"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Picture:
    """A tile's picture.

    Attributes:
        image: RGB, SIDE x SIDE; None if there is none.
        trouble: why there is none.
        blank: of one colour, as open sea, no data and "no imagery here" are.
        resized: it came in another size.
    """

    image: Image.Image | None = field(repr=False, compare=False)
    trouble: Trouble | None = None
    blank: bool = False
    resized: bool = False


def read_tile(data: bytes) -> Picture:
    """A PNG, JPEG, WebP, AVIF or GIF of any mode as a tile; transparency over white. It raises nothing."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<", b"{")):
        return Picture(None, Trouble.WEB_PAGE)
    if data and not (data.startswith(_MAGIC) or data[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1")):
        return Picture(None, Trouble.BROKEN)
    try:
        image = read_photo(data, _LIMITS).image
    except PhotoEmpty:
        return Picture(None, Trouble.EMPTY)
    except PhotoTooLarge:
        return Picture(None, Trouble.TOO_LARGE)
    except PhotoError:
        return Picture(None, Trouble.BROKEN)
    if image.width != image.height:
        return Picture(None, Trouble.NOT_SQUARE)
    resized = image.width != SIDE
    if resized:
        image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return Picture(image, None, is_blank(image), resized)


def is_blank(image: Image.Image) -> bool:
    """Whether a picture is of one colour."""
    return all(most - least <= _ONE_COLOUR for least, most in _extrema(image))


def _extrema(image: Image.Image) -> tuple[tuple[int, int], ...]:
    found = image.convert("RGB").getextrema()
    return tuple((int(low), int(high)) for low, high in found)  # type: ignore[misc]
