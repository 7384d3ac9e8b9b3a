"""Trains map encoders zoom by zoom, the finest first, each coarser one from it. Imports torch.

    family = train(Asked(base, source, training, validation, zooms), recipe, Path("run"))

    run/cache/tiles, cache/photos   what was got and calculated once; may be shared between runs
    run/zoom-16, run/zoom-14, ...   a run of `training` for each zoom
    run/best                        all zooms as one family, for `open_tiles`

Source: Kim, Jang and Kim, sections 3.2 and 4.2.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch

from geoloc_core.encoders.open_clip import OpenClip
from geoloc_core.errors import ModelError
from geoloc_core.tiles.encoders.card import Card, read_card
from geoloc_core.tiles.encoders.checkpoint import load, save
from geoloc_core.tiles.encoders.network import Tail
from geoloc_core.tiles.sources.base import TileSource
from index_builder.files import telling
from index_builder.inputs import TrainingSet
from index_builder.tiles.pairs import Batches, ZoomPairs, make_pairs
from index_builder.tiles.photos import Halves, embed_photos
from index_builder.tiles.task import Contrast, TilesTask
from index_builder.tiles.tokens import Counting, Tokens, silent
from index_builder.training import Event, Recipe, Result, Running, Said, run
from index_builder.training.devices import is_main
from index_builder.translocator.task import identity

BEST = "best"
PUBLISHED = Recipe(epochs=5, learning_rate=1e-4, warmup=0, final=1.0, weight_decay=0.0, clip=0.0)
Listening = Callable[[str], AbstractContextManager[Callable[[Event], None]]]


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be trained.

    Attributes:
        base: the photo encoder, which stays as it is.
        source: of the tiles.
        training, validation: photos with places.
        zooms: that get an encoder each, in any order.
        blocks: last blocks that each zoom has its own of.
        contrast: what is learned.
        token_bytes: the trunk's tokens are kept in memory if they take no more.
        cache: where tiles and photos' embeddings are kept; None for within the run.
        title, note: of the family's card.
    """

    base: OpenClip
    source: TileSource
    training: TrainingSet
    validation: TrainingSet
    zooms: Sequence[int]
    blocks: int = 2
    contrast: Contrast = Contrast()  # noqa: RUF009
    token_bytes: int = 2_000_000_000
    cache: Path | None = None
    title: str = "Map encoders"
    note: str = ""


@dataclass(frozen=True)
class Telling:
    """Who is told: of a zoom's steps, and of things counted (tiles, photos)."""

    steps: Listening = lambda what: nullcontext(lambda event: None)
    counting: Counting = silent


@dataclass(frozen=True)
class Trained:
    """A trained family: its folder, its card, and what each zoom's run came to."""

    folder: Path
    card: Card
    results: Mapping[int, Result]

    def __str__(self) -> str:
        """A table for a person."""
        head = f"{'zoom':>4} {'recall@16':>9} {'untuned':>8} {'chance':>7} {'recall@1':>8} {'loss':>7}  tiles"
        names = ("recall_16", "untuned_recall_16", "chance_16", "recall_1")
        rows = []
        for zoom in self.card.zooms:
            told = {name: self.card.metrics.get(f"zoom{zoom}_{name}", float("nan")) for name in (*names, "loss")}
            shares = [f"{100 * told[name]:.1f} %" for name in names]
            count = self.card.metrics.get(f"zoom{zoom}_candidates", 0)
            cells = (f"{zoom:>4}", *(f"{s:>{w}}" for s, w in zip(shares, (9, 8, 7, 8), strict=True)))
            rows.append(" ".join((*cells, f"{told['loss']:>7.3f}", f" {count:,.0f}")))
        return "\n".join((head, *rows, str(self.folder)))


def train(
    asked: Asked,
    recipe: Recipe = PUBLISHED,
    out: Path = Path("run"),
    *,
    running: Running | None = None,
    resume: bool = True,
    tell: Telling | None = None,
) -> Trained:
    """Train all zooms, or go on training them; a zoom that is complete is not trained again.

    Args:
        asked: what.
        recipe: how, for each zoom.
        out: the folder of the runs. Every process of a distributed run calls this with equal arguments.
        running: how this machine goes about it.
        resume: go on from what `out` holds; else it is dropped, but for the cache.
        tell: who is told.

    Raises:
        GeolocError, KeyboardInterrupt: see `training.run`, `make_pairs` and `embed_photos`.
    """
    if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # before the trunk is loaded, on each process's own
    main = os.environ.get("RANK", "0") == "0"
    return _Family(asked, recipe, out, running or Running(), (main and tell) or Telling()).go(resume)


