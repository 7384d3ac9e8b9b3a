"""The command line's options that limit a search and say how its neighbours are shown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geoloc_core.errors import FilterError

if TYPE_CHECKING:
    from geoloc_core.gallery.scope import Scope


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add the options that `scope_of` reads."""
    limits = parser.add_argument_group("limits", "search only photos that meet all of these")
    limits.add_argument("--country", metavar="C", help="code of two letters or English name")
    limits.add_argument("--near", metavar="LAT,LON", help="within --within km of this point")
    limits.add_argument("--within", type=float, metavar="KM")
    limits.add_argument(
        "--box", metavar="S,W,N,E", help="degrees; across the antimeridian if W > E; write --box=-10,..."
    )
    limits.add_argument("--without-author", action="append", default=[], metavar="A", help="may be repeated")
    limits.add_argument("--without-id", action="append", default=[], metavar="ID", help="may be repeated")
    shown = parser.add_argument_group("neighbours")
    both = shown.add_mutually_exclusive_group()
    both.add_argument("--distinct", action="store_true", default=True, help="collapse near-duplicates (default)")
    both.add_argument("--all", dest="distinct", action="store_false", help="show near-duplicates one by one")
    shown.add_argument(
        "--no-antihubs",
        dest="antihubs",
        action="store_false",
        help="keep photos that are farthest from most others out of the farthest",
    )


def scope_of(options: argparse.Namespace) -> Scope:
    """The scope that the options ask for.

    Raises:
        FilterError: they make no sense.
    """
    from geoloc_core.gallery.filters import Where
    from geoloc_core.gallery.scope import Scope

    near, box = _numbers("--near", options.near, 2), _numbers("--box", options.box, 4)
    where = Where(
        country=options.country,
        centre=(near[0], near[1]) if near else None,
        radius_km=options.within,
        box=(box[0], box[1], box[2], box[3]) if box else None,
        without_authors=frozenset(options.without_author),
        without_ids=frozenset(options.without_id),
    )
    return Scope(where, distinct=options.distinct, antihubs=options.antihubs)


def _numbers(option: str, text: str | None, count: int) -> list[float]:
    if text is None:
        return []
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise FilterError(
            f"{option} takes {count} numbers with commas between them. Give for example "
            + ("48.86,2.35." if count == 2 else "36,-10,44,4.")
        )
    return numbers
