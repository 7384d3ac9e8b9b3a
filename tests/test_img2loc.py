"""Img2Loc over a small gallery with a scripted model: what is asked, and what becomes of the replies."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoloc_core import predictors
from geoloc_core.answer import Answer
from geoloc_core.encoders import create
from geoloc_core.errors import LmmBusy, LmmCancelled, LmmRefused
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.geo import distance_km
from geoloc_core.lmm.backends.openai import OpenAi
from geoloc_core.lmm.base import Ask, Capabilities, Reply, Said, Usage, Watch
from geoloc_core.lmm.cost import Budget, Price
from geoloc_core.lmm.prompt import DEFAULT
from geoloc_core.lmm.unanswered import Unanswered
from geoloc_core.photo import Photo, open_photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.img2loc import Img2Loc
from geoloc_core.status import Availability
from tests.lmm_server import REFUSAL, LmmServer, say
from tests.lmm_writings import STYLES

PARIS = (48.8584, 2.2945)
BARE = replace(DEFAULT, near=0, far=0)


class Scripted:
    """A model that gives written-out replies, question by question, and keeps what it was asked."""

    name, model, destination = "scripted", "parrot", "nowhere.example"

    def __init__(self, *turns: list[str] | Exception, images: int = 8, structured: bool | None = None) -> None:
        self.turns, self.asked = list(turns), list[Ask]()
        self.capabilities = Capabilities(structured, samples=True, images=images, logprobs=False, streams=False)

    def availability(self) -> Availability:
        return Availability(True, "always there")

    def ask(self, ask: Ask, watch: Watch) -> Said:
        if watch.cancelled.is_set():
            raise LmmCancelled("Stopped.")
        self.asked.append(ask)
        turn = self.turns[len(self.asked) - 1]
        if isinstance(turn, Exception):
            raise turn
        return Said(tuple(Reply(text) for text in turn), "parrot-1", 0.1, Usage(1000, 100), notes=("Did as told.",))


def at(lat: float, lon: float, radius: float | None = None, **more: object) -> str:
    return json.dumps({"latitude": lat, "longitude": lon, "radius_km": radius, **more})


@pytest.fixture(scope="module")
def gallery(small_gallery: Path) -> Gallery:
    return Gallery.open(small_gallery)


@pytest.fixture(scope="module")
def photo(photo_folder: Path) -> Photo:
    return open_photo(photo_folder / "a" / "05.jpg")


def img2loc(gallery: Gallery, lmm: Scripted, **how: object) -> Img2Loc:
    return Img2Loc(gallery, create("im2gps"), lmm, **how)  # type: ignore[arg-type]


def test_it_is_in_the_registry():
    assert predictors.load("img2loc") is Img2Loc


def test_the_prompt_gives_the_galleries_nearest_and_farthest(gallery: Gallery, photo: Photo):
    lmm = Scripted([at(*PARIS, 5, place="Paris, France")])
    predictor = img2loc(gallery, lmm, plan=replace(DEFAULT, near=3, far=2))
    prediction = predictor.predict(query := Query(photo))
    assert lmm.asked == [predictor.ask_for(query)]
    found = query.shown(gallery, create("im2gps"), 3, 3)
    given = re.findall(r"^\d+\. (.+), (.+)$", lmm.asked[0].prompt, re.MULTILINE)
    expected = [(n.lat, n.lon) for n in (*found.nearest, *found.farthest[:2])]
    assert np.array(given, float) == pytest.approx(np.array(expected), abs=5e-5)
    assert prediction.evidence.nearest == found.nearest and prediction.evidence.farthest == found.farthest[:2]
    assert prediction.distribution.best() == pytest.approx(PARIS)
    assert prediction.model == "parrot at nowhere.example over Small"
    assert prediction.account.exchanges[0].said.model == "parrot-1"
    assert prediction.choices["retrieval"].value == "3 nearest and 2 farthest"
    assert prediction.choices["server"].reason == "Did as told."
    assert prediction.seconds["ask"] >= 0 and prediction.searched


def test_without_retrieval_no_gallery_is_searched_nor_encoder_needed(gallery: Gallery, photo: Photo):
    query = Query(photo)
    predictor = Img2Loc(gallery, None, Scripted([at(*PARIS)]), plan=BARE)
    prediction = predictor.predict(query)
    assert predictor.availability()
    assert set(query.seconds) == {"ask", "predict"}
    assert (prediction.searched, prediction.evidence.nearest, prediction.licence) == (None, (), "")
    assert prediction.model == "parrot at nowhere.example"
    with pytest.raises(ValueError, match="encoder"):
        Img2Loc(gallery, None, Scripted())


def test_drawn_photos_taint_only_an_answer_that_rests_on_them(photo: Photo):
    starter = Gallery.open(STARTER)
    alone = Img2Loc(starter, None, Scripted([at(*PARIS)]), plan=BARE).predict(Query(photo))
    assert not Answer.of(alone, starter).synthetic
    with_it = Img2Loc(starter, create("starter"), Scripted([at(*PARIS)])).predict(Query(photo))
    assert Answer.of(with_it, starter).synthetic


def test_the_schema_goes_along_unless_the_model_knows_none(gallery: Gallery, photo: Photo):
    def schema(structured: bool | None, wanted: bool) -> object:
        predictor = img2loc(gallery, Scripted(structured=structured), plan=replace(BARE, structured=wanted))
        return predictor.ask_for(Query(photo)).schema

    assert schema(None, True) and schema(True, True)
    assert schema(False, True) is None and schema(True, False) is None


def test_thumbnails_are_bounded_by_what_the_model_takes(gallery: Gallery, photo: Photo):
    for images, expected in ((1, 1), (3, 3), (99, 5)):
        predictor = img2loc(gallery, Scripted(images=images), plan=replace(DEFAULT, thumbnails=4))
        ask = predictor.ask_for(Query(photo))
        assert len(ask.images) == expected
        assert ("image 2 is number 1" in ask.prompt) == (expected > 1)
        assert (f"image {expected + 1} is" in ask.prompt) is False


def test_a_photo_is_sent_scaled_and_bare(gallery: Gallery, photo: Photo):
    assert photo.exif.location
    ask = img2loc(gallery, Scripted(), plan=replace(BARE, photo_side=64)).ask_for(Query(photo))
    assert len(ask.images) == 1 and b"Exif" not in ask.images[0] and len(ask.images[0]) < 5_000


def test_replies_that_name_no_place_do_not_count_against_those_that_do(gallery: Gallery, photo: Photo):
    lmm = Scripted([REFUSAL, at(*PARIS, 10), "", at(*PARIS, 10)])
    prediction = img2loc(gallery, lmm, plan=replace(DEFAULT, samples=4)).predict(Query(photo))
    assert prediction.distribution.points.shape == (2, 2)
    assert prediction.choices["samples"].value == "2 of 4"
    assert len(prediction.account.exchanges[0].readings) == 4


@pytest.mark.parametrize("replies", [[REFUSAL], [""], [], ["null island is 95, 200"], [at(float("nan"), 2)]])
def test_no_place_at_all_is_no_answer_and_never_null_island(gallery: Gallery, photo: Photo, replies: list[str]):
    with pytest.raises(Unanswered, match="no usable place") as caught:
        img2loc(gallery, Scripted(replies)).predict(Query(photo))
    assert caught.value.evidence.nearest and caught.value.evidence.farthest
    assert [reply.text for reply in caught.value.account.exchanges[0].said.replies] == replies
    assert not any(reading.location for reading in caught.value.account.exchanges[0].readings)


def test_a_place_looked_up_by_its_name_is_labelled_so(gallery: Gallery, photo: Photo):
    prediction = img2loc(gallery, Scripted(['{"place": "Girona, Spain"}'])).predict(Query(photo))
    assert distance_km(prediction.distribution.best(), (41.98, 2.82)) < 10
    assert prediction.choices["reading"].value == "looked up from the place named"


def test_a_swap_is_shown_and_not_taken(gallery: Gallery, photo: Photo):
    with pytest.raises(Unanswered) as caught:
        img2loc(gallery, Scripted([at(139.69, 35.68, place="Tokyo, Japan")])).predict(Query(photo))
    assert caught.value.account.exchanges[0].readings[0].swapped == pytest.approx((35.68, 139.69))


def test_a_reply_cut_off_says_so(gallery: Gallery, photo: Photo):
    class Cut(Scripted):
        def ask(self, ask: Ask, watch: Watch) -> Said:
            return Said((Reply("Let me think", finish="length"),), "parrot-1", 0.1)

    with pytest.raises(Unanswered, match="cut off"):
        img2loc(gallery, Cut()).predict(Query(photo))


def test_the_second_turn_offers_what_was_found_and_takes_the_choice(gallery: Gallery, photo: Photo):
    lmm = Scripted([at(*PARIS, 5)], [at(42.5, 2, 3)])
    plan = replace(DEFAULT, second_turn=True)
    prediction = img2loc(gallery, lmm, plan=plan).predict(Query(photo))
    offered = re.findall(r"^\d+\. (.+), (.+) \(", lmm.asked[1].prompt, re.MULTILINE)
    away = distance_km(PARIS, np.array(offered, float))
    assert len(offered) > 1 and away.min() < 1, "both the model's own place and retrieval's are among them"
    assert prediction.distribution.best() == pytest.approx((42.5, 2))
    assert len(prediction.account.exchanges) == 2 and "second turn" in prediction.choices


@pytest.mark.parametrize("second", [LmmBusy("Busy. Try later."), [REFUSAL]])
def test_if_the_second_turn_fails_the_first_answer_stands(
    gallery: Gallery, photo: Photo, second: list[str] | Exception
):
    lmm = Scripted([at(*PARIS, 5)], second)
    prediction = img2loc(gallery, lmm, plan=replace(DEFAULT, second_turn=True)).predict(Query(photo))
    assert prediction.distribution.best() == pytest.approx(PARIS)
    assert "stands" in prediction.choices["second turn"].reason


def test_the_cap_is_asked_before_anything_is_sent(gallery: Gallery, photo: Photo):
    lmm = Scripted([at(*PARIS)], [at(*PARIS)])
    with pytest.raises(LmmRefused, match="cap"):
        img2loc(gallery, lmm, budget=Budget(1e-9), price=Price(5, 10)).predict(Query(photo))
    assert not lmm.asked
    budget = Budget(1.0)
    prediction = img2loc(gallery, lmm, budget=budget, price=Price(5, 10)).predict(Query(photo))
    assert prediction.account.cost == pytest.approx((1000 * 5 + 100 * 10) / 1e6) == budget.spent


def test_cancelling_is_no_answer_of_any_kind(gallery: Gallery, photo: Photo):
    watch = Watch(cancelled=threading.Event())
    watch.cancelled.set()
    with pytest.raises(LmmCancelled):
        img2loc(gallery, Scripted(), watch=watch).predict(Query(photo))


def test_every_way_of_writing_coordinates_comes_through_a_real_server(gallery: Gallery, photo: Photo):
    texts = [style(*PARIS) for style in STYLES.values()]
    with LmmServer(*(say(text) for text in texts)) as server:
        lmm = OpenAi("tiny-vision", base_url=server.url)
        for style, text in zip(STYLES, texts, strict=True):
            best = Img2Loc(gallery, None, lmm, plan=BARE).predict(Query(photo)).distribution.best()
            assert distance_km(best, PARIS) < 1, (style, text)
        assert len(server.requests) >= len(STYLES) > 20
