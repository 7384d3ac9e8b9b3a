"""Coverage beside accuracy: 200 Atlas photos, the real predictor, and a scripted model behind a real server."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from geoloc_core.encoders import create
from geoloc_core.evaluation.measure import measure
from geoloc_core.evaluation.metrics import accuracy, table
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.geo import from_unit_vectors, unit_vectors
from geoloc_core.lmm.backends.openai import OpenAi
from geoloc_core.lmm.prompt import DEFAULT
from geoloc_core.photo import read_photo
from geoloc_core.predictors.img2loc import Img2Loc
from index_builder.starter import SIZE, drawn
from tests.lmm_server import REFUSAL, LmmServer, Request, say

LINE = re.compile(r"^\d+\. (\S+), (\S+) \(similarity (\S+)\)", re.MULTILINE)
COUNT, EVERY = 200, 5  # every fifth photo is declined


class Model:
    """Answers with the mean of the neighbours' places, weighted by similarity; declines every fifth question."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Request) -> str:
        self.asked += 1
        if self.asked % EVERY == 0:
            return REFUSAL
        lat, lon, similarity = np.array(LINE.findall(request.prompt), float).T
        weights = 1 / np.clip(2 - 2 * similarity, 1e-3, None) ** 3
        mean = from_unit_vectors((weights @ unit_vectors(np.column_stack([lat, lon])))[None])[0]
        return json.dumps({"latitude": round(mean[0], 4), "longitude": round(mean[1], 4), "radius_km": 2000})


def test_coverage_is_told_beside_accuracy():
    gallery = Gallery.open(STARTER)
    photos = [(read_photo(jpeg), place) for place, jpeg, _, _ in drawn("test", COUNT, 1, SIZE)]
    plan = replace(DEFAULT, far=0, similarity=True)
    with LmmServer(say(model := Model())) as server:
        lmm = OpenAi("scripted", base_url=server.url)
        row = measure("scripted model", Img2Loc(gallery, create("starter"), lmm, plan=plan), photos)
    assert (model.asked, row.photos, row.coverage) == (COUNT, COUNT, 1 - 1 / EVERY)
    assert row.answered and row.answered.photos == COUNT - COUNT // EVERY
    assert row.answered.coverage == 1
    assert row.within == pytest.approx([share * row.coverage for share in row.answered.within])
    assert row.answered.within[-1] > 0.4, "neighbours' places do tell the continent"
    assert row.median_km > row.answered.median_km
    lines = table([row]).splitlines()
    assert lines[2].startswith("| scripted model | 200 | 80.0 | ")
    assert lines[3].startswith("| scripted model, answered photos only | 160 | 100.0 | ")
    assert len({line.count("|") for line in lines}) == 1


def test_no_answer_is_wrong_at_every_distance_and_never_null_island():
    row = accuracy("shy", [None, (0.0, 0.0), None], [(0.0, 0.0), (0.0, 0.0), (1.0, 1.0)])
    assert row.within == pytest.approx([1 / 3] * 5)
    assert row.coverage == pytest.approx(1 / 3)
    assert row.median_km == np.inf
    assert row.answered.within == (1.0,) * 5
    assert "no answer" in table([row])


def test_a_model_that_never_answers_has_no_accuracy_of_answered_photos():
    row = accuracy("mute", [None, None], [(0.0, 0.0), (1.0, 1.0)])
    assert (row.coverage, row.within, row.answered) == (0.0, (0.0,) * 5, None)
    assert len(table([row]).splitlines()) == 3


@pytest.mark.parametrize(("predicted", "truth"), [([], []), ([None], [(0, 0), (1, 1)]), ([(1, 2), (3, 4)], [(0, 0)])])
def test_one_prediction_for_each_photo(predicted: list, truth: list):
    with pytest.raises(ValueError, match="Give one for each"):
        accuracy("x", predicted, truth)
