"""Whether a photo is located by what it looks like, by what is written in it, or by a classifier of geo-cells."""

from __future__ import annotations

from typing import Literal, cast

import streamlit as st

from pages.parts.cells.choice import classifiers
from pages.parts.options import Options
from pages.parts.state import Work

How = Literal["likeness", "signs", "cells"]
_HOW: dict[How, str] = {"likeness": "Likeness", "signs": "Writing", "cells": "Geo-cells"}


def how_choice(now: Work, chosen: Options) -> How:
    """Draw the choice and return it.

    Drawn photos say nothing of a real one, so while the gallery has only such, a real photo is read by default.
    """
    misleading = chosen.synthetic and now.photo is not None and now.example is None
    ways = [way for way in _HOW if way != "cells" or classifiers()]
    how = st.segmented_control(
        "Go by", ways, format_func=_HOW.__getitem__, required=True, width="stretch",
        default="signs" if misleading else "likeness", key=f"how {misleading}", persist_state="session",
        help="Likeness compares the photo with a gallery. The others need none: writing is what signs, notices and the "
        "like tell; geo-cells are parts of the world, of which a network chooses the likeliest.",
    )  # fmt: skip
    if misleading and how == "likeness":
        st.caption("The gallery here is of drawn photos: what it finds means nothing for a real one.")
    return cast(How, how)
