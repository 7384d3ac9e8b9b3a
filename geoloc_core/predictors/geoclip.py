"""GeoCLIP: the photo compared with places themselves; no photo gallery is needed.

Source: Vivanco Cepeda, Nayak and Shah (2023). A softmax over the gallery's similarities is a score: it shrinks when the
gallery grows. But contrastive training teaches the similarity to tell a pair from chance, exp(t s) ~ p(place | photo) /
p(place), and the gallery's places are drawn as the training photos are, so that the scores weigh samples of p(place):
blurred, they estimate p(place | photo). How far such an estimate can be trusted is for calibration to say.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geoloc_core.encoders.base import Encoder
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.encoders.ten_crop import CROPS, TenCrop
from geoloc_core.errors import EncoderMismatch, GeolocError
from geoloc_core.gallery import Gallery, Hits
from geoloc_core.geo import Floats, LocationDistribution, distance_km
from geoloc_core.geoclip.refine import FINE_KM, Refined, climb, rounds
from geoloc_core.prediction import Prediction, Query
from geoloc_core.status import Availability, Choice

VOTERS, VOTERS_MASS = 1_000, 0.999
KERNEL_KM = 25.0  # the published encoder's embeddings of two places this far apart are half alike (median cosine 0.49)
MODES = 5
PEAK_KM, PEAK_SHARE = 1.0, 0.1
_BUILD = "Build one with `python -m index_builder geoclip`."


class GeoClipPredictor:
    """The places most similar to the photo, as a density, and a closer look around its modes.

    Args:
        gallery: locations encoded by the same GeoCLIP.
        encoder: GeoCLIP's image side.
        refine: search around the modes for places that are more similar than the gallery's.
        ten_crop: average ten views of the photo, as published; ten times the work.
        shown: locations kept as evidence at each end.
        kernel_km: the blur; by default what was measured for the gallery, else 25 km.
    """

    name = "geoclip"

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        *,
        refine: bool = True,
        ten_crop: bool = False,
        shown: int = 16,
        kernel_km: float | None = None,
    ) -> None:
        self.gallery, self.encoder, self.shown = gallery, encoder, shown
        self.refine, self.ten_crop = refine, ten_crop
        self.kernel = _kernel(gallery, kernel_km)
        self.kernel_km = kernel_km or (gallery.manifest.voting.sigma_km if gallery.manifest.voting else KERNEL_KM)

    def availability(self) -> Availability:
        """Available when the gallery is of locations and the encoder that it was made for is here."""
        if not self.gallery.manifest.of_locations:
            return Availability(False, "GeoCLIP searches locations, and this gallery holds photos.", _BUILD)
        try:
            self._check()
        except GeolocError as error:
            return Availability(False, "The gallery was not made by this GeoCLIP.", str(error))
        return self.encoder.availability()

    def predict(self, query: Query) -> Prediction:
        """The density of the most similar places.

        Raises:
            EncoderError: the encoder is not available or failed.
            FilterError: the query's limits cannot be used with the gallery, or leave nothing.
            GalleryError: the gallery cannot be searched, holds photos, or was made by another encoder.
        """
        model = self._check().model
        encoder = TenCrop(self.encoder) if self.ten_crop else self.encoder
        hits = query.two_ended(self.gallery, encoder, max(VOTERS, self.shown)).nearest
        with query.step("predict", "Weighing the most similar places"):
            points, weights = self._scored(hits, model.temperature)
            hill = LocationDistribution(points, weights, self.kernel_km)
            starts = self._starts(hill, points)
        peaks: tuple[Refined, ...] = ()
        if self.refine:
            with query.step("refine", "Searching around the likeliest places"):
                peaks = climb(model.encode_locations, query.embedding(encoder), starts, reach_km=self._reach_km)
        with query.step("predict", "Weighing the most similar places"):
            distribution = self._with_peaks(hill, np.array([(p.lat, p.lon) for p in peaks]) if peaks else starts)
            distribution.radius_km()
        shown = query.shown(self.gallery, encoder, self.shown, max(VOTERS, self.shown))
        return Prediction(
            distribution=distribution,
            predictor=self.name,
            model=f"{self.encoder.name} over {self.gallery.manifest.title}",
            licence=self.gallery.manifest.licence,
            evidence=replace(shown, refined=peaks),
            seconds=dict(query.seconds),
            choices=self._choices(weights, peaks, model.temperature),
            searched=query.searched(self.gallery),
        )

    @property
    def _reach_km(self) -> float:
        return self.kernel_km / 2  # a peak that stays this close to its mode is the same mode

    def _check(self) -> GeoClipEncoder:
        if not self.gallery.manifest.of_locations:
            raise EncoderMismatch(f"The gallery {self.gallery.path.name} holds photos, not locations. {_BUILD}")
        if not isinstance(self.encoder, GeoClipEncoder):
            raise EncoderMismatch(f"{self.encoder.name} is no GeoCLIP. Give the encoder that the gallery names.")
        self.gallery.check_encoder(self.encoder.id)
        return self.encoder

    def _scored(self, hits: Hits, temperature: float) -> tuple[Floats, Floats]:
        """(k, 2) places and their (k,) softmax scores, the largest 1, without the last thousandth of the mass."""
        similarity = hits.similarity.astype(np.float64)
        scores = np.exp(temperature * (similarity - similarity.max()))
        kept = int(np.searchsorted(np.cumsum(scores), VOTERS_MASS * scores.sum())) + 1
        return self.gallery.coordinates[hits.rows[:kept]], scores[:kept]

    def _starts(self, hill: LocationDistribution, points: Floats) -> Floats:
        """For each mode the most similar place close to it, first among the points; or else the mode itself."""
        starts = []
        for mode in hill.top(MODES):
            near = distance_km((mode.lat, mode.lon), points) <= self._reach_km
            starts.append(points[int(near.argmax())] if near.any() else (mode.lat, mode.lon))
        return np.array(starts)

    def _with_peaks(self, hill: LocationDistribution, peaks: Floats) -> LocationDistribution:
        """The blurred places, and a tenth of the modes' mass in narrow peaks, one at the best place of each mode.

        A peak makes its place the mode. The peaks share as the modes' densities, so that the modes keep their order.
        """
        modes = hill.top(MODES)
        share = PEAK_SHARE * sum(mode.mass for mode in modes)
        height = hill.density([(mode.lat, mode.lon) for mode in modes])
        return LocationDistribution(
            np.concatenate([hill.points, peaks]),
            np.concatenate([hill.weights * (1 - share), share * height / height.sum()]),
            np.concatenate([hill.kernel_km, np.full(len(peaks), min(PEAK_KM, self.kernel_km))]),
        )

    def _choices(self, weights: Floats, peaks: tuple[Refined, ...], temperature: float) -> dict[str, Choice]:
        crops = Choice(str(CROPS), "asked for; as published") if self.ten_crop else Choice("1", "ten cost ten times it")
        return {
            **self.encoder.choices,
            "search": self.gallery.search_choice,
            "crops": crops,
            "scores": Choice(
                f"softmax at {temperature:.1f}, {len(weights):,} places",
                f"the temperature was learned; the last place weighs {weights.min():.2g} of the first",
            ),
            "kernel": self.kernel,
            "refinement": _refinement(peaks, self._reach_km),
        }


def _kernel(gallery: Gallery, asked: float | None) -> Choice:
    if asked:
        return Choice(f"{asked:g} km", "asked for")
    if voting := gallery.manifest.voting:
        return Choice(f"{voting.sigma_km:g} km", "measured for this gallery")
    return Choice(f"{KERNEL_KM:g} km", "the distance at which two places' own embeddings are half alike")


def _refinement(peaks: tuple[Refined, ...], reach_km: float) -> Choice:
    if not peaks:
        return Choice("off", "not wanted: the best place is one of the gallery's")
    first, turns = peaks[0], len(rounds(reach_km))
    return Choice(
        f"similarity {first.from_similarity:.4f} to {first.similarity:.4f}, {first.km:.1f} km away",
        f"{len(peaks)} modes, {turns} rounds down to about {FINE_KM * 1000:.0f} m; no step lowers the similarity",
    )
