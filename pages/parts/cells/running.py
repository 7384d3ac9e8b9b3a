"""Asking a classifier of geo-cells while the visitor watches."""

from __future__ import annotations

from pages.parts.cells.choice import CellsWish, predictor
from pages.parts.options import Options
from pages.parts.state import Work


def classify(now: Work, chosen: Options, wish: CellsWish) -> None:
    """Ask and keep the answer in the session.

    Raises:
        GeolocError: it cannot be done; the message says what to do.
    """
    asked = predictor(wish, chosen)
    if asked.gallery is not None:
        now.gallery, now.because = asked.gallery, chosen.because
    prediction = asked.predict(now.query_again(chosen.scope))
    now.classifier = asked.model
    now.show(prediction)
