"""Hostile and broken files: limits enforced before decoding, and only errors a person understands."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from geoloc_core.errors import PhotoEmpty, PhotoError, PhotoTooLarge, PhotoTooSmall, PhotoUnreadable
from geoloc_core.exif import exif_with_gps
from geoloc_core.photo import PhotoLimits, open_photo, read_photo
from tests.make_photos import FORMATS, GIRONA, chunk, difference, encoded, png, scene


@cache
def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 grey pixels in some 390 KB."""
    packer = zlib.compressobj(9)
    row = bytes(20_001) * 100
    return png(20_000, 20_000, b"".join(packer.compress(row) for _ in range(200)) + packer.flush())


def test_a_400_megapixel_png_is_refused_at_once():
    data = bomb()
    assert len(data) < 500_000
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(PhotoTooLarge, match="Save a smaller copy"):
        read_photo(data)
    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("side", [8_001, 10_000, 12_000, 60_000])
def test_pixels_are_counted_from_the_header(side):
    with pytest.raises(PhotoTooLarge):
        read_photo(png(side, side, b""))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF", "BMP"])
def test_the_pixel_limit_holds_for_every_format(format):
    data = encoded(scene(), format)
    with pytest.raises(PhotoTooLarge, match="at most"):
        read_photo(data, PhotoLimits(max_pixels=96 * 64 - 1), max_side=32)
    assert read_photo(data, PhotoLimits(max_pixels=96 * 64)).size == (96, 64)


def test_bytes_and_sides_are_limited():
    data = encoded(scene())
    with pytest.raises(PhotoTooLarge, match="MB"):
        read_photo(data, PhotoLimits(max_bytes=len(data) - 1))
    with pytest.raises(PhotoTooSmall, match="at least 16"):
        read_photo(encoded(scene().resize((300, 15))))


def test_decoders_settings_are_left_alone():
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(PhotoTooLarge):
        read_photo(bomb())
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("format", [*FORMATS, "GIF", "BMP"])
def test_truncated_files_are_refused(format):
    data = encoded(scene().filter(ImageFilter.SHARPEN), format)
    for keep in np.linspace(1, len(data) * 0.9, 25).astype(int):
        with pytest.raises(PhotoUnreadable, match=r"\.$"):
            read_photo(data[:keep])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\n <!DOCTYPE html><html></html>", "web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "PostScript"),
        (b"PK\3\4" + bytes(60), "ZIP"),
        (b"8BPS\0\1" + bytes(60), "Photoshop"),
        (b"\0\0\0\x18ftypmp42" + bytes(60), "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"just some words", "text"),
        (b"\x7fELF" + bytes(100), "not a photo"),
        (b"\0", "not a photo"),
    ],
)
def test_other_files_are_named(data, says):
    with pytest.raises(PhotoUnreadable, match="Save it as JPEG or PNG") as caught:
        read_photo(data)
    assert says in str(caught.value)


@pytest.mark.parametrize("format", ["EPS", "PDF", "ICO", "TGA", "PPM", "PCX", "JPEG2000"])
def test_formats_not_allowed_are_refused(format):
    with pytest.raises(PhotoUnreadable):
        read_photo(encoded(scene(), format))


def test_a_raw_files_thumbnail_is_not_the_photo():
    with pytest.raises(PhotoUnreadable, match="RAW"):
        read_photo(encoded(scene(), "TIFF", tiffinfo={254: 1}))


def test_empty():
    with pytest.raises(PhotoEmpty):
        read_photo(b"")


def test_text_and_profile_bombs_in_png():
    packed = zlib.compress(bytes(30_000_000), 9)
    body = zlib.compress(bytes(65 * 64))
    for kind in (b"zTXt", b"iCCP"):
        tracemalloc.start()
        with pytest.raises(PhotoError):
            read_photo(png(64, 64, body, extra=chunk(kind, b"name\0\0" + packed)))
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
        tracemalloc.stop()


def test_a_tiff_of_thousands_of_frames_is_quick():
    frame = Image.new("1", (16, 16))
    data = encoded(frame, "TIFF", save_all=True, append_images=[frame] * 1000)
    start = time.perf_counter()
    assert read_photo(data).size == (16, 16)
    assert time.perf_counter() - start < 1


def test_broken_exif_does_not_cost_the_photo():
    block = bytearray(exif_with_gps(*GIRONA))
    for exif in (b"Exif\0\0", b"Exif\0\0junk", bytes(block[:40]), b"Exif\0\0" + b"\xff" * 60_000):
        for format in ("JPEG", "PNG", "WEBP"):
            photo = read_photo(encoded(scene(), format, exif=exif))
            assert photo.exif.location is None and difference(photo, scene()) < 4


def test_a_jpeg_of_exif_segments_is_refused():
    segment = b"\xff\xe1" + struct.pack(">H", 65_000) + b"Exif\0\0" + bytes(64_992)
    data = encoded(scene())
    assert read_photo(data[:2] + segment * 3 + data[2:]).size == (96, 64)
    with pytest.raises(PhotoUnreadable, match="mostly EXIF"):
        read_photo(data[:2] + segment * 40 + data[2:])


def test_content_decides_and_names_do_not(tmp_path: Path):
    path = tmp_path / "{{7*7}}<img onerror=alert(1)>.pdf"
    path.write_bytes(encoded(scene(), "PNG"))
    assert open_photo(path).format == "PNG"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(PhotoUnreadable) as caught:
        open_photo(path)
    assert "onerror" not in str(caught.value)


def test_files_that_are_missing_folders_or_too_large(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none.jpg", tmp_path / ("x" * 5000), Path("/dev/zero")):
        with pytest.raises(PhotoUnreadable, match="Check"):
            open_photo(path)
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(PhotoTooLarge):
        open_photo(large)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff\xe1", b"II*\0", b"GIF89a", b"BM", b"\x89PNG\r\n\x1a\n"]),
)
def test_arbitrary_bytes_raise_only_photo_errors(data, magic):
    with pytest.raises(PhotoError):
        read_photo(magic + data)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([*FORMATS, "GIF", "BMP", "MPO"]))
def test_damaged_files_give_a_photo_or_a_photo_error(data, format):
    damaged = bytearray(encoded(scene(), format, **({} if format in ("GIF", "BMP") else {"exif": exif_with_gps(1, 2)})))
    for _ in range(data.draw(st.integers(1, 10))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = read_photo(bytes(damaged), PhotoLimits(max_pixels=1_000_000))
    except PhotoError as error:
        assert str(error).endswith(".")
    else:
        assert photo.image.mode == "RGB" and photo.image.width * photo.image.height <= 1_000_000
