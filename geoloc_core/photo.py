"""Untrusted bytes to a Photo: a bounded, upright RGB image with its EXIF facts.

Its input is hostile. Bytes are counted before they are read, pixels before they are decoded, the format is recognised
by content among the few allowed, never by a file's name, and whatever a decoder throws becomes a `PhotoError`.
"""

from __future__ import annotations

import hashlib
import io
import math
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError
from PIL.ExifTags import Base

from geoloc_core.errors import PhotoEmpty, PhotoError, PhotoTooLarge, PhotoTooSmall, PhotoUnreadable
from geoloc_core.exif import MAX_EXIF_BYTES, ExifFacts, read_exif
from geoloc_core.exif_gps import tag_value

WORKING_SIDE = 4096  # pixels: what page, command line and builder all read at; 12 megapixels pass whole
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "HEIF")
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_MAX_ICC_BYTES = 4_000_000
_DRAFT_GAP = 2.0  # decode a JPEG at no less than twice the wanted size: looks the same as decoding it whole
_SAVE_AS = "Save it as JPEG or PNG and try again."
_UPRIGHT = {  # EXIF orientation: what undoes it, and whether it swaps width and height
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False),
    3: (Image.Transpose.ROTATE_180, False),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False),
    5: (Image.Transpose.TRANSPOSE, True),
    6: (Image.Transpose.ROTATE_270, True),
    7: (Image.Transpose.TRANSVERSE, True),
    8: (Image.Transpose.ROTATE_90, True),
}
_PHOTO_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_OTHER_FILES = (  # first bytes, what to call it
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript drawing"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\0\0\1\0", "an icon"),
    (b"FUJIFILMCCD-RAW", "a camera's RAW file"),
    (b"\x1aE\xdf\xa3", "a video"),
)


@dataclass(frozen=True)
class PhotoLimits:
    """What is accepted: bytes of the file, pixels (width times height), and pixels of the shorter side."""

    max_bytes: int = 20_000_000
    max_pixels: int = 64_000_000
    min_side: int = 16


@dataclass(frozen=True)
class Photo:
    """A decoded photo. Two are equal if their bytes were.

    `image` is RGB, 8 bit, sRGB, upright and carries no metadata. `sha256` is of the original bytes,
    `original_size` is (width, height) in pixels, upright, before any scaling. `notes` tell a person what was
    left out, such as frames.
    """

    image: Image.Image = field(repr=False, compare=False)
    exif: ExifFacts
    sha256: str
    format: str
    original_size: tuple[int, int]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of `image`."""
        return self.image.size

    def array(self) -> NDArray[np.uint8]:
        """(height, width, 3) RGB."""
        return np.asarray(self.image)

    def to_jpeg(self, max_side: int | None = None, quality: int = 90) -> bytes:
        """Encoded again without any metadata, no side longer than `max_side`."""
        out = io.BytesIO()
        _resized(self.image, _fitting(self.size, max_side)).save(out, "JPEG", quality=quality, optimize=True)
        return out.getvalue()


def open_photo(path: Path, limits: PhotoLimits | None = None, max_side: int | None = None) -> Photo:
    """The photo in a file; see `read_photo`. A file over the limit is not read.

    Raises:
        PhotoError: as `read_photo`, or there is no such file or it cannot be read.
    """
    limits = limits or PhotoLimits()
    try:
        if not path.is_file():
            raise PhotoUnreadable(f"There is no file {str(path)!r}. Check the path.")
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise PhotoUnreadable(f"{str(path)!r} cannot be read ({error}). Check its permissions.") from None
    return read_photo(data, limits, max_side)


def read_photo(
    data: bytes, limits: PhotoLimits | None = None, max_side: int | None = None, enough_side: int | None = None
) -> Photo:
    """Decode a JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF or HEIC file, no side longer than `max_side`.

    Args:
        data: the file.
        limits: what is accepted; they are of the whole photo, however little of it is decoded.
        max_side: pixels; a longer side is scaled down to it.
        enough_side: pixels of the shorter side that are enough: a larger JPEG is decoded at a half, quarter or eighth.

    Raises:
        PhotoEmpty: no bytes.
        PhotoTooLarge: more bytes or pixels than `limits` allow, or than fit into memory.
        PhotoTooSmall: a side shorter than `limits.min_side`.
        PhotoUnreadable: not a photo, a format that is not allowed, or damaged.
    """
    limits = limits or PhotoLimits()
    if not data:
        raise PhotoEmpty("This file is empty. Choose another one, or copy it from the camera again.")
    if len(data) > limits.max_bytes:
        raise PhotoTooLarge(
            f"This file has more than {limits.max_bytes / 1e6:.3g} MB, the most that is accepted. "
            "Save a smaller copy and try again."
        )
    try:
        with _opened(data, limits) as source:
            return _decoded(source, data, limits, max_side, enough_side)
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise _too_many_pixels(limits) from None
    except Exception as error:
        raise PhotoUnreadable(
            f"This photo is damaged or incomplete ({_reason(error)}). Copy it from the camera again or choose another."
        ) from error


def _opened(data: bytes, limits: PhotoLimits) -> ImageFile.ImageFile:
    """The file's header, parsed and found acceptable; no pixel is decoded."""
    _register_heif()
    if data.count(b"Exif\0\0") * 65_536 > MAX_EXIF_BYTES:  # Pillow joins such segments and unpacks them at once
        raise PhotoUnreadable(f"This file is mostly EXIF, not photo. {_SAVE_AS}")
    try:
        source = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PhotoUnreadable(_not_a_photo(data)) from None
    _check_size(source.size, limits)
    tags = getattr(source, "tag_v2", {})
    if data[8:10] == b"CR" or tags.get(Base.NewSubfileType) == 1:  # Pillow would show a thumbnail as the photo
        raise PhotoUnreadable(f"This looks like a camera's RAW file, which is not read here. {_SAVE_AS}")
    return source


