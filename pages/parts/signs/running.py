"""Reading a photo while the visitor watches, and weighing its clues again after a change."""

from __future__ import annotations

import streamlit as st

from geoloc_core.errors import GeolocError
from geoloc_core.gallery.scope import Scope
from geoloc_core.predictors.signs import Signs
from pages.parts.state import Work, work
from pages.parts.text import plain


def read(now: Work) -> None:
    """Read the photo and keep the answer in the session.

    Raises:
        GeolocError: it cannot be done; the message says what to do.
    """
    now.gallery = now.because = None
    query = now.query_again(Scope())
    now.show(Signs(struck=now.struck, corrections=now.corrections).predict(query))


def strike(key: tuple[str, str]) -> None:
    """A callback: leave a clue out, or take it in again."""
    now = work()
    now.struck ^= {key}
    _again(now)


def correct(index: int, text: str) -> None:
    """A callback: line `index` really says `text`."""
    now = work()
    now.corrections[index] = text
    _again(now)


def restore() -> None:
    """A callback: no clue struck, no line corrected."""
    now = work()
    now.struck, now.corrections = frozenset(), {}
    _again(now)


def _again(now: Work) -> None:
    try:
        query = now.query_again(Scope())
        now.show(Signs(struck=now.struck, corrections=now.corrections).predict(query))
    except GeolocError as error:
        st.toast(plain(error))
