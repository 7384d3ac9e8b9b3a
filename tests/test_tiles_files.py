"""Tiles from files: MBTiles, PMTiles, folders, drawn ones; and files made to do harm."""

from __future__ import annotations

import gzip
import json
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from pmtiles.tile import Compression, Entry, TileType, serialize_directory, serialize_header, zxy_to_tileid
from pmtiles.writer import Writer

from geoloc_core.errors import TileSourceError
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources import names, open_source
from geoloc_core.tiles.sources.base import About
from geoloc_core.tiles.sources.drawn import Drawn
from geoloc_core.tiles.sources.folder import Folder
from geoloc_core.tiles.tally import Tally
from geoloc_core.tiles.tile import Tile, world
from tests.tile_server import tile_png

HERE = Tile(1, 0, 1)  # the north-east


def make_mbtiles(path: Path, facts: dict[str, str] | None = None, most_zoom: int = 2) -> Path:
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE metadata (name TEXT, value TEXT);"
        "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);"
        "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);"
    )
    facts = facts if facts is not None else {"name": "Test\n<b>map", "format": "png", "attribution": "© nobody"}
    database.executemany("INSERT INTO metadata VALUES (?, ?)", facts.items())
    for z in range(most_zoom + 1):
        rows = [(z, t.x, (1 << z) - 1 - t.y, tile_png(z, t.x, t.y)) for t in world(z)]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    return path


def make_pmtiles(path: Path, most_zoom: int = 2, kind: TileType = TileType.PNG) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        for tile in sorted(
            (t for z in range(most_zoom + 1) for t in world(z)), key=lambda t: zxy_to_tileid(t.z, t.x, t.y)
        ):
            writer.write_tile(zxy_to_tileid(tile.z, tile.x, tile.y), tile_png(tile.z, tile.x, tile.y))
        header = {"tile_type": kind, "tile_compression": Compression.NONE, "min_zoom": 0, "max_zoom": most_zoom}
        writer.finalize(header, {"name": "Test", "attribution": "© nobody"})
    return path


def make_folder(path: Path, most_zoom: int = 2) -> Path:
    for tile in (t for z in range(most_zoom + 1) for t in world(z)):
        file = path / str(tile.z) / str(tile.x) / f"{tile.y}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tile_png(*_zxy(tile)))
    return path


def _zxy(tile: Tile) -> tuple[int, int, int]:
    return tile.z, tile.x, tile.y


MAKERS = {"mbtiles": make_mbtiles, "pmtiles": make_pmtiles, "folder": make_folder}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_tile_is_the_right_one(kind: str, tmp_path: Path):
    source = open_source(str(MAKERS[kind](tmp_path / f"world.{kind}")))
    assert source.name == kind and source.zooms == (0, 2) and source.availability()
    every = [tile for z in range(3) for tile in world(z)]
    tally = Tally()
    seen = {got.tile: got.data for got in tally.watching(source.get_many(every))}
    assert seen == {tile: tile_png(*_zxy(tile)) for tile in every}
    assert (tally.fetched, tally.asked, tally.failed) == (21, 21, {})
    assert str(tally) == "21 tiles: 0 from the cache, 21 fetched."
    for outside in (Tile(0, 0, 3), Tile(2, 0, 1), Tile(-1, 0, 1)):
        assert source.get(outside).trouble is Trouble.OUTSIDE
    source.close()


@pytest.mark.parametrize("kind", MAKERS)
def test_two_of_the_same_content_have_the_same_id_and_others_not(kind: str, tmp_path: Path):
    path = MAKERS[kind](tmp_path / f"a.{kind}")
    first = open_source(str(path)).id
    assert open_source(str(path)).id == first
    assert open_source(str(MAKERS[kind](tmp_path / f"b.{kind}", most_zoom=1))).id != first


def test_what_a_file_says_of_itself_is_one_short_line(tmp_path: Path):
    about = open_source(str(make_mbtiles(tmp_path / "a.mbtiles"))).about
    assert (about.title, about.attribution, about.licence) == ("Test <b>map", "© nobody", "not stated")


def test_missing_and_broken_tiles_are_told(tmp_path: Path):
    path = make_mbtiles(tmp_path / "a.mbtiles")
    database = sqlite3.connect(path)
    database.execute("DELETE FROM tiles WHERE zoom_level = 1 AND tile_column = 0")
    database.execute("UPDATE tiles SET tile_data = 'text' WHERE zoom_level = 1 AND tile_column = 1 AND tile_row = 0")
    database.execute("UPDATE tiles SET tile_data = x'89504e47' WHERE zoom_level = 0")
    database.commit()
    database.close()
    source, tally = open_source(str(path)), Tally()
    for _ in tally.watching(source.get_many([*world(0), *world(1)])):
        pass
    assert tally.failed == {Trouble.MISSING: 2, Trouble.BROKEN: 2} and tally.fetched == 1
    assert str(tally).endswith("4 could not be had (2 damaged or no picture, 2 not there).") or "2 not there" in str(
        tally
    )


