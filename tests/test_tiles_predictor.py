"""The tile hierarchy as a predictor: from a photo through encoders, a store and tiles to a place."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.errors import NoAnswer, TileError
from geoloc_core.geo import LocationDistribution
from geoloc_core.photo import open_photo
from geoloc_core.prediction import Prediction, Query
from geoloc_core.predictors import load, names
from geoloc_core.predictors.tiles import Search, TilesPredictor
from geoloc_core.status import Availability
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.compare import cosines
from geoloc_core.tiles.early import Early
from geoloc_core.tiles.encoders.tuned import Tuned
from geoloc_core.tiles.picture import Trouble
from geoloc_core.tiles.record import in_words, walk_record
from geoloc_core.tiles.sources.xyz import Xyz
from geoloc_core.tiles.tile import Tile, centre, covering, tile_at
from geoloc_core.tiles.walked import Ended
from tests.conftest import make_photo
from tests.plain_tiles import PlainTiles
from tests.tile_server import TileServer
from tests.tiny_tiles import png, small_picture, source

FIJI = (-20.0, 170.0, -10.0, -170.0)
SMALL = Search(k=3, region=FIJI)


@pytest.fixture
def family() -> PlainTiles:
    return PlainTiles()


@pytest.fixture
def query(tmp_path: Path) -> Query:
    said: list[str] = []
    made = Query(open_photo(make_photo(tmp_path / "photo.jpg", 0)), said.append)
    made.said = said
    return made


@dataclass
class Elsewhere:
    """A predictor that names one place."""

    place: tuple[float, float]
    name: str = "elsewhere"
    ready: Availability = Availability(True, "")  # noqa: RUF009

    def availability(self) -> Availability:
        return self.ready

    def predict(self, query: Query) -> Prediction:
        return Prediction(LocationDistribution([self.place]), self.name, "x")


def test_the_answer_is_that_of_every_tile_compared_by_hand(family, query, tmp_path):
    predictor = TilesPredictor(family, source(), tmp_path / "store", search=Search(k=500, region=FIJI))
    assert "tiles" in names() and load("tiles") is TilesPredictor
    assert predictor.availability()
    found = predictor.predict(query)
    assert [rung.zoom for rung in found.walked.rungs] == [4, 6, 8]
    last = found.walked.rungs[-1]
    assert set(last.tiles) == set(covering(FIJI, 8))
    shown = [source().get(tile).picture.image for tile in last.tiles]
    by_hand = family.encode(8, shown) @ query.embedding(family.base)
    np.testing.assert_allclose(last.scores, by_hand, atol=2e-3)
    assert found.distribution.best() == pytest.approx(centre(last.tiles[int(np.argmax(last.scores))]))
    assert found.predictor == "tiles" and found.model == "Plain over Drawn for a test"
    said = [text for text in query.said if text.startswith("Zoom")]
    assert said == [f"Zoom {rung.zoom}: {len(rung.tiles):,} tiles" for rung in found.walked.rungs]
    assert {"walk", "encode", "predict"} <= set(found.seconds)
    assert all(choice.value and choice.reason for choice in found.choices.values())


def test_a_second_walk_fetches_and_encodes_nothing(family, query, tmp_path):
    first = TilesPredictor(family, source(), tmp_path / "store", search=SMALL).predict(query)
    seen: list[Tile] = []
    again = TilesPredictor(family, source(seen=seen), tmp_path / "store", search=SMALL).predict(query)
    assert seen == [] and again.walked.counts == {"stored": again.walked.opened}
    assert first.walked.counts["encoded"] > 0 and [*first.walked.best] == [*again.walked.best]
    assert f"{again.walked.opened} from the store, 0 encoded" in again.choices["tiles"].reason


def test_equal_pictures_have_equal_scores(family, query):
    rows = np.random.default_rng(0).normal(size=(37, 48)).astype(np.float32)
    rows[1::3] = rows[1]
    assert len(set(cosines(rows, rows[0])[1::3])) == 1


def test_another_predictors_place_stays_in_the_beam(family, query, tmp_path):
    place = (-14.0, -171.7)
    predictor = TilesPredictor(
        family, source(), tmp_path / "s", search=Search(k=1, region=FIJI), beside=Elsewhere(place)
    )
    found = predictor.predict(query).walked
    assert all(tile_at(*place, rung.zoom) in rung.tiles for rung in found.rungs)
    assert "elsewhere" in str(predictor.predict(query).choices["beside"])
    predictor.beside = Elsewhere(place, ready=Availability(False, "It sleeps.", "Wake it."))
    assert predictor.availability().remedy == "Wake it."


def test_what_is_missing_is_said_with_a_remedy(family, query, tmp_path):
    none = TilesPredictor(family, None, tmp_path / "s")
    assert not none.availability() and none.availability().remedy.startswith("Give one")
    with pytest.raises(TileError, match="Give one"):
        none.predict(query)
    nobody = TilesPredictor(Tuned(tmp_path / "nothing"), source(), tmp_path / "s").availability()
    assert not nobody and "index_builder train tiles" in nobody.remedy
    shallow = source()
    shallow.zooms = (10, 12)
    apart = TilesPredictor(family, shallow, tmp_path / "s").availability()
    assert not apart and "zooms 10 to 12" in apart.reason and apart.remedy
    (tmp_path / "file").write_text("x")
    assert "Delete that folder" in TilesPredictor(family, source(), tmp_path / "file").availability().remedy
    gone = TilesPredictor(family, source(missing=covering(FIJI, 4)), tmp_path / "t", search=SMALL)
    with pytest.raises(NoAnswer, match="zoom 4"):
        gone.predict(query)


def test_tiles_that_end_earlier_end_the_walk_there_and_it_says_so(family, query, tmp_path):
    shallow = source()
    shallow.zooms = (0, 6)
    found = TilesPredictor(family, shallow, tmp_path / "s", search=SMALL).predict(query)
    assert found.choices["zooms"].value == "4 to 6" and "the tiles end at zoom 6" in found.choices["zooms"].reason
    late = TilesPredictor(family, source(missing=covering(FIJI, 8)), tmp_path / "t", search=SMALL).predict(query)
    assert late.walked.ended is Ended.NO_TILES and late.walked.troubles == {str(Trouble.MISSING): late.walked.failed}
    assert "instead of 8: no tile" in str(late.walked)


def test_a_time_budget_covers_all_and_a_stop_is_heard(family, query, tmp_path):
    hurried = TilesPredictor(family, source(), tmp_path / "s", search=Search(k=3, region=FIJI, budget_s=0.0))
    walked = hurried.predict(query).walked
    assert walked.ended is Ended.TIME and [rung.zoom for rung in walked.rungs] == [4]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(NoAnswer, match="Let it run"):
        TilesPredictor(family, source(), tmp_path / "t", search=SMALL, cancel=cancel).predict(query)


def test_a_bad_server_ends_in_an_answer_and_counts_and_is_asked_once_for_a_tile(family, query, tmp_path):
    def answer(z: int, x: int, y: int, nth: int):
        if (x + y) % 3 == 0 and z > 4:
            return (404, b"", {}) if x % 2 else (200, b"<html>", {"Content-Type": "text/html"})
        return 200, png(small_picture(1 + z * 10_000 + y * 100 + x)), {}

    with TileServer(answer) as server:
        tiles = Xyz(server.url, cache=TileCache(tmp_path / "tiles.sqlite"), rate=1_000)
        found = TilesPredictor(family, tiles, tmp_path / "s", search=SMALL).predict(query).walked
        tiles.close()
    assert found.ended is Ended.DONE and found.failed == sum(found.troubles.values()) > 3
    assert set(found.troubles) == {str(Trouble.MISSING), str(Trouble.WEB_PAGE)}
    assert found.counts["fetched"] == found.compared and len(server.paths) <= 2 * found.opened
    assert max(Counter(server.paths).values()) == 1, "what is asked for early is not asked for again"


def test_tiles_asked_for_early_are_got_once_and_kept_until_wanted():
    seen: list[Tile] = []
    behind, wanted = source(seen=seen), [Tile(x, 1, 4) for x in range(1, 7)]
    early = Early(behind)
    early.ahead([*wanted[:3], wanted[0], Tile(1, 1, 17)])
    while len(seen) < 3:
        threading.Event().wait(0.005)
    gots = {got.tile: got.data for got in early.get_many(wanted)}
    assert gots == {tile: behind.get(tile).data for tile in wanted}
    assert Counter(seen[:6]) == Counter(wanted) and early.id == behind.id and early.availability()
    early.close()
    early.ahead(wanted)
    assert early.get(wanted[0]).data == gots[wanted[0]], "it still gives what is asked for"


def test_the_record_is_json_and_says_the_way(family, query, tmp_path):
    walked = TilesPredictor(family, source(), tmp_path / "s", search=SMALL).predict(query).walked
    record = json.loads(json.dumps(walk_record(walked), allow_nan=False))
    assert [step["zoom"] for step in record["path"]] == [4, 6, 8] and record["ended"] == "done"
    assert record["path"][-1]["lat"] == pytest.approx(walked.named[0], abs=1e-5)
    assert record["tiles"]["opened"] == sum(rung["opened"] for rung in record["zooms"]) == walked.opened
    assert sum(tile["weight"] for tile in record["likeliest"]) == pytest.approx(1, abs=1e-4)
    assert "zoom  8 tile" in in_words(walked)
