"""Which clue's area the map shows."""

from __future__ import annotations

import streamlit as st

from geoloc_core.answer import Answer
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.found import Signs
from pages.parts.text import inert

_KEY = "clue_area"
_MOST = 24


def clue_choice(signs: Signs) -> None:
    """Draw the choice between all clues together and any one alone."""
    clues = [weighed.clue for weighed in signs.clues[:_MOST]]
    if st.session_state.get(_KEY, -1) >= len(clues):
        st.session_state[_KEY] = -1
    st.selectbox(
        "Heat on the map", range(-1, len(clues)), key=_KEY,
        format_func=lambda i: "All clues together" if i < 0 else f"Only {clues[i].kind}: {inert(clues[i].subject, 60)}",
        help="Where the clues together point, or one of them alone.",
    )  # fmt: skip


def clue_shown(answer: Answer) -> Clue | None:
    """The clue whose area is to be drawn, None for all together."""
    signs, index = answer.prediction.signs, st.session_state.get(_KEY, -1)
    return signs.clues[index].clue if signs and 0 <= index < len(signs.clues) else None
