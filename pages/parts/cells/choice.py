"""Which classifier of geo-cells answers, and how; and whether there is any on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from geoloc_core.errors import GeolocError
from geoloc_core.status import Choice
from pages.parts.options import Options, open_gallery
from pages.parts.state import Work
from pages.parts.text import inert, message, plain

if TYPE_CHECKING:
    from geoloc_core.predictors.translocator import TransLocatorPredictor
    from geoloc_core.translocator.opened import TransLocator

_CROPS = (1, 5, 10)
_TITLE = 80  # letters of a title that are shown


@dataclass(frozen=True)
class CellsWish:
    """What was chosen.

    Attributes:
        model: its name on this machine.
        because: who chose it and why.
        hierarchical: f* rather than the finest cells alone.
        crops: how many views of the photo count.
        closer: whether the gallery at hand is searched inside the likeliest cell.
    """

    model: str
    because: Choice
    hierarchical: bool
    crops: int
    closer: bool


def classifiers() -> tuple[str, ...]:
    """The models on this machine that tell geo-cells apart, by name."""
    from geoloc_core.translocator.opened import SHELF

    return SHELF.names()


def cells_choice(now: Work, chosen: Options) -> CellsWish | None:
    """Draw the choices and say which model answers, or why it cannot; None without any."""
    from geoloc_core.translocator.opened import SHELF, open_translocator

    there = classifiers()
    if not there:
        return None
    usual = SHELF.choose()
    with st.expander("Geo-cells", icon=":material/grid_view:"):
        name = _model(there, usual)
        model = open_translocator(name)
        try:
            config, inputs = model.card.config, model.card.inputs
        except GeolocError as error:
            st.warning(message(error), icon=":material/warning:")
            return None
        star = config.scene_networks
        if len(config.levels) > 1:
            star = _star(star, name)
        crops = st.segmented_control(
            "Views of the photo", _CROPS, default=inputs.crops, required=True, key=f"crops {name}",
            persist_state="session", help="1: the middle. 5: the corners too. 10: their mirror images too.",
        )  # fmt: skip
        closer = st.toggle(
            "Look closer in the best cell", key="closer", persist_state="session",
            help="Searches the gallery's photos inside the likeliest cell, and lets the most similar name the place.",
        )  # fmt: skip
    because = usual if name == usual.value else Choice(name, "chosen by you")
    wish = CellsWish(name, because, star, int(crops or inputs.crops), closer)
    _who_answers(model, wish, chosen)
    if model.card.synthetic and now.photo is not None and now.example is None:
        st.caption("It learned from drawn photos: what it says of a real one means nothing.")
    return wish


def predictor(wish: CellsWish, chosen: Options) -> TransLocatorPredictor:
    """The predictor of that choice.

    Raises:
        GeolocError: the gallery to look into cannot be used.
    """
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.translocator import TransLocatorPredictor
    from geoloc_core.translocator.opened import open_translocator

    closer: dict[str, Any] = {}
    if wish.closer:
        gallery = open_gallery(chosen.gallery)
        closer = {"refine_in": gallery, "encoder": encoder_of(gallery), "shown": chosen.shown}
    return TransLocatorPredictor(
        open_translocator(wish.model), hierarchical=wish.hierarchical, crops=wish.crops, **closer
    )


def title(name: str) -> str:
    """What a visitor knows a model by; foreign text, made inert."""
    from geoloc_core.translocator.opened import open_translocator

    try:
        return inert(open_translocator(name).card.title, _TITLE)
    except GeolocError:
        return f"{inert(name, _TITLE)} (cannot be used)"


def _model(there: tuple[str, ...], usual: Choice) -> str:
    if len(there) == 1:
        return there[0]
    first = there.index(usual.value) if usual.value in there else 0
    return st.selectbox("Model", there, index=first, format_func=title, key="classifier", persist_state="session")


def _star(usual: bool, name: str) -> bool:
    said = st.segmented_control(
        "Cells", ["fine", "f*"], default="f*" if usual else "fine", required=True, key=f"star {name}",
        persist_state="session",
        help="fine: the finest cells' own probabilities. f*: each times those of the coarser cells that hold it.",
    )  # fmt: skip
    return said == "f*"


def _who_answers(model: TransLocator, wish: CellsWish, chosen: Options) -> None:
    try:
        ready = predictor(wish, chosen).availability()
    except GeolocError as error:
        st.warning(message(error), icon=":material/warning:")
        return
    if not ready:
        st.warning(message(f"{ready.reason} {ready.remedy}"), icon=":material/warning:")
        return
    cells = model.card.config.cells[-1]
    st.caption(
        f"**{plain(title(wish.model))}** chooses among {cells:,} parts of the world: {plain(wish.because.reason)}."
    )
