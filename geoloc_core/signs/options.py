"""The command line's options for reading signs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geoloc_core.errors import GeolocError

if TYPE_CHECKING:
    from geoloc_core.prediction import Query
    from geoloc_core.predictors.signs import Signs


def add_signs(parser: argparse.ArgumentParser) -> None:
    """Add the options that `signs_of` reads."""
    group = parser.add_argument_group("signs", "for --predictor signs")
    group.add_argument(
        "--correct",
        action="append",
        default=[],
        metavar="READ=REALLY",
        help="the line read as READ says REALLY; may be repeated",
    )
    group.add_argument(
        "--strike",
        action="append",
        default=[],
        metavar="SUBJECT",
        help="leave out clues about SUBJECT, as the answer quotes it, or of a kind such as language; may be repeated",
    )


def corrects(options: argparse.Namespace) -> bool:
    """Whether one of the options was given."""
    return bool(options.correct or options.strike)


def signs_of(options: argparse.Namespace, query: Query) -> Signs:
    """The predictor that the options ask for; the photo is read if they speak of lines or clues.

    Raises:
        GeolocError: they name a line that was not read, or a clue that was not found.
    """
    from geoloc_core.predictors.signs import Signs

    corrections = _corrections(options.correct, query) if options.correct else {}
    if not options.strike:
        return Signs(corrections=corrections)
    keys = [clue.key for clue in Signs(corrections=corrections).read(query).found]
    for word in options.strike:
        if not any(word in key for key in keys):
            raise GeolocError(f"No clue is about {word!r}. Strike one of {', '.join(subject for _, subject in keys)}.")
    return Signs(corrections=corrections, struck=[key for key in keys if set(key) & set(options.strike)])


def _corrections(pairs: list[str], query: Query) -> dict[int, str]:
    lines = [line.text for line in query.writing().lines]
    found = {}
    for pair in pairs:
        read, equals, really = pair.partition("=")
        if not equals or read not in lines:
            raise GeolocError(
                f"{pair!r} corrects no line. Write READ=REALLY, READ being a line exactly as the answer quotes it."
            )
        found[lines.index(read)] = really
    return found
