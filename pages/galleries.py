"""Galleries and models: what is on this machine, what cannot be used and why, and how to get the real models."""

from __future__ import annotations

from functools import partial

import streamlit as st

from geoloc_core import hub
from geoloc_core.encoders import create, names
from geoloc_core.encoders.presets import PRESETS
from geoloc_core.errors import GeolocError
from geoloc_core.gallery.catalogue import STARTER, STARTER_LOCATIONS, Listed, default_gallery, find_galleries, readiness
from geoloc_core.gallery.manifest import Manifest
from geoloc_core.settings import settings
from geoloc_core.status import Availability
from pages.parts import frame
from pages.parts.badges import drawn_badge, first_badge, name_badge, state_badge
from pages.parts.cells.beside import scenes_panel, segmenters_panel
from pages.parts.cells.listing import classifiers_panel
from pages.parts.fetching import fetch_panel
from pages.parts.locations import locations_panel
from pages.parts.text import message, plain, size


def draw() -> None:
    """The page."""
    st.title("Galleries and models", anchor=False)
    st.markdown(
        "An answer comes from a **gallery** of photos whose places are known, compared through the **encoder** it "
        "was made with, or from a **model** that chooses among geo-cells."
    )
    _galleries()
    _encoders()
    classifiers_panel()
    segmenters_panel()
    scenes_panel()
    _models()


def _galleries() -> None:
    st.header("Galleries on this machine", anchor=False)
    listed = find_galleries(settings())
    first, why = default_gallery(listed, settings())
    cells = st.grid(2, min_column_width=340, border=True)
    for entry in listed:
        with cells.cell():
            _gallery(entry, why.reason if entry == first else "")
    locations_panel(listed)
    with st.expander("Add a gallery of your own photos", icon=":material/add_photo_alternate:"):
        st.markdown("From a folder of photos that carry GPS, or a CSV with the columns `file`, `lat` and `lon`:")
        st.code("python -m index_builder build PHOTOS --out GALLERY --encoder im2gps", language="bash")
        st.markdown("Galleries are looked for in this folder (setting `galleries`, environment `GEOLOC_GALLERIES`):")
        st.code(str(settings().galleries), language=None)


def _gallery(entry: Listed, first_because: str) -> None:
    facts = entry.manifest
    ready = readiness(entry)
    st.subheader(plain(facts.title if facts and facts.title else entry.name), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        if entry.bare:
            st.badge("bare locations", icon=":material/pin_drop:", color="gray")
        else:
            state_badge(ready)
        first_badge(first_because)
        if facts and facts.synthetic:
            drawn_badge("world" if entry.locations else "photos")
    if entry.bare:
        st.caption("For location encoders such as GeoCLIP's. Photos cannot be compared with it.")
    elif not ready:
        st.warning(message(f"{ready.reason} {ready.remedy}"), icon=":material/warning:")
    if facts:
        _facts(facts)
    if entry.path in (STARTER, STARTER_LOCATIONS):
        what = "Places for a small GeoCLIP trained on" if entry.locations else "Starter gallery of"
        st.caption(f"{what} drawn photos: its answers mean nothing for real photos.")


def _facts(facts: Manifest) -> None:
    """What the gallery says of itself."""
    told = [
        f"{facts.count:,} {'locations' if facts.of_locations else 'photos'}",
        *([f"encoder {facts.encoder.name}"] if facts.encoder else []),
        f"licence: {facts.licence or 'not said'}",
        f"made {facts.created:%d %B %Y}",
    ]
    st.markdown(plain(" · ".join(told)))
    if facts.source:
        st.caption(plain(facts.source))
    if facts.excluded:
        tables = ", ".join(f"{one.table} ({one.by_id + one.by_author:,} photos left out)" for one in facts.excluded)
        st.caption(plain(f"Holds no photo of these tables, nor others by the same people: {tables}."))
    if near := facts.near:
        st.caption(
            plain(
                f"Index {near.key} finds {near.recall_near:.0%} of the {near.k} nearest. It would find "
                f"{near.recall_far:.0%} of the farthest, so the farthest are searched exactly."
            )
        )


def _encoders() -> None:
    st.header("Encoders", anchor=False)
    st.markdown(
        "Nothing is downloaded without your click. A click fetches the weights from the model hub into this machine's "
        "cache; `python -m geoloc_core fetch NAME` does the same."
    )
    cells = st.grid(2, min_column_width=340, border=True)
    for name in names():
        with cells.cell():
            _encoder(name)


def _encoder(name: str) -> None:
    preset = PRESETS.get(name)
    try:
        ready = create(name).availability()
    except GeolocError as error:
        ready = Availability(False, str(error))
    st.subheader(plain(preset.title if preset else name), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        state_badge(ready)
        name_badge(name)
    if preset:
        st.markdown(plain(preset.reason))
        st.caption(plain(f"Licence: {preset.licence}. {preset.dim:,} numbers a photo."))
    if ready:
        return
    st.caption(message(f"{ready.reason} {ready.remedy}"))
    if preset and preset.hub:
        label = f"Get the real model ({size(preset.download_bytes)})"
        fetch_panel(preset.name, partial(hub.fetch, preset.hub), label)


def _models() -> None:
    st.header("Multimodal models", anchor=False)
    st.markdown(
        "None is needed, and none is asked before you press the button that names it. *Locate a photo*, under *Ask a "
        "multimodal model*, takes one of:"
    )
    st.markdown(
        "- **OpenAI's**, or anybody's who offers the same protocol: with your API key.\n"
        "- **A server of your own**: Ollama (`ollama pull llama3.2-vision`), vLLM (`vllm serve MODEL`) or "
        "llama.cpp (`llama-server -m MODEL.gguf --mmproj PROJECTOR.gguf`).\n"
        "- **In this app**: LLaVA and its kin, once fetched by "
        "`python -m geoloc_core fetch llava:llava-hf/llava-1.5-7b-hf`."
    )


frame.run(__file__, draw)
