"""The photo at hand and what is known of it apart from any prediction: its EXIF, and where it was really taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from geoloc_core.errors import GeolocError
from geoloc_core.places import gazetteer
from pages.parts.state import Work, work
from pages.parts.text import degrees, moment, plain


def photo_shown(now: Work) -> None:
    """The photo, encoded anew without its metadata."""
    if now.photo is None:
        return
    with st.container(key="photo"):
        st.image(now.preview, alt="The photo to locate", width="stretch")


def photo_facts(now: Work) -> None:
    """What the photo's metadata say, apart from any prediction."""
    if now.photo is None:
        return
    exif, (width, height) = now.photo.exif, now.photo.original_size
    facts = [f":material/image: {width:,} × {height:,} pixels, {now.photo.format}"]
    if exif.taken_at:
        facts.append(f":material/schedule: {plain(moment(exif.taken_at, exif.taken_at_is_utc))}")
    if exif.camera:
        facts.append(f":material/photo_camera: {plain(exif.camera)}")
    facts += [f":material/info: {plain(note)}" for note in now.photo.notes]
    st.caption("  \n".join(facts))
    if exif.location:
        place = gazetteer().describe(*exif.location)
        st.info(
            f"**This photo says where it was taken:** {plain(place)} ({degrees(*exif.location)}). "
            "The prediction does not use that.",
            icon=":material/location_on:",
        )
    elif exif.gps_problem:
        st.caption(f":material/location_off: Its GPS data gives no place: {plain(exif.gps_problem)}.")


def true_place(now: Work) -> None:
    """Where the photo was really taken, if somebody knows: from EXIF, typed, or clicked on the map."""
    if now.photo is None:
        return
    with st.expander("True place", icon=":material/flag:", expanded=now.truth_source == "user"):
        _known(now)
        st.text_input(
            "Town or coordinates",
            placeholder="Girona, Spain or 41.98, 2.82",
            key=f"typed{now.round}",
            max_chars=100,
            on_change=_typed,
        )
        if len(now.matches) > 1:
            st.radio(
                "Which one?",
                range(len(now.matches)),
                format_func=lambda i: plain(now.matches[i][0]),
                key=f"match{now.round}",
                on_change=_picked,
            )
        if now.answer:
            st.toggle("Click it on the map", key="click_truth", help="Then click on the map of the predicted place.")


def take_click(seen: Mapping[str, Any]) -> None:
    """What the map told at a click, as the true place."""
    if at := seen.get("last_clicked"):
        now = work()
        now.matches = []
        now.set_truth((float(at["lat"]), float(at["lng"])), "user")


def _known(now: Work) -> None:
    if now.truth is None:
        st.caption("Not known. Say it, and the prediction's error is shown.")
        return
    says = "You say" if now.truth_source == "user" else "The photo says"
    st.markdown(f"{says}: **{plain(gazetteer().describe(*now.truth))}**")
    with st.container(horizontal=True):
        st.button("Remove", key="truth_off", icon=":material/close:", on_click=_set, args=(None, "user"))
        own = now.photo.exif.location if now.photo else None
        if own and now.truth_source == "user":
            st.button(
                "What the photo says", key="truth_exif", icon=":material/undo:", on_click=_set, args=(own, "exif")
            )


def _set(truth: tuple[float, float] | None, source: str) -> None:
    now = work()
    now.matches = []
    now.set_truth(truth, "exif" if source == "exif" else "user")


def _typed() -> None:
    now = work()
    text = st.session_state[f"typed{now.round}"]
    now.matches = []
    if not text.strip():
        return
    try:
        now.matches = gazetteer().find(text)
        if now.matches:
            now.set_truth(now.matches[0][1:], "user")
        else:
            st.toast("No such place was found. Try the English name, or coordinates such as 41.98, 2.82.")
    except GeolocError as error:
        st.toast(plain(error))


def _picked() -> None:
    now = work()
    now.set_truth(now.matches[st.session_state[f"match{now.round}"]][1:], "user")
