"""The three maps of an answer, built once an answer and kept in its visitor's session."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st
from streamlit_folium import st_folium

from geoloc_core.answer import Answer, SeenNeighbour
from geoloc_core.maps import (
    Marker,
    OfflineMap,
    PredictionView,
    cells_map,
    neighbour_map,
    prediction_map,
    score_map,
    world_heat,
)
from geoloc_core.maps.tiles import TILE_LAYERS, TileLayer
from geoloc_core.signs.clue import Clue
from geoloc_core.signs.found import area_of
from pages.parts.evidence import thumbnail
from pages.parts.facts import take_click
from pages.parts.frame import theme
from pages.parts.signs.area import clue_shown
from pages.parts.state import Work
from pages.parts.text import degrees, inert, km, share

_HEIGHT = {"prediction": 440, "cells": 440, "nearest": 320, "farthest": 320}


def prediction(now: Work, tiles: str) -> None:
    """The predicted place with everything that speaks for it; a click on it may say the true place."""
    picking = bool(st.session_state.get("click_truth"))
    answer = _answer(now)
    alone = clue_shown(answer)

    def build() -> OfflineMap:
        return prediction_map(_view(answer, alone), theme(), _layer(tiles), picking)

    _show(now, "prediction", (theme(), tiles, picking, answer.truth, alone and alone.key), build, picking)


def everywhere(now: Work, tiles: str) -> None:
    """The distribution over the world, for an answer that names no place."""
    density = _answer(now).prediction.distribution.density
    label, meaning = "Map of where photos are taken", "fewer to more photos"

    def build() -> OfflineMap:
        return score_map(world_heat(density), (), label, theme(), _layer(tiles), meaning)

    _show(now, "prediction", (theme(), tiles), build)


def cells(now: Work, tiles: str) -> None:
    """The geo-cells around the predicted place; a click on it may say the true place."""
    from geoloc_core.maps.base import Layer
    from pages.parts.cells.result import cells_view

    picking = bool(st.session_state.get("click_truth"))
    answer = _answer(now)
    classified = answer.prediction.classified
    assert classified is not None

    def build() -> OfflineMap:
        drawn = cells_map(cells_view(now, classified), theme(), _layer(tiles))
        if picking:
            drawn.add_child(Layer("pick"))
        return drawn

    _show(now, "cells", (theme(), tiles, picking, answer.truth), build, picking)


def neighbours(now: Work, end: Literal["nearest", "farthest"], tiles: str) -> None:
    """The most or the least similar photos, numbered."""
    answer = _answer(now)
    seen = answer.nearest if end == "nearest" else answer.farthest

    def build() -> OfflineMap:
        return neighbour_map(_markers(now, seen), end, theme(), _layer(tiles))

    _show(now, end, (theme(), tiles), build)


def _show(now: Work, name: str, state: tuple[Any, ...], build: Callable[[], OfflineMap], picking: bool = False) -> None:
    kept = now.drawn.get(name)
    if kept is None or kept[0] != state:
        kept = now.drawn[name] = (state, build())
    key = f"map-{name}"
    st_folium(
        kept[1],
        key=key,
        height=_HEIGHT[name],
        returned_objects=["last_clicked"] if picking else [],
        use_container_width=True,
        wrap_longitude=True,
        on_change=(lambda: take_click(st.session_state.get(key) or {})) if picking else None,
    )


def _view(answer: Answer, alone: Clue | None) -> PredictionView:
    """What the map shows; with a clue `alone`, the heat is where that one points."""
    truth = answer.truth
    return PredictionView(
        lat=answer.lat,
        lon=answer.lon,
        radius_km=answer.radius_km,
        title=str(answer.place),
        lines=(degrees(answer.lat, answer.lon),),
        radius_text=f"{share(answer.mass)} within {km(answer.radius_km)}",
        candidates=tuple(
            Marker(spot.lat, spot.lon, rank, spot.mass, str(spot.place), (f"{share(spot.mass)} of the distribution",))
            for rank, spot in enumerate(answer.candidates[1:], start=2)
        ),
        neighbours=tuple(_marker(seen, None) for seen in answer.nearest),
        truth=(truth.lat, truth.lon) if truth else None,
        truth_title="True place, you say" if truth and truth.source == "user" else "True place, the photo says",
        density=(area_of(alone) if alone else answer.prediction.distribution).density,
        samples=_samples(answer),
    )


def _samples(answer: Answer) -> tuple[Marker, ...]:
    """Where a model's replies put it: those that count, then those before it chose among candidates."""
    said = []
    for turn, exchange in enumerate(reversed(answer.prediction.account.exchanges if answer.prediction.account else ())):
        for number, reading in enumerate(exchange.readings, start=1):
            if reading.location:
                title = f"Reply {number}" + (" to the first question" if turn else "")
                said.append((*reading.location, title, inert(reading.place, 120)))
    return tuple(
        Marker(lat, lon, rank, 1.0, title, (*([place] if place else []), degrees(lat, lon)))
        for rank, (lat, lon, title, place) in enumerate(said, start=1)
    )


def _markers(now: Work, seen: Sequence[SeenNeighbour]) -> list[Marker]:
    return [_marker(item, thumbnail(now, item)) for item in seen]


def _marker(seen: SeenNeighbour, picture: str | None) -> Marker:
    near = seen.neighbour
    jpeg = base64.b64decode(picture.partition(",")[2]) if picture else None
    lines = (f"Similarity {near.similarity:.3f}", f"{km(seen.distance_km)} from the prediction")
    return Marker(near.lat, near.lon, near.rank, near.similarity, str(seen.place), lines, jpeg)


def _layer(name: str) -> TileLayer | None:
    return next((layer for layer in TILE_LAYERS if layer.name == name), None)


def _answer(now: Work) -> Answer:
    assert now.answer is not None
    return now.answer
