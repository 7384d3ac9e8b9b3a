"""The tile cache: its bound, what goes first, several processes, a kill in the midst of writing, a damaged file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from geoloc_core.errors import TileError
from geoloc_core.paths import ROOT
from geoloc_core.tiles.cache import Kept, TileCache
from geoloc_core.tiles.tile import Tile, world

HERE = Tile(1, 2, 3)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_keeping_and_forgetting(tmp_path: Path):
    cache = TileCache(tmp_path / "new" / "tiles.sqlite")
    assert cache.get("a", HERE) is None and cache.size() == 0
    cache.put("a", HERE, b"one")
    cache.put("a", HERE, b"two")
    cache.put("b", HERE, b"three")
    assert (cache.get("a", HERE), cache.get("b", HERE)) == (Kept(b"two"), Kept(b"three"))
    cache.close()
    again = TileCache(tmp_path / "new" / "tiles.sqlite")
    assert again.count() == 2 and again.get("a", HERE) == Kept(b"two")
    again.drop("a", HERE)
    assert again.get("a", HERE) is None and again.count() == 1
    again.clear()
    assert again.size() == 0 and again.notes == []
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_that_there_is_none_is_kept_for_a_day(tmp_path: Path):
    clock = Clock()
    cache = TileCache(tmp_path / "t", clock=clock)
    cache.put("a", HERE, None)
    clock.now += 86_000
    assert cache.get("a", HERE) == Kept(None)
    clock.now += 1_000
    assert cache.get("a", HERE) is None


def test_the_bound_is_kept_and_the_longest_unused_go_first(tmp_path: Path):
    clock, most = Clock(), 1_000_000
    cache = TileCache(tmp_path / "t", most, clock=clock)
    tiles = world(4)
    for number, tile in enumerate(tiles):
        clock.now += 100
        cache.put("a", tile, bytes([number]) * 10_000)
        assert cache.get("a", tiles[0])  # used all the time
        assert cache.size() <= most
    assert 80 < cache.count() < 100
    assert cache.get("a", tiles[-1]) and cache.get("a", tiles[1]) is None
    held = [tile for tile in tiles[1:] if cache.get("a", tile)]
    assert held == list(tiles[-len(held) :])
    cache.close()
    assert (tmp_path / "t").stat().st_size < 1.6 * most
    cache.put("a", HERE, bytes(2 * most))
    assert cache.get("a", HERE) is None


def test_threads(tmp_path: Path):
    cache, wrong = TileCache(tmp_path / "t"), []

    def work(name: str) -> None:
        for tile in world(3):
            cache.put(name, tile, f"{name}{tile}".encode() * 50)
            if cache.get(name, tile) != Kept(f"{name}{tile}".encode() * 50):
                wrong.append(tile)

    threads = [threading.Thread(target=work, args=(str(i),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and cache.count() == 6 * 64


WRITER = """
import sys
from pathlib import Path
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.tile import Tile
cache, name, forever = TileCache(Path(sys.argv[1]), 4_000_000), sys.argv[2], len(sys.argv) > 3
number = 0
while forever or number < 150:
    cache.put(name, Tile(number % 1024, 0, 10), bytes([number % 251]) * (5000 + number % 997))
    number += 1
    if number == 20:
        print("writing", flush=True)
print(cache.notes)
"""


def start(path: Path, name: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_that_begin_and_write_one_file_together(tmp_path: Path):
    path = tmp_path / "t"
    writers = [start(path, name) for name in "abc"]
    assert [writer.communicate(timeout=60)[0].splitlines()[-1] for writer in writers] == ["[]"] * 3
    cache = TileCache(path, 4_000_000)
    assert cache.count() == 450 and cache.get("b", Tile(149, 0, 10)) == Kept(bytes([149]) * 5149)
    held = sqlite3.connect(path).execute("SELECT sum(bytes) FROM tiles").fetchone()[0]
    assert held == cache.size()


def test_killed_while_writing(tmp_path: Path):
    path = tmp_path / "t"
    for _ in range(4):
        writer = start(path, "a", "forever")
        assert writer.stdout and writer.stdout.readline() == "writing\n"
        time.sleep(0.1)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    cache = TileCache(path, 4_000_000)
    kept = [(tile, cache.get("a", tile)) for tile in (Tile(x, 0, 10) for x in range(1024))]
    whole = [(tile, found.data) for tile, found in kept if found and found.data]
    assert len(whole) >= 20 and all(data == data[:1] * len(data) and len(data) >= 5000 for _, data in whole)
    assert cache.notes == []
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("damage", ["rubbish", "header", "middle", "another"])
def test_a_damaged_file_is_moved_aside_and_said_so(damage: str, tmp_path: Path):
    path = tmp_path / "t"
    cache = TileCache(path)
    for tile in world(3):
        cache.put("a", tile, bytes(9000))
    cache.close()
    if damage == "rubbish":
        path.write_bytes(b"rubbish" * 1000)
    elif damage == "another":
        path.unlink()
        database = sqlite3.connect(path)
        database.executescript("CREATE TABLE tiles (a); PRAGMA user_version = 77;")
        database.close()
    else:
        data = bytearray(path.read_bytes())
        first, last = (0, 16) if damage == "header" else (4096, len(data) // 2)
        data[first:last] = b"\xaa" * (last - first)
        path.write_bytes(bytes(data))
    again = TileCache(path)
    for tile in world(3):
        again.get("a", tile)
    again.put("a", HERE, b"new")
    assert again.get("a", HERE) == Kept(b"new")
    assert len(again.notes) == 1 and "may be deleted" in again.notes[0]
    assert [p.name for p in tmp_path.iterdir() if ".damaged-" in p.name]
    TileCache(path).put("a", HERE, b"more")
    assert again.get("a", HERE) == Kept(b"more")


def test_a_file_that_disappears_or_is_locked_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("geoloc_core.tiles.cache._BUSY_S", 0.1)
    cache = TileCache(tmp_path / "t")
    cache.put("a", HERE, b"one")
    other = sqlite3.connect(tmp_path / "t", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache.put("a", HERE, b"two")
    assert cache.get("a", HERE) == Kept(b"one") and "locked" in cache.notes[0]
    other.execute("ROLLBACK")
    cache.put("a", HERE, b"three")
    assert cache.get("a", HERE) == Kept(b"three")


def test_no_place_for_it(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TileError, match="another place"):
        TileCache(tmp_path / "file" / "t")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_its_own(tmp_path: Path):
    cache = TileCache(tmp_path / "t")
    cache.put("a", HERE, b"parent")
    child = os.fork()
    if child == 0:
        cache.put("a", Tile(0, 0, 0), b"child")
        os._exit(0 if cache.get("a", HERE) == Kept(b"parent") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("a", Tile(0, 0, 0)) == Kept(b"child")
