"""A prediction in a person's terms: the place's name, the radius, the neighbours' distances, the error if known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from geoloc_core.gallery import Neighbour
from geoloc_core.geo import THRESHOLDS_KM, distance_km
from geoloc_core.places import Place, gazetteer
from geoloc_core.prediction import Prediction
from geoloc_core.status import Choice

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery

MASS = 0.9
SCALES = dict(zip(THRESHOLDS_KM, ("street", "city", "region", "country", "continent"), strict=True))


@dataclass(frozen=True)
class Spot:
    """A candidate place with the share of the distribution's mass around it."""

    lat: float
    lon: float
    mass: float
    place: Place


@dataclass(frozen=True)
class SeenNeighbour:
    """A neighbour with its place and its distance in km to the prediction."""

    neighbour: Neighbour
    place: Place
    distance_km: float


@dataclass(frozen=True)
class Truth:
    """Where the photo was really taken, who says so, and the prediction's error in km (WGS84 geodesic)."""

    lat: float
    lon: float
    source: Literal["exif", "user"]
    place: Place
    error_km: float

    @property
    def scale(self) -> str:
        """The finest of the papers' scales (1, 25, 200, 750, 2500 km) that the error is within, or 'none'."""
        return next((name for km, name in SCALES.items() if self.error_km <= km), "none")


@dataclass(frozen=True)
class Answer:
    """Everything a page, the command line or an export says about one located photo.

    `radius_km` holds `mass` of the distribution around (lat, lon). It is a property of the model's own distribution
    until `calibrated` says that it was checked against photos with known places. `candidates` are the best guess, where
    the density is highest, and up to four other modes by the mass around them. `gallery_...` and `encoder_id` are of
    the gallery at hand, which the prediction rests on only if `retrieved`; without a gallery they are empty.
    """

    lat: float
    lon: float
    place: Place
    radius_km: float
    mass: float
    calibrated: bool
    candidates: tuple[Spot, ...]
    nearest: tuple[SeenNeighbour, ...]
    farthest: tuple[SeenNeighbour, ...]
    truth: Truth | None
    prediction: Prediction
    gallery_name: str
    gallery_title: str
    gallery_size: int
    gallery_source: str
    gallery_licence: str
    gallery_synthetic: bool
    encoder_id: str
    choices: Mapping[str, Choice]

    @property
    def retrieved(self) -> bool:
        """Whether the gallery was searched for this answer."""
        return self.prediction.searched is not None

    @property
    def synthetic(self) -> bool:
        """Whether the answer rests on drawn photos: the gallery's that was searched, or a model's."""
        return self.prediction.synthetic or (self.gallery_synthetic and self.retrieved)

    @property
    def what(self) -> str:
        """What was searched: "photos" or "locations"."""
        return self.prediction.searched.what if self.prediction.searched else "photos"

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        gallery: Gallery | None,
        truth: tuple[float, float] | None = None,
        truth_source: Literal["exif", "user"] = "exif",
        choices: Mapping[str, Choice] | None = None,
    ) -> Answer:
        """Put names and distances to a prediction made over `gallery`; `truth` is (lat, lon) in degrees."""
        manifest = gallery.manifest if gallery else None
        distribution = prediction.distribution
        best, *others = distribution.top(12)
        tops = [best, *sorted((c for c in others if c.mass >= 0.01), key=lambda c: -c.mass)[:4]]
        names = gazetteer().describe_many([(c.lat, c.lon) for c in tops])
        return cls(
            lat=best.lat,
            lon=best.lon,
            place=names[0],
            radius_km=distribution.radius_km(MASS),
            mass=MASS,
            calibrated=False,
            candidates=tuple(Spot(c.lat, c.lon, c.mass, n) for c, n in zip(tops, names, strict=True)),
            nearest=_seen(prediction.evidence.nearest, best.lat, best.lon),
            farthest=_seen(prediction.evidence.farthest, best.lat, best.lon),
            truth=_truth(truth, truth_source, best.lat, best.lon) if truth else None,
            prediction=prediction,
            gallery_name=gallery.path.name if gallery else "",
            gallery_title=manifest.title if manifest else "",
            gallery_size=manifest.count if manifest else 0,
            gallery_source=manifest.source if manifest else "",
            gallery_licence=manifest.licence if manifest else "",
            gallery_synthetic=bool(manifest and manifest.synthetic),
            encoder_id=manifest.made_with.id if manifest else "",
            choices={**prediction.choices, **(choices or {})},
        )


def _seen(neighbours: tuple[Neighbour, ...], lat: float, lon: float) -> tuple[SeenNeighbour, ...]:
    if not neighbours:
        return ()
    where = np.array([(n.lat, n.lon) for n in neighbours])
    away = distance_km((lat, lon), where)
    places = gazetteer().describe_many(where)
    return tuple(SeenNeighbour(n, p, float(d)) for n, p, d in zip(neighbours, places, away, strict=True))


def _truth(truth: tuple[float, float], source: Literal["exif", "user"], lat: float, lon: float) -> Truth:
    from geopy.distance import geodesic

    place = gazetteer().describe(*truth)
    return Truth(truth[0], truth[1], source, place, float(geodesic((lat, lon), truth).km))
