"""Geo-cells: ids and outlines against the S2 library, assignment, files, and refusal of damaged ones."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s2cell
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.cells import About, Level, Partition, read_published, s2
from geoloc_core.errors import CellsError, CoordinateError
from geoloc_core.geo import check_coordinates, distance_km
from geoloc_core.paths import ROOT
from tests.make_cells import TOKENS, in_a_spreadsheet, of_tokens, photos, small_partition, write_published
from tests.test_maps import inside

lats, lons = st.floats(-89.9, 89.9), st.floats(-180, 180)


@pytest.fixture(scope="module")
def partition() -> Partition:
    return small_partition()


@given(st.floats(-90, 90), lons, st.integers(0, 30))
def test_arithmetic_of_ids_is_the_librarys(lat, lon, depth):
    leaf = s2.leaf_ids([(lat, lon)])
    (place,) = check_coordinates([(lat, lon)]).tolist()
    assert leaf[0] == s2cell.lat_lon_to_cell_id(*place)
    cell = s2.ancestors(leaf, depth)
    assert cell[0] == s2cell.cell_id_to_parent_cell_id(int(leaf[0]), depth)
    assert s2.depths(cell)[0] == depth == s2cell.cell_id_to_level(int(cell[0]))
    assert s2.firsts(cell)[0] <= leaf[0] <= s2.lasts(cell)[0]
    assert int(s2.lasts(cell)[0]) - int(s2.firsts(cell)[0]) == 2 * (4 ** (30 - depth) - 1)
    assert s2.from_tokens(s2.tokens(cell))[0] == cell[0] and s2.valid(cell).all()


@settings(max_examples=150)
@given(lats, lons, st.integers(1, 22))
def test_an_outline_holds_its_cell_and_not_the_neighbours(lat, lon, depth):
    cell = int(s2.ancestors(s2.leaf_ids([(lat, lon)]), depth)[0])
    line = s2.outline(cell)
    assert np.abs(np.diff(line[:, 1], append=line[0, 1])).max() < 360
    assert inside(s2cell.cell_id_to_lat_lon(cell), (line,))
    for other in s2cell.cell_id_to_neighbor_cell_ids(cell):
        assert not inside(s2cell.cell_id_to_lat_lon(other), (line,))


@settings(max_examples=150)
@given(st.floats(-90, 90), lons, st.integers(0, 30))
def test_bounds_hold_the_point(lat, lon, depth):
    cell = int(s2.ancestors(s2.leaf_ids([(lat, lon)]), depth)[0])
    south, west, north, east = s2.box(s2.outline(cell))
    assert -90 <= south < north <= 90 and -180 - 1e-6 <= west < east < west + 360 + 1e-6 and west < 180
    assert south - 1e-9 <= lat <= north + 1e-9
    if abs(lat) < 90 - 1e-7:  # where a longitude still means something
        slack = 1e-9 / np.cos(np.radians(lat))
        assert any(west - slack <= lon + turn <= east + slack for turn in (-360, 0, 360))


@pytest.mark.parametrize("depth", [0, 1, 2, 8, 20])
@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_outlines_at_the_poles(pole, depth):
    cell = int(s2.ancestors(s2.leaf_ids([(pole, 20.0)]), depth)[0])
    line = s2.outline(cell)
    assert (line[:, 0] == pole).sum() == 2, "the pole is a stretch, since it has no longitude"
    assert np.ptp(line[:, 1]) == pytest.approx(360 if depth == 0 else 90)


def test_an_outline_runs_on_across_the_antimeridian():
    face = int(s2.ancestors(s2.leaf_ids([(0.0, 180.0)]), 0)[0])
    assert s2.box(s2.outline(face)) == pytest.approx((-45, 135, 45, 225))


def test_a_place_has_its_classes(partition):
    points = photos()
    classes = partition.assign(points)
    assert classes.shape == (2_000, 3) and classes.dtype == np.int64
    for column, name in enumerate(("coarse", "middle", "fine")):
        level = partition.level(name)
        for point, found in list(zip(points, classes[:, column], strict=True))[::37]:
            ids = [s2cell.cell_id_to_parent_cell_id(int(s2.leaf_ids([point])[0]), depth) for depth in range(31)]
            expected = np.flatnonzero(np.isin(level.ids, np.array(ids, np.uint64)))
            assert expected.tolist() == ([found] if found >= 0 else [])
    assert partition.assign([]).shape == (0, 3)
    assert (partition.assign([(-89.0, 0.0)]) == -1).all(), "no photo was there"
    with pytest.raises(CoordinateError):
        partition.assign([(91.0, 0.0)])
    with pytest.raises(CellsError, match="Choose from coarse, middle, fine"):
        partition.level("finest")


def test_classes_are_in_the_files_order_not_in_that_of_ids():
    level = of_tokens()
    points = level.points
    assert Partition([level]).assign(points)[:, 0].tolist() == list(range(len(TOKENS)))
    order = np.argsort(level.ids)
    assert order.tolist() != list(range(len(TOKENS)))
    sorted_level = Level("fine", level.ids[order], points[order], level.counts[order])
    assert Partition([level]).id != Partition([sorted_level]).id


def test_bounds_tokens_and_counts_are_in_the_file(partition, tmp_path):
    table = pq.read_table(partition.save(tmp_path / "cells.parquet"))
    assert table.num_rows == sum(partition.sizes)
    for row in table.to_pylist()[:: table.num_rows // 40]:
        level = partition.level(row["level"])
        assert (row["token"], row["photos"]) == (level.tokens[row["class"]], level.counts[row["class"]])
        assert (row["south"], row["west"], row["north"], row["east"]) == level.bounds(row["class"])
        assert row["south"] <= row["lat"] <= row["north"]
        assert any(row["west"] <= row["lon"] + turn <= row["east"] for turn in (0, 360))


def test_saving_again_gives_the_same_bytes_and_leaves_nothing_beside(partition, tmp_path):
    first = partition.save(tmp_path / "a.parquet").read_bytes()
    assert partition.save(tmp_path / "a.parquet").read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
    with pytest.raises(FileNotFoundError):
        partition.save(tmp_path / "nowhere" / "a.parquet")


def _table(partition: Partition, tmp_path: Path) -> pa.Table:
    return pq.read_table(partition.save(tmp_path / "good.parquet"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["token"]), "token"),
        (lambda t: t.replace_schema_metadata({}), "does not say"),
        (lambda t: t.replace_schema_metadata({b"geoloc-cells": b'{"version": 2}'}), "does not say"),
        (lambda t: t.replace_schema_metadata({b"geoloc-cells": b"["}), "cannot be used"),
        (lambda t: t.replace_schema_metadata({b"geoloc-cells": b'{"version": 1, "about": {"x": 1}}'}), "about|x"),
        (lambda t: t.slice(0, 0), "0 rows"),
        (lambda t: t.slice(1), "do not count from 0"),
        (lambda t: pa.concat_tables([t, t]), "different names"),
        (lambda t: _with(t, "lat", lambda v: [95.0, *v[1:]]), "latitude"),
        (lambda t: _with(t, "lon", lambda v: [None, *v[1:]]), "finite|cannot be used"),
        (lambda t: _with(t, "lat", lambda v: [-v[0], *v[1:]]), "do not hold the mean"),
        (lambda t: _with(t, "token", lambda v: ["4.7E+064", *v[1:]]), "do not hold the mean"),
        (lambda t: _with(t, "token", lambda v: [None, *v[1:]]), "do not hold the mean"),
        (lambda t: _with(t, "photos", lambda v: [0, *v[1:]]), "no training photos"),
        (lambda t: _with(t, "level", lambda v: ["<b>" if x == "coarse" else x for x in v]), "name"),
        (lambda t: _with(t, "level", lambda v: ["coarse" if x == "fine" else x for x in v]), "different names|count"),
    ],
)
def test_damaged_files_are_refused(partition, tmp_path, change, said):
    pq.write_table(change(_table(partition, tmp_path)), tmp_path / "bad.parquet")
    with pytest.raises(CellsError, match=said) as caught:
        Partition.open(tmp_path / "bad.parquet")
    assert str(tmp_path / "bad.parquet") in str(caught.value)


def _with(table: pa.Table, name: str, change) -> pa.Table:
    index = table.column_names.index(name)
    return table.set_column(index, name, pa.array(change(table[name].to_pylist())))


def test_files_that_are_none(tmp_path):
    with pytest.raises(CellsError, match="no file"):
        Partition.open(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("class,token")
    with pytest.raises(CellsError, match="cannot be used"):
        Partition.open(tmp_path / "text.parquet")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_file_with_flipped_bytes_never_does_worse_than_an_error(data, tmp_path_factory):
    whole = bytearray(_small_bytes(tmp_path_factory))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flip") / "f.parquet"
    path.write_bytes(whole)
    try:
        Partition.open(path)
    except CellsError as error:
        assert str(path) in str(error)


def _small_bytes(folders) -> bytes:
    return Partition([of_tokens()]).save(folders.mktemp("small") / "s.parquet").read_bytes()


def test_levels_must_be_sound():
    level = of_tokens()
    with pytest.raises(CellsError, match="overlap"):
        of_tokens(tokens=("47e63", "47e64"))
    with pytest.raises(CellsError, match="overlap"):
        of_tokens(tokens=("365", "365"))
    with pytest.raises(CellsError, match="1 of 6 fine cells"):
        replace(level, points=np.vstack([[[0.0, 0.0]], level.points[1:]]))
    with pytest.raises(CellsError, match="unlike lengths"):
        replace(level, counts=level.counts[1:])
    with pytest.raises(CellsError, match="levels of different names"):
        Partition([level, level])
    with pytest.raises(CellsError, match="holds a coarse one"):
        Partition([of_tokens("coarse", ("47e63",)), of_tokens("fine", ("47e4",))])
    assert not level.ids.flags.writeable


def test_a_cell_without_a_parent_says_so():
    both = Partition([of_tokens("coarse", ("47e4",)), of_tokens("fine", ("60188c", "47e63"))])
    assert both.level("fine").parent.tolist() == [-1, 0] and both.lineage.tolist() == [[-1, 0], [0, 1]]


def test_published_files_are_taken_over(partition, tmp_path):
    files = [write_published(part, tmp_path / f"{part.name}.csv") for part in partition.parts]
    taken = read_published(files, about=About(title="Published"))
    assert taken.id == partition.id and taken.levels == ("coarse", "middle", "fine")
    assert read_published(files[-1:]).levels == ("fine",), "one partition, as PlaNet's"


def test_published_files_may_be_shuffled_and_have_notes_before_the_header(tmp_path):
    path = write_published(of_tokens(), tmp_path / "a.csv", notes=["img_min 50", "img_max 5000"])
    lines = path.read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([*lines[:3], *reversed(lines[3:])]))
    assert read_published([path]).id == read_published([tmp_path / "b.csv"]).id
    assert read_published([path]).parts[0].tokens == TOKENS


def test_what_a_spreadsheet_has_saved_is_refused(tmp_path):
    path = write_published(of_tokens(), tmp_path / "copy.csv", spreadsheet=True)
    assert "4.7E+064" in path.read_text()
    with pytest.raises(CellsError, match=r"3 of 6 cells.*'4\.7E\+064' \(class 0\).*as it was published"):
        read_published([path])


def test_a_token_that_has_lost_its_leading_zero_is_refused(tmp_path):
    level = of_tokens(tokens=("0865", "47e63"))
    assert in_a_spreadsheet("0865") == "865" and s2cell.token_is_valid("865")
    path = tmp_path / "copy.csv"
    path.write_text(write_published(level, path).read_text().replace("0865", "865"))
    with pytest.raises(CellsError, match=r"1 of 2 cells.*'865' \(class 0\)"):
        read_published([path])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("hex_id", "token", "no header"),
        ("\n1,", "\n7,", "do not count from 0"),
        ("\n1,", "\n0,", "do not count from 0"),
        ("\n1,", "\nx,", "cannot be read"),
        (",51,", ",,", "cannot be read"),
        ("365,", "\n", "cannot be read"),
        ("\n", "\n\x00", "cannot be read|no header|damaged"),
    ],
)
def test_published_files_that_are_none(tmp_path, old, new, said):
    path = write_published(of_tokens(), tmp_path / "a.csv")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CellsError, match=said) as caught:
        read_published([path])
    assert "a.csv" in str(caught.value)


def test_published_files_and_names_must_match(tmp_path):
    path = write_published(of_tokens(), tmp_path / "a.csv")
    with pytest.raises(CellsError, match="one file a level"):
        read_published([path], names=("coarse", "fine"))
    with pytest.raises(CellsError, match="cannot be read"):
        read_published([tmp_path / "none.csv"])


def test_centres_of_cells_are_within_their_outline(partition):
    level = partition.level("coarse")
    for cell in range(0, len(level), 5):
        far = distance_km(level.points[cell], level.outline(cell)).max()
        assert far < 1.5 * 9_220 / 2 ** level.depths[cell] * 1.5, "no farther than the cell is wide"


def test_importing_the_cells_is_cheap():
    script = "import sys, geoloc_core.cells; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"pyarrow", "torch", "pandas", "shapely"} & set(loaded.split())


def test_about_is_read_as_hostile(partition, tmp_path):
    said = {"version": 1, "about": {"title": "x" * 500}}
    table = _table(partition, tmp_path).replace_schema_metadata({b"geoloc-cells": json.dumps(said)})
    pq.write_table(table, tmp_path / "bad.parquet")
    with pytest.raises(CellsError, match="cannot be used"):
        Partition.open(tmp_path / "bad.parquet")
