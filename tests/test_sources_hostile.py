"""Sources and pieces that are damaged, absurd or made to harm: an error or a `Skipped` names them, never a crash."""

from __future__ import annotations

import csv
import io
import math
import os
import tarfile
import zipfile
import zlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import CoordinateError, PhotoTooLarge, PhotoUnreadable, PieceMissing, SourceError
from geoloc_core.geo import check_coordinates
from index_builder.sources import Entry, Item, Piece, Skipped, SourceOptions, open_source, zips
from index_builder.sources.columns import MAX_VALUE, clean, kept_names, location
from index_builder.sources.images import Found, photos_in
from index_builder.sources.pieces import next_part, read_piece
from tests import make_sources as make

MAX = 1_000_000


def read(path: Path, kind: str = "auto", **options: object) -> tuple[list[Item], list[Skipped]]:
    entries: list[Entry] = list(open_source(kind, path, SourceOptions(**options)).entries())
    return [e for e in entries if isinstance(e, Item)], [e for e in entries if isinstance(e, Skipped)]


coordinates = st.one_of(st.floats(), st.floats(-400, 400), st.sampled_from([-90.0, 90.0, 180.0, -180.0, 540.0, -1e-15]))


@given(coordinates, coordinates)
def test_location_agrees_with_check_coordinates(lat: float, lon: float):
    try:
        expected = check_coordinates((lat, lon))[0]
    except CoordinateError:
        assert location(repr(lat), repr(lon)) is None
        return
    found = location(repr(lat), repr(lon))
    assert found is not None
    assert found[0] == expected[0]
    assert math.isclose((found[1] - expected[1] + 180) % 360, 180, abs_tol=1e-9)
    assert -180 <= found[1] < 180
    if -180 <= lon < 180:
        assert found == (lat, lon)


@pytest.mark.parametrize("text", ["", "x", "41,5", "nan", "inf", "1e400", "0x10", "\0", "9" * 5000])
def test_location_of_what_is_no_number(text: str):
    assert location(text, "1") is None
    assert location("1", text) is None


@given(st.text())
def test_clean_values_can_be_kept(text: str):
    value = clean(text)
    value.encode()
    assert "\0" not in value and "\n" not in value
    assert clean("\x1b]0;x\x07" + "é" * (2 * MAX_VALUE)) == ("]0;x " + "é" * MAX_VALUE)[:MAX_VALUE]


@given(st.lists(st.text(max_size=8) | st.sampled_from(["id", "LAT", "_status", "a", "a", "author"])))
def test_kept_names_are_different_and_free(header: list[str]):
    found = kept_names(header)
    assert len(set(found)) == len(header)
    assert not {name.lower() for name in found} & {"id", "lat", "lon", "content_hash"}
    assert not any(name.startswith("_") or not name for name in found)


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=60), st.data())
def test_ranges_run_into_the_next_parts(tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject):
    folder = tmp_path_factory.mktemp("parts")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole)), max_size=12)) | {0, len(whole)})
    for number, (start, end) in enumerate(pairwise(cuts)):
        (folder / f"x{number:02d}").write_bytes(whole[start:end])
    part = data.draw(st.integers(0, len(cuts) - 2))
    offset = data.draw(st.integers(0, cuts[part + 1] - cuts[part] - 1))
    length = data.draw(st.integers(0, len(whole) - cuts[part] - offset))
    start = cuts[part] + offset
    assert read_piece(folder, Piece(f"x{part:02d}", offset, length), MAX) == whole[start : start + length]
    with pytest.raises((PhotoUnreadable, PieceMissing)):
        read_piece(folder, Piece(f"x{part:02d}", offset, len(whole) - start + 1), MAX)


def test_names_of_parts():
    names = {"x00": "x01", "mp-16-images09": "mp-16-images10", "x99": "x100", "a.tar.001": "a.tar.002", "7": "8"}
    assert {name: next_part(Path("d") / name) for name in names} == {k: Path("d") / v for k, v in names.items()}
    assert next_part(Path("x.tar")) is None


