"""Text to map: say what a place looks like, or show a photo of it, and see where on Earth that fits."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from geoloc_core.errors import GeolocError
from pages.parts import frame
from pages.parts.heat.asking import ask, photo_examples, word_examples
from pages.parts.heat.choice import Ground, choose, grounds
from pages.parts.heat.state import Heat, Wish, heat
from pages.parts.intake import listen_for_paste
from pages.parts.state import ANSWER, work
from pages.parts.text import message


def draw() -> None:
    """The page: words and photo on the left, the map on the right."""
    there, now = grounds(), heat()
    left, right = st.columns([1, 2.6], gap="medium")
    with left:
        inputs, jump, below = st.container(), st.container(key="jump"), st.container()
    with below:
        ground = choose(there) if there else None
    with inputs:
        wish = ask(ground)
    if ground is None:
        with right:
            _welcome(None)
        return
    _answer(now, wish, ground, right)
    if now.found:
        jump.markdown(f":material/arrow_downward: [To the map](#{ANSWER})")
    listen_for_paste()


def _answer(now: Heat, wish: Wish, ground: Ground, column: DeltaGenerator) -> None:
    asked = (ground.entry.path, wish)
    wanted = bool(wish) and asked != now.asked
    # Only a new answer clears the column first: clearing it at every run would draw the map anew
    slot = column.empty() if wanted else column
    if wanted:
        now.asked, now.failure = asked, None
        _run(now, wish, ground, slot)
    elif not wish:
        now.asked = now.found = now.failure = now.drawn = None
    with slot.container():
        if now.failure:
            frame.show_problem(now.failure)
            st.page_link("pages/galleries.py", label="Galleries and models", icon=":material/arrow_forward:")
        elif now.found:
            from pages.parts.heat.showing import show  # brings folium, which the first paint can do without

            show(now, ground, is_example=work().example is not None)
        else:
            _welcome(ground)


def _run(now: Heat, wish: Wish, ground: Ground, slot: DeltaGenerator) -> None:
    from pages.parts.heat.scoring import run

    try:
        with slot.container():
            run(now, wish, ground)
    except GeolocError as error:
        now.failure = error


def _welcome(ground: Ground | None) -> None:
    st.title("Where on Earth does it look like that?", anchor=False)
    if ground is None:
        st.markdown("This page colours places by how well they fit. It needs a gallery of locations to do so.")
        return
    places = f"each of {ground.entry.manifest.count:,} places" if ground.entry.manifest else "each place"
    if ground.words:
        st.markdown(
            "Describe a place in words, add a photo if you like, and Geoloc colours the world by how well "
            f"{places} fits."
        )
        st.subheader("Try some words", anchor=False)
        word_examples()
    if not ground.photos:
        st.warning(message(f"{ground.photos.reason} {ground.photos.remedy}"), icon=":material/warning:")
        return
    if not ground.words:
        st.markdown(f"Add a photo, and Geoloc colours the world by how well {places} fits it.")
    if ground.synthetic:  # the examples are drawings too
        st.caption("The starter knows a drawn world only. What it says of a real photo means nothing.")
        st.subheader("Or try one of these", anchor=False)
        photo_examples()


frame.run(__file__, draw)
