"""What a model claims, in its own words and marked as such, and what was asked of it. Every text here is untrusted."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from geoloc_core.lmm.account import Account, Exchange
from geoloc_core.lmm.base import Reply
from geoloc_core.lmm.reading import Reading
from geoloc_core.lmm.samples import distribution as distribution_of
from geoloc_core.lmm.unanswered import Unanswered
from geoloc_core.prediction import Prediction
from geoloc_core.status import Choice
from pages.parts.state import ANSWER, work
from pages.parts.text import degrees, inert, km, message, plain

_MOST_SHOWN = 20_000  # characters of one reply
_MOST_CLUES = 12
_HOW = {
    "json": "read from the form it filled in",
    "text": "read from its words",
    "place": "looked up in the gazetteer: it named a place without coordinates",
}
_CUT = {"length": "cut off at its limit of tokens", "refusal": "a refusal", "content_filter": "stopped by a filter"}


def claim(account: Account) -> None:
    """The place, radius and clues that the model states."""
    last = account.exchanges[-1]
    with st.container(border=True, key="claim"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader("What the model says", anchor=False, width="content")
            st.badge("a claim, not evidence", icon=":material/record_voice_over:", color="orange")
        st.caption(
            "Models give fluent reasons that need not be the real ones, and see things that are not there. Check them "
            "against the photo."
        )
        for number, reading in enumerate(last.readings, start=1):
            _said(reading, number if len(last.readings) > 1 else 0)
        _swaps(account)


def _said(reading: Reading, number: int) -> None:
    """One reply's claims; `number` 0 if it is the only one."""
    head = f"**Reply {number}** · " if number else ""
    if reading.location is None:
        st.markdown(f"{head}no place: {_shown(reading.problem)}")
        return
    radius = f", within {km(reading.radius_km)}" if reading.radius_km else ""
    said = f"{degrees(*reading.location)}{radius}"
    st.markdown(f"{head}**{_shown(reading.place)}** ({said})" if reading.place else f"{head}{said}")
    st.caption(f"Coordinates {_HOW.get(reading.how, 'read')}. {_shown(reading.note)}")
    if reading.clues:
        st.markdown("\n".join(f"- {_shown(clue)}" for clue in reading.clues[:_MOST_CLUES]))


def unanswered(error: Unanswered) -> None:
    """A reply without a place: why, what it says, and what may help."""
    with st.container(border=True, key="unanswered"):
        st.title("The model names no place", anchor=ANSWER)
        st.warning(message(error), icon=":material/help:")
        _texts(error.account.exchanges[-1])
        _swaps(error.account)
        asked(error.account)


def asked(account: Account) -> None:
    """What was sent, what came back, and what it cost."""
    with st.expander("What was asked and what came back", icon=":material/forum:"):
        st.markdown("\n".join(f"- {name}: {plain(value)}" for name, value in _figures(account)))
        for number, exchange in enumerate(account.exchanges, start=1):
            if len(account.exchanges) > 1:
                st.markdown(f"**Question {number}**")
            st.caption("The prompt, as it was sent")
            st.code(inert(exchange.ask.prompt, _MOST_SHOWN), language=None, wrap_lines=True, height=260)
            _texts(exchange)


def _texts(exchange: Exchange) -> None:
    """The replies as they came, as bare text."""
    replies = exchange.said.replies
    for number, reply in enumerate(replies, start=1):
        ended = f", {_CUT[reply.finish]}" if reply.finish in _CUT else ""
        st.caption(f"The reply{f' {number}' if len(replies) > 1 else ''}, as it came{ended}")
        _reply(reply)
    if not replies:
        st.caption("Nothing came back.")


def _reply(reply: Reply) -> None:
    text = inert(reply.text, _MOST_SHOWN)
    tall = len(text) > 1200 or text.count("\n") > 12
    st.code(text if text.strip() else "(empty)", language=None, wrap_lines=True, height=260 if tall else "content")


def _figures(account: Account) -> list[tuple[str, str]]:
    said = [exchange.said for exchange in account.exchanges]
    used = [one.usage for one in said if one.usage]
    facts = [("Model", inert(said[-1].model, 200)), ("Where", account.destination)]
    if used:
        read, written = sum(u.prompt_tokens for u in used), sum(u.completion_tokens for u in used)
        facts.append(("Tokens", f"{read:,} read, {written:,} written"))
    facts.append(("Cost", _dollars(account.cost)))
    facts.append(("Seconds", f"{sum(one.seconds for one in said):.1f}"))
    if any(one.cached for one in said):
        facts.append(("From the cache", "an identical question had been answered before; nothing was sent"))
    return [*facts, *(("Note", note) for one in said for note in one.notes)]


def _dollars(cost: float | None) -> str:
    if cost is None:
        return "not known"
    return f"US$ {cost:.4f}" if cost else "nothing"


def _swaps(account: Account) -> None:
    """Coordinates that a reply perhaps meant; offered, and taken only by a press."""
    offered = {r.swapped: r for exchange in account.exchanges for r in exchange.readings if r.swapped}
    for index, (point, reading) in enumerate(offered.items()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                ":material/swap_horiz: The model may have exchanged the numbers: the place it names is at "
                f"**{degrees(*point)}**.",
                width="stretch",
            )
            st.button("Use these", key=f"lmm_swap{index}", on_click=_take_swap, args=(reading,))


def _take_swap(reading: Reading) -> None:
    """A callback: the session's answer becomes the place that was offered."""
    now = work()
    found = now.unanswered or (now.answer.prediction if now.answer else None)
    if found is None or found.account is None or now.gallery is None or reading.swapped is None:
        return
    distribution, width = distribution_of([replace(reading, location=reading.swapped)])
    choices = {"coordinates": Choice(degrees(*reading.swapped), "exchanged by you, as offered"), "kernel": width}
    model = f"{found.account.exchanges[-1].said.model} at {found.account.destination}"
    prediction = Prediction(
        distribution, "img2loc", model, evidence=found.evidence, choices=choices, account=found.account
    )
    now.show(prediction)


def _shown(text: str) -> str:
    return plain(inert(text, 300))