def test_pieces_that_are_no_photo(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "big.jpg").write_bytes(b"x" * 101)
    (tmp_path / "socket.jpg").symlink_to("/dev/zero")
    for name in ("fifo.jpg", "folder.jpg", "socket.jpg", "gone.jpg", "big.jpg/x", "nul\0.jpg", "", "../gone"):
        for piece in (Piece(name), Piece(name, 0, 10)):
            with pytest.raises(PieceMissing):
                read_piece(tmp_path, piece, 100)
    for piece in (Piece("big.jpg"), Piece("big.jpg", 0, 101)):
        with pytest.raises(PhotoTooLarge):
            read_piece(tmp_path, piece, 100)
    assert read_piece(tmp_path, Piece("big.jpg", 1, 100), 100) == b"x" * 100
    assert read_piece(tmp_path / "folder.jpg", Piece("../big.jpg"), 101) == b"x" * 101
    with pytest.raises(PhotoUnreadable, match="ends before"):
        read_piece(tmp_path, Piece("big.jpg", 50, 100), 100)


def test_deflate_bombs_and_damage(tmp_path: Path):
    squeeze = zlib.compressobj(9, wbits=-15)
    bomb = squeeze.compress(b"\0" * 50_000_000) + squeeze.flush()
    (tmp_path / "z").write_bytes(bomb)
    with pytest.raises(PhotoTooLarge):
        read_piece(tmp_path, Piece("z", 0, len(bomb), "deflate"), MAX)
    assert len(read_piece(tmp_path, Piece("z", 0, len(bomb), "deflate"), 50_000_000)) == 50_000_000
    for piece in (Piece("z", 0, 20, "deflate"), Piece("z", 1, 900, "deflate")):
        with pytest.raises(PhotoUnreadable):
            read_piece(tmp_path, piece, 50_000_000)


@pytest.mark.parametrize(
    "record", [b"", b"\xc1", b"\xdf\xff\xff\xff\xff", msgpack.packb({"image": 5}), b"\x91\1", b"\x80", b"\x91" * 5000]
)  # fmt: skip
def test_msgpack_records_that_hold_no_photo(tmp_path: Path, record: bytes):
    (tmp_path / "m").write_bytes(record)
    with pytest.raises(PhotoUnreadable):
        read_piece(tmp_path, Piece("m", 0, len(record), "msgpack"), MAX)


def test_msgpack_records_are_bounded_and_may_have_text_keys(tmp_path: Path):
    record = msgpack.packb({b"id": b"1", b"image": b"x" * 1000})
    (tmp_path / "m").write_bytes(record)
    assert read_piece(tmp_path, Piece("m", 0, len(record), "msgpack"), 1000) == b"x" * 1000
    with pytest.raises(PhotoTooLarge):
        read_piece(tmp_path, Piece("m", 0, len(record), "msgpack"), 999)


@pytest.mark.parametrize("layout", ["tar", "split-tar", "msgpack"])
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.05, 0.97))
def test_a_cut_off_archive_gives_what_comes_before(tmp_path_factory, layout: str, share: float):
    folder = tmp_path_factory.mktemp("cut")
    made = make.make_mp16(folder, 5, layout)
    parts = sorted(file for file in folder.iterdir() if file.is_file())
    whole = b"".join(file.read_bytes() for file in parts)
    kept = whole[: int(len(whole) * share)]
    for file in parts:
        size = file.stat().st_size
        file.write_bytes(kept[:size])
        kept = kept[size:]
    found, skipped = read(folder)
    assert all(read_piece(folder, item.piece, MAX) == made[item.id][0] for item in found)
    missing = {e.id for e in skipped if e.reason == "its photo is not in the images"}
    assert missing | {item.id for item in found} == set(made)
    damaged = [e for e in skipped if e.reason.startswith("damaged")]
    assert len(damaged) <= 2 and all(e.status == "failed" for e in damaged)
    if missing and layout != "msgpack":
        assert len(damaged) == 1 or not found


