"""How a question to a model goes, while the visitor watches."""

from __future__ import annotations

import time

import streamlit as st

from pages.parts.lmm.asking import TAIL, Asking
from pages.parts.state import ANSWER, work
from pages.parts.text import inert, plain

_EVERY_S = 0.5


@st.fragment(run_every=_EVERY_S)
def watching() -> None:
    """How the session's question goes, with the button that stops it."""
    asking = work().asking
    if asking is None or asking.ended.is_set():
        st.rerun()
    assert asking is not None
    asking.looked_at = time.monotonic()
    stopping = asking.cancelled.is_set()
    with st.container(border=True, key="asking"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"Asking {plain(asking.model)} at {plain(asking.destination)}", anchor=ANSWER, width="stretch")
            st.caption(f"{time.monotonic() - asking.began:.0f} s", width="content")
            st.button(
                "Stopping" if stopping else "Stop", key="lmm_stop", icon=":material/stop:", disabled=stopping,
                on_click=asking.cancelled.set,
            )  # fmt: skip
        if asking.step and not asking.step.startswith("Asking"):
            st.caption(plain(asking.step))
        if asking.waiting:
            st.warning(plain(asking.waiting), icon=":material/hourglass_top:")
        _replies(asking)


def _replies(asking: Asking) -> None:
    """The end of each reply as far as it has come: untrusted, so as bare text."""
    tails = sorted(asking.tails.items())
    if not tails:
        st.progress(0.0, "Nothing has come back yet")
    for number, tail in tails:
        cut = asking.lengths[number] - len(tail)
        if len(tails) > 1:
            st.caption(f"Reply {number + 1}")
        st.code(("…" if cut else "") + inert(tail, TAIL), language=None, wrap_lines=True)
