"""Bytes to photos: formats, orientation, colour, size, and what is not kept."""

from __future__ import annotations

import re
import struct
import zlib
from datetime import datetime

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from PIL.ExifTags import IFD, Base

from geoloc_core.errors import PhotoTooLarge
from geoloc_core.exif import exif_with_gps
from geoloc_core.photo import PhotoLimits, read_photo
from tests.make_photos import FORMATS, GIRONA, difference, encoded, png, scene, swapped_profile

STORED = {  # EXIF orientation: how an upright scene lies in the file
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_stands_upright_with_its_exif(format, orientation):
    exif = Image.Exif()
    exif.load(exif_with_gps(*GIRONA, datetime(2021, 6, 5, 14, 3, 2), "Atlas 1"))
    exif.get_ifd(IFD.GPSInfo), exif.get_ifd(IFD.Exif)  # loaded, so that they are written again
    exif[Base.Orientation] = orientation
    turned = scene().transpose(STORED[orientation]) if orientation in STORED else scene()
    photo = read_photo(encoded(turned, format, exif=exif.tobytes()))
    assert photo.format == format and photo.original_size == (96, 64)
    assert difference(photo, scene()) < 6
    assert photo.exif.location == pytest.approx(GIRONA, abs=1e-7)
    assert photo.exif.taken_at == datetime(2021, 6, 5, 14, 3, 2) and photo.exif.camera == "Atlas 1"


@pytest.mark.parametrize("format", ["BMP", "GIF"])
def test_formats_without_exif(format):
    assert difference(read_photo(encoded(scene(), format)), scene()) < 8


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_first_frame_of_an_animation(format):
    other = ImageOps.invert(scene())
    photo = read_photo(encoded(scene(), format, save_all=True, append_images=[other, other], duration=100))
    assert difference(photo, scene()) < 8
    assert "first frame" in photo.notes[0]
    assert read_photo(encoded(scene(), format)).notes == ()


def test_first_picture_of_a_phones_multi_picture_file():
    photo = read_photo(encoded(scene(), "MPO", save_all=True, append_images=[ImageOps.invert(scene())]))
    assert photo.format == "MPO" and difference(photo, scene()) < 4 and photo.notes == ()


@pytest.mark.parametrize("format", FORMATS)
def test_scaling_keeps_shape_and_content(format):
    large = scene().resize((1920, 1280), Image.Resampling.BICUBIC)
    photo = read_photo(encoded(large, format), max_side=240)
    assert photo.original_size == (1920, 1280)
    assert photo.size == (240, 160)
    assert difference(photo, scene().resize((240, 160), Image.Resampling.BICUBIC)) < 4
    assert read_photo(encoded(scene(), format), max_side=1000).size == (96, 64)


@pytest.mark.parametrize(
    ("enough", "size"),
    [(None, (1920, 1280)), (2000, (1920, 1280)), (641, (1920, 1280)), (640, (960, 640)), (320, (480, 320))],
)
@pytest.mark.parametrize("format", ["JPEG", "MPO", "PNG"])
def test_a_jpeg_is_decoded_no_smaller_than_enough(format, enough, size):
    data = encoded(scene().resize((1920, 1280), Image.Resampling.BICUBIC), format)
    photo = read_photo(data, enough_side=enough)
    assert photo.size == (size if format != "PNG" else (1920, 1280)) and photo.original_size == (1920, 1280)
    assert difference(photo, scene().resize(photo.size, Image.Resampling.BICUBIC)) < 4


def test_enough_counts_the_shorter_side_and_the_longest_side_still_holds():
    tall = encoded(scene().resize((800, 6400)))
    assert read_photo(tall, enough_side=400).size == (400, 3200)
    assert read_photo(tall, max_side=1000, enough_side=400).size == (125, 1000)
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    lying = read_photo(encoded(scene().resize((6400, 800)), exif=exif.tobytes()), enough_side=400)
    assert lying.size == (400, 3200) and lying.original_size == (800, 6400)


def test_limits_are_of_the_whole_photo_however_little_is_decoded():
    with pytest.raises(PhotoTooLarge):
        read_photo(encoded(scene().resize((1600, 1200))), PhotoLimits(max_pixels=1_000_000), enough_side=16)


def test_extreme_shapes():
    strip = read_photo(encoded(scene().resize((6000, 16)), "PNG"), max_side=100)
    assert strip.size == (100, 1) and strip.original_size == (6000, 16)


def grey(array: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(np.rint(array)[..., None], 3, 2).astype(np.uint8))


RAMP = np.linspace(0, 65535, 64 * 64).reshape(64, 64)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_greyscale_is_scaled_not_clipped(format):
    photo = read_photo(encoded(Image.fromarray(RAMP.astype(np.uint16)), format))
    assert difference(photo, grey(RAMP / 257)) < 1


def test_sixteen_bit_big_endian_tiff():
    size = 64 * 64 * 2
    tags = [(256, 64), (257, 64), (258, 16), (259, 1), (262, 1), (273, 128), (277, 1), (278, 64), (279, size)]
    directory = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags)
    header = b"MM\0*" + struct.pack(">IH", 8, len(tags)) + directory
    assert difference(read_photo(header.ljust(128, b"\0") + RAMP.astype(">u2").tobytes()), grey(RAMP / 257)) < 1