def test_a_missing_part_is_named(tmp_path: Path):
    made = make.make_mp16(tmp_path, 12, "split-tar", parts=4)
    (tmp_path / "mp-16-images02").unlink()
    found, skipped = read(tmp_path)
    assert 0 < len(found) < len(made)
    (damage,) = [e for e in skipped if e.id == "mp-16-images00"]
    assert "mp-16-images02 is missing" in damage.reason


def test_damage_in_the_middle_of_a_tar(tmp_path: Path):
    data = bytearray(make.tar_bytes({f"{i}.jpg": b"x" * 600 for i in range(4)}))
    data[2 * 1536 : 2 * 1536 + 100] = b"\xff" * 100
    (tmp_path / "x.tar").write_bytes(data)
    found = list(photos_in(tmp_path))
    assert [f.name for f in found if isinstance(f, Found)] == ["0.jpg", "1.jpg"]
    assert isinstance(found[-1], Skipped) and found[-1].id == "x.tar" and "damaged" in found[-1].reason


def test_tar_members_that_are_no_files(tmp_path: Path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind in (("link.jpg", tarfile.SYMTYPE), ("hard.jpg", tarfile.LNKTYPE), ("dev.jpg", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in ("../../escape.jpg", "/abs.jpg", "long/" * 60 + "x.jpg", "\u00e9\n.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    (tmp_path / "x.tar").write_bytes(out.getvalue())
    found = list(photos_in(tmp_path / "x.tar"))
    assert [f.id for f in found if isinstance(f, Skipped)] == ["link.jpg", "hard.jpg", "dev.jpg"]
    pieces = [f.piece for f in found if isinstance(f, Found)]
    assert {piece.path for piece in pieces} == {"x.tar"}
    assert [read_piece(tmp_path, piece, MAX) for piece in pieces] == [b"abc"] * 4


@pytest.mark.parametrize("kind", [b"x", b"L", b"g", b"S"])
def test_a_header_that_claims_an_absurd_size(tmp_path: Path, kind: bytes):
    info = tarfile.TarInfo("x.jpg")
    info.size, info.type = 7 * 10**9, kind
    (tmp_path / "x.tar").write_bytes(make.tar_bytes({"0.jpg": b"a"})[:1024] + info.tobuf() + b"9" * 4096)
    first, *rest = photos_in(tmp_path)
    assert isinstance(first, Found)
    assert all(isinstance(entry, Skipped) and entry.status == "failed" for entry in rest)
    assert "damaged" in rest[-1].reason


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_bytes_never_crash_an_index(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    kind = data.draw(st.sampled_from(["x.tar", "x.zip", "x.msg"]))
    files = {f"{i}.jpg": bytes([i]) * 300 for i in range(3)}
    folder = tmp_path_factory.mktemp("flipped")
    if kind == "x.tar":
        whole = bytearray(make.tar_bytes(files))
    elif kind == "x.zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        whole = bytearray(out.getvalue())
    else:
        whole = bytearray(b"".join(msgpack.packb({"image": c, "id": n}) for n, c in files.items()))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / kind).write_bytes(whole)
    for found in photos_in(folder):
        if isinstance(found, Found):
            with suppress(PhotoUnreadable, PhotoTooLarge):
                read_piece(folder, found.piece, 10_000)


def test_zip_members_that_cannot_be_read(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/", "")
        archive.writestr("1.jpg", "one", zipfile.ZIP_BZIP2)
        archive.writestr("2.jpg", "two")
        archive.writestr("3.txt", "three")
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[data.rindex(b"PK\1\2", 0, data.rindex(b"2.jpg")) + 8] |= 1
    (tmp_path / "x.zip").write_bytes(data)
    found = [f for f in photos_in(tmp_path) if isinstance(f, Skipped)]
    assert [(f.id, "encrypted" in f.reason) for f in found] == [("1.jpg", False), ("2.jpg", True)]
    (tmp_path / "x.zip").write_bytes(data[:60])
    (cut,) = photos_in(tmp_path)
    assert isinstance(cut, Skipped) and cut.status == "failed"


def test_zip_offsets_are_those_of_the_data(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("é.jpg")
        info.extra = b"\x99\x99\x04\x00abcd"
        archive.writestr(info, b"content")
        with archive.open(zipfile.ZipInfo("64.jpg"), "w", force_zip64=True) as stream:
            stream.write(b"zip64")
    (tmp_path / "x.zip").write_bytes(b"#!/bin/sh\n" + (tmp_path / "x.zip").read_bytes())
    pieces = [Piece("x.zip", m.offset, m.length, m.codec) for m in zips.members(tmp_path / "x.zip")]
    assert [read_piece(tmp_path, piece, MAX) for piece in pieces] == [b"content", b"zip64"]


def test_a_damaged_webdataset_tar_does_not_stop_the_next(tmp_path: Path):
    made = make.make_webdataset(tmp_path, 10)
    tar = tmp_path / "00000.tar"
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    found, skipped = read(tmp_path, "webdataset")
    assert 5 < len(found) < 10
    assert all(read_piece(tmp_path, item.piece, MAX) == made[item.id][0] for item in found)
    assert [(e.id, e.status) for e in skipped] == [("00000.tar", "failed")]


def test_archives_whose_names_are_not_utf8(tmp_path: Path):
    for folder, tar in (("a", make.tar_bytes({"1.jpg": b"1", "1.json": b'{"lat": 1, "lon": 2}'})), ("b", b"")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "caf\udce9.tar").write_bytes(tar)
        (tmp_path / folder / "caf\udce9.jpg").write_bytes(b"1")
    assert [(e.id, e.status) for e in read(tmp_path / "a", "webdataset")[1]] == [("caf .tar", "failed")]
    assert [(e.id, e.status) for e in photos_in(tmp_path / "b")] == [("caf .jpg", "failed"), ("caf .tar", "failed")]


def test_rows_that_are_none_do_not_stop_the_table(tmp_path: Path):
    long = "x" * (csv.field_size_limit() + 1)
    (tmp_path / "t.csv").write_text(
        f"file,lat,lon,a\n1.jpg,1,2\n{long},1,2,3\n2.jpg,1,2,b\x1b[0m,c,d\n\n\0.jpg,1,2\n3.jpg\n"
    )
    found, skipped = read(tmp_path / "t.csv")
    assert [(item.id, item.columns["a"]) for item in found] == [("1.jpg", ""), ("2.jpg", "b [0m")]
    assert [e.status for e in skipped] == ["failed", "skipped", "skipped"]


def test_files_that_are_no_tables(tmp_path: Path):
    (tmp_path / "zeros.csv").write_bytes(b"file,lat,lon\n" + b"0" * 5_000_000)
    (tmp_path / "many.csv").write_text(",".join(f"c{i}" for i in range(501)) + "\n")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no PAR1")
    (tmp_path / "latin.csv").write_bytes("file,lat,lon\né.jpg,1,2\n".encode("latin-1"))
    for name, said in (("zeros.csv", "line"), ("many.csv", "501"), ("x.parquet", "Parquet"), ("latin.csv", "UTF-8")):
        with pytest.raises(SourceError, match=said):
            read(tmp_path / name)


def test_separators_within_joined_values_stay_in_their_column(tmp_path: Path):
    rows = [("1.jpg", "a\x1fb", 1, 2, "z")]
    make.write_csv(tmp_path / "x_places365.csv", ["IMG_ID", "AUTHOR", "LAT", "LON", "more"], rows)
    (tmp_path / "1.jpg").write_bytes(b"1")
    ((item,), _) = read(tmp_path)
    assert item.location == (1, 2) and item.columns == {"author": "a b", "more": "z"}
