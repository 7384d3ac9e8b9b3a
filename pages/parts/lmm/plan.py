"""How a model is asked: its prompt, the neighbours given with it, how many replies, how large the photo."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from geoloc_core.lmm.prompt import (
    DEFAULT,
    DEFAULT_TEMPLATE,
    MAX_TEMPLATE,
    MOST_NEIGHBOURS,
    MOST_SAMPLES,
    MOST_THUMBNAILS,
    PLACEHOLDERS,
    Plan,
    check,
)
from geoloc_core.settings import settings
from pages.parts.text import message, plain

_BOTH, _NEAR, _FAR, _NONE = "both", "near", "far", "none"
_ENDS = {_BOTH: "Both", _NEAR: "Near", _FAR: "Far", _NONE: "None"}
_SIDES = (512, 768, 1024, 1536, 2048)
_PROMPT = "lmm_prompt"


def plan_choice(misleading: bool, more: DeltaGenerator) -> Plan | None:
    """Draw the choices and return them; None while the prompt cannot be used.

    Args:
        more: where the rarer ones go.
        misleading: the gallery's photos are drawn and this one is not, so neighbours would say nothing.
    """
    near, far = _neighbours(misleading)
    with st.expander("Prompt", icon=":material/edit_note:"):
        template, sound = _prompt()
    with more:
        remarks = _remarks(near)
        replies = _replies()
    if not sound:
        return None
    return Plan(template=template, near=near, far=far, **remarks, **replies)


def _neighbours(misleading: bool) -> tuple[int, int]:
    """How many near and far neighbours; each kind of gallery keeps its own choice."""
    ends = st.segmented_control(
        "Neighbours told to the model", list(_ENDS), format_func=_ENDS.__getitem__, required=True,
        default=_NONE if misleading else _BOTH, key=f"lmm_ends {misleading}", persist_state="session",
        help="The coordinates of the most and least similar photos of the gallery. The publication gives both.",
    )  # fmt: skip
    if misleading:
        st.caption(
            "The chosen gallery is of drawn photos, whose places would only mislead about a real one: so none, unless "
            "you want them."
        )
    counts = {}
    cells = st.columns(2)
    for cell, end, usual in zip(cells, (_NEAR, _FAR), (DEFAULT.near, DEFAULT.far), strict=True):
        if ends in (_BOTH, end):
            counts[end] = cell.number_input(
                f"{_ENDS[end]} ones", 1, MOST_NEIGHBOURS, usual, key=f"lmm_{end}", persist_state="session"
            )
    return int(counts.get(_NEAR, 0)), int(counts.get(_FAR, 0))


def _prompt() -> tuple[str, bool]:
    """The prompt's text, and whether it can be used; what is wrong stands below it."""
    st.session_state.setdefault(_PROMPT, DEFAULT_TEMPLATE)
    text = st.text_area(
        "Text", key=_PROMPT, height=320, max_chars=MAX_TEMPLATE, persist_state="session",
        help="It takes effect when you leave the field or press Ctrl+Enter.",
    )  # fmt: skip
    problems = check(text)
    for problem in problems:
        st.warning(message(problem), icon=":material/edit_off:")
    if text != DEFAULT_TEMPLATE:
        st.button("Back to the default", key="lmm_prompt_reset", icon=":material/undo:", on_click=_reset)
    known = "\n".join(f"- `{{{name}}}`: {plain(meaning)}" for name, meaning in PLACEHOLDERS.items())
    st.caption(f"Placeholders:\n{known}\n\nA paragraph of which every placeholder is empty is left out.")
    return text, not problems


def _reset() -> None:
    st.session_state[_PROMPT] = DEFAULT_TEMPLATE


def _remarks(near: int) -> dict[str, Any]:
    """What is told of each neighbour besides its coordinates."""
    return {
        "similarity": st.toggle("Tell how similar each is", False, key="lmm_similarity", persist_state="session"),
        "places": st.toggle("Tell their places by name", False, key="lmm_places", persist_state="session"),
        "thumbnails": st.number_input(
            "Small pictures of the nearest", 0, MOST_THUMBNAILS, 0, key="lmm_thumbnails", persist_state="session",
            help="Sent as further images. Each costs tokens, and not every model takes more than one.",
        )
        if near
        else 0,
    }  # fmt: skip


def _replies() -> dict[str, Any]:
    """How many replies, in which form, and how large the photo is."""
    side = min(_SIDES, key=lambda side: abs(side - settings().lmm_photo_side))
    return {
        "samples": st.number_input(
            "Replies", 1, MOST_SAMPLES, 1, key="lmm_samples", persist_state="session",
            help="Several show how far the model agrees with itself. Each is paid for.",
        ),
        "second_turn": st.toggle(
            "Ask again, to choose among the candidates", False, key="lmm_second", persist_state="session",
            help="The places from the replies and the search are put to the model once more. Costs a second question.",
        ),
        "structured": st.toggle(
            "Hold replies to a form", True, key="lmm_structured", persist_state="session",
            help="A JSON schema, where the server knows such a thing. Otherwise the text is read as it comes.",
        ),
        "temperature": st.number_input(
            "Temperature", 0.0, 2.0, None, 0.1, key="lmm_temperature", persist_state="session",
            placeholder="the model's",
            help="How freely the model words its replies. Empty leaves it to the model; some take no other.",
        ),
        "max_tokens": st.number_input(
            "Longest reply (tokens)", 16, 100_000, DEFAULT.max_tokens, 100, key="lmm_tokens", persist_state="session",
            help="Models that think first need a few thousand.",
        ),
        "photo_side": st.select_slider(
            "Longest side of the photo sent (px)", _SIDES, side, key="lmm_side", persist_state="session"
        ),
    }  # fmt: skip
