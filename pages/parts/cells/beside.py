"""What geo-cell models are told of a photo beside its pixels: the segmenters and scene classifiers on this machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from geoloc_core import hub, scenes
from geoloc_core.errors import GeolocError
from geoloc_core.scenes import SceneClassifier, best_classifier, open_classifier
from geoloc_core.segmentation import Segmenter, best_segmenter, open_segmenter
from geoloc_core.segmentation.names import MEGABYTES, REPOS, STARTER
from geoloc_core.segmentation.names import known as known_segmenters
from geoloc_core.status import Availability, Choice
from pages.parts.badges import drawn_badge, first_badge, name_badge, state_badge
from pages.parts.fetching import fetch_panel, running
from pages.parts.text import inert, message, plain, size

_MOST_NAME, _MOST_TEXT = 80, 400
_LICENCE = "Learned from real photos (ADE20K). NVIDIA's licence allows research and evaluation only."
_NETWORKS = {"resnet50": "ResNet-50", "resnet18": "ResNet-18"}


def segmenters_panel() -> None:
    """Draw what labels photos, and the way to a SegFormer."""
    usual = best_segmenter()
    found = {name: _state(open_segmenter, name) for name in dict.fromkeys((*known_segmenters(), usual.value))}
    st.header("Segmentation models", anchor=False)
    st.markdown(
        "Geo-cell models of two branches also see what is where in a photo: sky, road, building and 147 other classes. "
        "Each takes the segmenter that labelled its training photos. Where that is not here, and for a new training "
        f"set, **{plain(_segmenter_title(usual.value))}** is taken: {message(usual.reason)}."
    )
    cells = st.grid(2, min_column_width=340, border=True)
    for name, ready in found.items():
        if ready or (name == usual.value and name not in REPOS):
            with cells.cell():
                _segmenter(name, ready, usual)
    if lacking := {name: ready for name, ready in found.items() if name in REPOS and not ready}:
        with cells.cell():
            _segformers(lacking, usual)


def scenes_panel() -> None:
    """Draw what tells the kind of scene."""
    usual = best_classifier()
    st.header("Scene classifiers", anchor=False)
    taken = "None can be used yet."
    if usual:
        taken = f"**{plain(_scenes_title(usual.value))}** is taken: {plain(inert(usual.reason, _MOST_TEXT))}."
    st.markdown(
        "Models with a network for each kind of scene (ISNs) ask one of these which network a photo goes to, and they "
        f"label training sets. {taken}"
    )
    names = dict.fromkeys((*scenes.known(), *((usual.value,) if usual else ())))
    found = {name: _state(open_classifier, name) for name in names}
    shown = [name for name, ready in found.items() if ready or (usual and name == usual.value)]
    if shown:
        cells = st.grid(2, min_column_width=340, border=True)
        for name in shown:
            with cells.cell():
                _scenes(name, found[name], usual)
    if not (others := [name for name in found if name not in shown]):
        return
    with st.expander("Get another" if shown else "Get one", icon=":material/landscape:"):
        for name in others:
            st.markdown(f"**{plain(_scenes_title(name))}**. {_scenes_told(name)}")
            st.caption(_lack(found[name], ours=True))


def _segmenter(name: str, ready: Availability, usual: Choice) -> None:
    st.subheader(plain(_segmenter_title(name)), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        state_badge(ready)
        first_badge(usual.reason.replace("`", "") if name == usual.value else "")
        if name == STARTER:
            drawn_badge()
        name_badge(name)
    if not ready:
        st.caption(_lack(ready, ours=name == STARTER))
    elif name == STARTER:
        st.caption("It learned from drawn photos: the classes that it sees in real ones mean nothing.")
    elif name in REPOS:
        st.caption(_LICENCE)


def _segformers(lacking: dict[str, Availability], usual: Choice) -> None:
    """One of those not here, to be fetched; the one that is coming, while one is."""
    st.subheader("Get a SegFormer", anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        state_badge(Availability(False, ""))
        first_badge(usual.reason if usual.value in lacking else "")
    names = list(lacking)
    coming = next(filter(running, names), "")
    name = coming or st.selectbox(
        "Size", names, index=names.index(usual.value) if usual.value in names else 0, format_func=_segmenter_title,
        key="segformer", persist_state="session", help="Larger ones err less, and take longer a photo.",
    )  # fmt: skip
    st.caption(_LICENCE)
    st.caption(f"**{_segmenter_title(coming)}** is coming." if coming else _lack(lacking[name], ours=True))
    fetch_panel(
        name,
        partial(hub.fetch_repo, REPOS[name], pickled=True),
        f"Get {_segmenter_title(name)} ({size(MEGABYTES[name] * 1_000_000)})",
    )


def _scenes(name: str, ready: Availability, usual: Choice | None) -> None:
    st.subheader(plain(_scenes_title(name)), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        state_badge(ready)
        first_badge(usual.reason if usual and name == usual.value else "")
        name_badge(name)
    if told := _scenes_told(name):
        st.caption(told)
    if not ready:
        st.caption(_lack(ready, ours=name in scenes.known()))


def _segmenter_title(name: str) -> str:
    if name == STARTER:
        return "Starter segmenter"
    return f"SegFormer {name.removeprefix('segformer-').upper()}" if name in REPOS else inert(name, _MOST_NAME)


def _scenes_title(name: str) -> str:
    kind, _, which = name.partition(":")
    title = {"places365": "Places365", "zero-shot": "Zero-shot"}.get(kind)
    return f"{title} {_NETWORKS.get(which, inert(which, _MOST_NAME))}" if title else inert(name, _MOST_NAME)


def _scenes_told(name: str) -> str:
    kind, _, which = name.partition(":")
    if kind == "zero-shot":
        return "Compares the photo with the scenes' names, through an encoder that can read."
    return "Learned from the photos of Places365. Licence: CC BY." if which in _NETWORKS else ""


def _state(open_one: Callable[[str], Segmenter | SceneClassifier], name: str) -> Availability:
    try:
        return open_one(name).availability()
    except GeolocError as error:
        return Availability.lacking(error)


def _lack(ready: Availability, ours: bool) -> str:
    """Why it cannot be used and what to do; with commands as code where no foreign name stands among the words."""
    remedy = message(ready.remedy) if ours else plain(inert(ready.remedy, _MOST_TEXT))
    return f"{plain(inert(ready.reason, _MOST_TEXT))} {remedy}"
