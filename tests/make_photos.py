"""Photos for tests: a scene, its encodings, hand-made PNGs."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from geoloc_core.photo import Photo, _register_heif

GIRONA = (41.975, 2.82)
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"]


@cache
def scene() -> Image.Image:
    """96 x 64, its four corners of different colours, smooth enough for lossy formats."""
    small = Image.new("RGB", (2, 2))
    for xy, colour in {(0, 0): "red", (1, 0): "lime", (0, 1): "blue", (1, 1): "white"}.items():
        small.putpixel(xy, Image.new("RGB", (1, 1), colour).getpixel((0, 0)))
    return small.resize((96, 64), Image.Resampling.BILINEAR)


def encoded(image: Image.Image, format: str = "JPEG", **options) -> bytes:
    _register_heif()
    out = io.BytesIO()
    if format in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options.setdefault("quality", 95)
    image.save(out, format, **options)
    return out.getvalue()


@cache
def detailed_jpeg(seed: int, size: tuple[int, int] = (2400, 1800)) -> bytes:
    """Edges of every size and noise: the hardest there is to reduce."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0, 12, (size[1], size[0], 1)).astype(np.float32).repeat(3, axis=2)
    for cells in (6, 24, 96, 300, 1200):
        edges = Image.fromarray(rng.integers(0, 256, (cells * 3 // 4 + 1, cells, 3), dtype=np.uint8))
        pixels += np.asarray(edges.resize(size, Image.Resampling.NEAREST), np.float32) / 4
    return encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), quality=90, subsampling=seed % 3)


def difference(photo: Photo, image: Image.Image) -> float:
    assert photo.size == image.size
    return float(np.abs(photo.array().astype(int) - np.asarray(image.convert("RGB")).astype(int)).mean())


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, body: bytes, depth: int = 8, colour: int = 0, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def swapped_profile() -> bytes:
    """sRGB with the red and green primaries' tags exchanged: a conversion that ignores it is seen at once."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmp!").replace(b"gXYZ", b"rXYZ").replace(b"tmp!", b"gXYZ")
