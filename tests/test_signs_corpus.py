"""The corpus of written-out signs is what it says it is, and its scoring tells good answers from bad ones."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from geoloc_core.geo import distance_km
from geoloc_core.places import Place, fold, gazetteer
from geoloc_core.signs.writing import Writing, clean
from tests.sign_corpus import CITY_KM, TRAP_KM, Located, Scores, SignText, SignTrap, score, texts, traps

LEARNED = Path(__file__).parents[1] / "index_builder/signs/data/texts.toml"
PLAIN = {"latin", "han", "kana", "none"}
KINDS = {
    "shop", "street", "direction", "motorway", "notice", "parking", "bus", "railway", "menu", "poster",
    "plate", "van", "municipal", "trail", "plaque", "market", "construction", "warning", "beach", "petrol",
}  # fmt: skip


def test_there_is_enough_of_it_and_from_everywhere() -> None:
    countries = Counter(text.country for text in texts())
    assert len(texts()) >= 480
    assert len(countries) >= 65
    assert max(countries.values()) <= 0.08 * len(texts())
    assert len(traps()) >= 80


def test_it_is_mixed_as_photographs_are() -> None:
    noise = Counter(text.noise for text in texts())
    letters = Counter(text.letters for text in texts())
    assert all(noise[level] >= len(texts()) / 5 for level in (0, 1, 2))
    assert all(letters[band] >= 40 for band in ("< 12", "12-30", "31-80"))
    assert letters["> 80"] >= 20
    assert sum(text.script not in PLAIN for text in texts()) >= 40
    assert {text.kind for text in texts()} == KINDS
    assert {text.telling for text in texts()} == {"city", "country"}


def test_no_text_stands_twice() -> None:
    counted = Counter(_folded(entry.lines) for entry in (*texts(), *traps()))
    assert [lines for lines, n in counted.items() if n > 1] == []


def test_what_the_weights_are_learned_from_is_other_texts_from_other_towns() -> None:
    learned = tomllib.loads(LEARNED.read_text("utf-8"))["text"]
    tested = {_folded(entry.lines) for entry in (*texts(), *traps())}
    assert [row["lines"] for row in learned if _folded(row["lines"]) in tested] == []
    shared = Counter((text.country, text.place) for text in texts() for row in learned if row["place"] == text.place)
    assert len(shared) <= 0.03 * len({(text.country, text.place) for text in texts()})


def test_every_line_is_one_that_a_reader_could_hand_on() -> None:
    assert [line for entry in (*texts(), *traps()) for line in entry.lines if not line or clean(line) != line] == []


def test_the_coordinates_lie_in_the_stated_country_and_town() -> None:
    places = gazetteer().describe_many([(text.lat, text.lon) for text in texts()])
    assert [t for t, p in zip(texts(), places, strict=True) if p.country_code != t.country or p.at_sea] == []
    far = [t for t in texts() if not any(p.country_code == t.country and _near(t, (y, x)) for p, y, x in _called(t))]
    assert far == []


def test_a_trap_is_set_away_from_what_it_tempts_to() -> None:
    for trap in traps():
        assert trap.never and trap.why
        assert all(gazetteer().describe(*city).name for city in trap.never)
        if trap.point:
            assert gazetteer().country(*trap.point) == trap.country
            assert min(float(distance_km(trap.point, city)) for city in trap.never) > 2 * TRAP_KM, trap


def test_knowing_everything_scores_all_and_falls_into_no_trap() -> None:
    truth = {text.writing.text: text for text in texts()}

    def locate(writing: Writing) -> Located:
        if text := truth.get(writing.text):
            return Located((text.lat, text.lon), ((text.country, 0.9),), 10.0)
        return Located((0.0, -30.0), (), 9000.0)

    scores = score(locate)
    assert (scores.whole.top1, scores.whole.top3, scores.whole.city, scores.whole.covered) == (1, 1, 1, 1)
    assert scores.whole.n == len(texts()) == sum(share.n for share in scores.groups["noise"].values())
    assert scores.fallen == ()


def test_country_city_coverage_and_traps_are_counted_apart() -> None:
    berlin, munich, paris = (52.52, 13.41), (48.14, 11.58), (48.857, 2.352)
    text = SignText(("Feuerwehrzufahrt",), "DE", *munich, "Munich", "country", "notice", 0)
    trap = SignTrap(("Paris Coffee",), "US", (39.96, -83.0), (paris,), "a café named after a foreign city")

    def always(point: tuple[float, float], radius: float, *countries: tuple[str, float]) -> Scores:
        return score(lambda _: Located(point, countries, radius), [text], [trap])

    right = always(berlin, 100.0, ("DE", 0.1), ("AT", 0.9)).whole
    assert (right.top1, right.top3, right.city, right.covered) == (1, 1, 0, 0)
    assert right.median_km == pytest.approx(504, abs=2)
    wrong = always(paris, 700.0, ("FR", 0.6), ("BE", 0.2), ("CH", 0.15), ("DE", 0.05))
    assert (wrong.whole.top1, wrong.whole.top3, wrong.whole.covered) == (0, 0, 1)
    assert wrong.fallen == ()
    assert always(paris, 299.0).fallen == (trap,)
    assert "Paris Coffee" in str(always(paris, 299.0))


def _folded(lines: Iterable[str]) -> tuple[str, ...]:
    """The words of the lines without case, order and spaces, so that noise of that kind hides no copy."""
    return tuple(sorted(fold(line).replace(" ", "") for line in lines))


def _called(text: SignText) -> list[tuple[Place, float, float]]:
    return gazetteer().find(f"{text.place}, {text.country}", limit=20)


def _near(text: SignText, point: tuple[float, float]) -> bool:
    return float(distance_km((text.lat, text.lon), point)) <= CITY_KM