def test_a_database_left_in_wal_mode_in_a_folder_nobody_may_write_to(tmp_path: Path):
    path = make_mbtiles(tmp_path / "a.mbtiles")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    tmp_path.chmod(0o500)
    try:
        assert open_source(str(path)).get(HERE).data == tile_png(1, 1, 0)
    finally:
        tmp_path.chmod(0o700)


def test_zooms_are_counted_if_not_told(tmp_path: Path):
    assert open_source(str(make_mbtiles(tmp_path / "a.mbtiles", {}))).zooms == (0, 2)


def test_files_that_are_no_mbtiles(tmp_path: Path):
    def write(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    whole = make_mbtiles(tmp_path / "whole.mbtiles").read_bytes()
    for path in (write("a.mbtiles", b"no database"), write("b.mbtiles", b""), write("c.mbtiles", whole[:3000])):
        with pytest.raises(TileSourceError, match="no MBTiles"):
            open_source(path)
    with pytest.raises(TileSourceError, match="vector"):
        open_source(str(make_mbtiles(tmp_path / "d.mbtiles", {"format": "pbf"})))
    with pytest.raises(TileSourceError, match="zooms"):
        open_source(str(make_mbtiles(tmp_path / "e.mbtiles", {"minzoom": "0", "maxzoom": "99"})))


def test_a_query_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("geoloc_core.tiles.sources.mbtiles._LONGEST_QUERY_S", 0.3)
    path = tmp_path / "a.mbtiles"
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE metadata (name, value); INSERT INTO metadata VALUES ('minzoom', '0'), ('maxzoom', '2');"
        "CREATE VIEW tiles AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT abs(i) AS zoom_level, abs(i) AS tile_column, abs(i) AS tile_row, x'00' AS tile_data FROM n;"
    )
    database.close()
    source, start = open_source(str(path)), time.monotonic()
    assert source.get(HERE).trouble is Trouble.BROKEN
    assert time.monotonic() - start < 5


def test_damaged_pmtiles(tmp_path: Path):
    whole = make_pmtiles(tmp_path / "whole.pmtiles").read_bytes()
    path = tmp_path / "a.pmtiles"
    for data in (b"", b"PMTiles\x02" + bytes(200), whole[:130], b"NOTTILES" + whole[8:]):
        path.write_bytes(data)
        with pytest.raises(TileSourceError, match="no PMTiles"):
            open_source(str(path))
    path.write_bytes(whole[:-40])  # the last tile is cut off
    source, tally = open_source(str(path)), Tally()
    for _ in tally.watching(source.get_many(world(2))):
        pass
    assert tally.failed.total() == 1 and tally.fetched == 15
    with pytest.raises(TileSourceError, match="pictures"):
        open_source(str(make_pmtiles(tmp_path / "v.pmtiles", kind=TileType.MVT)))


@pytest.mark.parametrize("directory", [gzip.compress(bytes(50_000_000)), gzip.compress(b"\xff" * 200_000)])
def test_a_directory_made_to_fill_memory_or_time(directory: bytes, tmp_path: Path):
    metadata = gzip.compress(json.dumps({}).encode())
    header = {
        "root_offset": 127,
        "root_length": len(directory),
        "metadata_offset": 127 + len(directory),
        "metadata_length": len(metadata),
        "tile_data_offset": 0,
        "tile_data_length": 0,
        "clustered": True,
        "internal_compression": Compression.GZIP,
        "tile_compression": Compression.NONE,
        "tile_type": TileType.PNG,
        "min_zoom": 0,
        "max_zoom": 2,
    }
    path, start = tmp_path / "a.pmtiles", time.monotonic()
    path.write_bytes(serialize_header(header) + directory + metadata)
    with pytest.raises(TileSourceError):
        open_source(str(path))
    assert time.monotonic() - start < 2


