"""Locating while the visitor watches: the steps, their seconds, and what to do if one fails."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from geoloc_core.locate import encoder_of, predict
from pages.parts.cells.choice import CellsWish
from pages.parts.options import Options, open_gallery
from pages.parts.signs.choice import How
from pages.parts.state import Work


class _Steps:
    """Writes each step as it begins, and its seconds when the next one does."""

    def __init__(self) -> None:
        self._line: DeltaGenerator | None = None
        self._text, self._start = "", 0.0

    def __call__(self, text: str) -> None:
        self.close()
        self._line, self._text, self._start = st.empty(), text, time.perf_counter()
        self._line.markdown(f":material/more_horiz: {text}")

    def close(self) -> None:
        """The last step has ended."""
        if self._line:
            self._line.markdown(f":material/check: {self._text} · {time.perf_counter() - self._start:.2f} s")


def run(now: Work, chosen: Options, how: How, cells: CellsWish | None) -> None:
    """Locate the photo and keep the answer in the session; `cells` says by which model, if it is to go by geo-cells.

    Raises:
        GeolocError: it cannot be done; the message says what to do.
    """
    assert now.photo is not None
    now.drop_answer()
    with st.status("Locating the photo", expanded=True) as status:
        now.watching = steps = _Steps()
        try:
            if how == "signs":
                _by_signs(now)
            elif cells:
                _by_cells(now, chosen, cells)
            else:
                _by_likeness(now, chosen, steps)
        finally:
            now.watching = None
        steps.close()
        status.update(label="Located", state="complete", expanded=False)


def _by_signs(now: Work) -> None:
    from pages.parts.signs.running import read

    read(now)


def _by_cells(now: Work, chosen: Options, cells: CellsWish) -> None:
    from pages.parts.cells.running import classify

    classify(now, chosen, cells)


def _by_likeness(now: Work, chosen: Options, steps: _Steps) -> None:
    assert now.photo is not None
    steps("Opening the gallery")
    gallery = open_gallery(chosen.gallery)
    encoder = encoder_of(gallery)
    prediction = predict(
        now.photo, gallery, encoder, shown=chosen.shown, voting=chosen.voting, scope=chosen.scope, on_step=steps
    )
    steps("Naming the places")
    now.gallery, now.because = gallery, chosen.because
    now.show(prediction)
