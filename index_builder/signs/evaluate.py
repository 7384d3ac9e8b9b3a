"""`evaluate-signs`: the whole chain on drawn photos of unseen towns, by how much there is to read, and clue by clue."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc_core.geo import distance_km
from geoloc_core.signs import clues as kinds
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.combine import Weights
from geoloc_core.signs.found import judge
from geoloc_core.signs.lookalike import undisguised_writing
from index_builder.signs.accuracy import character_accuracy
from index_builder.signs.readings import Progress, Reading, readings

SEED = 2
BANDS = ((0, 0), (1, 5), (6, 11), (12, 24), (25, 10_000))
NEAR_KM = (25.0, 200.0, 750.0)
_HEAD = (
    "| {} | photos | country first | among 3 | 25 km | 200 km | 750 km | median km | in 90 % radius | median radius |"
)


@dataclass(frozen=True)
class Score:
    """How an answer fared.

    Attributes:
        rank: the true country's, from 1; 0 if it is not among the first three.
        km: from the named place to the true one.
        radius_km: around the named place, said to hold 90 %; None where it was not asked for.
    """

    rank: int
    km: float
    radius_km: float | None = None


@dataclass(frozen=True)
class Judged:
    """A reading with its clues and how the answer fared."""

    reading: Reading
    clues: tuple[Clue, ...]
    score: Score
    seconds: float


@dataclass(frozen=True)
class Report:
    """What was measured; `str()` gives the tables in Markdown."""

    judged: tuple[Judged, ...]
    ablations: str

    def __str__(self) -> str:
        return "\n\n".join(
            [
                self.by_letters(),
                self.ablations,
                character_accuracy([j.reading for j in self.judged]),
                self.timing(),
            ]
        )

    def by_letters(self) -> str:
        """A row for each number of legible letters, for at least 12, for all, and for the misled."""
        rows = [(_span(a, b), self._lettered(a, b)) for a, b in BANDS]
        rows.append(("12 or more", self._lettered(12, 10_000)))
        rows.append(("no sign at all", [j for j in self.judged if not j.reading.drawn]))
        rows.append(("a sign misleads", [j for j in self.judged if j.reading.misled]))
        rows.append(("all", list(self.judged)))
        lines = [_HEAD.format("legible letters"), "|---|" + "---:|" * 9]
        return "\n".join(lines + [_row(name, [j.score for j in group]) for name, group in rows])

    def _lettered(self, least: int, most: int) -> list[Judged]:
        return [j for j in self.judged if least <= j.reading.letters <= most]

    def timing(self) -> str:
        """Seconds a photo."""
        read = np.median([j.reading.seconds for j in self.judged])
        clues = np.median([j.seconds for j in self.judged])
        return f"Seconds a photo (median): reading {read:.2f}, clues and answer {clues:.3f}."


def evaluate(
    photos: int,
    kept: Path,
    *,
    seed: int = SEED,
    weights: Weights | None = None,
    on_progress: Progress = lambda done, of: None,
) -> Report:
    """Locate drawn photos of towns that no weight was learned on.

    Args:
        photos: how many.
        kept: folder where readings are kept.
        seed: of the drawing.
        weights: how far each kind of clue is believed; by default as shipped.
        on_progress: called with photos read and in all.

    Raises:
        ReaderError: there is no reader.
    """
    judged = tuple(_judge(reading, weights) for reading in readings(photos, seed, "test", kept, on_progress))
    return Report(judged, _ablations(judged, weights))


def _judge(reading: Reading, weights: Weights | None) -> Judged:
    start = time.perf_counter()
    found = kinds.find(undisguised_writing(reading.writing))
    answer = score(reading, found, weights, radius=True)
    return Judged(reading, found, answer, time.perf_counter() - start)


def score(reading: Reading, clues: Sequence[Clue], weights: Weights | None, *, radius: bool = False) -> Score:
    """How the answer from these clues fares."""
    signs = judge(reading.writing, tuple(clues), weights=weights)
    first = [code for code, _ in signs.belief.countries()[:3]]
    rank = first.index(reading.country) + 1 if reading.country in first else 0
    km = float(distance_km(signs.distribution.best(), (reading.lat, reading.lon)))
    return Score(rank, km, signs.distribution.radius_km() if radius else None)


def _span(least: int, most: int) -> str:
    if least == most:
        return f"{least}"
    return f"{least} to {most}" if most < BANDS[-1][1] else f"{least} or more"


def _row(name: str, scores: Sequence[Score]) -> str:
    if not scores:
        return f"| {name} | 0 |" + " |" * 8
    km = np.array([s.km for s in scores])
    cells = [f"{len(scores):,}", _share(s.rank == 1 for s in scores), _share(s.rank > 0 for s in scores)]
    cells += [_share(km <= near) for near in NEAR_KM]
    cells.append(f"{np.median(km):,.0f}")
    radii = np.array([s.radius_km for s in scores if s.radius_km is not None])
    cells += [_share(km <= radii), f"{np.median(radii):,.0f}"] if len(radii) == len(km) else ["", ""]
    return f"| {name} | {' | '.join(cells)} |"


def _share(values: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(values)):.1f}"


def _ablations(judged: Sequence[Judged], weights: Weights | None) -> str:
    """A row for each kind of clue: photos that have it, as answered with all, without it, and with it alone."""
    lines = [_HEAD.format("clue"), "|---|" + "---:|" * 9]
    for kind in kinds.names():
        having = [j for j in judged if any(clue.kind == kind for clue in j.clues)]
        if not having:
            lines.append(_row(f"{kind}: never found", []))
            continue
        lines.append(_row(f"{kind}: all clues", [j.score for j in having]))
        others = [kinds_of(j.clues) - {kind} for j in having]
        lines.append(_row(f"{kind}: left out", _scores(having, others, weights)))
        lines.append(_row(f"{kind}: alone", _scores(having, [{kind}] * len(having), weights)))
    return "\n".join(lines)


def kinds_of(clues: Sequence[Clue]) -> set[str]:
    """The kinds of some clues."""
    return {clue.kind for clue in clues}


def _scores(judged: Sequence[Judged], kept: Sequence[set[str]], weights: Weights | None) -> list[Score]:
    """How the answers fare from clues of the kinds `kept` of each photo."""
    return [
        score(j.reading, [clue for clue in j.clues if clue.kind in of], weights)
        for j, of in zip(judged, kept, strict=True)
    ]
