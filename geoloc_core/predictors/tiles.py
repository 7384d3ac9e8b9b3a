"""The tile hierarchy: from the world to a street through the pictures of map tiles; no photo gallery is needed.

Source: Kim, Jang and Kim. The published answer is the middle of the best tile of the last zoom; here it is named, and
the last beam's tiles around it are the distribution.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from geoloc_core.errors import GeolocError, NoAnswer, TileError
from geoloc_core.prediction import Prediction, Predictor, Query
from geoloc_core.status import Availability, Choice
from geoloc_core.tiles.compare import OnZoom, comparing
from geoloc_core.tiles.early import Early
from geoloc_core.tiles.embedder import Embedder
from geoloc_core.tiles.encoders import TileEncoders
from geoloc_core.tiles.how import TEMPERATURE, Box, How
from geoloc_core.tiles.paths import Paths
from geoloc_core.tiles.sources import TileSource
from geoloc_core.tiles.tile import STEP
from geoloc_core.tiles.walk import walk
from geoloc_core.tiles.walked import Walk

K = 16
_NO_SOURCE = "No source of tiles is named. Give one, such as an .mbtiles file or `gibs-bluemarble`."
_FORMULAS = {
    "last": "as published: a tile's own cosine alone",
    "mean": "the mean of the cosines from the first zoom to the tile's",
    "chain": "the product of each zoom's softmax among the tiles of one parent",
}


@dataclass(frozen=True)
class Search:
    """How the tiles are searched.

    Attributes:
        k: tiles kept a zoom; the paper has 16, 32 and 64.
        paths: how scores along a path are combined, see `geoloc_core.tiles.paths`.
        region: (south, west, north, east) in degrees, across the antimeridian if west > east, that is not left.
        budget_s: seconds for all, the photo's embedding included; None for no bound.
        temperature: the factor before cosines in softmaxes.
    """

    k: int = K
    paths: Paths = "last"
    region: Box | None = None
    budget_s: float | None = None
    temperature: float = TEMPERATURE


class TilesPredictor:
    """The photo compared with map tiles, zoom by zoom.

    Args:
        encoders: of the tiles, and through their base of the photo.
        source: of the tiles; None is a state with a remedy.
        store: folder where tiles' embeddings are kept, made if it is not there.
        search: beam, formula, region, budget.
        beside: its best place's tiles are kept at every zoom, beside the k.
        cancel: set it to stop with the answer so far.
        on_progress: called with (zoom, tiles settled, tiles in all).
    """

    name = "tiles"

    def __init__(
        self,
        encoders: TileEncoders,
        source: TileSource | None,
        store: Path,
        *,
        search: Search | None = None,
        beside: Predictor | None = None,
        cancel: threading.Event | None = None,
        on_progress: OnZoom | None = None,
    ) -> None:
        self.encoders, self.source, self.store = encoders, source, Path(store)
        self.search, self.beside = search or Search(), beside
        self.cancel, self.on_progress = cancel, on_progress
        self._opened: Embedder | None = None
        self._opening = threading.Lock()

    def availability(self) -> Availability:
        """Available when encoders, tiles, and the predictor beside are, and there is a zoom for both of the first."""
        try:
            for one in (self.encoders, self._tiles(), self.beside):
                if one is not None and not (state := one.availability()):
                    return state
            how = self._how((), 0.0)
            self._embedder()
        except GeolocError as error:
            return Availability.lacking(error)
        return Availability(True, f"{self.encoders.title}, zooms {how.zooms[0]} to {how.zooms[-1]}.")

    def predict(self, query: Query) -> Prediction:
        """The density of the last beam's tiles.

        Raises:
            NoAnswer: not one tile of the first zoom could be had.
            TileError: the source, the store or the search's numbers cannot be used.
            GeolocError: the encoders, or the predictor beside, cannot be used.
        """
        start, source, embedder = time.monotonic(), self._tiles(), self._embedder()
        places = self._places(query)
        photo = query.embedding(self.encoders.base)
        how = self._how(places, time.monotonic() - start)
        if _far(source):
            with closing(Early(source)) as early:
                ahead = Embedder(self.encoders, early, embedder.store)
                scores = comparing(ahead, photo, query, self.on_progress)
                walked = walk(scores, how, cancel=self.cancel, prefetch=early.ahead)
        else:
            walked = walk(comparing(embedder, photo, query, self.on_progress), how, cancel=self.cancel)
        with query.step("predict", "Weighing the tiles"):
            distribution = walked.distribution()
            distribution.radius_km()
        return Prediction(
            distribution=distribution,
            predictor=self.name,
            model=f"{self.encoders.title} over {source.about.title}",
            licence=source.about.licence,
            seconds=dict(query.seconds),
            choices=self._choices(walked, source),
            walked=walked,
            synthetic=self.encoders.synthetic,
        )

    def close(self) -> None:
        """Close the store; the source stays open."""
        with self._opening:
            if self._opened:
                self._opened.close()
            self._opened = None

    def _places(self, query: Query) -> tuple[tuple[float, float], ...]:
        """What the predictor beside names, if it names a place."""
        if self.beside is None:
            return ()
        try:
            found = self.beside.predict(query)
        except NoAnswer:
            return ()
        return () if found.signs and found.signs.silent else (found.distribution.best(),)

    def _tiles(self) -> TileSource:
        if self.source is None:
            raise TileError(_NO_SOURCE)
        return self.source

    def _embedder(self) -> Embedder:
        with self._opening:
            if self._opened is None:
                self._opened = Embedder.open(self.encoders, self._tiles(), self.store)
            return self._opened

    def _how(self, places: tuple[tuple[float, float], ...], spent_s: float) -> How:
        """The walk through the zooms that both encoders and source have, from the first on."""
        least, most = self._tiles().zooms
        zooms = [zoom for zoom in self.encoders.zooms if least <= zoom <= most]
        if not zooms:
            there = ", ".join(map(str, self.encoders.zooms))
            raise TileError(f"The tiles have zooms {least} to {most}, the encoders {there}. Choose others.")
        run = zooms[:1]
        while run[-1] + STEP in zooms:
            run.append(run[-1] + STEP)
        asked = self.search
        how = How(asked.k, asked.paths, tuple(run), asked.region, places, asked.budget_s, asked.temperature)
        return how if how.budget_s is None else replace(how, budget_s=max(0.0, how.budget_s - spent_s))

    def _choices(self, walked: Walk, source: TileSource) -> dict[str, Choice]:
        asked, how, last = self.search, walked.how, walked.rungs[-1]
        done = walked.counts
        trouble = self._opened.trouble if self._opened else ""
        kept = "" if not trouble else f"; new embeddings are not kept: {trouble}"
        return {
            **self.encoders.base.choices,
            "map encoders": Choice(self.encoders.name, self.encoders.title),
            "tile source": Choice(source.about.title, source.about.attribution or source.about.licence),
            "zooms": Choice(f"{how.zooms[0]} to {last.zoom}", self._depth(walked, source)),
            "beam": Choice(f"{how.k} tiles a zoom", "as published" if how.k == K else "asked for"),
            "paths": Choice(how.by, _FORMULAS[how.by]),
            "beside": self._beside(how),
            "tiles": Choice(
                f"{walked.compared:,} compared",
                f"{done.get('stored', 0):,} from the store, {done.get('encoded', 0):,} encoded, "
                f"{done.get('cached', 0):,} from the cache, {done.get('fetched', 0):,} fetched, "
                f"{walked.failed:,} could not be had{kept}",
            ),
            "budget": Choice(
                "none" if asked.budget_s is None else f"{asked.budget_s:g} s", f"why it ended: {walked.ended}"
            ),
            "kernel": Choice(
                f"softmax at {how.temperature:g}, {len(walked.leaves):,} tiles",
                "each as wide as places spread evenly over it",
            ),
        }

    def _depth(self, walked: Walk, source: TileSource) -> str:
        if walked.rungs[-1].zoom < walked.how.zooms[-1]:
            return str(walked.ended)
        if walked.how.zooms[-1] < self.encoders.zooms[-1]:
            return f"the tiles end at zoom {source.zooms[1]}, the encoders go to {self.encoders.zooms[-1]}"
        return "all that the encoders were made for"

    def _beside(self, how: How) -> Choice:
        if self.beside is None:
            return Choice("nothing", "as published in its first table")
        if not how.beside:
            return Choice("nothing", f"{self.beside.name} names no place")
        lat, lon = how.beside[0]
        return Choice(f"{lat:.4f}, {lon:.4f}", f"the best place by {self.beside.name} stays in the beam, as k + 1")


def _far(source: TileSource) -> bool:
    """Whether getting a tile takes waiting, so that asking early pays."""
    from geoloc_core.tiles.sources.layers import Layers
    from geoloc_core.tiles.sources.xyz import Xyz

    return isinstance(source, Layers | Xyz)
