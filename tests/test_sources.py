"""Every source on small data with the true layout: ids, places, columns, and the very bytes of each photo."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from geoloc_core.errors import SourceError
from index_builder.sources import NO_PHOTO, Item, Skipped, Source, SourceOptions, descriptions, names, open_source
from index_builder.sources.pieces import read_piece
from tests import make_sources as make

MAX = 1_000_000


def items(source: Source) -> list[Item]:
    entries = list(source.entries())
    assert entries == list(source.entries()), "the order must not depend on the run"
    return [entry for entry in entries if isinstance(entry, Item)]


def skipped(source: Source) -> set[tuple[str, str, str]]:
    return {(e.id, e.reason, e.status) for e in source.entries() if isinstance(e, Skipped)}


def check(source: Source, made: make.Photos) -> list[Item]:
    """The items are the photos that were made, byte for byte, with their places."""
    found = items(source)
    assert {item.id: (read_piece(source.root, item.piece, MAX), item.location) for item in found} == made
    assert len(found) == len(made)
    return found


def test_the_kinds_of_source():
    assert names() == ["benchmarks", "mp16", "osv5m", "table", "webdataset", "folder"]
    assert all(descriptions().values())


@pytest.mark.parametrize("layout", ["folder", "flat", "tar", "split-tar", "msgpack"])
def test_mp16_in_every_layout(tmp_path: Path, layout: str):
    made = make.make_mp16(tmp_path, 13, layout)
    source = open_source("auto", tmp_path)
    assert str(source.kind) == "mp16 (it has MP16_Pro_places365.csv)"
    found = check(source, made)
    assert not skipped(source)
    first = next(item for item in found if item.id == next(iter(made)))
    assert first.columns["author"] == "0@N00"
    assert first.columns["source"] == f"https://photos.example/{first.id}.jpg"
    assert first.columns["country_code"] == "ES"
    assert first.columns["Prob_natural"] == "0.25"
    assert {item.columns["country_code"] for item in found} == {"ES", "NA"}
    assert not {"IMG_ID", "LAT", "LON", "AUTHOR", "id", "lat", "lon"} & set(first.columns)
    assert all(not Path(item.piece.path).is_absolute() for item in found)


def test_mp16_left_over_on_either_side_is_told(tmp_path: Path):
    made = make.make_mp16(tmp_path, 6)
    gone, extra, *_ = made
    next((tmp_path / "images").rglob(f"{gone}.jpg")).unlink()
    make.write_files(tmp_path / "images", {"11/22/77.jpg": b"x", f"00/{extra}.jpg": b"again"})
    source = open_source("auto", tmp_path)
    assert {item.id for item in items(source)} == set(made) - {gone}
    assert skipped(source) == {
        (gone, "its photo is not in the images", "failed"),
        ("77", "no row in the table", "skipped"),
        (extra, "another photo with its id came before", "skipped"),
    }


def test_a_row_that_comes_twice_counts_once(tmp_path: Path):
    rows = [("1.jpg", "a", 1, 2), ("2.jpg", "b", "nan", 2), ("1.jpg", "c", 3, 4), ("", "d", 1, 1), ("3", "e", 91, 0)]
    make.write_csv(tmp_path / "my_places365.csv", ["IMG_ID", "AUTHOR", "LAT", "LON"], rows)
    make.write_files(tmp_path, {f"{i}.jpg": make.jpeg(i) for i in (1, 2, 3)})
    source = open_source("mp16", tmp_path)
    assert [(item.id, item.location, item.columns) for item in items(source)] == [("1", (1, 2), {"author": "a"})]
    assert skipped(source) == {
        ("1", "its id came before in the table", "skipped"),
        ("2", "no usable coordinates", "skipped"),
        ("3", "no usable coordinates", "skipped"),
        ("row 3", "no id", "skipped"),
    }


def test_mp16_with_its_images_and_table_elsewhere(tmp_path: Path):
    made = make.make_mp16(tmp_path / "all", 5, "tar")
    (tmp_path / "elsewhere").mkdir()
    archive = (tmp_path / "all" / "mp-16-images.tar").rename(tmp_path / "elsewhere" / "photos.tar")
    (tmp_path / "empty").mkdir()
    metadata = tmp_path / "all" / "metadata" / "MP16_Pro_places365.csv"
    check(open_source("auto", tmp_path / "all", SourceOptions(images=archive)), made)
    check(open_source("mp16", tmp_path / "empty", SourceOptions(images=archive, metadata=metadata)), made)
    with pytest.raises(SourceError, match="--metadata"):
        list(open_source("mp16", tmp_path / "empty").entries())
    with pytest.raises(SourceError, match="--images"):
        list(open_source("mp16", tmp_path / "all", SourceOptions(images=tmp_path / "nowhere")).entries())


@pytest.mark.parametrize("name", ["im2gps", "im2gps3k", "yfcc4k", "yfcc26k"])
def test_benchmarks(tmp_path: Path, name: str):
    made = make.make_benchmark(tmp_path, name, 9)
    source = open_source("auto", tmp_path)
    assert source.kind.value == "benchmarks"
    found = check(source, made)
    assert found[0].columns["author"] == "70@N00"
    assert not skipped(source)


def test_benchmarks_in_one_folder_are_told_apart(tmp_path: Path):
    made = {name: make.make_benchmark(tmp_path, name, 3) for name in ("im2gps", "im2gps3k")}
    with pytest.raises(SourceError, match="--split"):
        list(open_source("auto", tmp_path).entries())
    for name, photos in made.items():
        check(open_source("auto", tmp_path, SourceOptions(split=name)), photos)
    with pytest.raises(SourceError, match="yfcc4k"):
        list(open_source("auto", tmp_path, SourceOptions(split="im2gps9k")).entries())


def test_a_benchmarks_table_beside_mp16_is_not_its_table(tmp_path: Path):
    made = make.make_mp16(tmp_path, 3)
    make.write_csv(tmp_path / "metadata" / "im2gps3k_places365.csv", make.PLACES365, [])
    source = open_source("auto", tmp_path)
    assert source.kind.value == "mp16"
    check(source, made)


def test_im2gps_authors_from_the_file_names(tmp_path: Path):
    make.make_benchmark(tmp_path, "im2gps", 3)
    table = tmp_path / "im2gps_places365.csv"
    table.write_text(table.read_text().replace("AUTHOR", "_remark"))
    found = items(open_source("auto", tmp_path))
    assert {item.columns["author"] for item in found} == {"70@N00", "71@N01", "72@N02"}
    assert found[0].columns["remark"] == found[0].columns["author"]


@pytest.mark.parametrize("zips", [True, False])
def test_osv5m(tmp_path: Path, zips: bool):
    made = make.make_osv5m(tmp_path, 9, zips)
    source = open_source("auto", tmp_path)
    assert str(source.kind) == "osv5m (it has train.csv with OSV-5M's columns)"
    found = check(source, made)
    assert not skipped(source)
    assert found[0].columns["country"] == "NA"
    assert found[0].columns["licence"] == "CC-BY-SA-4.0"
    assert found[0].columns["captured_at"] == "1600000000000"
    assert found[0].columns["author"] == "walker0"
    assert {item.piece.codec for item in found} == ({"", "deflate"} if zips else {""})
    with pytest.raises(SourceError, match=r"test\.csv"):
        list(open_source("auto", tmp_path, SourceOptions(split="test")).entries())
    with pytest.raises(SourceError, match="no split"):
        list(open_source("auto", tmp_path, SourceOptions(split="tset")).entries())


def test_osv5m_reads_the_training_split_unless_asked(tmp_path: Path):
    train = make.make_osv5m(tmp_path, 4)
    rest = make.make_osv5m(tmp_path / "other", 8, split="test")
    (tmp_path / "other" / "test.csv").rename(tmp_path / "test.csv")
    (tmp_path / "other" / "images" / "test").rename(tmp_path / "images" / "test")
    check(open_source("auto", tmp_path), train)
    check(open_source("auto", tmp_path, SourceOptions(split="test")), rest)


def test_webdataset(tmp_path: Path):
    made = make.make_webdataset(tmp_path, 9)
    source = open_source("auto", tmp_path)
    assert source.kind.value == "webdataset"
    found = check(source, made)
    assert found[0].columns == {"author": "Ana 0", "width": "160"}
    assert found[-1].piece.path == "00001.tar"
    assert len(items(open_source("auto", tmp_path / "00001.tar"))) < 9


def test_webdataset_samples_of_every_kind(tmp_path: Path):
    members = {
        "a/b.c/1.jpg": b"1",
        "a/b.c/1.json": b'{"lat": 1.50, "lng": 362, "nested": {"a": [1]}, "_x": true, "none": null, '
        b'"big": 12345678901234567890}',
        "a/2.png": b"2",
        "a/3.jpg": b"3",
        "a/3.json": b'{"lat": NaN, "lon": 1}',
        "a/4.jpg": b"4",
        "a/4.json": b"[" * 100_000,
        "a/5.json": b"{}",
        "a/6.seg.png": b"6",
        "a/6.JSON": b'{"lat": "1", "lon": 2, "text": "\\ud800\\u0000x", "id": "six"}',
    }  # fmt: skip
    (tmp_path / "x.tar").write_bytes(make.tar_bytes(members))
    source = open_source("auto", tmp_path)
    one, two, six = items(source)
    columns = {"nested": '{"a": ["1"]}', "x": "true", "none": "", "big": "12345678901234567890"}
    assert (one.id, one.location, one.columns) == ("a/b.c/1", (1.5, 2), columns)
    assert (two.id, two.location, two.columns) == ("a/2", None, {})
    assert (six.id, six.location, six.columns) == ("six", (1, 2), {"text": "x"})
    assert skipped(source) == {
        ("a/3", "no usable coordinates", "skipped"),
        ("a/4", "its JSON cannot be read", "failed"),
        ("a/5", "no photo with its key", "skipped"),
    }


def test_compressed_tars_are_refused_with_the_remedy(tmp_path: Path):
    make.make_webdataset(tmp_path, 2, shards=1)
    tar = tmp_path / "00000.tar"
    (tmp_path / "00001.tar.gz").write_bytes(gzip.compress(tar.read_bytes()))
    with pytest.raises(SourceError, match="Decompress it once"):
        list(open_source("auto", tmp_path).entries())


def test_table(tmp_path: Path):
    made = make.make_table(tmp_path, 5)
    source = open_source("auto", tmp_path / "photos.csv", SourceOptions(images=tmp_path / "images"))
    found = check(source, made)
    assert [item.columns for item in found[:2]] == [{"author": "Bo 0", "note": "NA"}, {"author": "Bo 1", "note": "NA"}]


def test_table_with_a_column_map(tmp_path: Path):
    table = make.write_csv(
        tmp_path / "t.tsv",
        ["bild", "breitengrad", "lat", "lon", "wer", "_id", "ID"],
        [("a.jpg", "1", "9", "2", "x", "y", "")],
    )
    chosen = {"file": "bild", "lat": "breitengrad", "author": "wer"}
    (item,) = items(open_source("table", table, SourceOptions(columns=chosen)))
    assert (item.id, item.piece.path, item.location) == ("a.jpg", "a.jpg", (1, 2))
    assert item.columns == {"author": "x", "lat_in_source": "9", "id_in_source": "y"}
    for wrong, said in (({"lat": "nope"}, "nope"), ({"latt": "lat"}, "latt")):
        with pytest.raises(SourceError, match=said):
            list(open_source("table", table, SourceOptions(columns=wrong)).entries())


def test_parquet_keeps_every_value_as_text(tmp_path: Path):
    columns = {
        "id": [7, 8],
        "file": ["7.jpg", "8.jpg"],
        "latitude": [41.975, -1e-7],
        "longitude": pyarrow.array([2.82, 190.0]),
        "country": ["NA", None],
        "tags": [["a", "b"], []],
        "image": [b"\xff\xd8", b""],
        "big": pyarrow.array([2**63 - 1, 1]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    seven, eight = items(open_source("auto", tmp_path / "t.parquet"))
    assert (seven.id, seven.location, eight.location) == ("7", (41.975, 2.82), (-1e-7, -170))
    assert seven.columns == {"country": "NA", "tags": '["a", "b"]', "big": "9223372036854775807"}
    assert eight.columns["country"] == ""


def test_locations_without_photos(tmp_path: Path):
    make.write_csv(tmp_path / "coordinates_100K.csv", ["LAT", "LON"], [(41.9, 2.8), ("x", 2), (-33, 151)])
    options = SourceOptions(locations_only=True)
    source = open_source("auto", tmp_path / "coordinates_100K.csv", options)
    assert items(source) == [Item("0", NO_PHOTO, (41.9, 2.8)), Item("2", NO_PHOTO, (-33, 151))]
    assert skipped(source) == {("1", "no usable coordinates", "skipped")}
    with pytest.raises(SourceError, match="column for file"):
        list(open_source("auto", tmp_path / "coordinates_100K.csv").entries())
    make.make_mp16(tmp_path / "mp16", 4, "msgpack")
    assert [item.piece for item in items(open_source("auto", tmp_path / "mp16", options))] == [NO_PHOTO] * 4


def test_folder(tmp_path: Path):
    files = {"b/2.JPG": b"2", "a/1.jpg": b"1", "notes.txt": b"", ".hidden/x.jpg": b"", "a/.y.jpg": b"", "0.heic": b"0"}
    make.write_files(tmp_path, files)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "caf\udce9.jpg").write_bytes(b"")
    source = open_source("auto", tmp_path)
    assert [entry.id for entry in source.entries()] == ["0.heic", "caf?.jpg", "notes.txt", "a/1.jpg", "b/2.JPG"]
    assert [read_piece(source.root, item.piece, MAX) for item in items(source)] == [b"0", b"1", b"2"]
    assert skipped(source) == {
        ("caf?.jpg", "its name is not UTF-8", "failed"),
        ("notes.txt", "not a photo by its name", "skipped"),
    }
    assert len(list(open_source("folder", tmp_path, SourceOptions(limit=2)).entries())) == 2


def test_what_cannot_be_opened_says_why(tmp_path: Path):
    (tmp_path / "x.docx").write_bytes(b"")
    for kind, path, said in (
        ("auto", "nowhere", "Check the path"),
        ("auto", "x.docx", "no source that is known"),
        ("webdatset", ".", "Did you mean webdataset"),
        ("zzz", ".", "mp16"),
    ):
        with pytest.raises(SourceError, match=said):
            open_source(kind, tmp_path / path)
