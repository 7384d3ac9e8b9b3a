"""What the trunk, which all zooms share, makes of tiles: the tails' input, calculated once. Imports torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoloc_core.encoders.base import Prepared
from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.tiles.encoders.network import Trunk
from index_builder.tiles.pictures import Ints, Pictures

Counting = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
_CHUNK = 64


def silent(what: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """A `Counting` that tells nobody."""
    return nullcontext(lambda done, total: None)


class Tokens:
    """Tokens of pictures by number, (n, 1 + patches, width) float32 on the CPU; kept in memory if all of them fit.

    Args:
        base: the photo encoder.
        blocks: last blocks that are each zoom's own.
        pictures: to look at.
        most_bytes: to keep at most; if all would not fit, they are calculated each time.
        counting: told when all of them are calculated, which happens when the first is asked for.
    """

    def __init__(
        self, base: OpenClip, blocks: int, pictures: Pictures, most_bytes: int, counting: Counting = silent
    ) -> None:
        self._base, self._pictures, self._counting = base, pictures, counting
        self._trunk = Trunk(base.tower, blocks).eval()
        self._kept: torch.Tensor | None = None
        positions: Any = base.tower.positional_embedding  # (1 + patches, width)
        self.keeps = len(pictures) * positions.numel() * 4 <= most_bytes

    def of(self, numbers: Ints) -> torch.Tensor:
        """Of pictures by number."""
        if not self.keeps:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return self.through(list(pool.map(self._prepared, numbers.tolist())))
        if self._kept is None:
            with torch.inference_mode(mode=False):  # or nothing could be learned from them
                self._kept = self._all()
        return self._kept[torch.from_numpy(numbers)]

    def through(self, prepared: list[Prepared] | NDArray[np.uint8]) -> torch.Tensor:
        """Of prepared pictures."""
        return torch.from_numpy(self._base.through(self._trunk, list(prepared)))

    def _all(self) -> torch.Tensor:
        chunks = np.array_split(np.arange(len(self._pictures)), max(1, -(-len(self._pictures) // _CHUNK)))
        found, done = [], 0
        with self._counting("Tiles through the trunk") as on_progress, ThreadPoolExecutor(os.cpu_count()) as pool:
            for chunk in chunks:
                found.append(self.through(list(pool.map(self._prepared, chunk.tolist()))))
                done += len(chunk)
                on_progress(done, len(self._pictures))
        return torch.cat(found)

    def _prepared(self, number: int) -> Prepared:
        return self._base.prepare(self._pictures.image(number))
