"""What the reader read in drawn photos of signs, kept a line a photo, so that no photo is read twice.

The file is JSON lines. Its first line says what was drawn and who read; if that is of another version, reader or model
of scripts, the readings are made anew. A process that dies loses the photo it was at.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import IO, Any

from geoloc_core.photo import read_photo
from geoloc_core.signs.reading import read
from geoloc_core.signs.shape import MODEL
from geoloc_core.signs.writing import Line, Writing
from index_builder.atlas.writing.photo import VERSION, DrawnLine, SignPhoto, draw_signs
from index_builder.atlas.writing.places import sign_places

Progress = Callable[[int, int], None]
READERS = ["rapid"]  # what every machine has, whatever the settings say


@dataclass(frozen=True)
class Reading:
    """A drawn photo's truth, and what was read in it.

    Attributes:
        lat: degrees.
        lon: degrees.
        country: ISO 3166 alpha-2.
        letters: drawn letters that are tall enough to read.
        drawn: all lines of its signs.
        writing: what was read.
        seconds: reading it took, the models loaded.
    """

    lat: float
    lon: float
    country: str
    letters: int
    drawn: tuple[DrawnLine, ...]
    writing: Writing
    seconds: float

    @property
    def misled(self) -> bool:
        """A sign speaks of another place."""
        return any(line.misled for line in self.drawn)


def readings(n: int, seed: int, split: str, kept: Path, on_progress: Progress = lambda done, of: None) -> list[Reading]:
    """Draw and read `n` photos, or take up what is kept.

    Args:
        n: how many; of a larger number that is kept, the first.
        seed: of the drawing.
        split: "train" or "test".
        kept: folder for the readings.
        on_progress: called with photos done and in all.

    Raises:
        ReaderError: there is no reader.
    """
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{split}-{seed}.jsonl"
    head = {"drawn": VERSION, "readers": READERS, "looks": _digest(MODEL)}
    done = _load(path, head)
    with path.open("w", encoding="utf-8") as file:
        _write(file, head)
        for row in done:
            _write(file, row)
        for row in islice(_read_more(n, seed, split, len(done)), max(0, n - len(done))):
            _write(file, row)
            done.append(row)
            on_progress(len(done), n)
    return [_reading(row) for row in done[:n]]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


def _read_more(n: int, seed: int, split: str, start: int) -> Iterator[dict[str, Any]]:
    for i, place in enumerate(sign_places(n, seed, split)):
        if i >= start:
            yield _read(draw_signs(place, Random(f"{seed}/{split}/{i}")))


def _read(photo: SignPhoto) -> dict[str, Any]:
    image = read_photo(photo.jpeg).image
    start = time.perf_counter()
    writing = read(image, READERS)
    seconds = time.perf_counter() - start
    return {
        "lat": photo.place.lat,
        "lon": photo.place.lon,
        "country": photo.place.iso2,
        "letters": photo.letters,
        "drawn": [asdict(line) for line in photo.lines],
        "writing": [{**asdict(line), "confidence": round(line.confidence, 3)} for line in writing.lines],
        "readers": list(writing.readers),
        "reads": sorted(writing.reads),
        "seconds": round(seconds, 4),
    }


def _reading(row: dict[str, Any]) -> Reading:
    lines = tuple(Line(**{**line, "box": tuple(map(tuple, line["box"]))}) for line in row["writing"])
    return Reading(
        row["lat"],
        row["lon"],
        row["country"],
        row["letters"],
        tuple(DrawnLine(**line) for line in row["drawn"]),
        Writing(lines, tuple(row["readers"]), frozenset(row["reads"])),
        row["seconds"],
    )


def _load(path: Path, head: dict[str, Any]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # what follows the last line feed was cut off
    rows = [json.loads(line) for line in lines]
    return rows[1:] if rows and rows[0] == head else []


def _write(file: IO[str], row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    file.flush()
