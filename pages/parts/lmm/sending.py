"""What would be sent, what it may cost, and the button that sends it: the only thing on the page that does."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st
from platformdirs import user_cache_path

from geoloc_core.errors import GeolocError
from pages.parts.options import Options, open_gallery
from pages.parts.state import Work
from pages.parts.text import inert, message, plain

if TYPE_CHECKING:
    from geoloc_core.lmm.base import Ask, Lmm, Watch
    from geoloc_core.lmm.cost import Budget, Estimate, Price
    from geoloc_core.predictors.img2loc import Img2Loc
    from pages.parts.lmm.panel import Wish

_BUDGET = "lmm_budget"


@dataclass(frozen=True)
class Ready:
    """A question that can be sent as it is, and what it may cost."""

    wish: Wish
    lmm: Lmm
    ask: Ask
    expected: Estimate


def send_button(now: Work, chosen: Options, wish: Wish) -> bool:
    """Draw the button, what it costs and what it would send; True when it was pressed."""
    ready: Ready | None = None
    problem = wish.server.problem or ("" if wish.plan else "The prompt has a mistake, which is told below it.")
    if not problem and now.photo:
        ready, problem = _prepared(now, chosen, wish)
    pressed = st.button(
        _label(wish, ready), key="lmm_send", icon=":material/send:", width="stretch",
        disabled=ready is None or now.asking is not None,
    )  # fmt: skip
    if problem:
        st.caption(f":material/info: {message(problem)}")
    if ready:
        st.caption(f":material/payments: {_cost(ready)}")
        if st.button("See what will be sent", key="lmm_look", icon=":material/visibility:", type="tertiary"):
            _what_is_sent(ready)
    return pressed and ready is not None and now.asking is None


def start(now: Work, chosen: Options, wish: Wish) -> None:
    """Ask in a thread of its own; `now.asking` says how it goes.

    Raises:
        GeolocError: it cannot even be tried; the message says what to do.
    """
    from pages.parts.lmm.asking import Asking

    lmm = wish.server.open()
    query = now.query_again(chosen.scope)
    now.drop_answer()
    now.gallery, now.because = open_gallery(chosen.gallery), chosen.because
    asking = Asking(lmm.model, lmm.destination, chosen)
    predictor = _predictor(now, chosen, wish, lmm, asking.watch())
    now.asking = asking
    asking.start(lambda: predictor.predict(query))


def _prepared(now: Work, chosen: Options, wish: Wish) -> tuple[Ready | None, str]:
    """The question as it would be sent, or why there is none."""
    try:
        lmm = wish.server.open()
        predictor = _predictor(now, chosen, wish, lmm)
        able = predictor.availability()
        if not able:
            return None, f"{able.reason} {able.remedy}"
        with st.spinner("Preparing the question"):
            ask = predictor.ask_for(now.query_in(chosen.scope))
        return Ready(wish, lmm, ask, predictor.estimate(ask)), ""
    except GeolocError as error:
        return None, str(error)


def _predictor(now: Work, chosen: Options, wish: Wish, lmm: Lmm, watch: Watch | None = None) -> Img2Loc:
    from geoloc_core.lmm.cache import Cached
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.img2loc import Img2Loc
    from geoloc_core.predictors.signs import Signs

    assert wish.plan is not None
    gallery = open_gallery(chosen.gallery)
    encoder = encoder_of(gallery) if wish.plan.retrieves else None
    asked: Lmm = Cached(lmm, user_cache_path("geoloc") / "replies") if wish.cached else lmm
    return Img2Loc(
        gallery, encoder, asked, plan=wish.plan, watch=watch, budget=budget(wish.cap), price=_price(wish, lmm),
        shown=chosen.shown, signs=Signs(struck=now.struck, corrections=now.corrections) if wish.signs else None,
    )  # fmt: skip


def _label(wish: Wish, ready: Ready | None) -> str:
    if wish.server.back_end == "llava":
        return "Ask the model on this machine"
    return f"Send to {plain(ready.lmm.destination if ready else wish.server.host or 'a model')}"


@st.dialog("What will be sent", width="large")
def _what_is_sent(ready: Ready) -> None:
    """The exact prompt and pictures, and where they go."""
    ask, lmm = ready.ask, ready.lmm
    st.markdown(f"To **{plain(lmm.destination)}**, for the model **{plain(lmm.model)}**: {_cost(ready)}")
    photo, *others = ask.images
    picture, facts = st.columns([1, 1], vertical_alignment="center")
    picture.image(photo, alt="The photo as it will be sent", width="stretch")
    facts.markdown(
        f"- the photo, encoded anew: {_pixels(photo)}, {len(photo) / 1000:,.0f} kB, without metadata or name\n"
        + (f"- {len(others)} small pictures of the gallery\n" if others else "")
        + f"- the text below, {len(ask.prompt):,} characters\n"
        f"- asked for: {ask.samples} {'replies' if ask.samples > 1 else 'reply'} of at most {ask.max_tokens:,} tokens"
        + (", held to a JSON schema where the server knows one" if ask.schema else "")
        + (
            "\n- and then the candidates, in a second question"
            if ready.wish.plan and ready.wish.plan.second_turn
            else ""
        )
    )
    if others:
        st.image(others, width=110)
    st.code(inert(ask.prompt, 100_000), language=None, wrap_lines=True)


def _cost(ready: Ready) -> str:
    twice = "; about as much again for the second question" if ready.wish.plan and ready.wish.plan.second_turn else ""
    left = budget(ready.wish.cap).left
    rest = f" · US$ {left:.2f} left to spend" if left is not None and ready.expected.cost != 0 else ""
    return plain(f"{ready.expected}{twice}{rest}")


def budget(cap: float | None) -> Budget:
    """What this session may spend, with what it has spent."""
    from geoloc_core.lmm.cost import Budget

    kept: Budget = st.session_state.setdefault(_BUDGET, Budget(cap))
    kept.cap = cap
    return kept


def _price(wish: Wish, lmm: Lmm) -> Price | None:
    from geoloc_core.lmm.cost import Price, price_of

    read, written = wish.prices
    return Price(read, written) if read is not None and written is not None else price_of(lmm.model, lmm.destination)


def _pixels(jpeg: bytes) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as opened:
        return f"{opened.width:,} × {opened.height:,} pixels"