def test_a_directory_that_leads_to_itself(tmp_path: Path):
    root = serialize_directory([Entry(0, 0, 30, 0)])
    whole = bytearray(make_pmtiles(tmp_path / "a.pmtiles").read_bytes())
    length = int.from_bytes(whole[16:24], "little")
    assert len(root) <= length
    whole[8:16] = len(whole).to_bytes(8, "little")
    whole[16:24] = len(root).to_bytes(8, "little")
    whole[40:48] = len(whole).to_bytes(8, "little")
    path = tmp_path / "b.pmtiles"
    path.write_bytes(bytes(whole) + root)
    assert open_source(str(path)).get(HERE).trouble in (Trouble.BROKEN, Trouble.MISSING)


def test_folders(tmp_path: Path):
    folder = make_folder(tmp_path / "a")
    for made in ("1/1/0.png", "0/0/0.png"):
        (folder / made).unlink()
    (folder / "1/1/0.webp").write_bytes(tile_png(1, 9, 9))
    (folder / "0/0/0.jpg").mkdir()
    source = open_source(str(folder))
    assert source.get(HERE).data == tile_png(1, 9, 9)
    assert source.get(Tile(0, 0, 0)).trouble is Trouble.FAILED
    assert Folder(folder, tms=True).get(HERE).data == tile_png(1, 1, 1)
    assert Folder(folder, tms=True).id != source.id
    with pytest.raises(TileSourceError, match="zooms"):
        Folder(tmp_path / "a" / "1" / "1" / ".." / ".." / ".." / "a" / "2" / "0")
    with pytest.raises(TileSourceError, match="Check the path"):
        Folder(tmp_path / "none")


def test_drawn_ones():
    def draw(tile: Tile) -> bytes | None:
        if tile.x == 0:
            raise ValueError("no ink")
        return tile_png(*_zxy(tile)) if tile.y == 0 else None

    source = Drawn(draw, "v1", About("Drawing"), (1, 4))
    assert source.get(HERE).picture.image
    assert source.get(Tile(1, 1, 1)).trouble is Trouble.MISSING
    assert source.get(Tile(0, 1, 1)).trouble is Trouble.FAILED
    assert source.get(Tile(0, 0, 0)).trouble is Trouble.OUTSIDE


def test_many_are_got_once_each_with_progress_and_not_far_ahead():
    drawn: list[Tile] = []
    source = Drawn(lambda tile: drawn.append(tile) or tile_png(*_zxy(tile)), "v1", About("Drawing"))
    steps: list[tuple[int, int]] = []
    gots = source.get_many([*world(4), *world(4)], lambda *step: steps.append(step))
    next(gots)
    time.sleep(0.2)
    assert len(drawn) <= 5 * source.concurrency
    gots.close()
    drawn.clear()
    assert len(list(source.get_many([*world(3), *world(3)], lambda *step: steps.append(step)))) == 64 == len(set(drawn))
    assert steps[-1] == (64, 64)


def test_stopping_does_not_wait():
    cancel = threading.Event()

    def draw(tile: Tile) -> bytes:
        if tile.x:
            cancel.set()
            time.sleep(2)
        return tile_png(*_zxy(tile))

    start = time.monotonic()
    gots = list(Drawn(draw, "v1", About("Drawing")).get_many([Tile(0, 0, 3), *world(3)], cancel=cancel))
    assert time.monotonic() - start < 1.8
    assert len(gots) == 64 and sum(got.trouble is Trouble.STOPPED for got in gots) > 40


def test_names_and_specs(tmp_path: Path):
    assert names() == ("drawn", "folder", "layers", "mbtiles", "pmtiles", "xyz")
    for spec in ("nothing", str(tmp_path / "none.mbtiles"), str(tmp_path / "none.pmtiles"), "ftp://host/{z}/{x}/{y}"):
        with pytest.raises(TileSourceError):
            open_source(spec)


def test_layers_take_a_tile_from_the_first_that_has_it(tmp_path: Path):
    world_file, region = make_mbtiles(tmp_path / "a.mbtiles", most_zoom=1), make_folder(tmp_path / "b")
    (region / "2" / "3" / "3.png").unlink()
    (region / "2" / "0" / "0.png").write_bytes(b"<html>")
    both = open_source(f"{world_file} | {region}")
    assert both.zooms == (0, 2) and both.availability() and both.about.title == "Test <b>map; b"
    assert both.get(Tile(1, 1, 2)).data == tile_png(2, 1, 1) and both.get(HERE).data == tile_png(1, 1, 0)
    assert [both.get(Tile(*t, 2)).trouble for t in ((3, 3), (0, 0))] == [Trouble.MISSING, Trouble.WEB_PAGE]
    assert both.get(Tile(0, 0, 3)).trouble is Trouble.OUTSIDE
    assert open_source(f"{region}|{world_file}").id != both.id
