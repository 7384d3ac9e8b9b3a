"""Which model is asked, and where it runs. Nothing is requested before the visitor presses something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import streamlit as st

from geoloc_core.errors import GeolocError, LmmError
from geoloc_core.lmm.cost import is_local
from geoloc_core.lmm.endpoint import endpoint
from geoloc_core.settings import settings
from pages.parts.lmm.keys import key_choice, key_for
from pages.parts.text import inert, message, plain

if TYPE_CHECKING:
    from pydantic import SecretStr

    from geoloc_core.lmm.base import Lmm

BACK_ENDS = {"openai": "A server that speaks OpenAI's protocol", "llava": "A model on this machine"}
_OTHER = "Another server"
_PRESETS = {
    "OpenAI": "https://api.openai.com/v1",
    "Ollama": "http://localhost:11434/v1",
    "vLLM": "http://localhost:8000/v1",
    "llama.cpp": "http://localhost:8080/v1",
}
_LISTS, _OPEN = "lmm_lists", "lmm_open"
_LONGEST_LIST = 500
_LIST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Server:
    """A model and where it runs. `problem` is why it cannot be asked yet, with what to do; empty if it can be tried."""

    back_end: str
    model: str
    base_url: str
    host: str = ""
    four_bit: bool = False
    problem: str = ""
    timeout_s: float = 60.0

    def open(self) -> Lmm:
        """The model behind its seam, kept in the session: it remembers what its server does not know.

        Nothing is sent by that.

        Raises:
            GeolocError: it cannot be used as it was described.
        """
        key = key_for(self.base_url) if self.back_end == "openai" else None
        kept = st.session_state.get(_OPEN)
        if kept is None or kept[:2] != (self, key):
            kept = st.session_state[_OPEN] = (self, key, self._made(key))
        return cast("Lmm", kept[2])

    def _made(self, key: SecretStr | None) -> object:
        from geoloc_core.lmm.backends import load

        made = load(self.back_end)
        if self.back_end == "llava":
            return made(self.model, four_bit=self.four_bit)
        return made(self.model, base_url=self.base_url, key=key, timeout_s=self.timeout_s)


def server_choice() -> Server:
    """Draw the choice of a model and return it."""
    config = settings()
    back_end = st.radio(
        "Where the model runs", list(BACK_ENDS), format_func=BACK_ENDS.__getitem__, key="lmm_back_end",
        index=list(BACK_ENDS).index(config.lmm) if config.lmm in BACK_ENDS else 0, persist_state="session",
    )  # fmt: skip
    if back_end == "llava":
        return _local()
    try:
        place = endpoint(_address(), None)
    except LmmError as error:
        return Server("openai", "", "", problem=str(error))
    base_url, host = place.base_url, place.destination
    if base_url.startswith("http:") and not is_local(host):
        st.caption(f":material/lock_open: Anybody on the way to {plain(host)} can see what is sent to an http address.")
    key_choice(base_url, host)
    model = _model(base_url)
    problem = "" if model else "Name a model, or press List to see which the server has."
    return Server("openai", model, base_url, host, problem=problem)


def _local() -> Server:
    """A model that runs in this process."""
    from geoloc_core.lmm.backends import load

    config, here = settings(), load("llava").models()
    first = config.lmm_model if config.lmm == "llava" else next(iter(here), "")
    options = list(dict.fromkeys([*([first] if first else []), *here]))
    model = st.selectbox(
        "Model", options, 0 if first else None, key="lmm_local_model", persist_state="session", accept_new_options=True,
        placeholder="llava-hf/llava-1.5-7b-hf",
        help="One that is on this machine: a hub name or a folder. Nothing is downloaded here.",
    )  # fmt: skip
    four_bit = st.toggle(
        "In 4 bits", False, key="lmm_four_bit", persist_state="session",
        help="A quarter of the memory, a little less exact. Needs an NVIDIA GPU and `requirements-llava.txt`.",
    )  # fmt: skip
    model = str(model or "").strip()[:300]
    problem = "" if model else "Name a model that is on this machine."
    return Server("llava", model, "", "this machine", four_bit, problem)


def _address() -> str:
    """The base URL chosen or typed, without a slash at its end."""
    own = settings().lmm_base_url.rstrip("/")
    presets = _PRESETS if own in _PRESETS.values() else {"Set up on this machine": own, **_PRESETS}
    start = next(name for name, url in presets.items() if url == own)
    chosen = st.selectbox(
        "Server", [*presets, _OTHER], list(presets).index(start), key="lmm_server", persist_state="session",
        format_func=lambda name: f"{name} · {urlsplit(presets[name]).netloc}" if name in presets else name,
    )  # fmt: skip
    if chosen in presets:
        return presets[chosen]
    typed = st.text_input(
        "Address", key="lmm_address", persist_state="session", placeholder="http://localhost:8000/v1", max_chars=500,
        help="Up to and with /v1, as its makers call the base URL. Your photo goes there when you press Send.",
    )  # fmt: skip
    return typed.strip().rstrip("/")


def _model(base_url: str) -> str:
    """The model's name: one of the server's list once it was fetched, or typed."""
    listed: tuple[str, ...] = st.session_state.setdefault(_LISTS, {}).get(base_url, ())
    config = settings()
    first = config.lmm_model if config.lmm_model and base_url == config.lmm_base_url.rstrip("/") else ""
    options = [first, *listed] if first and first not in listed else list(listed)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "Model", options, options.index(first) if first else None, key=f"lmm_model {base_url}",
            persist_state="session", accept_new_options=True, width="stretch", placeholder="Type a model's name",
            help="One that takes images. Its name, as the server knows it.",
        )  # fmt: skip
        wanted = st.button("List", key="lmm_list", icon=":material/refresh:", help="Ask the server which models it has")
    if wanted:
        _fetch_list(base_url)
    if listed:
        st.caption(f"The server lists {len(listed):,} models; not all need take images.")
    return str(name or "").strip()[:300]


def _fetch_list(base_url: str) -> None:
    """Ask the server for its models and draw the field anew with them."""
    from geoloc_core.lmm.backends import load

    try:
        with st.spinner("Asking the server for its models"):
            asked = load("openai")("", base_url=base_url, key=key_for(base_url), timeout_s=_LIST_TIMEOUT_S, tries=1)
            names = tuple(inert(name, 200) for name in asked.models()[:_LONGEST_LIST])
    except GeolocError as error:
        st.error(message(error), icon=":material/error:")
        return
    if not names:
        st.warning("The server names no model. Load one there, or type its name.", icon=":material/inbox:")
        return
    st.session_state[_LISTS][base_url] = names
    st.rerun()
