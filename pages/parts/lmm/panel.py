"""The panel for asking a multimodal model, closed and silent until it is switched on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from geoloc_core.settings import settings
from pages.parts.options import Options
from pages.parts.state import Work

if TYPE_CHECKING:
    from geoloc_core.lmm.prompt import Plan
    from pages.parts.lmm.server import Server

_ABOUT = """
A multimodal model looks at your photo, is told where the gallery's most and least similar photos were taken, and names
coordinates (the method Img2Loc). It needs one of:

- an **API key**, of OpenAI or whoever offers models by the same protocol;
- a **server of your own**: `ollama run llama3.2-vision`, `vllm serve MODEL` or llama.cpp's `llama-server`;
- a **model on this machine**, such as LLaVA, that runs inside this app.

Without any of these, **Locate** answers by retrieval alone, as ever.
"""


@dataclass(frozen=True)
class Wish:
    """What a visitor wants asked: of which model, how, for how much.

    Attributes:
        server: the model.
        plan: how it is asked; None while the prompt has a mistake.
        cap: US dollars that the session may spend; None for no limit.
        prices: US dollars per million tokens read and written; None as far as known by itself.
        cached: answer identical questions from replies kept before.
        signs: tell what is written in the photo, and the clues in it.
    """

    server: Server
    plan: Plan | None
    cap: float | None
    prices: tuple[float | None, float | None]
    cached: bool
    signs: bool


def panel(now: Work, chosen: Options) -> Wish | None:
    """Draw the panel and return what was chosen; None while it is off."""
    with st.expander("Ask a multimodal model", icon=":material/forum:"):
        if not st.toggle("Ask a model where it is", False, key="lmm_on", persist_state="session"):
            st.caption(_ABOUT)
            return None
        # Only now, as the first paint can do without them
        from pages.parts.lmm.plan import plan_choice
        from pages.parts.lmm.server import server_choice

        server = server_choice()
        real = now.photo is not None and now.example is None
        prompt = st.container()
        with st.expander("More choices", icon=":material/tune:"):
            more = st.container()
            wait = _wait() if server.back_end == "openai" else 0.0
            cap, prices = _spending(server) if server.back_end == "openai" else (None, (None, None))
            cached = st.toggle(
                "Answer identical questions from a cache", False, key="lmm_cached", persist_state="session",
                help="The same photo, prompt and model are not sent again. Replies are kept on this machine's disk; "
                "neither photo nor key is.",
            )  # fmt: skip
        with prompt:
            plan = plan_choice(chosen.synthetic and real, more)
            signs = st.toggle(
                "Tell what is written in the photo", False, key="lmm_signs", persist_state="session",
                help="It is read here first. Lines and clues go into the prompt, corrected and without those struck.",
            )  # fmt: skip
    return Wish(replace(server, timeout_s=wait), plan, cap, prices, cached, signs)


def _wait() -> float:
    """Seconds a server may be silent."""
    start = max(round(settings().lmm_timeout_s), 1)
    return float(
        st.number_input(
            "Wait at most (s)", 1, 3600, start, 5, key="lmm_timeout", persist_state="session",
            help="For the server to begin, and between two pieces of its reply.",
        )
    )  # fmt: skip


def _spending(server: Server) -> tuple[float | None, tuple[float | None, float | None]]:
    """The most to be spent in this session, and the model's price where it is given, in US dollars."""
    from pages.parts.lmm.keys import pays_with_machine_key

    config = settings()
    start, given = config.lmm_cap, (config.lmm_price_in, config.lmm_price_out)
    borrowed = pays_with_machine_key(server.base_url)  # then a visitor may lower the cap, not evade it
    most = start if borrowed and start is not None else max(1000.0, start or 0.0)
    cap = st.number_input(
        "Spend at most (US$)", 0.0, most, start, 0.5, key=f"lmm_cap {most}", persist_state="session",
        placeholder="no limit", help="In this tab, for all questions together. Empty: no limit.",
    )  # fmt: skip
    if borrowed:
        return start if cap is None else cap, given
    cells = st.columns(2, vertical_alignment="bottom")
    read, written = (
        cell.number_input(
            f"US\\$ per million tokens {end}", 0.0, None, value, 0.1, key=f"lmm_price_{end}", persist_state="session",
            placeholder="as known",
        )
        for cell, end, value in zip(cells, ("read", "written"), given, strict=True)
    )  # fmt: skip
    return cap, (read, written)