class _Family:
    """One start of a family's training."""

    def __init__(self, asked: Asked, recipe: Recipe, out: Path, running: Running, tell: Telling) -> None:
        self.asked, self.recipe, self.out, self.running, self.tell = asked, recipe, out, running, tell
        self.zooms = sorted(set(asked.zooms), reverse=True)
        _check(asked.source, self.zooms)
        self.cache = asked.cache or out / "cache"
        self.untuned = Tail(asked.base.tower, asked.blocks).cpu().float().requires_grad_(True)
        self.card = _card(asked)

    def go(self, resume: bool) -> Trained:
        """Zoom by zoom."""
        if not resume:
            for folder in self.out.glob("zoom-*"):  # a coarser zoom's does not fit a finer one's that is begun anew
                shutil.rmtree(folder, ignore_errors=True)
        photos = [
            (self._embedded("training", self.asked.training), self.asked.training.places),
            (self._embedded("validation", self.asked.validation), self.asked.validation.places),
        ]
        tail, origin, results = self.untuned, "", dict[int, Result]()
        tails, metrics = dict[int, Tail](), dict[str, float]()
        for zoom in self.zooms:
            with self.tell.counting(f"Zoom {zoom}: tiles") as on_progress:
                kept = self.cache / "tiles" / sha256(self.asked.source.id.encode()).hexdigest()[:16]
                pairs = make_pairs(self.asked.source, zoom, photos[0], photos[1], kept, on_progress)
            results[zoom] = self._zoom(pairs, deepcopy(tail), origin)
            card = read_card(results[zoom].published)
            tail = tails[zoom] = load(results[zoom].published, card, self.untuned)[zoom]
            origin = card.sha256
            metrics |= {f"zoom{zoom}_{name}": value for name, value in card.metrics.items()}
        card = self.card.model_copy(update={"metrics": metrics})
        if is_main():
            with telling(self.out):
                card = save(self.out / BEST, tails, card)
        return Trained(self.out / BEST, card, results)

    def _embedded(self, part: str, photos: TrainingSet) -> Halves:
        with self.tell.counting(f"Photos for {part}") as on_progress:
            return embed_photos(self.asked.base, photos, self.cache / "photos", on_progress)

    def _zoom(self, pairs: ZoomPairs, tail: Tail, origin: str) -> Result:
        asked, crop = self.asked, self.asked.contrast.crop
        tokens = Tokens(asked.base, asked.blocks, pairs.pictures, asked.token_bytes, self.tell.counting)
        ready = tokens.keeps and crop == 1
        batches = Batches(
            pairs.training, None if ready else pairs.pictures, asked.base.source.preprocess, crop, self.recipe.seed
        )
        facts = {
            "base": asked.base.id,
            "blocks": asked.blocks,
            "source": asked.source.id,
            "training": identity(asked.training),
            "validation": identity(asked.validation),
        }
        task = TilesTask(
            tail,
            deepcopy(self.untuned),
            tokens,
            pairs,
            self.card,
            batches,
            asked.contrast,
            self.recipe.seed,
            origin,
            facts,
        )
        running = replace(self.running, workers=0) if ready else self.running
        with self.tell.steps(f"Zoom {pairs.zoom}") as on_event:
            on_event(Said(str(pairs)))
            return run(task, self.recipe, self.out / f"zoom-{pairs.zoom}", running=running, on_event=on_event)


def _check(source: TileSource, zooms: Sequence[int]) -> None:
    low, high = source.zooms
    if not zooms or not all(low <= zoom <= high for zoom in zooms):
        raise ModelError(f"{source.about.title} has zooms {low} to {high}. Choose --zooms among them.")


def _card(asked: Asked) -> Card:
    about, tiles = asked.training.manifest, asked.source.about
    data = f"{len(asked.training):,} photos of {about.source or 'an unnamed source'}. {asked.note}"
    return Card(
        title=asked.title[:200],
        base=asked.base.id,
        base_name=asked.base.name,
        zooms=tuple(sorted(set(asked.zooms))),
        blocks=asked.blocks,
        tiles=f"{tiles.title}. {tiles.attribution}".strip()[:2_000],
        data=data.strip()[:2_000],
        licence=about.licence,
        synthetic=about.synthetic,
    )
