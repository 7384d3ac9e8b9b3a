"""Tiles to embeddings: what a plain loop gives, once each, kept, in spite of trouble; and the command that does it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.errors import ModelError, TileError
from geoloc_core.paths import ROOT
from geoloc_core.tiles import encoders
from geoloc_core.tiles.ahead import ready_tiles
from geoloc_core.tiles.embedder import Counts, Embedder
from geoloc_core.tiles.encoders import TileEncoders, open_tiles
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.xyz import Xyz
from geoloc_core.tiles.store import TileEmbeddings
from geoloc_core.tiles.tile import Tile, children, world
from index_builder.__main__ import main
from index_builder.tiles.precompute import precompute
from tests.tile_server import TileServer, page, tile_png
from tests.tiny_clip import own_home
from tests.tiny_tiles import number, picture, png, publish_tiny, save_base, small_picture, source

__all__ = ["own_home"]

TILES = children(Tile(3, 2, 4))  # 16 at zoom 6, of which four show the same picture
BLANK, MISSING = TILES[5:7], TILES[9:11]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    save_base(root)
    publish_tiny(root)
    return root


@pytest.fixture
def home(made: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(encoders, "_opened", {})
    monkeypatch.setenv("GEOLOC_BATCH_SIZE", "4")
    shutil.copytree(made, own_home, dirs_exist_ok=True)
    return own_home


@pytest.fixture
def family(home: Path) -> TileEncoders:
    return open_tiles("tiny")


@pytest.fixture
def passed(family: TileEncoders) -> list[int]:
    """How many pictures each forward pass was of."""
    family.load()
    counts: list[int] = []
    family.base.tower.conv1.register_forward_hook(lambda module, given, out: counts.append(len(given[0])))
    return counts


def by_a_plain_loop(family: TileEncoders, tile: Tile) -> np.ndarray:
    return family.encode(tile.z, [picture(number(tile))])[0]


def test_as_a_plain_loop_and_each_picture_once(family: TileEncoders, passed: list[int], home: Path):
    embedder = Embedder.open(family, source(BLANK, MISSING), home / "store")
    told: list[tuple[int, int]] = []
    some: dict[int, np.ndarray] = {}

    def on_some(indices: np.ndarray, vectors: np.ndarray) -> None:
        some.update(zip(indices.tolist(), vectors, strict=True))

    got = embedder.vectors(6, TILES, lambda *progress: told.append(progress), on_some=on_some)
    assert got.counts == Counts(encoded=9, equal=3, blank=2, failed=2, fetched=14)
    assert sum(passed) == 9 and max(passed) <= 4
    assert got.tally.failed == {Trouble.MISSING: 2} and not embedder.trouble
    assert told[-1] == (16, 16) and told == sorted(told)
    for i, tile in enumerate(TILES):
        assert (got.ok[i], got.blank[i]) == (tile not in {*BLANK, *MISSING}, tile in BLANK)
        if got.ok[i]:
            np.testing.assert_allclose(got.vectors[i], by_a_plain_loop(family, tile), atol=1e-3)
            assert (some[i] == got.vectors[i]).all()
        else:
            assert not got.vectors[i].any() and i not in some


def test_what_is_kept_is_neither_fetched_nor_encoded_again(family: TileEncoders, passed: list[int], home: Path):
    asked: list[Tile] = []
    first = Embedder.open(family, source(BLANK, seen=asked), home / "store").vectors(6, TILES)
    asked.clear(), passed.clear()
    embedder = Embedder.open(family, source(BLANK, seen=asked), home / "store")
    again = embedder.vectors(6, TILES[::-1])
    assert not asked and not passed and again.counts == Counts(stored=16)
    assert (again.vectors[::-1] == first.vectors).all() and (again.blank[::-1] == first.blank).all()
    more = embedder.vectors(6, (*TILES[:3], Tile(0, 0, 6), Tile(1, 0, 6)))
    assert set(asked) == {Tile(0, 0, 6), Tile(1, 0, 6)} and sum(passed) == 1
    assert more.counts == Counts(stored=3, encoded=1, equal=1, fetched=2)


def test_a_store_hit_loads_no_weights(home: Path):
    Embedder.open(open_tiles("tiny"), source(), home / "store").vectors(6, TILES)
    encoders._opened.clear()
    fresh = open_tiles("tiny")
    assert Embedder.open(fresh, source(), home / "store").vectors(6, TILES).ok.all()
    assert fresh._loaded is None


def test_the_same_tile_twice_and_none_at_all(family: TileEncoders, home: Path):
    embedder = Embedder.open(family, source(missing=TILES[1:2]), home / "store")
    got = embedder.vectors(6, (TILES[1], TILES[2], TILES[1], TILES[2]))
    assert got.ok.tolist() == [False, True, False, True] and (got.vectors[1] == got.vectors[3]).all()
    assert got.counts == Counts(encoded=1, equal=1, failed=2, fetched=1)
    assert embedder.vectors(6, ()).vectors.shape == (0, 24)


def test_a_server_that_fails_half_the_tiles(family: TileEncoders, home: Path):
    def answer(z: int, x: int, y: int, nth: int):
        if (x + y) % 2:
            return {0: (404, b"", {}), 1: page(), 2: (200, tile_png(z, x, y)[:200], {})}[y % 3]
        return 200, tile_png(z, x, y), {}

    with TileServer(answer) as server:
        tiles = Xyz(server.url, rate=1000)
        got = Embedder.open(family, tiles, home / "store").vectors(6, TILES)
    even = np.array([(tile.x + tile.y) % 2 == 0 for tile in TILES])
    assert (got.ok == even).all() and got.counts.failed == 8 and got.counts.encoded == 8
    assert set(got.tally.failed) == {Trouble.MISSING, Trouble.WEB_PAGE, Trouble.BROKEN}


def test_a_slow_server_keeps_no_tile_waiting_for_a_batch(family: TileEncoders, home: Path):
    def answer(z: int, x: int, y: int, nth: int):
        time.sleep(0.15)
        return 200, tile_png(z, x, y), {}

    known: list[int] = []
    with TileServer(answer) as server:
        tiles = Xyz(server.url, rate=1000, concurrency=1)
        embedder = Embedder.open(family, tiles, home / "store")
        family.load()
        start = time.monotonic()
        got = embedder.vectors(6, TILES, deadline=start + 1.0, on_some=lambda indices, _: known.append(len(indices)))
    assert time.monotonic() - start < 3
    assert sum(known) == got.ok.sum() > 0 and got.counts.stopped > 0 and len(known) > 1


def test_stopped_it_keeps_what_it_has(family: TileEncoders, home: Path):
    stop = threading.Event()
    embedder = Embedder.open(family, source(), home / "store")
    got = embedder.vectors(6, world(6)[:120], cancel=stop, on_some=lambda *_: stop.set())
    assert 0 < got.ok.sum() < 120 and got.counts.stopped == 120 - got.ok.sum()
    assert not any(thread.name.startswith("geoloc-fetch") for thread in threading.enumerate())
    rest = embedder.vectors(6, world(6)[:120])
    assert rest.ok.all() and rest.counts.stored == got.ok.sum()
    stop.set()
    assert embedder.vectors(6, world(6)[120:220], cancel=stop).counts == Counts(stopped=100)


def test_an_encoder_that_breaks_leaves_no_thread(family: TileEncoders, home: Path):
    embedder = Embedder.open(family, source(), home / "store")
    with pytest.raises(ModelError, match="no encoder for zoom 7"):
        embedder.vectors(7, world(7)[:200])
    assert not any(thread.name.startswith("geoloc-fetch") for thread in threading.enumerate())

    def prepare(image: object) -> np.ndarray:
        raise ModelError("It broke. Mend it.")

    with pytest.raises(ModelError, match="It broke"):
        list(ready_tiles(source(), TILES, prepare, 2, lambda: False))


def test_a_full_disk_costs_the_store_and_no_answer(family: TileEncoders, home: Path, monkeypatch: pytest.MonkeyPatch):
    embedder = Embedder.open(family, source(), home / "store")

    def full(self: TileEmbeddings, vectors: np.ndarray) -> int:
        raise self._unusable("the disk is full")

    monkeypatch.setattr(TileEmbeddings, "_append", full)
    got = embedder.vectors(6, TILES)
    assert got.ok.all() and "disk is full" in embedder.trouble and embedder.store.count() == (0, 0)
    with pytest.raises(TileError, match="disk is full"):
        list(precompute(embedder, (4,), (40.0, 0.0, 41.0, 1.0)))


def test_a_zoom_or_a_region_ahead(family: TileEncoders, home: Path):
    embedder = Embedder.open(family, source(missing=[Tile(1, 1, 4)]), home / "store")
    told: list[tuple[int, int, int]] = []
    (done,) = precompute(embedder, (4,), on_progress=lambda *at: told.append(at))
    assert done.counts.encoded == 192 and done.counts.failed == 1 and "1 not there" in str(done)
    assert told[-1] == (4, 256, 256) and embedder.store.whole(4).here.sum() == 255
    (part,) = precompute(embedder, (5,), (-10.0, 170.0, 10.0, -170.0))  # across the antimeridian
    assert part.counts.encoded + part.counts.equal == 4 and embedder.store.whole(5).here.sum() == 4
    for zooms, words in (((17,), "0 to 16"), ((3,), "zooms 4, 5, 6")):
        with pytest.raises(TileError, match=words):
            list(precompute(embedder, zooms))


def test_killed_the_command_goes_on_where_it_was(
    home: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    files = home / "tiles"
    for tile in world(4):
        (files / "4" / str(tile.x)).mkdir(parents=True, exist_ok=True)
        (files / "4" / str(tile.x) / f"{tile.y}.png").write_bytes(png(small_picture(tile.x * 100 + tile.y)))
    command = ["tiles", "--source", str(files), "--encoders", "tiny", "--zooms", "4", "--out", str(home / "store")]
    child = subprocess.Popen(
        [sys.executable, "-m", "index_builder", *command],
        cwd=ROOT,
        env={**os.environ, "GEOLOC_BATCH_SIZE": "1", "OMP_NUM_THREADS": "1"},
    )
    while child.poll() is None and kept(home / "store") < 10:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = kept(home / "store")
    assert 10 <= before < 256
    monkeypatch.setenv("GEOLOC_BATCH_SIZE", "64")
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"{before:,} were there, {256 - before:,} encoded" in out and "256 tiles, 256 different pictures" in out
    store = TileEmbeddings(home / "store", open_tiles("tiny").id, folder_id(files), 24)
    rows = store.whole(4)
    assert rows.here.all()
    for tile in (Tile(0, 0, 4), Tile(15, 15, 4)):
        row = open_tiles("tiny").encode(4, [picture(tile.x * 100 + tile.y)])[0]
        np.testing.assert_allclose(rows.vectors[tile.y * 16 + tile.x], row, atol=1e-3)


def kept(root: Path) -> int:
    for index in root.glob("*/index.sqlite"):
        try:
            return (
                sqlite3.connect(f"file:{index}?mode=ro", uri=True).execute("SELECT count(*) FROM tiles").fetchone()[0]
            )
        except sqlite3.Error:
            pass
    return 0


def folder_id(path: Path) -> str:
    from geoloc_core.tiles.sources import open_source

    return open_source(str(path)).id


def test_the_command_says_what_is_wrong(home: Path, capsys: pytest.CaptureFixture):
    common = ["tiles", "--source", "https://tiles.example.org/{z}/{x}/{y}.png?key={key}", "--out", str(home / "s")]
    assert main([*common, "--encoders", "tiny"]) == 2 and "wants a key" in capsys.readouterr().err
    assert main([*common, "--encoders", "tiny", "--key-from", "NO_KEY"]) == 2
    assert "NO_KEY is empty" in capsys.readouterr().err
    assert main([*common, "--encoders", "none"]) == 2 and "card.json" in capsys.readouterr().err
