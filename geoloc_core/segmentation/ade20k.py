"""ADE20K's 150 classes: their names, and the colours in which maps of them are drawn.

Sources: Zhou et al., "Scene Parsing through ADE20K Dataset" (2017), in the order of its `objectInfo150`; the colours
are those of its own tools, which papers and other programs share. Road and skyscraper have the same colour there.
"""

from __future__ import annotations

import csv
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geoloc_core.paths import ASSETS
from geoloc_core.segmentation.base import NO_CLASS, Labels

CLASSES = 150
_TABLE = ASSETS / "segmentation" / "ade20k.csv"


@cache
def names() -> tuple[str, ...]:
    """The 150 names, class 0 (wall) first."""
    return tuple(row["name"] for row in _rows())


@cache
def palette() -> NDArray[np.uint8]:
    """(256, 3) RGB: the colours of the 150 classes, then black for whatever is none of them. Not to be written to."""
    colours = np.zeros((NO_CLASS + 1, 3), np.uint8)
    colours[:CLASSES] = [[int(row[channel]) for channel in ("red", "green", "blue")] for row in _rows()]
    colours.flags.writeable = False
    return colours


def colours(labels: Labels) -> NDArray[np.uint8]:
    """(h, w, 3) RGB picture of (h, w) classes; black where there is none."""
    return palette()[np.asarray(labels, np.uint8)]


@cache
def _rows() -> list[dict[str, str]]:
    with _TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
