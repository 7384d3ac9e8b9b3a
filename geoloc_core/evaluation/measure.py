"""A predictor over photos whose places are known."""

from __future__ import annotations

from collections.abc import Iterable

from geoloc_core.errors import NoAnswer
from geoloc_core.evaluation.metrics import Accuracy, accuracy
from geoloc_core.gallery.scope import Scope
from geoloc_core.photo import Photo
from geoloc_core.prediction import Predictor, Query


def measure(
    name: str,
    predictor: Predictor,
    photos: Iterable[tuple[Photo, tuple[float, float]]],
    scope: Scope | None = None,
) -> Accuracy:
    """Locate each photo and compare with its true (lat, lon); one that gets no answer counts as wrong.

    Raises:
        GeolocError: as `predictor.predict`, but for `NoAnswer`.
    """
    predicted: list[tuple[float, float] | None] = []
    truth: list[tuple[float, float]] = []
    for photo, place in photos:
        truth.append(place)
        try:
            predicted.append(predictor.predict(Query(photo, scope=scope)).distribution.best())
        except NoAnswer:
            predicted.append(None)
    return accuracy(name, predicted, truth)
