"""Keys to models' servers. Each is for one address and is given to no other.

A visitor's key lives in the session. Its field is emptied as soon as the key has arrived, so that no page holds it. The
key of this machine (`st.secrets` or the environment) goes to the address in the settings alone: a visitor who names
another server must not be sent it.
"""

from __future__ import annotations

import os
from typing import cast

import streamlit as st
from pydantic import SecretStr

from geoloc_core.lmm.endpoint import endpoint
from geoloc_core.settings import settings
from pages.parts.text import plain

_NAME = "OPENAI_API_KEY"
_KEYS, _ROUND = "lmm_keys", "lmm_key_round"


def key_for(base_url: str) -> SecretStr | None:
    """The visitor's key to this address, else this machine's, else none."""
    return _visitors().get(base_url) or machine_key(base_url)


def machine_key(base_url: str) -> SecretStr | None:
    """The key that whoever runs this server set up, for the address it was set up for.

    Args:
        base_url: as `geoloc_core.lmm.endpoint.endpoint` writes it.

    Raises:
        LmmError: the address in the settings cannot be used.
    """
    if base_url != endpoint(settings().lmm_base_url, None).base_url:
        return None
    found = st.secrets.get(_NAME) if st.secrets.load_if_toml_exists() else None
    found = found or os.environ.get(_NAME)
    return SecretStr(str(found)) if found else None


def pays_with_machine_key(base_url: str) -> bool:
    """Whether it is this machine's key that a question to this address would be charged to."""
    return base_url not in _visitors() and machine_key(base_url) is not None


def key_choice(base_url: str, host: str) -> None:
    """Draw the field for a key, or that there is one."""
    if base_url in _visitors():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(":material/key: Your key is set.", width="stretch", help=f"For {plain(host)} alone.")
            st.button("Forget", key="lmm_key_off", type="tertiary", on_click=_forget, args=(base_url,))
        return
    own = machine_key(base_url) is not None
    st.text_input(
        "API key", type="password", key=_field(base_url), on_change=_take, args=(base_url,), autocomplete="off",
        placeholder="This machine has one" if own else "", max_chars=500,
        help=f"It goes to {plain(host)} and nowhere else, and is kept until you close this tab. Servers of your own "
        "mostly need none.",
    )  # fmt: skip


def _visitors() -> dict[str, SecretStr]:
    return cast(dict[str, SecretStr], st.session_state.setdefault(_KEYS, {}))


def _field(base_url: str) -> str:
    return f"lmm_key {st.session_state.get(_ROUND, 0)} {base_url}"


def _take(base_url: str) -> None:
    """A callback: what was typed becomes a secret, and its field's state goes."""
    typed = str(st.session_state.pop(_field(base_url), "")).strip()
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    if typed:
        _visitors()[base_url] = SecretStr(typed)


def _forget(base_url: str) -> None:
    _visitors().pop(base_url, None)
