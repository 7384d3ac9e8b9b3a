"""Tiles from a server that is slow, busy, broken, rude or down: the tally, politeness, and a key that stays secret."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from geoloc_core.errors import TileSourceError
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.xyz import Xyz
from geoloc_core.tiles.tally import Tally
from geoloc_core.tiles.tile import Tile, world
from tests.tile_server import Answer, TileServer, giant_png, page, tile_png

KEY = "s3cr3t-k3y/+&é"
QUICK = {"rate": 1000.0, "tries": 2, "backoff_s": 0.01, "timeout_s": 2.0}
FRESH = Tile(3, 3, 4)
ROWS = [Tile(x, y, 4) for y in range(4) for x in range(16)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    cache = TileCache(tmp_path / "tiles.sqlite")
    yield cache
    cache.close()


LARGE = bytes(4_500_000)


def awful(z: int, x: int, y: int, nth: int) -> Answer:
    """A column of tiles for every vice."""
    vices: dict[int, Answer] = {
        0: (404, b"", {}),
        1: (500, b"oops", {}),
        2: page(),
        3: (200, tile_png(z, x, y)[:300], {}),
        4: (200, giant_png(), {}),
        5: (403, b"no key", {}),
        6: (200, b"", {}),
        7: (200, tile_png(z, x, y, side=512), {}),
        8: (429, b"", {"Retry-After": "0"}) if nth == 0 else (200, tile_png(z, x, y), {}),
        9: (302, b"", {"Location": "/4/15/15.png"}),
        10: (200, LARGE, {}),
        11: (204, b"", {}),
    }
    return vices.get(x, (200, tile_png(z, x, y), {}))


def test_a_walk_over_an_awful_server_ends_with_the_right_tally(cache: TileCache):
    with TileServer(awful) as server:
        source, tally = Xyz(server.url, cache=cache, **QUICK), Tally()
        for _ in tally.watching(source.get_many(ROWS)):
            pass
        expected = {
            Trouble.MISSING: 8,
            Trouble.FAILED: 4,
            Trouble.WEB_PAGE: 4,
            Trouble.BROKEN: 4,
            Trouble.TOO_LARGE: 8,
            Trouble.REFUSED: 8,
            Trouble.EMPTY: 4,
        }
        assert tally.failed == expected and tally.fetched == 64 - 40 and tally.resized == 4
        assert "4 a web page instead" in str(tally)
        asked = Counter(server.paths)
        assert asked["/4/1/0.png"] == 2 and asked["/4/8/0.png"] == 2 and asked["/4/5/0.png"] == 1
        assert "/4/15/15.png" not in asked  # no redirection was followed

        again = Tally()
        for _ in again.watching(source.get_many(ROWS)):
            pass
        assert again.failed == expected and (again.from_cache, again.fetched) == (24, 0)
        assert Counter(server.paths)["/4/0/0.png"] == 1  # that it is not there is kept, too
        assert cache.count() == 24 + 8
        source.close()


def test_the_cache_holds_no_bad_tile_and_a_changed_one_is_fetched_again(cache: TileCache):
    with TileServer(awful) as server:
        source = Xyz(server.url, cache=cache, **QUICK)
        for _ in source.get_many(ROWS):
            pass
        for tile in ROWS:
            kept = cache.get(source.id, tile)
            assert (kept is None) == (tile.x in (1, 2, 3, 4, 5, 6, 9, 10))
            assert (
                kept is None
                or kept.data is None
                or kept.data == tile_png(4, tile.x, tile.y, 512 if tile.x == 7 else 256)
            )
        cache.put(source.id, Tile(15, 0, 4), b"\x89PNG half")
        got = source.get(Tile(15, 0, 4))
        assert got.trouble is None and not got.from_cache and source.get(Tile(15, 0, 4)).from_cache


def test_the_rate_and_the_number_at_once_as_the_server_sees_them():
    with TileServer(slow_s=0.15) as server:
        source = Xyz(server.url, rate=20, concurrency=3)
        list(source.get_many(world(2)))
        assert server.most <= 3
        assert server.times[-1] - server.times[0] >= 0.8 * 15 / 20
        spans = [later - earlier for earlier, later in zip(server.times, server.times[6:], strict=False)]
        assert min(spans) >= 0.6 * 6 / 20  # the rest is a scheduler's hiccups


def test_two_sources_of_one_server_share_its_pace():
    with TileServer() as server:
        sources = [Xyz(f"{server.url}?{i}", rate=25, concurrency=2) for i in range(2)]
        threads = [threading.Thread(target=lambda s=s: list(s.get_many(world(2)))) for s in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (
            len(server.times) == 32 and server.times[-1] - server.times[0] >= 0.8 * 31 / 25
        )  # alone each would take half


def test_retry_after_holds_back_every_request():
    def busy(z: int, x: int, y: int, nth: int) -> Answer:
        return (429, b"", {"Retry-After": "1"}) if len(server.times) == 3 else (200, tile_png(z, x, y), {})

    with TileServer(busy) as server:
        gots = list(Xyz(server.url, rate=5, concurrency=4, backoff_s=0.01).get_many(world(2)[:6]))
        assert not [got for got in gots if got.trouble] and len(server.times) == 7
        start = server.times[2]  # others had their turns within the pause
        assert not [at for at in server.times if start + 0.15 < at < start + 0.95]
        assert min(server.times[3:]) - start >= 0.95


def test_a_server_that_asks_for_an_hour_is_left_alone():
    with TileServer(lambda *_: (429, b"", {"Retry-After": "3600"})) as server:
        source, start = Xyz(server.url, **{**QUICK, "concurrency": 1}), time.monotonic()
        gots = [source.get(tile) for tile in world(2)]
        assert time.monotonic() - start < 2 and len(server.times) == 1
        assert [got.trouble for got in gots] == [Trouble.BUSY, *[Trouble.GIVEN_UP] * 15]
        assert "left alone" in source.availability().reason and not source.availability()


def test_a_dead_server_is_given_up_soon():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/{{z}}/{{x}}/{{y}}"
    tally, start = Tally(), time.monotonic()
    for _ in tally.watching(Xyz(url, **QUICK).get_many(world(4))):
        pass
    assert time.monotonic() - start < 5
    assert set(tally.failed) == {Trouble.UNREACHABLE, Trouble.GIVEN_UP} and tally.failed[Trouble.UNREACHABLE] < 12


def test_silence_and_a_trickle_end_in_time():
    with TileServer(slow_s=5) as server:
        start = time.monotonic()
        got = Xyz(server.url, timeout_s=0.2, tries=2, backoff_s=0.01).get(FRESH)
        assert got.trouble is Trouble.SILENT and time.monotonic() - start < 2
    with TileServer(lambda z, x, y, nth: (200, tile_png(z, x, y)[:50], {"Content-Length": "999"})) as server:
        assert Xyz(server.url, timeout_s=0.2, tries=1).get(FRESH).trouble in (Trouble.SILENT, Trouble.FAILED)


def test_cancelling_while_the_server_is_silent():
    cancel = threading.Event()
    with TileServer(slow_s=3) as server:
        threading.Timer(0.2, cancel.set).start()
        start = time.monotonic()
        gots = list(Xyz(server.url, timeout_s=10).get_many(world(2), cancel=cancel))
        assert time.monotonic() - start < 2
        assert {got.trouble for got in gots} == {Trouble.STOPPED} and len(gots) == 16


def test_what_is_sent(cache: TileCache):
    with TileServer() as server:
        source = Xyz(
            f"{server.base}/{{z}}/{{x}}/{{-y}}.png?k={{key}}", key=SecretStr(KEY), headers={"X-Token": "t0ken"}
        )
        source.get(Tile(0, 0, 2))
        assert server.paths == ["/2/0/3.png?k=s3cr3t-k3y%2F%2B%26%C3%A9"]
        assert server.headers[0]["x-token"] == "t0ken" and server.headers[0]["user-agent"].startswith("Geoloc/")
        assert Xyz(server.url, tms=True, rate=50).get(Tile(0, 0, 2)).data == tile_png(2, 0, 3)


def test_no_log_error_or_file_holds_the_key(cache: TileCache, caplog: pytest.LogCaptureFixture, tmp_path: Path):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx2")
    spoken = []
    with TileServer(awful) as server:
        template = f"{server.base}/{{z}}/{{x}}/{{y}}.png?k={{key}}&pasted=p4sted-k3y"
        source = Xyz(template, key=SecretStr("s3cr3t-k3y"), headers={"X-Token": "t0k3n-k3y"}, cache=cache, **QUICK)
        tally = Tally()
        spoken += [str(list(tally.watching(source.get_many(ROWS)))), str(tally), repr(source), source.id]
        spoken += [str(source.availability()), str(source.about), repr(cache), repr(source.__dict__)]
    dead = Xyz(template, key=SecretStr("s3cr3t-k3y"), **QUICK)
    spoken += [str(dead.get(FRESH)), str(dead.availability())]
    for wrong in (
        "http://example.org/{z}/{x}/{y}?{key}",
        "https://s3cr3t-k3y@example.org/{z}/{x}/{y}",
        "ftp://a?s3cr3t-k3y",
    ):
        with pytest.raises(TileSourceError) as caught:
            Xyz(wrong, key=SecretStr("s3cr3t-k3y"))
        spoken.append(str(caught.value))
    cache.close()
    spoken += [record.getMessage() for record in caplog.records]
    spoken += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
    for text in spoken:
        assert "k3y" not in text


def test_httpx_logs_the_requests_of_others(caplog: pytest.LogCaptureFixture):
    import httpx2

    caplog.set_level(logging.INFO)
    with TileServer() as server:
        Xyz(server.url, **QUICK).get(FRESH)
        assert not [record for record in caplog.records if record.name == "httpx2"]
        httpx2.get(f"{server.base}/1/0/0.png")
        assert [record for record in caplog.records if record.name == "httpx2"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("ftp://host/{z}/{x}/{y}", "http or https"),
        ("file:///etc/{z}/{x}/{y}", "http or https"),
        ("host/{z}/{x}/{y}", "http or https"),
        ("https://host/{z}/{x}", "lacks"),
        ("https://host/{z}/{x}/{y}/{password}", "means nothing"),
        ("https://{key}.host/{z}/{x}/{y}", "server's name"),
        ("https://me:word@host/{z}/{x}/{y}", "name or password"),
        ("https://host/{z}/ {x}/{y}", "http or https"),
        ("http://example.org/{z}/{x}/{y}?{key}", "Over http"),
        ("https://[::1/{z}/{x}/{y}", "understood"),
    ],
)
def test_addresses_that_are_refused(template: str, words: str):
    with pytest.raises(TileSourceError, match=words):
        Xyz(template, key=SecretStr("key"))


def test_a_key_that_is_wanted():
    source = Xyz("https://example.org/{z}/{x}/{y}?{key}")
    assert not source.availability() and "wants a key" in source.availability().reason
    assert source.id == Xyz("https://example.org/{z}/{x}/{y}?{key}", key=SecretStr("mine")).id
