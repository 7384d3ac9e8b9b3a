"""A zoom's map encoder as something to learn: batches, loss, top-16 recall, publishing. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from geoloc_core.errors import ModelError
from geoloc_core.tiles.encoders.card import Card
from geoloc_core.tiles.encoders.checkpoint import save
from geoloc_core.tiles.encoders.network import Tail
from index_builder.tiles.contrast import among_all, contrast
from index_builder.tiles.pairs import Batches, ZoomPairs
from index_builder.tiles.pictures import Ints
from index_builder.tiles.tokens import Tokens
from index_builder.training import Batch, Losses, shuffled
from index_builder.training.task import Rows

KEPT = 16  # tiles that a walk keeps a zoom, as published
_CHUNK = 256
_OTHERS, _ORDER = 0x16, 0x17  # so that candidates and validation's order are not drawn as the batches are


@dataclass(frozen=True)
class Contrast:
    """What is learned.

    Attributes:
        temperature: the factor before cosines; 100 is where CLIP's learned one ended, at its bound.
        both: also each tile's photo among the batch's.
        crop: see `Batches`.
        batch: pairs a step (paper: 64).
        judge_batch: pairs told apart for validation's loss (paper: 128).
        candidates: other tiles that validation's are told apart from, at most.
    """

    temperature: float = 100.0
    both: bool = False
    crop: float = 1.0
    batch: int = 64
    judge_batch: int = 128
    candidates: int = 1024


@dataclass(eq=False)
class TilesTask:
    """A `training.Task`.

    Attributes:
        network: the zoom's tail, to be trained.
        untuned: the photo encoder's own, to compare with.
        tokens: what both look at.
        pairs: to learn from and to be judged by.
        card: of the family, but for the metrics.
        batches_of: makes the batches.
        contrast: what is learned.
        origin: what the first weights were, in a word that differs for others.
        facts_of_data: ids that must not change between a run and its continuation.
    """

    network: Tail
    untuned: Tail
    tokens: Tokens
    pairs: ZoomPairs
    card: Card
    batches_of: Batches
    contrast: Contrast = Contrast()
    seed: int = 1
    origin: str = ""
    facts_of_data: Mapping[str, Any] = field(default_factory=dict)

    divisible = False  # rows of a batch are told apart
    partial = False

    def __post_init__(self) -> None:
        self.batch = self.batches_of.batch
        self._untuned: dict[str, float] | None = None
        for part, pairs in (("training", self.pairs.training), ("validation", self.pairs.validation)):
            if not len(pairs.usable):
                raise ModelError(
                    f"No {part} photo lies in a tile of zoom {self.pairs.zoom} that shows something. Leave the zoom "
                    "out, or choose a source that covers the photos."
                )

    def facts(self) -> Mapping[str, Any]:
        """Ids of data and tiles, and all settings."""
        return {
            **self.facts_of_data,
            "zoom": self.pairs.zoom,
            "tiles": self.pairs.digest,
            "first_weights": self.origin,
            "seed": self.seed,
            **vars(self.contrast),
        }

    def batches(self, epoch: int) -> Sequence[Rows]:
        """All rows whose tile shows something, in another order each epoch."""
        rows = self.pairs.training.usable
        return shuffled(rows, min(self.contrast.batch, len(rows)), self.seed, epoch)

    def loss(self, network: nn.Module, batch: Batch) -> Losses:
        """This process's share of the loss of the batch, with the gradient of all of it: see `among_all`."""
        photos, kinds, c = batch["photos"], batch["kinds"], self.contrast
        tokens = self.tokens.through(batch["pixels"].cpu().numpy()) if "pixels" in batch else self._kept(batch["own"])
        tiles = F.normalize(network(tokens.to(photos.device)).float(), dim=-1)
        everyone, here = among_all(tiles, len(photos))
        losses = contrast(photos, everyone, kinds, c.temperature, both=c.both)
        whole, own = losses.mean(), losses[here].sum() / len(losses)
        return Losses(whole + (own - whole).detach())

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures of the network, and of the photo encoder itself as `untuned_…`.

        A photo's tile is looked for among all different tiles of the validation photos and up to `candidates` others
        of the training photos. `recall_1` and `recall_16` are the shares of photos whose tile is the best, or among
        the 16 best; `chance_16` is what a draw by lot gives; `loss` is that of training, in batches of `judge_batch`.
        """
        if self._untuned is None:
            told = self._judged(self.untuned.to(next(network.parameters()).device).eval())
            self._untuned = {f"untuned_{name}": value for name, value in told.items()}
        count = len(self.candidates)
        chance = {"chance_16": min(1.0, KEPT / count), "candidates": float(count)}
        return {**self._judged(network), **self._untuned, **chance}

    def publish(self, network: nn.Module, folder: Path, metrics: Mapping[str, float]) -> None:
        """A family of this zoom alone, in float32, that the next zoom begins with."""
        finite = {name: value for name, value in metrics.items() if np.isfinite(value)}
        card = self.card.model_copy(update={"metrics": finite})
        save(folder, {self.pairs.zoom: self.network}, card, None)

    @property
    def candidates(self) -> Ints:
        """Numbers of the pictures that validation tells apart, ascending."""
        own = np.unique(self.pairs.validation.kinds[self.pairs.validation.usable])
        others = np.setdiff1d(np.arange(len(self.pairs.pictures)), own)
        drawn = np.random.default_rng([self.seed, _OTHERS]).permutation(others)[: self.contrast.candidates]
        return np.sort(np.concatenate([own, drawn]))

    def _judged(self, network: nn.Module) -> dict[str, float]:
        rows, candidates, c = self.pairs.validation.usable, self.candidates, self.contrast
        device = next(network.parameters()).device
        chunks = np.array_split(candidates, -(-len(candidates) // _CHUNK))
        seen = [network(self.tokens.of(chunk).to(device)).float() for chunk in chunks]
        tiles = F.normalize(torch.cat(seen), dim=-1).cpu()
        photos = torch.from_numpy(self.pairs.validation.photos[rows].astype(np.float32))
        kinds = self.pairs.validation.kinds[rows]
        own = torch.from_numpy(np.searchsorted(candidates, kinds))
        ranks = torch.cat([_ranks(some, tiles, place) for some, place in _parts(photos, own)])
        loss, order = 0.0, torch.from_numpy(np.random.default_rng([self.seed, _ORDER]).permutation(len(rows)))
        for some in order.split(c.judge_batch):
            loss += float(contrast(photos[some], tiles[own[some]], own[some], c.temperature, both=c.both).sum())
        recalls = {f"recall_{k}": float((ranks < k).float().mean()) for k in (1, KEPT)}
        return {"loss": loss / len(rows), **recalls}

    def _kept(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.tokens.of(numbers.cpu().numpy())


def _parts(photos: torch.Tensor, own: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(photos.split(_CHUNK), own.split(_CHUNK), strict=True))


def _ranks(photos: torch.Tensor, tiles: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """(n,) how many other tiles are as near to a photo as its own, or nearer."""
    cosines = photos @ tiles.T
    return (cosines >= cosines.gather(1, own[:, None])).sum(dim=1) - 1