def _decoded(
    source: ImageFile.ImageFile, data: bytes, limits: PhotoLimits, max_side: int | None, enough_side: int | None
) -> Photo:
    size = source.size
    target = _fitting(size, max_side)
    animated = source.format in _ANIMATED and getattr(source, "is_animated", False)
    if source.format in ("JPEG", "MPO"):
        enough = min(enough_side or min(size), min(size))
        w, h = (min(round(t * _DRAFT_GAP), s * enough // min(size)) for t, s in zip(target, size, strict=True))
        source.draft(None, (w, h))
    source.load()
    if math.prod(source.size) > limits.max_pixels:
        raise _too_many_pixels(limits)
    exif = _exif(source)
    facts = read_exif(exif, source.info.get("xmp") or source.info.get("XML:com.adobe.xmp"))
    image = _to_srgb(_resized(_flattened(source), min(target, source.size)), source.info.get("icc_profile"))
    if turn := _UPRIGHT.get(tag_value(exif, Base.Orientation)):
        image = image.transpose(turn[0])
        size = size[::-1] if turn[1] else size
    image.info = {}
    return Photo(
        image=image,
        exif=facts,
        sha256=hashlib.sha256(data).hexdigest(),
        format=str(source.format),
        original_size=size,
        notes=("Only the first frame of this animation is used.",) if animated else (),
    )


def _exif(source: ImageFile.ImageFile) -> Image.Exif:
    if len(source.info.get("exif") or b"") <= MAX_EXIF_BYTES:
        with suppress(Exception):
            return source.getexif()
    return Image.Exif()


def _flattened(image: Image.Image) -> Image.Image:
    """8 bits a channel, transparency over white; mode L, RGB, CMYK or LAB."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bit(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        return white
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits or floating point to L, an unknown range from its least to its greatest."""
    values = np.asarray(image).astype(np.float32)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif image.mode != "F" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255 / max(high - low, 1e-30))
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB, as a new image. A profile that is broken or does not fit the image is ignored."""
    if image.mode == "LAB" or (profile and len(profile) <= _MAX_ICC_BYTES):
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            lab = image.mode == "LAB"
            source = ImageCms.createProfile("LAB") if lab else io.BytesIO(profile or b"")
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _fitting(size: tuple[int, int], max_side: int | None) -> tuple[int, int]:
    scale = min(1.0, (max_side or max(size)) / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=_DRAFT_GAP)


def _check_size(size: tuple[int, int], limits: PhotoLimits) -> None:
    if math.prod(size) > limits.max_pixels:
        raise _too_many_pixels(limits, math.prod(size))
    if min(size) < limits.min_side:
        raise PhotoTooSmall(
            f"This photo has {size[0]} x {size[1]} pixels; at least {limits.min_side} a side are needed. "
            "Choose a larger one."
        )


def _too_many_pixels(limits: PhotoLimits, pixels: int | None = None) -> PhotoTooLarge:
    has = f"{pixels / 1e6:,.0f} megapixels" if pixels else "too many pixels"
    return PhotoTooLarge(
        f"This photo has {has}; at most {limits.max_pixels / 1e6:,.3g} megapixels are accepted. "
        "Save a smaller copy and try again."
    )


def _not_a_photo(data: bytes) -> str:
    """What to say of bytes that no decoder recognised."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = next((name for magic, name in _OTHER_FILES if data.startswith(magic)), None)
    if b"<svg" in head:
        kind = "an SVG drawing"
    elif head.startswith((b"<!doctype html", b"<html")):
        kind = "a web page"
    elif data.startswith(_PHOTO_MAGIC) or data[8:12] in (b"WEBP", b"avif", b"heic", b"mif1"):
        return "This photo is damaged or incomplete. Copy it from the camera again or choose another."
    elif data[4:8] == b"ftyp" or data.startswith(b"RIFF"):
        kind = "a video or a sound"
    elif kind is None and head.isascii() and b"\0" not in head:
        kind = "text"
    return f"This file is not a photo we can read{f' (it looks like {kind})' if kind else ''}. {_SAVE_AS}"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__


@cache
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
