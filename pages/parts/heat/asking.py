"""What to look for: words, examples of words, and a photo with its weight."""

from __future__ import annotations

import streamlit as st

from pages.parts.facts import photo_shown
from pages.parts.heat.choice import Ground, how_to_get_words
from pages.parts.heat.state import TEXT, Wish
from pages.parts.intake import example_grid, photo_input
from pages.parts.state import work

EXAMPLES = (
    "terraced rice fields",
    "fjord with red wooden houses",
    "baobab trees",
    "canals and gondolas",
    "desert with sand dunes",
    "snow-capped volcano",
)
_MOST_CHARS = 200


def ask(ground: Ground | None) -> Wish:
    """Draw the inputs and return what they hold."""
    with st.container(border=True):
        text = _words(ground)
        examples = st.container()
    with st.container(border=True):
        photo_ready = ground is not None and ground.photos.ok
        weight = _photo(with_text=bool(text))
    wish = Wish(text, work().photo if photo_ready else None, weight)
    if wish and ground and ground.words:
        with examples:
            word_examples()
    return wish


def word_examples() -> None:
    """Words to click."""
    with st.container(horizontal=True, gap="xsmall", key="words"):
        for number, words in enumerate(EXAMPLES):
            st.button(words, key=f"words-{number}", on_click=_say, args=(words,))


def photo_examples() -> None:
    """Photos to click."""
    example_grid(4, 150, "Map")


def _words(ground: Ground | None) -> str:
    usable = ground is not None and ground.words.ok
    typed = st.text_input(
        "Describe a place",
        key=TEXT,
        type="search",
        placeholder=EXAMPLES[0],
        max_chars=_MOST_CHARS,
        bind="query-params",
        disabled=not usable,
        help="In English, as CLIP learned it. The words stay on this server, and stand in this page's address.",
    )
    if not usable:
        how_to_get_words(ground)
        return ""
    st.button("Show on the map", type="primary", icon=":material/travel_explore:", width="stretch", key="show")
    return " ".join((typed or "").split())


def _photo(with_text: bool) -> float:
    """Draw the photo's inputs; returns its weight beside words."""
    now = work()
    photo_input()
    now.wanted = False  # an example's click asks the page Locate; here the photo alone is asked for
    photo_shown(now)
    if now.photo is None:
        return 0.5
    st.button("Remove the photo", key="drop_photo", icon=":material/close:", on_click=_drop, width="stretch")
    if not with_text:
        return 0.5
    share = st.slider(
        "The photo's share",
        0,
        100,
        50,
        5,
        format="%d %%",
        key="photo_share",
        persist_state="session",
        help="0 shows the words alone, 100 the photo alone.",
    )
    return float(share / 100)


def _say(words: str) -> None:
    st.session_state[TEXT] = words


def _drop() -> None:
    now = work()
    now.round += 1
    now.forget()
