"""What was read, line by line, to be corrected."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from geoloc_core.signs.found import Signs
from pages.parts.signs.running import correct
from pages.parts.state import Work
from pages.parts.text import inert, plain

_SHOWN = 60


def line_editor(now: Work, signs: Signs) -> None:
    """Draw the lines as a table whose texts can be changed."""
    lines = signs.writing.lines[:_SHOWN]
    if not lines:
        return
    with st.expander("Correct what was read", icon=":material/edit:"):
        st.caption("Click a line to change it; an empty one does not count. The answer follows.")
        st.data_editor(
            [{"Read": inert(line.text, 200), "Sure": round(line.confidence, 2), "By": line.reader} for line in lines],
            hide_index=True,
            disabled=("Sure", "By"),
            key=f"lines{now.round} {len(now.corrections)}",
            on_change=_changed,
            args=(f"lines{now.round} {len(now.corrections)}",),
            column_config={
                "Read": st.column_config.TextColumn(width="large", max_chars=200),
                "Sure": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
            },
        )
        st.caption(f"Scripts that can be read here: {plain(', '.join(sorted(signs.writing.reads)) or 'none')}.")


def _changed(key: str) -> None:
    from pages.parts.state import work

    edits = cast(dict[int, dict[str, Any]], st.session_state[key]["edited_rows"])
    now = work()
    for index, row in edits.items():
        if "Read" in row and now.answer:
            correct(int(index), str(row["Read"] or ""))
