"""The badges of whatever is listed: whether it can be used, whether it is used first and why, and its name."""

from __future__ import annotations

import streamlit as st

from geoloc_core.status import Availability
from pages.parts.text import inert, plain

_MOST_NAME = 80


def state_badge(ready: Availability) -> None:
    """Whether it can be used."""
    if ready:
        st.badge("ready", icon=":material/check:", color="green")
    else:
        st.badge("not usable yet", icon=":material/block:", color="gray")


def first_badge(because: str) -> None:
    """That it is used where nothing else is asked for; nothing without a reason."""
    if because:
        st.badge("used first", icon=":material/star:", color="blue", help=plain(because))


def drawn_badge(what: str = "photos") -> None:
    """That it is of the drawn world."""
    st.badge(f"drawn {what}", icon=":material/palette:", color="orange")


def name_badge(name: str) -> None:
    """What it is called elsewhere; foreign text."""
    st.badge(plain(inert(name, _MOST_NAME)), color="gray", help="The name that commands and settings use.")
