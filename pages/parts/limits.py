"""What a visitor may limit a search to, and how its neighbours are shown."""

from __future__ import annotations

import streamlit as st

from geoloc_core.gallery.borders import countries
from geoloc_core.gallery.filters import Where
from geoloc_core.gallery.scope import Scope
from geoloc_core.places import gazetteer
from pages.parts.text import degrees, plain

_ANYWHERE = ""


def scope_choice() -> Scope:
    """Draw the choices and return them."""
    names = countries()
    with st.expander("Search", icon=":material/filter_alt:"):
        country = st.selectbox(
            "Only photos in", [_ANYWHERE, *names], format_func=lambda code: names.get(code, "Every country"),
            key="country", persist_state="session",
        )  # fmt: skip
        around = st.text_input(
            "Only photos around", key="around", persist_state="session", placeholder="41.98, 2.82 or Girona, Spain",
            help="Coordinates, or a town of the built-in gazetteer. Empty: anywhere.",
        )  # fmt: skip
        km = st.number_input("Within (km)", 1, 20_000, 100, key="within", persist_state="session")
        centre = _centre(around)
        distinct = st.toggle(
            "Show near-duplicates once", True, key="distinct", persist_state="session",
            help="A burst at one place in one minute, or the same photo again, counts as one neighbour. All vote.",
        )  # fmt: skip
        antihubs = st.toggle(
            "Leave out what is least similar to everything", False, key="antihubs", persist_state="session",
            help="Blanks and screens turn up among the least similar of most photos. Finding them takes a moment once.",
        )  # fmt: skip
    where = Where(country=country or None, centre=centre, radius_km=float(km) if centre else None)
    return Scope(where, distinct=distinct, antihubs=not antihubs)


def _centre(text: str) -> tuple[float, float] | None:
    """The (lat, lon) that a text means, said below the field; None with a warning if it means none."""
    if not text.strip():
        return None
    found = gazetteer().find(text, 1)
    if not found:
        st.warning("No such place is known: type coordinates or a town. Until then the search has no such limit.")
        return None
    place, lat, lon = found[0]
    st.caption(f"{plain(place)} ({degrees(lat, lon)})")
    return lat, lon