def test_sixteen_bit_colour_png():
    rgb = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 30_000)], axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    photo = read_photo(png(64, 64, zlib.compress(rows), depth=16, colour=2))
    assert np.abs(photo.array() - rgb / 257).max() <= 1.01


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 40.0), (0.0, 1e9)])
def test_floating_point_tiff_is_normalised(low, high):
    values = (low + RAMP / 65535 * (high - low)).astype(np.float32)
    assert difference(read_photo(encoded(Image.fromarray(values), "TIFF")), grey(RAMP / 257)) < 1
    values[0, 0], values[5, 5], values[6, 6] = np.nan, np.inf, -np.inf
    assert difference(read_photo(encoded(Image.fromarray(values), "TIFF")), grey(RAMP / 257)) < 2


def test_dark_floating_point_stays_dark():
    values = (RAMP / 65535 * 0.1).astype(np.float32)
    assert read_photo(encoded(Image.fromarray(values), "TIFF")).array().max() <= 26


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    assert difference(read_photo(encoded(scene().convert("CMYK"), format)), scene()) < 3


def test_one_bit_grey_palette_and_lab():
    assert difference(read_photo(encoded(scene().convert("L"), "PNG")), scene().convert("L")) == 0
    assert difference(read_photo(encoded(scene().convert("1"), "PNG")), scene().convert("1")) == 0
    assert difference(read_photo(encoded(scene().quantize(64), "PNG")), scene()) < 8
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    assert difference(read_photo(encoded(ImageCms.applyTransform(scene(), to_lab), "TIFF")), scene()) < 3


@pytest.mark.parametrize(
    ("mode", "format"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF")],
)
def test_transparency_is_white(mode, format):
    clear = Image.new("RGBA", (40, 40), (10, 20, 30, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 20, 40))
    clear = clear.quantize(8) if mode == "P" else clear.convert(mode)
    photo = read_photo(encoded(clear, format, **({"lossless": True} if format == "WEBP" else {})))
    assert np.array_equal(photo.array()[5, [2, 37]], [[0, 0, 0], [255, 255, 255]])


def test_colour_key_transparency():
    image = Image.new("RGB", (32, 32), (1, 2, 3))
    assert (read_photo(encoded(image, "PNG", transparency=(1, 2, 3))).array() == 255).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_colour_profiles_are_applied(format):
    image = Image.new("RGB", (32, 32), (200, 30, 30))
    red, green, _ = read_photo(encoded(image, format, icc_profile=swapped_profile())).array()[16, 16]
    assert green > 150 and red < 100


@pytest.mark.parametrize("profile", [b"junk", b"\0" * 200, swapped_profile()[:300]])
def test_broken_colour_profiles_are_ignored(profile):
    assert difference(read_photo(encoded(scene(), icc_profile=profile)), scene()) < 4


def test_a_profile_for_another_colour_space_is_ignored():
    assert (
        difference(read_photo(encoded(scene().convert("L"), icc_profile=swapped_profile())), scene().convert("L")) < 4
    )


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d exif:GPSLatitude="41,58.5N" exif:GPSLongitude="2,49.2E"/></x:xmpmeta>'


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_position_from_xmp(format):
    options = {"xmp": XMP}
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": text}
    elif format == "TIFF":
        options = {"tiffinfo": {700: XMP}}
    assert read_photo(encoded(scene(), format, **options)).exif.location == pytest.approx(GIRONA)


def markers(jpeg: bytes) -> list[int]:
    """The marker bytes of a JPEG up to its scan."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        found.append(jpeg[at + 1])
        at += 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
    return found


@pytest.mark.parametrize("format", ["JPEG", "MPO", "WEBP", "HEIF", "TIFF"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_to_jpeg_carries_no_metadata(format, max_side):
    exif = exif_with_gps(*GIRONA, datetime(2021, 6, 5), "SecretCam")
    options = {"comment": b"a secret"} if format == "JPEG" else {}
    if format in ("JPEG", "WEBP", "HEIF"):
        options["xmp"] = XMP
    data = encoded(scene(), format, exif=exif, icc_profile=swapped_profile(), **options)
    photo = read_photo(data)
    assert photo.exif.camera == "SecretCam" and b"SecretCam" in data
    jpeg = photo.to_jpeg(max_side)
    assert set(markers(jpeg)) <= {0xE0, 0xDB, 0xC0, 0xC4}
    assert not re.search(rb"Exif|Secret|adobe|ICC_PROFILE|a secret|GPS|MPF", jpeg)
    again = read_photo(jpeg)
    assert again.size == ((96, 64) if max_side is None else (48, 32)) and again.exif == type(again.exif)()
    assert photo.image.info == {} and not photo.image.getexif()


def test_equal_bytes_are_equal_photos():
    data = encoded(scene())
    assert read_photo(data) == read_photo(data, max_side=32) != read_photo(encoded(scene(), quality=50))
    assert len({read_photo(data), read_photo(data)}) == 1
