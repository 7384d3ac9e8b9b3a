"""EXIF facts: every way of writing a GPS position, times, camera names, and nothing that raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from geoloc_core.exif import ExifFacts, exif_with_gps, read_exif

R = IFDRational
relaxed = settings(deadline=None)  # a busy machine is no failure
LAT, LON = (R(41), R(58), R(30)), (R(2), R(49), R(12))
GIRONA = (41.975, 2.82)


def facts(gps: dict | None = None, base: dict | None = None, details: dict | None = None) -> ExifFacts:
    exif = Image.Exif()
    exif.update(base or {})
    if gps is not None:
        exif[IFD.GPSInfo] = gps
    if details is not None:
        exif[IFD.Exif] = details
    return read_exif(exif)


def position(lat, lon, lat_ref="N", lon_ref="E", **more) -> ExifFacts:
    tags = {GPS.GPSLatitude: lat, GPS.GPSLongitude: lon, GPS.GPSLatitudeRef: lat_ref, GPS.GPSLongitudeRef: lon_ref}
    tags = {tag: value for tag, value in tags.items() if value is not None}
    return facts(tags | {GPS[name]: value for name, value in more.items()})


@relaxed
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_position_survives_writing_and_reading(lat, lon):
    assume(abs(lat) > 1e-5 or abs(lon) > 1e-5)
    found = read_exif(exif_with_gps(lat, lon))
    assert found.location == pytest.approx((lat, lon), abs=1e-7)
    assert found.gps_problem is None


@relaxed
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 4, 14 * 4))
def test_an_instant_survives_writing_and_reading(clock, quarters):
    taken = clock.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    found = read_exif(exif_with_gps(1, 2, taken, "Atlas"))
    assert found.taken_at == taken and found.taken_at_is_utc and found.taken_at.tzinfo == UTC
    assert found.camera == "Atlas"


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (LAT, LON),
        ((R(41975, 1000),), (R(282, 100),)),
        (R(41975, 1000), R(282, 100)),
        ((R(41), R(585, 10)), (R(2), R(492, 10))),
        ((R(41), R(585, 10), R(0, 0)), (R(2), R(492, 10), R(0, 0))),
        ((41, 58, 30), (2, 49, 12)),
        ((41.0, 58.5, 0.0), (2.0, 49.2, 0.0)),
        (((41, 1), (58, 1), (30, 1)), ((2, 1), (49, 1), (12, 1))),
        (("41/1", "58/1", "30/1"), ("2/1", "49/1", "12/1")),
        ("41/1 58/1 30/1", "2/1 49/1 12/1"),
        ("41 deg 58' 30.0\"", "2 deg 49' 12.0\""),
        ("41-58-30", "2-49-12"),
        (b"41,58.5\0", b"2,49.2\0"),
        (41.975, 2.82),
    ],
)
def test_numbers_in_every_form(lat, lon):
    assert position(lat, lon).location == pytest.approx(GIRONA, abs=1e-9)


@pytest.mark.parametrize(
    ("lat_ref", "lon_ref", "signs"),
    [
        ("N", "E", (1, 1)),
        ("s", "w", (-1, -1)),
        (b"S\0", b"W\0", (-1, -1)),
        ("S\0\0", "W\0", (-1, -1)),
        (" South ", "West", (-1, -1)),
        ("North", "East", (1, 1)),
    ],
)
def test_references(lat_ref, lon_ref, signs):
    found = position(LAT, LON, lat_ref, lon_ref)
    assert found.location == pytest.approx((signs[0] * GIRONA[0], signs[1] * GIRONA[1]))
    assert found.gps_problem is None


def test_a_sign_in_the_number_counts_once():
    for refs in (("S", "W"), ("N", "E"), (None, None)):
        found = position((-41, 58, 30), (-0.0, 49, 12), *refs)
        assert found.location == pytest.approx((-41.975, -0.82))
        assert found.gps_problem is None


@pytest.mark.parametrize("refs", [(None, None), ("", "E"), ("N", b"\0\0"), ("E", "N"), (7, "E")])
def test_missing_references_are_noted(refs):
    found = position(LAT, LON, *refs)
    assert found.location == pytest.approx(GIRONA)
    assert "taken as north and east" in found.gps_problem


@pytest.mark.parametrize(
    ("lat", "lon", "says"),
    [
        ((R(0), R(0), R(0)), (R(0), R(0), R(0)), "0, 0"),
        ((91, 0, 0), LON, "not on the Earth"),
        ((90, 0, 1), LON, "not on the Earth"),
        (LAT, (180, 30, 0), "not on the Earth"),
        ((R(41, 0), R(58, 0), R(30, 0)), LON, "no usable numbers"),
        ((R(0, 0), R(0, 0), R(0, 0)), (R(0, 0), R(0, 0), R(0, 0)), "no usable numbers"),
        ((R(41), R(58, 0), R(30)), LON, "no usable numbers"),
        ((float("nan"), 1, 1), LON, "no usable numbers"),
        ((float("inf"), 1, 1), LON, "no usable numbers"),
        ((41, 75, 0), LON, "no usable numbers"),
        ((41, 58, 3000), LON, "no usable numbers"),
        ((1, 2, 3, 4), LON, "no usable numbers"),
        ("", LON, "no usable numbers"),
        ((), LON, "no usable numbers"),
        (LAT, None, "no longitude"),
        (None, LON, "no latitude"),
    ],
)
def test_positions_that_are_none_say_why(lat, lon, says):
    found = position(lat, lon)
    assert found.location is None
    assert says in found.gps_problem


def test_the_edges_of_the_earth_are_on_it():
    assert position((90, 0, 0), (180, 0, 0), "S", "W").location == (-90, -180)
    assert position((0, 0, 0), (0, 0, 1)).location == pytest.approx((0, 1 / 3600))


def test_a_void_fix_is_noted():
    found = position(LAT, LON, GPSStatus="V\0")
    assert found.location == pytest.approx(GIRONA) and "no GPS fix" in found.gps_problem
    assert position(LAT, LON, GPSStatus="A").gps_problem is None


def test_no_gps_is_no_problem():
    assert read_exif(None) == read_exif(b"") == read_exif(Image.Exif()) == ExifFacts()
    assert facts({GPS.GPSVersionID: b"\2\3\0\0"}).gps_problem is None


@pytest.mark.parametrize("pointer", [0xFFFFFFF0, 3, "here"])
def test_a_broken_gps_pointer_is_a_problem(pointer):
    exif = Image.Exif()
    exif.load(exif_with_gps(1, 2))
    exif[IFD.GPSInfo] = pointer
    found = read_exif(exif)
    assert found.location is None and "damaged" in found.gps_problem


@pytest.mark.parametrize(
    ("value", "ref", "metres"),
    [
        (R(1234, 10), b"\0", 123.4),
        (R(50), b"\1", -50),
        (R(50), 1, -50),
        (R(-50), 1, -50),
        (R(50), None, 50),
        (R(1, 0), b"\0", None),
        (R(10**9), b"\0", None),
        ((1, 2), b"\0", None),
    ],
)
def test_altitude(value, ref, metres):
    assert position(LAT, LON, GPSAltitude=value, GPSAltitudeRef=ref).altitude_m == metres


@pytest.mark.parametrize(
    ("date", "offset", "expected"),
    [
        ("2021:06:05 14:03:02", None, datetime(2021, 6, 5, 14, 3, 2)),
        ("2021:06:05 14:03:02", "+02:00", datetime(2021, 6, 5, 12, 3, 2, tzinfo=UTC)),
        ("2021:06:05 00:03:02", "+0530", datetime(2021, 6, 4, 18, 33, 2, tzinfo=UTC)),
        ("2021:06:05 14:03:02", "Z", datetime(2021, 6, 5, 14, 3, 2, tzinfo=UTC)),
        ("2021:06:05 14:03:02", "   :  ", datetime(2021, 6, 5, 14, 3, 2)),
        ("2021:06:05 14:03:02", "+99:99", None),
        ("2021-06-05T14:03:02.123-03:00\0", None, datetime(2021, 6, 5, 17, 3, 2, tzinfo=UTC)),
        (b"2021:06:05 14:03:02\0", None, datetime(2021, 6, 5, 14, 3, 2)),
        ("0000:00:00 00:00:00", None, None),
        ("0001:01:01 00:00:00", "+14:00", None),
        ("9999:12:31 23:00:00", "-14:00", None),
        ("2021:02:30 10:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("yesterday", None, None),
        (20210605, None, None),
    ],
)
def test_the_cameras_clock(date, offset, expected):
    found = facts(details={Base.DateTimeOriginal: date, Base.OffsetTimeOriginal: offset})
    assert found.taken_at == expected
    assert found.taken_at_is_utc == (expected is not None and expected.tzinfo is not None)


def test_gps_time_stands_in_for_an_offset_unless_it_is_stale():
    gps = {GPS.GPSDateStamp: "2021:06:05", GPS.GPSTimeStamp: (R(12), R(3), R(25, 10))}
    fix = datetime(2021, 6, 5, 12, 3, 2, 500_000, tzinfo=UTC)
    assert facts(gps).taken_at == fix
    assert facts(gps, details={Base.DateTimeOriginal: "2021:06:05 14:03:02"}).taken_at == fix
    stale = facts(gps, details={Base.DateTimeOriginal: "2021:06:09 14:03:02"})
    assert stale.taken_at == datetime(2021, 6, 9, 14, 3, 2)
    assert facts({**gps, GPS.GPSTimeStamp: (R(99), R(3), R(2))}).taken_at is None


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("Sony\0\0\0junk", " ILCE-7 \0", "Sony ILCE-7"),
        ("Evil\x1b[31m\u202e", "x\r\ny", "Evil[31m x y"),
        (b"Xiaomi\0", None, "Xiaomi"),
        (None, "小米 14".encode().decode("latin-1"), "小米 14"),
        ("", "  \0", None),
        ((1, 2), 7, None),
    ],
)
def test_camera_names_are_clean(make, model, camera):
    assert facts(base={Base.Make: make, Base.Model: model}).camera == camera


def test_camera_names_are_bounded():
    assert len(facts(base={Base.Make: "A" * 10_000, Base.Model: "B" * 10_000}).camera) <= 80


def test_xmp_gives_the_position_that_exif_lacks():
    attributes = '<rdf:Description exif:GPSLatitude="41,58.5N" exif:GPSLongitude="2,49.2W"/>'
    elements = b"<exif:GPSLatitude>41,58,30S</exif:GPSLatitude><exif:GPSLongitude>2,49,12E</exif:GPSLongitude>"
    assert read_exif(None, attributes).location == pytest.approx((41.975, -2.82))
    assert read_exif(None, elements).location == pytest.approx((-41.975, 2.82))
    zero = read_exif(exif_with_gps(0, 0), attributes)
    assert zero.location == pytest.approx((41.975, -2.82)) and zero.gps_problem is None
    assert read_exif(exif_with_gps(5, 6), attributes).location == pytest.approx((5, 6))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.builds(IFDRational, st.integers(0, 2**32), st.integers(0, 2**32))
    | st.from_regex(r"[-+]?\d+(/\d+)?[NSEW]?"),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner, inner) | st.lists(inner, max_size=5),
    max_leaves=6,
)
gps_tags = st.dictionaries(st.sampled_from(sorted(GPS)), anything, max_size=8)
detail_tags = st.dictionaries(st.sampled_from([36867, 36868, 36880, 36881, 36882]), anything)
base_tags = st.dictionaries(st.sampled_from([271, 272, 274, 306]), anything)


@relaxed
@given(gps_tags, base_tags, detail_tags)
def test_no_tag_value_raises_and_every_location_is_on_the_earth(gps, base, details):
    found = facts(gps, base, details)
    if found.location:
        assert -90 <= found.location[0] <= 90 and -180 <= found.location[1] <= 180


@relaxed
@given(st.binary(max_size=300), st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_raise(data, xmp):
    read_exif(b"Exif\0\0II*\0\x08\0\0\0" + data, xmp)
    read_exif(data, xmp)


@relaxed
@given(st.data())
def test_no_flipped_byte_raises(data):
    block = bytearray(exif_with_gps(41.975, 2.82, datetime(2021, 6, 5, tzinfo=UTC), "Canon"))
    for _ in range(data.draw(st.integers(1, 8))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    read_exif(bytes(block))
