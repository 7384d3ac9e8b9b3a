"""What is excluded by id and by author, what is said about it, and the one id that a photo has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.errors import SourceError
from geoloc_core.gallery.manifest import Excluded
from index_builder.sources import NO_PHOTO, Entry, Item, Skipped, open_source
from index_builder.sources.exclusion import Exclusion, photo_id
from tests import make_sources as make


def item(identity: str, author: str | None = None) -> Item:
    return Item(identity, NO_PHOTO, (0, 0), {} if author is None else {"author": author})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("123", "123"),
        ("45/77/3228511372.jpg", "3228511372"),
        ("00_4c_2283161368", "2283161368"),
        ("./images/ab_cd_123.JPEG", "123"),
        ("104123223_7410c654ba_19_19355699@N00.jpg", "104123223"),
        ("1000269685_e60e9cdfb4_1125_78841376@N00.jpg", "1000269685"),
        ("2283161368_4c3ae5f6a1_z.jpg", "2283161368"),
        (r"C:\photos\123.jpg", "123"),
        ("walk/IMG_0001.jpg", "IMG_0001"),
        ("12_34", "12_34"),
        ("ab_cd_12x.jpg", "ab_cd_12x"),
        ("v1.2", "v1.2"),
        (".jpg", ".jpg"),
        ("", ""),
    ],
)
def test_photo_id(text: str, expected: str):
    assert photo_id(text) == expected


@given(st.text() | st.from_regex(r"[0-9a-f]{2}[/_][0-9a-f]{2}[/_][0-9]{1,12}(\.jpg|\.png)?", fullmatch=True))
def test_photo_id_of_an_id_is_itself(text: str):
    assert photo_id(photo_id(text)) == photo_id(text)


@given(st.integers(0, 10**11), st.integers(0, 255), st.integers(0, 255))
def test_every_layout_has_one_id(number: int, a: int, b: int):
    names = ("{n}", "{n}.jpg", "{a:02x}/{b:02x}/{n}.jpg", "{a:02x}_{b:02x}_{n}.jpg", "{n}_{a:05x}{b:05x}_7_8@N00.jpg")
    assert {photo_id(name.format(n=number, a=a, b=b)) for name in names} == {str(number)}


def table(path: Path) -> Path:
    rows = [
        ("104123223_7410c654ba_19_19355699@N00.jpg", "19355699@N00", 1, 2),
        ("45/77/3228511372.jpg", "unknown", 1, 2),
    ]
    return make.write_csv(path, ["IMG_ID", "AUTHOR", "LAT", "LON"], rows)


def test_ids_and_authors_are_kept_out_and_counted(tmp_path: Path):
    first = table(tmp_path / "im2gps_places365.csv")
    second = tmp_path / "more.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": [5, 104123223], "author": ["Ana", None]}), second)
    entries: list[Entry] = [
        item("ab/cd/104123223.jpg", "Zoe"),
        item("1", "19355699%40n00"),
        item("3228511372", "Zoe"),
        item("2", "unknown"),
        Skipped("104123223", "as it was"),
        item("5", "ana"),
        item("6", "ANA"),
        item("7", "Bo"),
    ]
    exclusion = Exclusion.read([first, second])
    for _ in range(2):
        assert list(exclusion.apply(entries)) == [
            Skipped("ab/cd/104123223.jpg", "excluded: its id is in im2gps_places365.csv"),
            Skipped("1", "excluded: its author is in im2gps_places365.csv"),
            Skipped("3228511372", "excluded: its id is in im2gps_places365.csv"),
            entries[3],
            entries[4],
            Skipped("5", "excluded: its id is in more.parquet"),
            Skipped("6", "excluded: its author is in more.parquet"),
            entries[7],
        ]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)]
    assert exclusion.record() == (
        Excluded(table=first.name, sha256=digests[0], by_id=2, by_author=1),
        Excluded(table=second.name, sha256=digests[1], by_id=1, by_author=1),
    )


def test_either_can_be_left_out(tmp_path: Path):
    path = table(tmp_path / "t.csv")
    entries = [item("104123223", "Zoe"), item("1", "19355699@N00")]
    by_id = list(Exclusion.read([path], by_author=False).apply(entries))
    by_author = list(Exclusion.read([path], by_id=False).apply(entries))
    assert [isinstance(entry, Skipped) for entry in by_id] == [True, False]
    assert [isinstance(entry, Skipped) for entry in by_author] == [False, True]


def test_authors_come_from_file_names_if_the_table_has_none(tmp_path: Path):
    path = make.write_csv(tmp_path / "t.csv", ["IMG_ID"], [("104123223_7410c654ba_19_19355699@N00.jpg",)])
    exclusion = Exclusion.read([path])
    assert isinstance(next(exclusion.apply([item("1", "19355699@N00")])), Skipped)
    assert not exclusion.warnings


def test_what_could_not_be_excluded_is_said(tmp_path: Path):
    ids_only = make.write_csv(tmp_path / "ids.csv", ["id"], [("1",)])
    assert "ids.csv names no authors" in Exclusion.read([ids_only]).warnings[0]
    assert not Exclusion.read([ids_only], by_author=False).warnings
    exclusion = Exclusion.read([table(tmp_path / "t.csv")])
    assert len(list(exclusion.apply([item("1"), item("2", "")]))) == 2
    assert exclusion.warnings == ["no photo of the source names an author, so those could not be excluded by author"]
    exclusion = Exclusion.read([table(tmp_path / "t.csv")])
    list(exclusion.apply([item("1", "Bo"), item("2")]))
    assert exclusion.warnings == ["1 photos do not name an author, so those could not be excluded by author"]


def test_tables_that_exclude_nothing_are_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="IMG_ID"):
        Exclusion.read([make.write_csv(tmp_path / "a.csv", ["lat", "lon"], [(1, 2)])])
    (tmp_path / "b.csv").write_text("id,author\n1," + "x" * 200_000 + "\n")
    with pytest.raises(SourceError, match="Row 0"):
        Exclusion.read([tmp_path / "b.csv"])


def test_no_tables_exclude_nothing():
    entries = [item("1"), item("2", "Bo")]
    exclusion = Exclusion.read([])
    assert list(exclusion.apply(entries)) == entries
    assert exclusion.record() == () and not exclusion.warnings


def test_a_benchmark_leaves_no_trace_in_mp16(tmp_path: Path):
    made = make.make_mp16(tmp_path / "mp16", 10)
    inside = list(made)[3]
    test_set = make.write_csv(tmp_path / "t.csv", ["IMG_ID", "AUTHOR"], [(f"{inside}_7410c654ba_1_2@N00.jpg", "2@N00")])
    exclusion = Exclusion.read([test_set])
    left = [e for e in exclusion.apply(open_source("auto", tmp_path / "mp16").entries()) if isinstance(e, Item)]
    assert inside not in {entry.id for entry in left}
    assert not any(entry.columns["author"] == "2@N00" for entry in left)
    assert len(left) == 7
