"""What one visitor is working on. It lives in that visitor's session and nowhere else: no cache, no disk, no log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import streamlit as st

if TYPE_CHECKING:
    from geoloc_core.answer import Answer
    from geoloc_core.errors import GeolocError
    from geoloc_core.gallery import Gallery
    from geoloc_core.photo import Photo
    from geoloc_core.places import Place

ANSWER = "answer"  # the anchor of an answer's headline
TruthSource = Literal["exif", "user"]


@dataclass
class Work:
    """The photo at hand, what is known of its place, and the answer to it.

    `incoming` names the input that changed last ("upload", "camera" or "example:N") until the page has read it.
    `problem` is why a photo could not be read, `failure` why it could not be located. `truth` is (lat, lon), `matches`
    what a typed name may mean. `round` counts photos, so that widgets of an earlier one start afresh; `drawn` keeps
    what was drawn.
    """

    incoming: str = ""
    photo: Photo | None = None
    preview: bytes = b""
    example: int | None = None
    problem: GeolocError | None = None
    failure: GeolocError | None = None
    wanted: bool = False
    truth: tuple[float, float] | None = None
    truth_source: TruthSource = "exif"
    matches: list[tuple[Place, float, float]] = field(default_factory=list)
    answer: Answer | None = None
    gallery: Gallery | None = None
    round: int = 0
    drawn: dict[Any, Any] = field(default_factory=dict)

    def take(self, photo: Photo, example: int | None = None) -> None:
        """Start on a new photo; what was known of the last one is forgotten."""
        self.forget()
        self.photo, self.example = photo, example
        self.preview = photo.to_jpeg(max_side=1024, quality=88)
        self.truth = photo.exif.location

    def forget(self) -> None:
        """Nothing at hand."""
        self.photo = self.example = self.problem = self.truth = None
        self.preview, self.truth_source, self.wanted, self.matches = b"", "exif", False, []
        self.drop_answer()

    def drop_answer(self) -> None:
        """The photo stays, its answer goes."""
        self.answer = self.gallery = self.failure = None
        self.drawn = {}

    def set_truth(self, truth: tuple[float, float] | None, source: TruthSource) -> None:
        """Say where the photo was really taken, or that nobody knows; an answer that is there is measured anew."""
        from geoloc_core.answer import Answer

        self.truth, self.truth_source = truth, source
        if self.answer and self.gallery:
            self.answer = Answer.of(self.answer.prediction, self.gallery, truth, source, self.answer.choices)
            self.drawn.pop("prediction", None)


def work() -> Work:
    """This session's work."""
    if "work" not in st.session_state:
        st.session_state["work"] = Work()
    return cast(Work, st.session_state["work"])
