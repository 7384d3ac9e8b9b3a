"""Drawn photos of signs as files: JPEGs, and `rows.csv` with what is true of each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from geoloc_core.files import replacing
from index_builder.atlas.writing.photo import SignPhoto, sign_photos

COLUMNS = ("file", "lat", "lon", "country", "town", "letters", "kinds", "misled", "lines")


def write(
    out: Path, n: int, seed: int, split: str, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> str:
    """Draw `n` photos into `out`; returns a line about them."""
    out.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(COLUMNS)
    for i, photo in enumerate(sign_photos(n, seed, split)):
        name = f"{split}-{seed}-{i:05}.jpg"
        with replacing(out / name) as file:
            file.write(photo.jpeg)
        rows.writerow([name, *_row(photo)])
        on_progress(i + 1, n)
    with replacing(out / "rows.csv") as file:
        file.write(table.getvalue().encode())
    return f"{n:,} photos in {out}, and rows.csv says what is written on them."


def _row(photo: SignPhoto) -> list[object]:
    place = photo.place
    return [
        place.lat,
        place.lon,
        place.iso2,
        place.town,
        photo.letters,
        " ".join(dict.fromkeys(line.kind for line in photo.lines)),
        int(any(line.misled for line in photo.lines)),
        json.dumps([line.text for line in photo.lines], ensure_ascii=False),
    ]
