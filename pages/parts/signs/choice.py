"""Whether a photo is located by what it looks like or by what is written in it."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from pages.parts.options import Options
from pages.parts.state import Work

How = Literal["likeness", "signs"]
_HOW: dict[How, str] = {"likeness": "What it looks like", "signs": "What is written"}


def how_choice(now: Work, chosen: Options) -> How:
    """Draw the choice and return it.

    Drawn photos say nothing of a real one, so while the gallery has only such, a real photo is read by default.
    """
    misleading = chosen.synthetic and now.photo is not None and now.example is None
    how = st.segmented_control(
        "Go by", list(_HOW), format_func=_HOW.__getitem__, required=True, width="stretch",
        default="signs" if misleading else "likeness", key=f"how {misleading}", persist_state="session",
        help="Likeness compares the photo with a gallery. Signs, notices, telephone numbers and the like need none.",
    )  # fmt: skip
    if misleading and how == "likeness":
        st.caption("The gallery here is of drawn photos: what it finds means nothing for a real one.")
    return "signs" if how == "signs" else "likeness"
