"""The classifiers of geo-cells on this machine: what each says of itself, and whether it can be used."""

from __future__ import annotations

import streamlit as st

from geoloc_core.errors import GeolocError
from geoloc_core.settings import settings
from geoloc_core.translocator.card import Card
from pages.parts.badges import drawn_badge, first_badge, name_badge, state_badge
from pages.parts.cells.choice import classifiers
from pages.parts.text import inert, message, plain

_MOST_TEXT = 400
_FIGURES = {"a_1": "1 km", "a_25": "25 km", "a_200": "200 km", "a_750": "750 km", "a_2500": "2,500 km"}


def classifiers_panel() -> None:
    """Draw them, and how to train one."""
    from geoloc_core.translocator.opened import SHELF

    st.header("Geo-cell models", anchor=False)
    names, first = classifiers(), SHELF.choose()
    if names:
        cells = st.grid(2, min_column_width=340, border=True)
        for name in names:
            with cells.cell():
                _model(name, first.reason if name == first.value else "")
    with st.expander("Train one on your own photos", icon=":material/model_training:"):
        st.markdown("From photos with places, as for a gallery; *docs/translocator.md* has the details:")
        st.code("python -m index_builder train translocator --help", language="bash")
        st.markdown("Models are looked for in this folder (`checkpoints`, environment `GEOLOC_CHECKPOINTS`):")
        st.code(str(settings().checkpoints), language=None)


def _model(name: str, first_because: str) -> None:
    from geoloc_core.predictors.translocator import TransLocatorPredictor
    from geoloc_core.translocator.opened import open_translocator

    model = open_translocator(name)
    try:
        card = model.card
    except GeolocError as error:
        st.warning(message(error), icon=":material/warning:")
        return
    ready = TransLocatorPredictor(model).availability()
    st.subheader(plain(inert(card.title, 80)), anchor=False)
    with st.container(horizontal=True, gap="xsmall"):
        state_badge(ready)
        first_badge(first_because)
        if card.synthetic:
            drawn_badge()
        name_badge(name)
    if not ready:
        st.warning(message(f"{ready.reason} {ready.remedy}"), icon=":material/warning:")
    st.markdown(plain(" · ".join(_facts(card))))
    if card.data:
        st.caption(plain(inert(card.data, _MOST_TEXT)))
    if figures := _figures(card):
        st.caption(f"Of its validation photos it places {figures}.")
    if card.synthetic:
        st.caption("It learned from drawn photos: its answers mean nothing for real photos.")


def _facts(card: Card) -> list[str]:
    config = card.config
    cells = ", ".join(f"{count:,} {level}" for level, count in zip(config.levels, config.cells, strict=True))
    sees = "photo and segmentation map" if config.branches == "rgb+seg" else "photo alone"
    return [f"{cells} cells", sees, config.backbone, f"licence: {inert(card.licence, _MOST_TEXT) or 'not said'}"]


def _figures(card: Card) -> str:
    said = [
        f"{card.metrics[key]:.1%} within {km}".replace("%", " %") for key, km in _FIGURES.items() if key in card.metrics
    ]
    return ", ".join(said)
