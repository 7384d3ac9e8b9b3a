"""Reads what is written in a photo: which readers look, and what their lines come to together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from geoloc_core.errors import GeolocError, ReaderError
from geoloc_core.settings import settings
from geoloc_core.signs import readers as known
from geoloc_core.signs.readers import Reader
from geoloc_core.signs.writing import Line, Writing
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image

AUTO = ("rapid", "tesseract")
LOOK, LOOK_AGAINST_READING = 0.85, 0.97  # probability from which a line's look counts: unread, or read otherwise
SURELY_READ = 0.9
_LEAST_PX, _LEAST_LONG = 12, 2.2  # a line's height, and its length in heights
_WORD, _MUCH, _MIXED = 4, 3, 3


def read(image: Image, readers: Sequence[str] | None = None) -> Writing:
    """All lines in an upright RGB photo, from top to bottom.

    Args:
        image: the photo.
        readers: names of those that look, one after the other; by default as the settings say.

    Raises:
        GeolocError: there is no such reader.
        ReaderError: one cannot read now, or fails.
    """
    chosen = _ready(readers)
    lines: dict[object, Line] = {}
    for reader in chosen:
        try:
            more = reader.read(image, tuple(lines.values()))
            lines |= {line.box: line for line in (more if lines else _looked_at(image, more))}
        except GeolocError:
            raise
        except Exception as error:  # a photo's pixels are hostile, and a reader is other people's code
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise ReaderError(f"Reading the photo with {reader.name} failed ({said}). Try a smaller copy.") from error
    reads = frozenset[str]().union(*(reader.scripts() for reader in chosen))
    return Writing.of(_in_order(lines.values()), [reader.name for reader in chosen], reads)


def availability() -> Availability:
    """Whether the readers that the settings name can read now."""
    try:
        chosen = _ready(None)
    except GeolocError as error:
        return Availability.lacking(error)
    return Availability(True, " ".join(reader.availability().reason for reader in chosen))


def _ready(names: Sequence[str] | None) -> list[Reader]:
    """The readers of these names, or of the settings; of the automatic ones, those that can read besides the first."""
    said = [name.strip() for name in settings().readers.split(",")] if names is None else list(names)
    asked = AUTO if said == ["auto"] else said
    chosen = []
    for name in asked:
        reader = known.load(name)
        can = reader.availability()
        if can:
            chosen.append(reader)
        elif asked is not AUTO or name == AUTO[0]:
            raise ReaderError(f"{can.reason} {can.remedy}")
    return chosen


def _looked_at(image: Image, lines: Sequence[Line]) -> list[Line]:
    """The lines with the script each surely looks to be in, without those that look like no writing and were not read.

    Blurred letters, labels and railings look like some script or other, so a look counts only in a line of some length,
    and a lone one not beside much that could be read.
    """
    from geoloc_core.signs.ocr.crops import line_images
    from geoloc_core.signs.shape import NONE, scripts_by_shape

    looks = scripts_by_shape(line_images(image, [line.box for line in lines])) if lines else []
    found = []
    for line, chances in zip(lines, looks, strict=True):
        likeliest = max(chances, key=chances.__getitem__, default="")
        if line.text or likeliest != NONE:
            told = likeliest != NONE and _is_telling(line, chances.get(likeliest, 0.0), image.size)
            found.append(replace(line, scripts=chances if told else {}))
    read = sum(line.confidence >= SURELY_READ and line.letters >= _WORD for line in found)
    looked = Counter(line.look for line in found if line.look)
    strays = {script for script, count in looked.items() if count == 1 and read >= _MUCH}
    if len(looked) >= _MIXED:  # no sign is written in so many scripts
        strays = set(looked)
    return [replace(line, scripts={}) if line.look in strays else line for line in found]


def _is_telling(line: Line, chance: float, size: tuple[int, int]) -> bool:
    """Whether a line is long and large enough, and its look sure enough, to say in which script it is."""
    (x0, y0), (x1, y1), _, (x3, y3) = line.box
    along = math.hypot((x1 - x0) * size[0], (y1 - y0) * size[1])
    across = math.hypot((x3 - x0) * size[0], (y3 - y0) * size[1])
    small, large = sorted((along, across))
    sure = LOOK if not line.letters else LOOK_AGAINST_READING
    return small >= _LEAST_PX and large >= _LEAST_LONG * small and chance >= sure


def _in_order(lines: Iterable[Line]) -> list[Line]:
    """From top to bottom; lines at much the same height from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: sum(y for _, y in line.box)):
        middle = sum(y for _, y in line.box) / 4
        beside = rows and min(y for _, y in rows[-1][0].box) < middle < max(y for _, y in rows[-1][0].box)
        if beside:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: sum(x for x, _ in line.box))]
