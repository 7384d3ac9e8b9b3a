"""Locate a photo: a photo in, a place on a map out, with the evidence."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from geoloc_core.errors import GeolocError, LmmCancelled, LmmError
from pages.parts import frame
from pages.parts.cells.choice import CellsWish, cells_choice
from pages.parts.facts import photo_facts, photo_shown, true_place
from pages.parts.intake import example_grid, listen_for_paste, photo_input
from pages.parts.lmm.panel import Wish, panel
from pages.parts.options import Options, options, who_answers
from pages.parts.running import run
from pages.parts.signs.choice import How, how_choice
from pages.parts.state import ANSWER, Work, work
from pages.parts.text import message


def draw() -> None:
    """The page: the photo on the left, the answer on the right."""
    now = work()
    if now.asking and now.asking.ended.is_set():
        from pages.parts.lmm.outcome import take

        take(now)
    left, right = st.columns([1, 2.6], gap="medium")
    with left:
        with st.container(border=True):
            photo_input()
            photo_shown(now)
            method = st.container(key="how")
            now.wanted |= st.button(
                "Locate",
                key="locate",
                type="primary",
                icon=":material/my_location:",
                width="stretch",
                disabled=now.photo is None,
            )
            send = st.container(key="send", gap="small")
            jump = st.container(key="jump")
            photo_facts(now)
            chosen = options()
            with method:
                how = how_choice(now, chosen)
            if how == "likeness":
                who_answers(chosen)
            cells = cells_choice(now, chosen) if how == "cells" else None
            wish = panel(now, chosen)
            if wish:
                with send:
                    _offer(now, chosen, wish)
        below = st.container()
    _answer(now, chosen, how, cells, right)
    if now.answer or now.asking or now.unanswered:
        jump.markdown(f":material/arrow_downward: [To the answer](#{ANSWER})")
    with below:
        true_place(now)
        if now.answer:
            with st.expander("Try an example", icon=":material/photo_library:"):
                example_grid(3, 72)
    listen_for_paste()


def _offer(now: Work, chosen: Options, wish: Wish) -> None:
    """The button that sends the photo to a model; nothing else does."""
    from pages.parts.lmm.sending import send_button, start

    if send_button(now, chosen, wish):
        try:
            start(now, chosen, wish)
            st.rerun()
        except GeolocError as error:
            now.failure = error


def _answer(now: Work, chosen: Options, how: How, cells: CellsWish | None, column: DeltaGenerator) -> None:
    wanted, now.wanted = now.wanted and now.photo is not None, False
    # Only a new answer clears the column first: clearing it at every run would draw the maps anew
    slot = column.empty() if wanted else column
    if wanted:
        _run(now, chosen, how, cells, slot)
    with slot.container():
        if now.asking:
            from pages.parts.lmm.watching import watching

            watching()
            return
        _failed(now.failure)
        if now.unanswered:
            from pages.parts.lmm.claims import unanswered

            unanswered(now.unanswered)
        if now.answer:
            from pages.parts.result import show  # brings folium, which the first paint can do without

            show(now, chosen.tiles)
        elif not now.unanswered:
            _welcome(now)


def _failed(failure: GeolocError | None) -> None:
    """Why there is no answer, if it is so."""
    if isinstance(failure, LmmCancelled):
        st.info(message(failure), icon=":material/stop_circle:")
    elif failure:
        frame.show_problem(failure)
        if not isinstance(failure, LmmError):
            st.page_link("pages/galleries.py", label="Galleries and models", icon=":material/arrow_forward:")


def _run(now: Work, chosen: Options, how: How, cells: CellsWish | None, slot: DeltaGenerator) -> None:
    now.failure = None
    try:
        with slot.container():
            run(now, chosen, how, cells)
    except GeolocError as error:
        now.failure = error


def _welcome(now: Work) -> None:
    st.title("Where in the world was this photo taken?", anchor=False)
    if now.photo:
        st.markdown("Press **Locate** to compare your photo with the gallery, or to read what is written in it.")
        return
    st.markdown(
        "Add a photo: drop it, choose it or paste it. Geoloc compares it with photos whose places are known "
        "and shows where it was probably taken, how sure it is, and on what evidence."
    )
    st.subheader("Or try one of these", anchor=False)
    example_grid(4, 150)


frame.run(__file__, draw)
