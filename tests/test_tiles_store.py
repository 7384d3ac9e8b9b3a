"""The store of tiles' embeddings: right rows, shared pictures, whole zooms, threads, processes, a kill."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.errors import TileError
from geoloc_core.paths import ROOT
from geoloc_core.tiles.store import TileEmbeddings, _id
from geoloc_core.tiles.tile import Tile, children, world

D = 24


def digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def vector(tile: Tile) -> np.ndarray:
    seed = int(digest(tile)[:8], 16)
    return np.random.default_rng(seed).normal(size=D).astype(np.float16).astype(np.float32)


def vectors(tiles: tuple[Tile, ...]) -> np.ndarray:
    return np.array([vector(tile) for tile in tiles])


@pytest.fixture
def store(tmp_path: Path) -> TileEmbeddings:
    return TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D)


def keep(store: TileEmbeddings, tiles: tuple[Tile, ...]) -> None:
    store.add(tiles, [digest(tile) for tile in tiles], vectors(tiles))


@given(st.integers(0, 24), st.data())
def test_every_tile_has_its_number(zoom: int, data: st.DataObject):
    size = 2**zoom
    x, y = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    number, below = _id(Tile(x, y, zoom)), sum(4**z for z in range(zoom))
    assert below <= number < below + size * size and number - below == y * size + x


def test_what_is_added_is_found_in_any_order_also_later(store: TileEmbeddings, tmp_path: Path):
    first, second = world(3), children(Tile(3, 5, 14))
    assert not store.find(first).here.any() and store.find([]).vectors.shape == (0, D)
    keep(store, first)
    keep(store, second)
    mixed = (second[3], first[60], Tile(0, 0, 5), first[2], second[3])
    for one in (store, TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D)):
        found = one.find(mixed)
        assert found.here.tolist() == [True, True, False, True, True] and found.vectors.dtype == np.float32
        assert (found.vectors[found.here] == vectors((second[3], first[60], first[2], second[3]))).all()
        assert not found.vectors[2].any()
        assert one.count() == (80, 80)


def test_same_pictures_are_kept_once_within_a_zoom_only(store: TileEmbeddings):
    sea = world(3)[:40]
    store.add(sea, [digest("sea")] * 40, np.repeat(vectors(sea[:1]), 40, axis=0))
    assert store.count() == (40, 1) and (store.find(sea).vectors == vector(sea[0])).all()
    assert store._path.stat().st_size == 2 * D
    more = (world(3)[40], world(3)[41], Tile(0, 0, 5))
    assert store.link(more, [digest("sea"), digest("land"), digest("sea")]).tolist() == [True, False, False]
    assert store.find(more).here.tolist() == [True, False, False]
    assert (store.find(more[:1]).vectors == vector(sea[0])).all()


def test_whole_zooms(store: TileEmbeddings):
    tiles = world(4)
    assert not store.whole(4).here.any()
    keep(store, tiles[::-1])
    keep(store, world(3)[:9])
    assert store.whole(4).here.all() and (store.whole(4).vectors == vectors(tiles)).all()
    assert store.whole(3).here.sum() == 9
    with pytest.raises(TileError):
        store.whole(16)


def test_stores_are_apart_and_a_misfit_is_refused(store: TileEmbeddings, tmp_path: Path):
    keep(store, world(1))
    for other in (("clip@2", "mbtiles:1"), ("clip@1", "mbtiles:2")):
        assert not TileEmbeddings(tmp_path, *other, D).find(world(1)).here.any()
    with pytest.raises(TileError, match="Delete"):
        TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D + 1)
    with pytest.raises(TileError, match="shape"):
        store.add(world(1), ["00"] * 4, np.zeros((4, D + 1), np.float32))


def test_damage_is_told_or_not_found(store: TileEmbeddings, tmp_path: Path):
    keep(store, world(2))
    store.close()
    os.truncate(store._path, 2 * D * 10 + 7)
    again = TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D)
    assert again.find(world(2)).here.tolist() == [True] * 10 + [False] * 6
    keep(again, tuple(reversed(world(2))))
    assert (again.find(world(2)).vectors == vectors(world(2))).all() and again.count() == (16, 16)
    again.close()
    (store.folder / "index.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(TileError, match="Delete"):
        TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D)


def test_threads_that_read_while_others_write(store: TileEmbeddings):
    wrong: list[Tile] = []

    def write(row: int) -> None:
        for x in range(0, 32, 4):
            keep(store, tuple(Tile(x + i, row, 5) for i in range(4)))

    def read() -> None:
        for _ in range(20):
            found = store.whole(5)
            wrong.extend(
                t for t, v, h in zip(world(5), *found.__dict__.values(), strict=True) if h and (v != vector(t)).any()
            )

    threads = [threading.Thread(target=write, args=(row,)) for row in range(6)] + [threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and store.whole(5).here.sum() == 192


WRITER = """
import sys
from pathlib import Path
from tests.test_tiles_store import D, keep
from geoloc_core.tiles.store import TileEmbeddings
from geoloc_core.tiles.tile import Tile
store, row = TileEmbeddings(Path(sys.argv[1]), "clip@1", "mbtiles:1", D), int(sys.argv[2])
for x in range(0, 256, 8):
    keep(store, tuple(Tile(x + i, row, 10) for i in range(8)))
    if x == 80:
        print("writing", flush=True)
"""


def test_processes_and_a_kill(tmp_path: Path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), row], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for row in ("0", "1", "2")
    ]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "writing\n"
    time.sleep(0.05)
    os.kill(writers[0].pid, signal.SIGKILL)
    for writer in writers:
        writer.communicate()
    assert [w.returncode for w in writers] == [-signal.SIGKILL, 0, 0]
    store = TileEmbeddings(tmp_path, "clip@1", "mbtiles:1", D)
    for row, least in ((0, 88), (1, 256), (2, 256)):
        tiles = tuple(Tile(x, row, 10) for x in range(256))
        found = store.find(tiles)
        assert found.here.sum() >= least
        assert (found.vectors[found.here] == vectors(tiles)[found.here]).all()
    keep(store, world(2))
    assert (store.find(world(2)).vectors == vectors(world(2))).all()


def test_a_torn_row_at_the_end_is_cut_off(store: TileEmbeddings):
    keep(store, world(1))
    with store._path.open("ab") as file:
        file.write(b"torn")
    keep(store, world(2))
    assert (store.find(world(2)).vectors == vectors(world(2))).all() and store._path.stat().st_size == 20 * 2 * D
    assert sqlite3.connect(store.folder / "index.sqlite").execute("SELECT max(row) FROM tiles").fetchone() == (19,)
