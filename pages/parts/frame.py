"""What every page stands in: deep links, the logo and styles, and errors as messages."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import streamlit as st

from geoloc_core.errors import GeolocError
from pages.parts.text import message

_log = logging.getLogger("geoloc.app")
_FRAMED, _WANTED = "framed", "wanted_page"
_INK = {"light": "#22282e", "dark": "#e8ebee"}
_LOGO = (Path(__file__).parent / "logo.svg").read_text("utf-8")
_STYLE = (Path(__file__).parent / "style.css").read_text("utf-8")


def mark() -> None:
    """Note that app.py has run in this session; see `run`."""
    st.session_state[_FRAMED] = True


def run(page: str, draw: Callable[[], None]) -> None:
    """All a page does when Streamlit runs it: draw, in the frame.

    Until some session has run `st.navigation`, Streamlit serves the files of pages/ alone, without frame and menu: a
    first visitor who comes by a deep link is sent through app.py.
    """
    if not st.session_state.get(_FRAMED):
        st.session_state[_WANTED] = f"pages/{Path(page).name}", st.query_params.to_dict()
        st.switch_page("app.py")
    with guarded():
        draw()


def follow_deep_link() -> None:
    """In app.py, after `st.navigation`: go to the page that a first visitor wanted."""
    if wanted := st.session_state.pop(_WANTED, None):
        page, parameters = wanted
        st.switch_page(page, query_params=parameters)


def theme() -> Literal["light", "dark"]:
    """The theme the browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def dress() -> None:
    """The logo and the few styles that Streamlit's theme has no setting for."""
    st.logo(_LOGO.replace("INK", _INK[theme()]), size="large")
    st.html(f"<style>{_STYLE}</style>")


@contextmanager
def guarded() -> Iterator[None]:
    """Turn any error into a message that leaves the page usable; control flow of Streamlit passes."""
    try:
        yield
    except GeolocError as error:
        show_problem(error)
    except Exception as error:
        log_unexpected(error)
        st.error(
            "Something went wrong that should not have. Try again, or try another photo; whoever runs this server "
            "finds in its log where it happened.",
            icon=":material/report:",
        )


def show_problem(error: GeolocError | str) -> None:
    """One of our own errors, whose message already says what to do."""
    st.error(message(error), icon=":material/error:")


def log_unexpected(error: Exception) -> None:
    """Kind and places of an error, without its message: that may hold a file's name, a key or pixels."""
    steps = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(step.filename).name}:{step.lineno} {step.name}" for step in reversed(steps[-12:]))
    _log.error("%s at %s", type(error).__name__, where)
