"""Weighted nearest neighbours through a kernel density on the sphere: [L]kNN, sigma = 4, of Vo, Jacobs and Hays (2017).

The published code gives each of the 100 nearest neighbours the weight 1 / d^10, where d is the squared Euclidean
distance of unit descriptors, and blurs with a Gaussian of 4 degrees. It works on a latitude-longitude grid, which
stretches the kernel towards the poles; ours is the same kernel on the sphere, and its mode needs no grid.
"""

from __future__ import annotations

import numpy as np

from geoloc_core.encoders.base import Encoder
from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import Manifest, Voting
from geoloc_core.geo import EARTH_RADIUS_KM, LocationDistribution
from geoloc_core.prediction import Prediction, Query
from geoloc_core.status import Availability, Choice

SIGMA_KM = float(np.radians(4.0) * EARTH_RADIUS_KM)
PUBLISHED = Voting(voters=100, sigma_km=SIGMA_KM, exponent=10)


class Knn:
    """Retrieval alone: the gallery's nearest photos vote for their places.

    Args:
        gallery: the photos searched.
        encoder: the encoder the gallery was made with.
        shown: neighbours kept as evidence at each end.
        voting: how the nearest vote; by default as the gallery says, or else as published.
    """

    name = "knn"

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        *,
        shown: int = 16,
        voting: Voting | None = None,
    ) -> None:
        self.gallery, self.encoder, self.shown = gallery, encoder, shown
        self.voting, self.because = default_voting(gallery.manifest)
        if voting and voting != self.voting:
            self.voting, self.because = voting, "asked for"

    def availability(self) -> Availability:
        """Available when the gallery's encoder is."""
        ready = self.encoder.availability()
        if not ready:
            return ready
        try:
            self.gallery.check_encoder(self.encoder.id)
        except GeolocError as error:
            return Availability(False, "the gallery was made by another encoder", str(error))
        return ready

    def predict(self, query: Query) -> Prediction:
        """The density of the nearest neighbours' places.

        Raises:
            EncoderError: the encoder is not available or failed.
            FilterError: the query's limits cannot be used with the gallery, or leave nothing.
            GalleryError: the gallery cannot be searched or was made by another encoder.
        """
        how = self.voting
        searched = max(how.voters, self.shown)
        evidence = query.neighbours(self.gallery, self.encoder, searched)
        with query.step("predict", "Weighing the neighbours' places"):
            voters = evidence.nearest[: how.voters]
            similarity = np.array([voter.similarity for voter in voters])
            distribution = LocationDistribution(
                [(voter.lat, voter.lon) for voter in voters], votes(similarity, how.exponent), how.sigma_km
            )
            distribution.radius_km()
        shown = query.shown(self.gallery, self.encoder, self.shown, searched)
        return Prediction(
            distribution=distribution,
            predictor=self.name,
            model=f"{self.encoder.name} over {self.gallery.manifest.title}",
            licence=self.gallery.manifest.licence,
            evidence=shown,
            seconds=dict(query.seconds),
            choices={
                **self.encoder.choices,
                "search": self.gallery.search_choice,
                "voting": Choice(str(how), self.because),
            },
            searched=query.searched(self.gallery),
        )


def default_voting(manifest: Manifest) -> tuple[Voting, str]:
    """How a gallery's photos vote unless asked otherwise, and why."""
    if manifest.voting:
        return manifest.voting, "measured for this gallery"
    return PUBLISHED, "as published by Vo et al."


def votes(similarity: np.ndarray, exponent: float) -> np.ndarray:
    """(k,) weights 1 / d^exponent with d = 2 - 2 similarity, scaled so that the nearest has 1.

    A perfect match would have infinite weight; d is kept above 1e-3, which float16 storage cannot tell from 0.
    """
    squared = np.clip(2 - 2 * similarity, 1e-3, None)
    return (squared.min() / squared) ** exponent
