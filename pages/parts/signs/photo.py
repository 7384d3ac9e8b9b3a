"""The photo with a box around each line of text, and on hover what was read and what it means."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from geoloc_core.signs.found import Signs
from geoloc_core.signs.writing import Line
from pages.parts.state import Work

_HERE = Path(__file__).parent


def boxes(now: Work, signs: Signs) -> None:
    """Draw the photo at hand with what was found in it."""
    assert now.photo is not None
    width, height = now.photo.size
    _component()(
        key="boxes",
        data={
            "photo": f"data:image/jpeg;base64,{base64.b64encode(now.preview).decode()}",
            "width": width,
            "height": height,
            "lines": [_line(signs, index, line) for index, line in enumerate(signs.writing.lines)],
        },
    )
    st.caption(
        ":orange[■] speaks for or against a place · :blue[■] read, and says nothing of the place · "
        ":gray[■] could not be read. Hover over a box, or tap it."
    )


def _line(signs: Signs, index: int, line: Line) -> dict[str, Any]:
    said = [w.clue.sentence for w in signs.clues if index in w.clue.lines and not w.struck]
    kind = "clue" if said else "read" if line.text else "unread"
    return {"box": line.box, "text": line.text or _unread(line), "said": said, "kind": kind}


def _unread(line: Line) -> str:
    return f"Not read; it looks like {line.look} writing" if line.look else "Not read"


@cache
def _component() -> st.components.v2.types.ComponentRenderer:
    return st.components.v2.component(
        "geoloc_boxes",
        html='<div class="boxes"></div>',
        css=(_HERE / "boxes.css").read_text("utf-8"),
        js=(_HERE / "boxes.js").read_text("utf-8"),
    )
