"""What the network looked at: heat over the photo and over its segmentation map, calculated when it is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st
from PIL import Image

from geoloc_core.errors import GeolocError
from geoloc_core.places import gazetteer
from geoloc_core.translocator.said import Classified
from pages.parts.frame import show_problem
from pages.parts.state import Work, work
from pages.parts.text import inert, share

if TYPE_CHECKING:
    from geoloc_core.translocator.interpret import Interpretation

Way = Literal["grad-cam", "rollout"]
_WAYS: dict[Way, str] = {"grad-cam": "Grad-CAM", "rollout": "Attention rollout"}
_MEANS: dict[Way, str] = {
    "grad-cam": "Bright: what speaks for the cell.",
    "rollout": "Bright: what the network attends to most, whatever cell it names.",
}
_SHOWN = {"rgb": "The photo", "seg": "Its segmentation map"}
_SIDE = 640  # pixels a side of what is shown


@st.fragment
def looked_at(cells: list[int]) -> None:
    """Draw the maps of attention, for one of `cells`."""
    now = work()
    classified = now.answer.prediction.classified if now.answer else None
    if classified is None or now.classifier is None or now.photo is None:
        return
    heading, switch = st.columns([1, 1], vertical_alignment="center")
    heading.subheader("What it looked at", anchor=False)
    way: Way = "grad-cam"
    if now.classifier.card.config.is_vit:
        way = switch.segmented_control(
            "How to tell", list(_WAYS), format_func=_WAYS.__getitem__, default="grad-cam", required=True,
            key="look_way", label_visibility="collapsed", persist_state="session",
        ) or "grad-cam"  # fmt: skip
    cell = _cell(classified, cells) if way == "grad-cam" else cells[0]
    try:
        pictures, found = _pictures(now, classified, way, cell)
    except GeolocError as error:
        show_problem(error)
        return
    for column, (branch, jpeg) in zip(st.columns(2, gap="small"), pictures.items(), strict=False):
        with column:
            st.image(jpeg, alt=f"{_SHOWN[branch]}, bright where the network looked", width="stretch")
            st.caption(_below(classified, branch, found))
    st.caption(f"{_MEANS[way]} Only the middle of the photo is explained; the rest is dark.")


def _cell(classified: Classified, cells: list[int]) -> int:
    names = gazetteer().describe_many(classified.level.points[cells])
    said = [
        f"{share(float(classified.probabilities[cell]))} · {inert(str(name), 80)}"
        for cell, name in zip(cells, names, strict=True)
    ]
    index = st.selectbox("For the cell", range(len(cells)), format_func=said.__getitem__, key="look_cell")
    return cells[index or 0]


def _pictures(now: Work, classified: Classified, way: Way, cell: int) -> tuple[dict[str, bytes], Interpretation]:
    """JPEGs by branch; kept with the answer and dropped with it."""
    key = ("look", way, cell if way == "grad-cam" else None)
    if key not in now.drawn:
        with st.spinner("Looking where it looked"):
            now.drawn[key] = _explained(now, classified, way, cell)
    pictures, found = now.drawn[key]
    return pictures, found


def _explained(now: Work, classified: Classified, way: Way, cell: int) -> tuple[dict[str, bytes], Interpretation]:
    from geoloc_core.segmentation.ade20k import colours
    from geoloc_core.translocator.interpret import interpret
    from geoloc_core.translocator.overlay import overlay

    assert now.photo is not None and now.classifier is not None
    image, labels = now.photo.image, classified.segmentation
    found = interpret(now.classifier, image, labels, way, cell, _kind(now, classified))
    photo = image.copy()
    photo.thumbnail((_SIDE, _SIDE))
    under = {"rgb": photo}
    if labels is not None:
        under["seg"] = Image.fromarray(colours(labels)).resize(photo.size, Image.Resampling.NEAREST)
    return {branch: _jpeg(overlay(under[branch], values, found.box)) for branch, values in found.maps.items()}, found


def _kind(now: Work, classified: Classified) -> int | None:
    assert now.classifier is not None
    if not now.classifier.card.config.scene_networks or classified.scene is None:
        return None
    return int(np.argmax(classified.scene.probabilities))


def _below(classified: Classified, branch: str, found: Interpretation) -> str:
    if not found.maps[branch].any():
        return f"{_SHOWN[branch]}: nothing in it speaks for this cell."
    if classified.attention is None:
        return _SHOWN[branch]
    weight = classified.attention[list(_SHOWN).index(branch)]
    return f"{_SHOWN[branch]}, weighed {share(weight)}"


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
