"""A closer look inside the likeliest cell: the photos of a gallery that lie in it, the most similar first.

A classifier names one place a cell. Retrieval among the few photos that the cell holds can do better, and cannot leave
the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoloc_core.cells import Level, s2
from geoloc_core.encoders.base import Encoder
from geoloc_core.gallery import Gallery, Neighbour
from geoloc_core.geo import Floats
from geoloc_core.prediction import Query, Searched
from geoloc_core.predictors.knn import default_voting, votes

_MARGIN = 0.05  # of a cell's box: its sides are great circles, which bulge beyond the corners
_POLAR = 89.9  # degrees of latitude from which longitudes say little


@dataclass(frozen=True, eq=False)
class Within:
    """What a gallery holds of a cell.

    Attributes:
        neighbours: of the gallery's photos in the cell the most similar, first.
        points: (k, 2) degrees, their places.
        weights: (k,) their votes.
        count: how many photos of the gallery lie in the cell and within the query's limits.
        searched: what was searched, in words for the answer.
    """

    neighbours: tuple[Neighbour, ...]
    points: Floats
    weights: Floats
    count: int
    searched: Searched


def search(query: Query, gallery: Gallery, encoder: Encoder, level: Level, cell: int) -> Within | None:
    """The gallery's photos in a cell, by similarity to the query's; None if there are none.

    They vote as the gallery's photos do for `knn`.

    Raises:
        EncoderError: the encoder is not available or failed.
        FilterError: the query's limits cannot be used with the gallery, or leave nothing.
        GalleryError: the gallery cannot be searched or was made by another encoder.
    """
    gallery.check_encoder(encoder.id)
    searched = query.searched(gallery)
    held, limits = held_by(level, cell, gallery.coordinates), query.scope.where.allowed(gallery)
    allowed = held if limits is None else held & limits
    if not (count := int(np.count_nonzero(allowed))):
        return None
    voting, _ = default_voting(gallery.manifest)
    vector = query.embedding(encoder)
    with query.step("search", f"Searching the {count:,} {searched.what} inside the likeliest cell"):
        hits = gallery.two_ended(vector, voting.voters, allowed).nearest
    inside = f"inside the cell {level.tokens[cell]}"
    searched = Searched(
        limit=f"{searched.limit}, {inside}" if searched.limit else inside,
        photos=count,
        total=len(gallery),
        distinct=False,
        antihubs=0,
        what=searched.what,
    )
    weights = votes(hits.similarity.astype(np.float64), voting.exponent)
    return Within(gallery.neighbours(hits), gallery.coordinates[hits.rows], weights, count, searched)


def held_by(level: Level, cell: int, coordinates: Floats) -> NDArray[np.bool_]:
    """(n,) which of (n, 2) degrees a class's cell holds; only places in its box are looked up, which takes time."""
    south, west, north, east = level.bounds(cell)
    tall, wide = _MARGIN * (north - south), _MARGIN * (east - west)
    lat, lon = coordinates.T
    along = ((lon - (west - wide)) % 360 <= east - west + 2 * wide) | (np.abs(lat) > _POLAR)
    rows = ((lat >= south - tall) & (lat <= north + tall) & along).nonzero()[0]
    held = np.zeros(len(coordinates), np.bool_)
    held[rows] = level.find(s2.leaf_ids(coordinates[rows])) == cell
    return held
