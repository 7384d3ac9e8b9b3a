"""Measuring and learning on drawn signs: the real reader, readings that are kept, and weights that fit the data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from geoloc_core.errors import GeolocError
from geoloc_core.signs.clue import Clue, Spot
from geoloc_core.signs.combine import Weight, Weights, combine, learned
from geoloc_core.signs.writing import Line, Writing
from index_builder.signs import readings as module
from index_builder.signs.accuracy import line_accuracy
from index_builder.signs.evaluate import Judged, Report, Score, evaluate, score
from index_builder.signs.readings import Reading, readings
from index_builder.signs.weights import Lessons, learn, lesson, train, typed_texts, write

PARIS, LYON, MADRID = (48.8534, 2.3488), (45.7485, 4.8467), (40.4165, -3.7026)
FRENCH = Clue("language", "Rue", "French.", (0,), {"FR": 0.9, "BE": 0.3}, trust=0.9)
SPANISH = Clue("language", "Calle", "Spanish.", (0,), {"ES": 0.9, "MX": 0.9}, trust=0.9)
IN_PARIS = Clue("place", "Paris", "Paris.", (0,), spots=(Spot(*PARIS, km=15),), trust=0.9)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


def test_unseen_photos_are_read_and_measured(kept) -> None:
    report = evaluate(6, kept, seed=3)
    drawn = [line for j in report.judged for line in j.reading.drawn if line.height >= 15 and line.whole]
    latin = [line.text for line in drawn if line.text.isascii()]
    read = [line.text for j in report.judged for line in j.reading.writing.lines]
    assert latin and np.mean([line_accuracy(text, read) for text in latin]) > 0.7
    said = str(report)
    for part in ("legible letters", "| clue |", "characters read", "Seconds a photo", "language"):
        assert part in said
    assert all(j.score.radius_km > 0 and 0 <= j.score.km < 20_100 for j in report.judged)


def test_what_was_read_is_kept_and_continued(kept, monkeypatch) -> None:
    before = readings(6, 3, "test", kept)
    monkeypatch.setattr(module, "read", lambda *_: pytest.fail("read again"))
    assert readings(6, 3, "test", kept) == before
    path = kept / "test-3.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"lat": 1.0, "lo', encoding="utf-8")
    monkeypatch.setattr(module, "read", lambda *_: Writing.typed("seventh"))
    assert readings(7, 3, "test", kept)[6].writing.text == "seventh"
    assert readings(6, 3, "test", kept) == before


def test_another_version_is_read_anew(kept, monkeypatch) -> None:
    monkeypatch.setattr(module, "read", lambda *_: Writing.typed("anew"))
    monkeypatch.setattr(module, "VERSION", 10_000)
    assert [r.writing.text for r in readings(2, 4, "test", kept)] == ["anew", "anew"]
    monkeypatch.setattr(module, "read", lambda *_: Writing.typed("newer"))
    monkeypatch.setattr(module, "VERSION", 10_001)
    assert readings(1, 4, "test", kept)[0].writing.text == "newer"


def _reading(at: tuple[float, float], country: str, letters: int = 20) -> Reading:
    return Reading(*at, country, letters, (), Writing((Line("Rue"),)), 0.5)


def test_scores_tell_right_from_wrong() -> None:
    right = score(_reading(PARIS, "FR"), [FRENCH, IN_PARIS], Weights(), radius=True)
    wrong = score(_reading(MADRID, "ES"), [FRENCH, IN_PARIS], Weights())
    assert right.rank == 1 and right.km < 25 and right.radius_km
    assert wrong.rank != 1 and wrong.km > 500 and wrong.radius_km is None


def test_report_counts_by_letters() -> None:
    judged = tuple(
        Judged(_reading(PARIS, "FR", letters), (), Score(rank, km, 100.0), 0.1)
        for letters, rank, km in ((0, 0, 9000.0), (3, 2, 500.0), (14, 1, 10.0), (30, 1, 10.0))
    )
    rows = Report(judged, "").by_letters().splitlines()
    assert next(r for r in rows if r.startswith("| 12 or more")).startswith("| 12 or more | 2 | 100.0 | 100.0 | 100.0")
    assert next(r for r in rows if r.startswith("| 6 to 11")).startswith("| 6 to 11 | 0 |")
    assert next(r for r in rows if r.startswith("| all")).startswith("| all | 4 | 50.0 | 75.0 | 50.0")


def test_a_line_read_in_parts() -> None:
    assert line_accuracy("Rue de la Gare", ["RUE DE LA GARE"]) == 1.0
    assert line_accuracy("Gare", ["ruedelagare42"]) == 1.0
    assert line_accuracy("Gare", ["xyz"]) < 0.3
    assert line_accuracy("Gare", []) == 0.0


@pytest.mark.parametrize("clues", [[FRENCH], [FRENCH, IN_PARIS], [IN_PARIS, FRENCH, SPANISH]])
def test_a_lessons_loss_is_the_combiners(clues) -> None:
    weights = {"language": Weight(0.7, 0.1), "place": Weight(0.9, 0.2)}
    belief = combine(clues, Weights(weights))
    country = dict(belief.countries())["FR"]
    only_country = lesson(clues, "FR", *LYON)
    everywhere = lesson(clues, "FR", *PARIS)
    here = np.cos(np.radians(PARIS[0])) * np.radians(belief.ground.points[:, 1] - PARIS[1])
    near = np.hypot(np.radians(belief.ground.points[:, 0] - PARIS[0]), here) * 6371 <= 25
    want = -np.log(country) - 0.5 * np.log(belief.mass[near].sum())
    assert everywhere.loss(weights) == pytest.approx(want, abs=0.08)
    assert only_country.loss(weights) > 0


def test_a_kind_that_lies_is_believed_less() -> None:
    for clue in (FRENCH, IN_PARIS):
        truth, lie = lesson([clue], "FR", *PARIS), lesson([clue], "ES", *MADRID)
        honest, lying = (learn(Lessons((one,) * 60))[clue.kind] for one in (truth, lie))
        assert lying.temperature < Weight().temperature < honest.temperature


def test_a_rare_kind_keeps_nearly_the_default_and_learning_gains() -> None:
    data = Lessons((*[lesson([FRENCH], "FR", *LYON)] * 30, lesson([FRENCH, IN_PARIS], "FR", *PARIS)))
    result = train(data)
    assert abs(result.weights["place"].temperature - Weight().temperature) <= 0.41
    assert result.counts == {"language": 31, "place": 1}
    assert result.after <= result.before
    assert result.weights == learn(data)
    assert "left-out" in str(result)


def test_weights_are_written_as_the_combiner_reads_them(tmp_path) -> None:
    result = train(Lessons((lesson([FRENCH], "FR", *LYON),) * 5))
    write(result, "a test", tmp_path / "weights.json")
    assert learned(tmp_path / "weights.json") == Weights(result.weights, "a test")
    record = json.loads((tmp_path / "weights.json").read_text(encoding="utf-8"))
    assert record["kinds"]["language"]["photos"] == 5 and set(record["loss"]) == {"defaults", "learned", "folds"}


def test_typed_texts(tmp_path) -> None:
    path = tmp_path / "texts.toml"
    assert typed_texts(path) == []
    path.write_text('[[text]]\nlines = ["Rue", "Paris"]\ncountry = "FR"\nlat = 48.9\nlon = 2.3\n', encoding="utf-8")
    ((writing, country, lat, lon),) = typed_texts(path)
    assert writing.text == "Rue\nParis" and (country, lat, lon) == ("FR", 48.9, 2.3)
    path.write_text('[[text]]\nlines = ["Rue"]\n', encoding="utf-8")
    with pytest.raises(GeolocError, match="needs lines, country, lat, lon"):
        typed_texts(path)
