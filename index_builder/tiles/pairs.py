"""Photos of a training set, and the tile of some zoom that each of them lies in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

from geoloc_core.encoders.base import Prepared
from geoloc_core.encoders.checkpoints import Preprocess
from geoloc_core.encoders.pixels import resizer
from geoloc_core.errors import InputsError
from geoloc_core.geo import Floats
from geoloc_core.tiles.sources.base import TileSource
from geoloc_core.tiles.tile import tile_at
from index_builder.inputs import TrainingSet
from index_builder.tiles.photos import Halves
from index_builder.tiles.pictures import NONE, Ints, Pictures, Progress, gather
from index_builder.training import Batch, Step
from index_builder.training.task import Rows

_resizer = lru_cache(resizer)


@dataclass(frozen=True, eq=False)
class Pairs:
    """n photos and what their tiles show.

    Attributes:
        photos: (n, d) unit rows of the photo encoder.
        kinds: (n,) numbers of the tiles' pictures, -1 where there is nothing to see.
    """

    photos: Halves
    kinds: Ints

    @cached_property
    def usable(self) -> Ints:
        """Rows whose tile shows something."""
        return np.flatnonzero(self.kinds != NONE)


@dataclass(frozen=True, eq=False)
class ZoomPairs:
    """Pairs of one zoom; pictures are numbered alike in both parts.

    Attributes:
        zoom: of the tiles.
        training, validation: the pairs.
        pictures: all that the tiles of both show.
        digest: of the tiles and their pictures.
        lacking: how many different tiles show nothing, by reason.
    """

    zoom: int
    training: Pairs
    validation: Pairs
    pictures: Pictures
    digest: str
    lacking: Counter[str]

    def __str__(self) -> str:
        """A line for a person."""
        used, of = len(self.training.usable), len(self.training.kinds)
        kinds = len(np.unique(self.training.kinds[self.training.usable]))
        left_out = ", ".join(f"{count:,} {why}" for why, count in self.lacking.most_common())
        return (
            f"Zoom {self.zoom}: {used:,} of {of:,} photos have a tile that shows something, {kinds:,} different ones"
            + (f"; tiles left out: {left_out}." if left_out else ".")
        )


def halves(photos: TrainingSet, column: str, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """About half of the photos and the others, whole groups such as walks or authors on one side, drawn by `seed`.

    Raises:
        InputsError: there is no such column, or one value only.
    """
    names, member = np.unique(np.asarray(photos.column(column), np.str_), return_inverse=True)
    if len(names) < 2:
        raise InputsError(f"All photos have the same {column}. Hold out by another column, or give --validation.")
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.bincount(member)[order].cumsum() / len(member)
    first = np.isin(member, order[: int(np.clip(np.searchsorted(reached, 0.5) + 1, 1, len(names) - 1))])
    return photos.subset(np.flatnonzero(first)), photos.subset(np.flatnonzero(~first))


def make_pairs(
    source: TileSource,
    zoom: int,
    training: tuple[Halves, Floats],
    validation: tuple[Halves, Floats],
    folder: Path,
    on_progress: Progress | None = None,
) -> ZoomPairs:
    """Find each photo's tile and get it.

    Args:
        source: of the tiles.
        zoom: of them.
        training, validation: photos' embeddings, and their (n, 2) places in degrees.
        folder: where the source's tiles are kept.
        on_progress: called with (tiles got, tiles to get).

    Raises:
        TileError, GeolocError: see `gather`.
    """
    places = np.concatenate([training[1], validation[1]])
    tiles = [tile_at(float(lat), float(lon), zoom) for lat, lon in places]
    got = gather(source, zoom, tiles, folder, on_progress)
    own, other = np.split(got.kinds, [len(training[1])])
    return ZoomPairs(zoom, Pairs(training[0], own), Pairs(validation[0], other), got.pictures, got.digest, got.lacking)


@dataclass(frozen=True, eq=False)
class Batches:
    """Makes a step's tensors; it knows no network, so that a copy for another process is small.

    Attributes:
        pairs: of all rows.
        pictures: of the tiles; None if nobody needs their pixels, their tokens being kept.
        preprocess: of the photo encoder.
        crop: the least share of a tile's side that is shown, in a square drawn at random; 1 for the whole tile.
        seed: of the squares.
    """

    pairs: Pairs
    pictures: Pictures | None
    preprocess: Preprocess
    crop: float = 1.0
    seed: int = 1

    def batch(self, rows: Rows, step: Step) -> Batch:
        """`photos` and `kinds` of the whole step, `own` kinds of these rows and, if wanted, their `pixels`."""
        whole, own = np.asarray(step.rows), np.asarray(rows)
        batch = {
            "photos": torch.from_numpy(self.pairs.photos[whole].astype(np.float32)),
            "kinds": torch.from_numpy(self.pairs.kinds[whole]),
            "own": torch.from_numpy(self.pairs.kinds[own]),
        }
        if self.pictures is not None:
            batch["pixels"] = torch.from_numpy(np.stack(self._pixels(self.pictures, own.tolist(), step.epoch)))
        return batch

    def _pixels(self, pictures: Pictures, rows: Sequence[int], epoch: int) -> list[Prepared]:
        prepare, found = _resizer(self.preprocess), []
        for row in rows:
            image = pictures.image(int(self.pairs.kinds[row]))
            if self.crop < 1:
                rng = np.random.default_rng([self.seed, epoch, row])
                side = image.width * rng.uniform(self.crop, 1.0)
                left, top = rng.uniform(0, image.width - side, 2)
                image = image.resize(image.size, box=(left, top, left + side, top + side))
            found.append(prepare(image))
        return found
