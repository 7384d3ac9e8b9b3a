"""An answer by what is written: the photo with its lines, the clues, and the countries they leave."""

from __future__ import annotations

import streamlit as st

from geoloc_core.places import gazetteer
from geoloc_core.signs.found import Signs
from pages.parts.signs.clues import clue_list
from pages.parts.signs.lines import line_editor
from pages.parts.signs.photo import boxes
from pages.parts.state import Work
from pages.parts.text import plain, share

_COUNTRIES = 5


def show_signs(now: Work, signs: Signs) -> None:
    """Draw what was read and what it means."""
    if signs.writing.lines:
        with st.container(border=True):
            st.subheader("What is written", anchor=False)
            boxes(now, signs)
            line_editor(now, signs)
    if signs.found:
        with st.container(border=True):
            clue_list(now, signs)
    if not signs.silent:
        with st.container(border=True):
            _countries(signs)


def _countries(signs: Signs) -> None:
    st.subheader("Countries", anchor=False)
    names = gazetteer().countries
    for code, part in list(signs.countries.items())[:_COUNTRIES]:
        st.progress(min(part, 1.0), f"**{share(part)}** · {plain(names.get(code, code))}")
