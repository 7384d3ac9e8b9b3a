"""Places365's categories of scenes, and the 16 groups and 3 kinds they belong to.

The order is the published one, so that a category's number is the class of every network trained on Places365. A
category may belong to several groups: a barn is of the fields, of nature with things made by man, and of farms. Its
probability is then shared evenly among them, as Müller-Budack et al. do ("Geolocation Estimation of Photos using a
Hierarchical Model and Scene Classification", ECCV 2018); a bare label means the first of them.

Source: Zhou et al., "Places: A 10 million image database for scene recognition" (2017), and its scene hierarchy.
"""

from __future__ import annotations

import csv
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import GeolocError
from geoloc_core.geo import Floats
from geoloc_core.paths import ASSETS

TABLE = ASSETS / "scenes" / "places365.csv"
KINDS = ("indoor", "natural", "urban")  # the hierarchy's top level, in the order of `translocator.SCENE_KINDS`
GROUPS: tuple[tuple[str, int], ...] = (
    ("shopping and dining", 0),
    ("workplace", 0),
    ("home or hotel", 0),
    ("vehicle interior or station", 0),
    ("sports and leisure indoors", 0),
    ("cultural interior", 0),
    ("water, ice, snow", 1),
    ("mountains, hills, desert, sky", 1),
    ("forest, field, jungle", 1),
    ("nature with man-made elements", 1),
    ("roads, bridges, boats, airports", 2),
    ("cultural or historical place", 2),
    ("sports fields, parks", 2),
    ("industry and construction", 2),
    ("houses, gardens, farms", 2),
    ("commercial buildings, cities, towns", 2),
)
"""The 16 groups in the hierarchy's order, each with its kind."""


def names(n: int) -> tuple[str, ...]:
    """What the 3 kinds, the 16 groups or the 365 categories are called, for people to read.

    Raises:
        ValueError: n is none of these.
        GeolocError: the table is missing or damaged.
    """
    if n == 365:
        return tuple(name for _, name, _ in _rows())
    return KINDS if _known(n) == 3 else tuple(name for name, _ in GROUPS)


def number(category: str) -> int:
    """The number of a category by its published name, such as `church/outdoor`.

    Raises:
        KeyError: there is no such category.
        GeolocError: the table is missing or damaged.
    """
    return _numbers()[category]


@cache
def membership(n: int) -> Floats:
    """(365, n) share of each category in each kind, group or category; rows add up to 1. Not to be written to.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    if _known(n) == 365:
        shares = np.eye(365)
    else:
        shares = np.zeros((365, n))
        for row, (_, _, groups) in enumerate(_rows()):
            shares[row, [GROUPS[group][1] for group in groups] if n == 3 else list(groups)] = 1
        shares /= shares.sum(axis=1, keepdims=True)
    shares.flags.writeable = False
    return shares


def summed(probabilities: ArrayLike, n: int) -> Floats:
    """(..., 365) probabilities of categories to (..., n) of kinds, groups or categories, with the same sum.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    return np.asarray(probabilities, np.float64) @ membership(n)


@cache
def group(n: int) -> NDArray[np.int64]:
    """(365,) the kind, group or category that each category is labelled with. Not to be written to.

    Raises:
        GeolocError: the table is missing or damaged.
    """
    first = membership(n).argmax(axis=1)  # of equal shares the first
    first.flags.writeable = False
    return first


def _known(n: int) -> int:
    if n not in (3, 16, 365):
        raise ValueError(f"Places365 has 3 kinds, 16 groups or 365 categories, not {n}.")
    return n


@cache
def _numbers() -> dict[str, int]:
    return {category: row for row, (category, _, _) in enumerate(_rows())}


@cache
def _rows() -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Published name, readable name and groups of the categories, in their order."""
    try:
        with TABLE.open(encoding="utf-8", newline="") as table:
            read = tuple(
                (row["category"], row["name"], tuple(int(group) for group in row["groups"].split()))
                for row in csv.DictReader(table, strict=True)
            )
        if len(read) != 365 or not all(groups and set(groups) <= set(range(16)) for _, _, groups in read):
            raise ValueError("it does not hold 365 categories in 16 groups")
    except (OSError, csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise GeolocError(f"The table {TABLE} cannot be read ({error}). Restore assets/scenes.") from error
    return read
