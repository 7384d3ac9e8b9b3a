"""Small partitions, files of them as others publish them, and what a spreadsheet makes of such a file."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import s2cell

from geoloc_core.cells import Level, Partition
from geoloc_core.cells.s2 import from_tokens
from geoloc_core.geo import Floats
from index_builder.cells.build import Limits, build

LIMITS = Limits(most=(120, 50, 20), least=3)
HEADER = ("class_label", "hex_id", "imgs_per_cell", "latitude_mean", "longitude_mean")
# Tokens that look like numbers, beside some that do not: Paris, Boston, Nairobi's region, China, Mali, Tokyo.
TOKENS = ("47e63", "89e25", "182f1", "365", "0e364", "60188c")


def photos(n: int = 2_000, seed: int = 0, clusters: int = 40) -> Floats:
    """(n, 2) degrees around centres all over the world, one in ten at exactly the same place as others."""
    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, clusters))), rng.uniform(-180, 180, clusters)
    which = np.minimum(rng.geometric(0.08, n) - 1, clusters - 1)
    points = np.column_stack([lat, lon])[which] + rng.normal(0, 0.4, (n, 2)) * (rng.random((n, 1)) > 0.1)
    return np.column_stack([np.clip(points[:, 0], -90, 90), points[:, 1]])


def small_partition() -> Partition:
    """Three levels of some dozens of cells."""
    return build(photos(), LIMITS).partition


def of_tokens(name: str = "fine", tokens: Sequence[str] = TOKENS) -> Level:
    """A level of these cells, each with its centre as its mean place."""
    points = np.array([s2cell.token_to_lat_lon(token) for token in tokens])
    return Level(name, from_tokens(tokens), points, np.arange(51, 51 + len(tokens)))


def write_published(level: Level, path: Path, *, spreadsheet: bool = False, notes: Sequence[str] = ()) -> Path:
    """A level as a CSV of the published layout; with `spreadsheet`, as such a program saves it again."""
    tokens = [in_a_spreadsheet(token) for token in level.tokens] if spreadsheet else level.tokens
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(f"{note}\n" for note in notes)
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for label, (token, count, (lat, lon)) in enumerate(
            zip(tokens, level.counts.tolist(), level.points.tolist(), strict=True)
        ):
            writer.writerow([label, token, count, repr(lat), repr(lon)])
    return path


def in_a_spreadsheet(token: str) -> str:
    """What becomes of a token that can be read as a number: 47e63 is 4.7E+64, 0365 is 365."""
    if re.fullmatch(r"\d+", token):
        return str(int(token)) if len(token) < 12 else f"{float(token):.5E}"
    if re.fullmatch(r"\d+e\d+", token):
        digits, exponent = token.split("e")
        if not (digits := digits.lstrip("0")):
            return "0E+00"
        rest = digits[1:].rstrip("0")
        return f"{digits[0]}{'.' + rest if rest else ''}E+{int(exponent) + len(digits) - 1:03d}"
    return token
