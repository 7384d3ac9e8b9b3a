"""`locate --predictor tiles`: words, JSON, what does not go together, a key nobody sees; walks over bad servers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from geoloc_core.__main__ import main
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.tiles import Search, TilesPredictor
from geoloc_core.settings import settings
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.sources.xyz import Xyz
from geoloc_core.tiles.tile import Tile, bounds, covering
from geoloc_core.tiles.walked import Ended, Walk
from tests.conftest import make_photo
from tests.plain_tiles import PlainTiles
from tests.tile_server import Answer, TileServer, giant_png, page
from tests.tiny_tiles import number, png, small_picture

KEY = "s3cr3t-k3y"
HERE = ("-16.2", "179.1", "-16.1", "179.2")
FIJI = (-20.0, 170.0, -10.0, -170.0)
PLAIN = ("--model", "untuned:im2gps")  # needs no weights


def good(z: int, x: int, y: int) -> Answer:
    return 200, png(small_picture(number(Tile(x, y, z)))), {}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "photo.jpg", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pyramid of three zooms around `HERE`."""
    box = tuple(map(float, HERE))
    for tile in (tile for zoom in (4, 6, 8) for tile in covering(box, zoom)):
        path = tmp_path / "pyramid" / str(tile.z) / str(tile.x) / f"{tile.y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(small_picture(number(tile))))
    return tmp_path / "pyramid"


