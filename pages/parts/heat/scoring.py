"""Scoring the places while the visitor watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from geoloc_core.encoders import for_id
from geoloc_core.gallery.scope import Scope
from geoloc_core.geoclip.text import TextSide, text_side
from pages.parts.heat.choice import Ground
from pages.parts.heat.state import Found, Heat, Wish
from pages.parts.options import open_gallery
from pages.parts.state import work

if TYPE_CHECKING:
    from geoloc_core.encoders.base import Embeddings, Encoder
    from geoloc_core.gallery import Gallery
    from geoloc_core.geoclip.heat import PlaceScores

SHOWN = 10


def run(now: Heat, wish: Wish, ground: Ground) -> None:
    """Find the places that fit and keep them in the session.

    Raises:
        GeolocError: it cannot be done; the message says what to do.
    """
    started = time.perf_counter()
    now.found, now.drawn = None, None
    with st.status("Opening the gallery", expanded=False) as status:
        gallery = open_gallery(ground.entry.path)
        made_with = gallery.manifest.made_with
        encoder = for_id(made_with.id, made_with.name)
        scores = _scores(now, wish, gallery, encoder, lambda label: status.update(label=label))
        status.update(label="Drawing the map")
        now.found = _found(wish, gallery, scores, started)
        status.update(label=f"Scored {len(gallery):,} places", state="complete")


def _scores(now: Heat, wish: Wish, gallery: Gallery, encoder: Encoder, tell: Callable[[str], object]) -> PlaceScores:
    from geoloc_core.geoclip.heat import score

    gallery.check_encoder(encoder.id)
    text = neutral = photo = None
    if wish.text:
        text, neutral = _said(now, wish.text, text_side(encoder), tell)
    if wish.photo:
        mine = work()
        tell("Encoding the photo")
        photo = (mine.query or mine.query_in(Scope())).embedding(encoder)
    tell(f"Scoring {len(gallery):,} places")
    return score(gallery, text=text, neutral=neutral, photo=photo, photo_weight=wish.weight)


def _said(now: Heat, text: str, side: TextSide, tell: Callable[[str], object]) -> tuple[Embeddings, Embeddings]:
    """The text's row and the neutral one, kept for as long as the text stays."""
    key = (text, side.id)
    if key not in now.said:
        tell("Loading CLIP's text tower")
        side.load()
        tell("Reading the words")
        now.said = {key: (side.describe(text), side.neutral)}
    return now.said[key]


def _found(wish: Wish, gallery: Gallery, scores: PlaceScores, started: float) -> Found:
    from geoloc_core.maps import world_heat
    from geoloc_core.places import gazetteer

    top = scores.top(SHOWN)
    names = gazetteer().describe_many([(place.lat, place.lon) for place in top])
    image = world_heat(scores.density)
    return Found(wish, gallery, image, tuple(zip(top, names, strict=True)), time.perf_counter() - started)
