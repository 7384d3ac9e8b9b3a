"""An answer by geo-cells: the likeliest cells, what the network looked at, and what it saw."""

from __future__ import annotations

import numpy as np
import streamlit as st

from geoloc_core.maps.cells import CellsView
from geoloc_core.places import gazetteer
from geoloc_core.translocator.said import Classified
from pages.parts.cells.looks import looked_at
from pages.parts.cells.scenery import scenery
from pages.parts.state import Work
from pages.parts.text import degrees, share

LAYER = "map_layer"
_TOP = 8
_BY = {
    "fine": "The probability of each of the finest cells.",
    "f*": "f*: each of the finest cells' probability times those of the coarser cells that hold it.",
}


def likeliest(classified: Classified, count: int = _TOP) -> list[int]:
    """The classes of the likeliest cells, first the likeliest."""
    order = np.argsort(-classified.probabilities, kind="stable")[:count]
    return [int(cell) for cell in order]


def layer_choice() -> None:
    """Draw the choice of what colours the map."""
    st.segmented_control(
        "On the map", ["Cells", "Heat"], default="Cells", required=True, key=LAYER, label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip


def cells_view(now: Work, classified: Classified) -> CellsView:
    """What the map of cells shows."""
    answer = now.answer
    assert answer is not None
    truth = answer.truth
    return CellsView(
        classified.level,
        classified.probabilities,
        answer.lat,
        answer.lon,
        str(answer.place),
        (degrees(answer.lat, answer.lon),),
        (truth.lat, truth.lon) if truth else None,
        "True place, you say" if truth and truth.source == "user" else "True place, the photo says",
    )


def show_cells(now: Work, classified: Classified) -> None:
    """Draw what the classifier says and why."""
    with st.container(border=True):
        _table(classified)
    with st.container(border=True):
        looked_at(likeliest(classified, 3))
    if classified.segmentation is not None or classified.scene is not None:
        with st.container(border=True):
            scenery(now, classified)


def _table(classified: Classified) -> None:
    level, cells = classified.level, likeliest(classified)
    st.subheader("Likeliest cells", anchor=False)
    places = gazetteer().describe_many(level.points[cells])
    rows = [
        {
            "#": rank,
            "Probability": float(classified.probabilities[cell]),
            "Mean place of its photos": str(place),
            "Training photos": int(level.counts[cell]),
            "S2 cell": level.tokens[cell],
        }
        for rank, (cell, place) in enumerate(zip(cells, places, strict=True), start=1)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={
            "#": st.column_config.NumberColumn(width=30),
            "Probability": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width=90),
            "Mean place of its photos": st.column_config.TextColumn(width="large"),
            "Training photos": st.column_config.NumberColumn(format="localized", width=105),
            "S2 cell": st.column_config.TextColumn(width=70, help="The cell's name in S2, for other software."),
        },
    )
    held = float(classified.probabilities[cells].sum())
    st.caption(f"{_BY[classified.by]} These {len(cells)} of {len(level):,} cells hold {share(held)}.")
