"""What a visitor may choose before locating: the gallery, and how its photos vote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import Listed, default_gallery, find_galleries, readiness
from geoloc_core.gallery.manifest import NAME, Voting
from geoloc_core.gallery.scope import Scope
from geoloc_core.maps.tiles import TILE_LAYERS
from geoloc_core.predictors.knn import PUBLISHED, default_voting
from geoloc_core.settings import settings
from geoloc_core.status import Choice
from pages.parts.limits import scope_choice
from pages.parts.text import message, plain

_NO_TILES = "None: ask no other server"


@dataclass(frozen=True)
class Options:
    """The choices made; `because` says who chose the gallery and why, `synthetic` that its photos are drawn."""

    listed: Listed
    gallery: Path
    because: Choice
    shown: int
    voting: Voting | None
    tiles: str
    scope: Scope
    synthetic: bool


def options() -> Options:
    """Draw the options and return them."""
    config = settings()
    with st.expander("Options", icon=":material/tune:"):
        entry, because = _gallery_choice()
        shown = st.slider(
            "Neighbours shown", 4, 32, min(max(config.neighbours, 4), 32), key="shown", persist_state="session"
        )
        voting = None if entry.locations else _voting(entry)
        tiles = st.selectbox(
            "Online map layer", [_NO_TILES, *(layer.name for layer in TILE_LAYERS)],
            key="tiles", persist_state="session",
            help="Drawn over the built-in map. Its server then sees which places you look at.",
        )  # fmt: skip
    scope = scope_choice()
    synthetic = bool(entry.manifest and entry.manifest.synthetic)
    return Options(entry, entry.path, because, shown, voting, tiles, scope, synthetic)


def open_gallery(path: Path) -> Gallery:
    """The gallery in a folder, opened once for all visitors and again when its manifest changes.

    Raises:
        GalleryError: it cannot be used.
    """
    try:
        changed = (path / NAME).stat().st_mtime_ns
    except OSError:
        changed = 0
    return _open(str(path), changed)


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(path: str, _changed: int) -> Gallery:
    return Gallery.open(path)


def _voting(entry: Listed) -> Voting | None:
    """How the photos shall vote, None for the gallery's own way; each gallery keeps its settings in the session."""
    usual = default_voting(entry.manifest)[0] if entry.manifest else PUBLISHED
    start = (min(max(round(usual.sigma_km), 25), 1000), min(usual.voters, 500), min(round(usual.exponent), 20))
    sigma = st.slider(
        "Kernel width (km)", 25, 1000, start[0], 5, key=f"sigma {entry.path}", persist_state="session",
        help="How far each neighbour's vote is blurred. The published 4° are 445 km.",
    )  # fmt: skip
    voters = st.slider(
        "Neighbours that vote", 1, 500, start[1], key=f"voters {entry.path}", persist_state="session",
        help="The nearest ones; the published number is 100.",
    )  # fmt: skip
    exponent = st.slider(
        "Weight of likeness", 0, 20, start[2], key=f"exponent {entry.path}", persist_state="session",
        help="0: all votes count alike. The published 10 lets the very nearest decide.",
    )  # fmt: skip
    changed = (sigma, voters, exponent) != start
    return Voting(voters=voters, sigma_km=float(sigma), exponent=float(exponent)) if changed else None


def _gallery_choice() -> tuple[Listed, Choice]:
    listed = {str(entry.path): entry for entry in find_galleries(settings()) if not entry.bare}
    first, because = default_gallery(tuple(listed.values()), settings())
    chosen = st.selectbox(
        "Gallery",
        list(listed),
        index=list(listed).index(str(first.path)),
        format_func=lambda path: _label(listed[path]),
        key="gallery",
        persist_state="session",
        help="The photos that the answer is drawn from, or the places that GeoCLIP compares the photo with.",
    )
    entry = listed[chosen]
    if entry != first:
        because = Choice(entry.name, "chosen by you")
    return entry, because


def who_answers(chosen: Options) -> None:
    """Say which gallery answers and why, or why it cannot."""
    entry, because = chosen.listed, chosen.because
    ready = readiness(entry)
    if not ready:
        st.warning(message(f"{ready.reason} {ready.remedy}"), icon=":material/warning:")
    elif entry.manifest:
        st.caption(
            f"Answers come from **{plain(entry.manifest.title or entry.name)}** through the encoder "
            f"**{plain(entry.manifest.made_with.name)}**: {plain(because.reason)}."
        )


def _label(entry: Listed) -> str:
    if entry.manifest is None:
        return f"{entry.name} (cannot be used)"
    return f"{entry.manifest.title or entry.name} · {entry.manifest.count:,} {entry.manifest.rows}"
