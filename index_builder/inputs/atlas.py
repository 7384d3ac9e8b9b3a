"""`atlas-inputs`: a training set of the synthetic world, with the segmentation and scenes that it was drawn with."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from geoloc_core.errors import InputsError
from geoloc_core.photo import read_photo
from index_builder.atlas import SPLITS, draw, sample_places
from index_builder.atlas.scenes import places365_of
from index_builder.console import interval
from index_builder.inputs.labelling import Seen, scenes_of_category
from index_builder.inputs.manifest import Manifest, Segmentation, read_manifest
from index_builder.inputs.parts import Row, fitted, to_jpeg, to_png
from index_builder.inputs.writing import PART_ROWS, About, open_set
from index_builder.starter import LICENCE, SIZE

if TYPE_CHECKING:
    from index_builder.inputs.labelling import Labeller

OWN_MAPS = Segmentation(name="Atlas", id="atlas/1")
OWN_SCENES = "Atlas"
_FIRST = 10_000_000  # index of the train split's first photo; the splits' photos are numbered in blocks of as many
_DRAWN_QUALITY = 90


@dataclass(frozen=True)
class Drawing:
    """What to draw: `count` photos of a split of the world `seed`, their shorter side `side` pixels, in what parts."""

    split: str
    count: int
    seed: int = 1
    side: int = 128
    part_rows: int = PART_ROWS


@dataclass(frozen=True)
class _Job:
    lat: float
    lon: float
    number: int
    drawing: Drawing
    own_maps: bool


def make_atlas(out: Path, drawing: Drawing, labeller: Labeller | None = None, *, restart: bool = False) -> Manifest:
    """Draw a set with all cores, or go on where that stopped.

    Args:
        out: the set's folder.
        drawing: what to draw.
        labeller: makes the segmentation maps with a model; None for the Atlas's own.
        restart: throw away what is there.

    Raises:
        InputsError: no such split, too few photos or pixels; or `out` holds something else.
        GeolocError: it cannot be written, or the model fails.
    """
    if drawing.split not in SPLITS or drawing.count < 1 or not 16 <= drawing.side <= min(SIZE):
        raise InputsError(
            f"Choose a split of {', '.join(SPLITS)}, at least one photo, and a side of 16 to {min(SIZE)} pixels."
        )
    made_by = labeller.segmentation if labeller else OWN_MAPS
    settings = {
        "split": drawing.split,
        "photos": str(drawing.count),
        "seed": str(drawing.seed),
        "side": str(drawing.side),
        "rows a part": str(drawing.part_rows),
        "segmentation": f"{made_by.name} ({made_by.id})",
        "scenes": OWN_SCENES,
    }
    with open_set(out, settings, restart=restart) as writer:
        if writer.published:
            print(f"{out} is made already, from just this.", file=sys.stderr)
            return read_manifest(out)
        parts = -(-drawing.count // drawing.part_rows)
        todo = [number for number in range(parts) if not writer.done(number, str(number))]
        if len(todo) < parts:
            print(f"going on: {parts - len(todo):,} of {parts:,} parts are done", file=sys.stderr)
        if labeller and todo:
            labeller.load()
        for number, rows in _parts(drawing, todo, labeller):
            writer.write(number, rows, str(number))
        about = About(
            side=drawing.side,
            source="Photos of the Atlas, a synthetic world: drawn by index_builder/atlas, taken by nobody",
            licence=LICENCE,
            command=f"python -m index_builder atlas-inputs {out.absolute().name} --photos {drawing.count} --split "
            f"{drawing.split} --seed {drawing.seed} --side {drawing.side}"
            + (f" --segmenter {made_by.name}" if labeller else ""),
            synthetic=True,
            segmentation=made_by,
            scenes=OWN_SCENES,
        )
        return writer.publish(parts, about)


def _parts(drawing: Drawing, numbers: list[int], labeller: Labeller | None) -> Iterator[tuple[int, list[Row]]]:
    """Each part with its rows, drawn by all cores; one part at a time, so that few full photos are held."""
    places = sample_places(drawing.count, drawing.seed, drawing.split)
    firsts = {number: number * drawing.part_rows for number in numbers}
    spans = {number: range(first, min(first + drawing.part_rows, drawing.count)) for number, first in firsts.items()}
    total = sum(len(span) for span in spans.values())
    if not total:
        return
    bar = tqdm(total=total, desc=f"Drawing {drawing.split}", unit=" photos", mininterval=interval())
    with get_context("spawn").Pool(min(os.cpu_count() or 1, total)) as pool, bar:
        for number, span in spans.items():
            jobs = [_Job(float(places[i, 0]), float(places[i, 1]), i, drawing, labeller is None) for i in span]
            rows: list[Row] = []
            drawn = pool.imap(_drawn, jobs, chunksize=8)
            for row in labeller.label(drawn, drawing.side) if labeller else (seen.row for seen in drawn):
                rows.append(row)
                bar.update()
            yield number, rows


def _drawn(job: _Job) -> Seen:
    """A photo as a row, and in its full size for a model to label."""
    drawing = job.drawing
    index = SPLITS.index(drawing.split) * _FIRST + job.number
    drawn = draw(job.lat, job.lon, seed=drawing.seed, index=index, size=SIZE)
    buffer = io.BytesIO()
    drawn.image.save(buffer, "JPEG", quality=_DRAWN_QUALITY)
    full = read_photo(buffer.getvalue()).image  # as a real photo would be read
    row = Row(
        id=f"atlas-{drawing.split}-{job.number:06d}",
        lat=job.lat,
        lon=job.lon,
        photo=to_jpeg(fitted(full, drawing.side)),
        labels=to_png(drawn.labels, full.size, drawing.side) if job.own_maps else None,
        scenes=scenes_of_category(places365_of(drawn.scene)),
        columns={"author": "Geoloc Atlas", "country": drawn.country, "kind": drawn.scene},
    )
    return Seen(row, full.size, None if job.own_maps else full)
