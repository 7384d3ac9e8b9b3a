"""What one visitor is working on. It lives in that visitor's session and nowhere else: no cache, no disk, no log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import streamlit as st

if TYPE_CHECKING:
    from geoloc_core.answer import Answer
    from geoloc_core.errors import GeolocError
    from geoloc_core.gallery import Gallery
    from geoloc_core.gallery.scope import Scope
    from geoloc_core.lmm.unanswered import Unanswered
    from geoloc_core.photo import Photo
    from geoloc_core.places import Place
    from geoloc_core.prediction import Prediction, Query
    from geoloc_core.status import Choice
    from geoloc_core.translocator.opened import TransLocator
    from pages.parts.lmm.asking import Asking

ANSWER = "answer"  # the anchor of an answer's headline
TruthSource = Literal["exif", "user"]


@dataclass
class Work:
    """The photo at hand, what is known of its place, and the answer to it.

    Attributes:
        incoming: the input that changed last ("upload", "camera" or "example:N") until the page has read it.
        problem: why a photo could not be read.
        failure: why it could not be located.
        asking: a question to a multimodal model under way.
        unanswered: a model's reply without a place; `answer` is then what retrieval alone says.
        truth: (lat, lon), degrees.
        matches: what a typed name of the true place may mean.
        gallery: the one that was searched, or would have been.
        because: who chose it and why.
        classifier: the model of geo-cells that answered, if one did.
        round: counts photos, so that widgets of an earlier one start afresh.
        drawn: what was drawn.
        query: what was computed for the photo.
        watching: is told of each step, while somebody watches.
        struck: clues in its writing that the visitor does not believe.
        corrections: number of a line in it -> what it really says.
    """

    incoming: str = ""
    photo: Photo | None = None
    preview: bytes = b""
    example: int | None = None
    problem: GeolocError | None = None
    failure: GeolocError | None = None
    asking: Asking | None = None
    unanswered: Unanswered | None = None
    wanted: bool = False
    truth: tuple[float, float] | None = None
    truth_source: TruthSource = "exif"
    matches: list[tuple[Place, float, float]] = field(default_factory=list)
    answer: Answer | None = None
    gallery: Gallery | None = None
    because: Choice | None = None
    classifier: TransLocator | None = None
    round: int = 0
    drawn: dict[Any, Any] = field(default_factory=dict)
    query: Query | None = None
    watching: Callable[[str], None] | None = None
    struck: frozenset[tuple[str, str]] = frozenset()
    corrections: dict[int, str] = field(default_factory=dict)

    def take(self, photo: Photo, example: int | None = None) -> None:
        """Start on a new photo; what was known of the last one is forgotten."""
        self.forget()
        self.photo, self.example = photo, example
        self.preview = photo.to_jpeg(max_side=1024, quality=88)
        self.truth = photo.exif.location

    def forget(self) -> None:
        """Nothing at hand."""
        self.photo = self.example = self.problem = self.truth = self.query = None
        self.preview, self.truth_source, self.wanted, self.matches = b"", "exif", False, []
        self.struck, self.corrections = frozenset(), {}
        self.drop_answer()

    def drop_answer(self) -> None:
        """The photo stays, its answer goes; a question under way is stopped."""
        if self.asking:
            self.asking.cancelled.set()
        self.answer = self.gallery = self.because = self.failure = self.asking = self.unanswered = None
        self.classifier = None
        self.drawn = {}

    def show(self, prediction: Prediction) -> None:
        """A prediction, over `gallery` if there is one, becomes the answer."""
        from geoloc_core.answer import Answer

        choices = {**prediction.choices, **({"gallery": self.because} if self.because else {})}
        self.answer = Answer.of(prediction, self.gallery, self.truth, self.truth_source, choices)
        self.unanswered, self.drawn = None, {}

    def query_in(self, scope: Scope) -> Query:
        """The photo within a scope, with what was computed for it before."""
        from geoloc_core.prediction import Query

        assert self.photo is not None
        if self.query is None or self.query.scope != scope:
            self.query = Query(self.photo, self._step, scope)
        return self.query

    def query_again(self, scope: Scope) -> Query:
        """The same for another answer: what an earlier one took to ask and to weigh is not counted again."""
        query = self.query_in(scope)
        for step in ("ask", "clues", "classify", "predict"):
            query.seconds.pop(step, None)
        return query

    def _step(self, text: str) -> None:
        if self.asking:
            self.asking.on_step(text)
        elif self.watching:
            self.watching(text)

    def set_truth(self, truth: tuple[float, float] | None, source: TruthSource) -> None:
        """Say where the photo was really taken, or that nobody knows; an answer that is there is measured anew."""
        from geoloc_core.answer import Answer

        self.truth, self.truth_source = truth, source
        if self.answer:
            self.answer = Answer.of(self.answer.prediction, self.gallery, truth, source, self.answer.choices)
            self.drawn.pop("prediction", None)


def work() -> Work:
    """This session's work."""
    if "work" not in st.session_state:
        st.session_state["work"] = Work()
    return cast(Work, st.session_state["work"])
