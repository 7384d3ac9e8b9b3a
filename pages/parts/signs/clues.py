"""The clues one below the other: what each means, how much it speaks for the answer, and a way to strike it."""

from __future__ import annotations

import math

import streamlit as st

from geoloc_core.signs.combine import Weighed
from geoloc_core.signs.found import Signs
from geoloc_core.signs.record import times
from pages.parts.signs.running import restore, strike
from pages.parts.state import Work
from pages.parts.text import plain

_ICONS = {
    "chain": "storefront", "currency": "payments", "domain": "language", "language": "translate", "place": "apartment",
    "measure": "straighten", "phone": "call", "plate": "directions_car", "postcode": "markunread_mailbox",
    "road": "add_road", "script": "text_fields", "street": "signpost", "vocabulary": "menu_book",
}  # fmt: skip
_MOST = 24
_FULL = math.log(1000)  # a clue that makes the place a thousand times likelier fills its bar


def clue_list(now: Work, signs: Signs) -> None:
    """Draw the clues with their strength; a click strikes one, another takes it in again."""
    st.subheader("Clues", anchor=False)
    st.caption("Each says how many times likelier it makes the place named. Strike what you do not believe.")
    for index, weighed in enumerate(signs.clues[:_MOST]):
        _clue(index, weighed)
    if len(signs.clues) > _MOST:
        st.caption(f"And {len(signs.clues) - _MOST} weaker ones, which the saved answer lists.")
    if now.struck or now.corrections:
        st.button("Undo all changes", key="signs_restore", icon=":material/undo:", on_click=restore)


def _clue(index: int, weighed: Weighed) -> None:
    clue = weighed.clue
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    text = f":material/{_ICONS.get(clue.kind, 'search')}: {plain(clue.sentence)}"
    if weighed.struck:
        row.markdown(f"~~{text}~~", width="stretch")
    else:
        strength = min(max(math.log(weighed.lift) / _FULL, 0.0), 1.0)
        row.progress(strength, f"{text} :gray[{times(weighed.lift)}]", width="stretch")
    row.button(
        "Restore" if weighed.struck else "Strike",
        key=f"strike-{index}",
        help="Take this clue in again." if weighed.struck else "Leave this clue out of the answer.",
        type="tertiary",
        icon=":material/undo:" if weighed.struck else ":material/close:",
        on_click=strike,
        args=(clue.key,),
    )
