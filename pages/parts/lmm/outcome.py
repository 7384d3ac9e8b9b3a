"""What becomes of a question that has ended: an answer, a reply without a place, or a reason why there is none."""

from __future__ import annotations

from geoloc_core.errors import GeolocError
from geoloc_core.lmm.unanswered import Unanswered
from geoloc_core.locate import encoder_of
from geoloc_core.predictors.knn import Knn
from pages.parts.options import Options
from pages.parts.state import Work


def take(now: Work) -> None:
    """Take in the session's question that has ended."""
    asking, now.asking = now.asking, None
    if asking is None:
        return
    if asking.prediction:
        now.show(asking.prediction)
    elif isinstance(asking.failure, Unanswered):
        now.unanswered = asking.failure
        _retrieval(now, asking.chosen)
    else:
        now.failure = asking.failure


def _retrieval(now: Work, chosen: Options) -> None:
    """What retrieval alone says, beside a model that names no place; it stays away where it cannot."""
    assert now.gallery is not None
    try:
        predictor = Knn(now.gallery, encoder_of(now.gallery), shown=chosen.shown, voting=chosen.voting)
        prediction = predictor.predict(now.query_again(chosen.scope))
    except GeolocError:
        return
    unanswered = now.unanswered
    now.show(prediction)
    now.unanswered = unanswered