def locate(capsys, photo: Path, *options: object, predictor: str = "tiles") -> tuple[int, str, str]:
    status = main(["locate", str(photo), "--predictor", predictor, *map(str, options)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_it_prints_place_path_and_why(folder, photo, capsys):
    status, out, err = locate(capsys, photo, "--tiles", folder, *PLAIN, "--region", *HERE)
    assert status == 0, err
    assert "zoom  8 tile" in out and "tiles were compared, the best 16 of a zoom" in out
    for words in ("model: untuned:im2gps (asked for)", "Zoom 6: ", "Zoom 8: ", "zooms: 4 to 8", "tile source: pyramid"):
        assert words in err
    assert "gallery:" not in err
    assert any(settings().tile_store.iterdir()), "embeddings are kept where the settings say"


def test_json_and_geojson_hold_the_walk(folder, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GEOLOC_TILE_SOURCE", str(folder))
    settings.cache_clear()
    wanted = (*PLAIN, "--region", *HERE, "--k", 2, "--paths", "chain", "--store", tmp_path / "own")
    status, out, err = locate(capsys, photo, *wanted, "--json")
    assert status == 0, err
    record = json.loads(out)
    tiles = record["tiles"]
    assert (tiles["k"], tiles["paths"], tiles["reached"], record["gallery"]) == (2, "chain", 8, None)
    assert tiles["region"] == [float(edge) for edge in HERE] and (tmp_path / "own").is_dir()
    assert tiles["path"][-1]["lat"] == pytest.approx(record["prediction"]["lat"], abs=1e-5)
    _, out, _ = locate(capsys, photo, *wanted, "--geojson")
    drawn = [one for one in json.loads(out)["features"] if one["properties"]["kind"] == "tile"]
    assert len(drawn) == len(tiles["likeliest"])
    first = drawn[0]["properties"]
    south, west, north, east = bounds(Tile(first["x"], first["y"], first["zoom"]))
    ring = drawn[0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] == pytest.approx([west, south], abs=1e-6)
    assert ring[2] == pytest.approx([east, north], abs=1e-6)


def test_another_predictors_tile_stays_in_the_beam(folder, photo, small_gallery, capsys):
    wanted = ("--tiles", folder, *PLAIN, "--beside", "knn", "--gallery", small_gallery, "--seconds", 60, "--json")
    status, out, err = locate(capsys, photo, *wanted)
    assert status == 0, err
    assert "stays in the beam" in err and "gallery: " in err
    record = json.loads(out)
    assert len(record["tiles"]["beside"]) == 1 and record["gallery"] is None and record["nearest"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Give --tiles or set tile_source"),
        (("--tiles", "gone.mbtiles"), "gone.mbtiles"),
        (("--tiles", "FOLDER", "--model", "atlantis"), "train tiles"),
        (("--tiles", "FOLDER", "--k", 0), "Set k to 1"),
        (("--tiles", "FOLDER", "--seconds", "nan"), "number of seconds"),
        (("--tiles", "FOLDER", "--region", 1, 2, 0, 3), "south first"),
        (("--tiles", "FOLDER", "--gallery", "starter"), "only with --beside"),
        (("--tiles", "FOLDER", "--crops", 5), "Only translocator"),
        (("--tiles", "https://127.0.0.1/{z}/{x}/{y}?k={key}"), "wants a key"),
    ],
)
def test_what_cannot_be_is_refused(options, words, folder, photo, capsys):
    given = [folder if one == "FOLDER" else one for one in options]
    status, out, err = locate(capsys, photo, *given, *(() if "--model" in given else PLAIN))
    assert status == 2 and not out and words in err and err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("option", [("--tiles", "x"), ("--k", "3"), ("--seconds", "0"), ("--beside", "knn")])
def test_its_options_are_for_no_other_predictor(option, photo, capsys):
    assert locate(capsys, photo, *option, predictor="knn")[0] == 2
    assert main(["locate", str(photo), *option]) == 2
    assert "Only tiles" in capsys.readouterr().err


def test_the_key_is_read_from_the_settings_and_told_to_the_server_alone(photo, tmp_path, monkeypatch, capsys, caplog):
    monkeypatch.setenv("GEOLOC_TILE_KEY", KEY)
    settings.cache_clear()
    caplog.set_level(logging.DEBUG)
    with TileServer(lambda z, x, y, nth: good(z, x, y) if z < 7 else (403, b"", {})) as server:
        wanted = ("--tiles", server.url + "?k={key}", *PLAIN, "--region", *HERE, "--k", 1)
        found = [locate(capsys, photo, *wanted, f"--{form}") for form in ("json", "kml")]
    assert {path.partition("?")[2] for path in server.paths} == {f"k={KEY}"}
    assert found[0][0] == 0 and json.loads(found[0][1])["tiles"]["reached"] == 6
    written = b"".join(path.read_bytes() for path in settings().tile_store.rglob("*") if path.is_file())
    assert settings().tile_cache.stat().st_size > 0
    said = f"{found} {caplog.text} {settings()!r} {written!r} {settings().tile_cache.read_bytes()!r}"
    assert KEY not in said


VICES: dict[str, tuple[Callable[[int], Answer], Trouble]] = {
    "404": (lambda nth: (404, b"", {}), Trouble.MISSING),
    "500": (lambda nth: (500, b"oops", {}), Trouble.FAILED),
    "busy": (lambda nth: (429, b"", {"Retry-After": "0"}), Trouble.BUSY),
    "web page": (lambda nth: page(), Trouble.WEB_PAGE),
    "truncated": (lambda nth: (200, png(small_picture(1))[:90], {}), Trouble.BROKEN),
    "10,000 pixels": (lambda nth: (200, giant_png(), {}), Trouble.TOO_LARGE),
}


def walked_over(answer: Callable[[int, int, int, int], Answer], at: Path, **slow: float) -> tuple[Walk, TileCache]:
    """A walk over the Fijis by tiles from a server that answers so."""
    query, cache = Query(open_photo(make_photo(at / "photo.jpg", 0))), TileCache(at / "tiles.sqlite")
    search = Search(k=2, region=FIJI, budget_s=slow.pop("budget_s", None))
    with TileServer(answer, slow_s=slow.pop("slow_s", 0.0)) as server:
        limits = {"rate": 1_000.0, "tries": 2, "backoff_s": 0.01, "timeout_s": 5.0, **slow}
        source = Xyz(f"{server.url}?k={{key}}", cache=cache, key=SecretStr(KEY), **limits)
        found = TilesPredictor(PlainTiles(), source, at / "store", search=search).predict(query)
        source.close()
    return found.walked, cache


@pytest.mark.parametrize("vice", VICES)
def test_a_walk_among_bad_tiles_ends_with_an_answer_and_counts_them(vice, tmp_path):
    bad, trouble = VICES[vice]
    walk, cache = walked_over(lambda z, x, y, nth: bad(nth) if z > 4 and (x + y) % 4 == 0 else good(z, x, y), tmp_path)
    assert walk.ended is Ended.DONE and walk.rungs[-1].zoom == 8
    assert walk.troubles == {str(trouble): walk.failed} and walk.failed > 4
    assert f"{walk.failed:,} {trouble}" in str(walk) and walk.compared + walk.failed == walk.opened
    missing = walk.failed if trouble is Trouble.MISSING else 0
    assert walk.compared <= cache.count() - missing, "good tiles are kept"
    for tile in (tile for rung in walk.rungs for tile, had in zip(rung.tiles, rung.had, strict=True) if not had):
        kept = cache.get(_id(cache), tile)
        assert kept is None or (kept.data is None and trouble is Trouble.MISSING), "a bad one never is"


@pytest.mark.parametrize("vice", VICES)
def test_where_all_are_bad_the_answer_is_the_zoom_befores_and_says_so(vice, tmp_path):
    bad, trouble = VICES[vice]
    walk, _ = walked_over(lambda z, x, y, nth: bad(nth) if z > 4 else good(z, x, y), tmp_path)
    assert walk.ended is Ended.NO_TILES and [rung.zoom for rung in walk.rungs] == [4]
    assert "It ended at zoom 4 instead of 8" in str(walk) and sum(walk.troubles.values()) == walk.failed > 0
    assert set(walk.troubles) <= {str(trouble), str(Trouble.GIVEN_UP)} and str(trouble) in walk.troubles


def test_a_server_that_asks_for_patience_gets_it(tmp_path):
    walk, _ = walked_over(
        lambda z, x, y, nth: (429, b"", {"Retry-After": "0"}) if nth == 0 and x % 2 else good(z, x, y), tmp_path
    )
    assert walk.ended is Ended.DONE and walk.failed == 0 and walk.compared == walk.opened


def test_a_slow_server_meets_the_budget_and_a_silent_one_the_timeout(tmp_path):
    slow, _ = walked_over(lambda z, x, y, nth: good(z, x, y), tmp_path / "slow", slow_s=0.2, budget_s=0.3)
    assert slow.ended is Ended.TIME and slow.rungs[-1].zoom < 8 and "the time was up" in str(slow)
    silent, _ = walked_over(_silent_below_4(), tmp_path / "silent", timeout_s=0.3)
    assert silent.ended is Ended.NO_TILES and str(Trouble.SILENT) in silent.troubles


def _silent_below_4() -> Callable[[int, int, int, int], Answer]:
    import time

    def answer(z: int, x: int, y: int, nth: int) -> Answer:
        time.sleep(1.0 if z > 4 else 0.0)
        return good(z, x, y)

    return answer


def _id(cache: TileCache) -> str:
    """Of the one source whose tiles it keeps."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(cache.path)) as database:
        ((found,),) = database.execute("SELECT DISTINCT source FROM tiles").fetchall()
    return str(found)
