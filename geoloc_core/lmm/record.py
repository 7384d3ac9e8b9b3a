"""An account as plain JSON types: everything asked and answered, but no picture and no key."""

from __future__ import annotations

from typing import Any

from geoloc_core.lmm.account import Account, Exchange
from geoloc_core.lmm.base import Reply
from geoloc_core.lmm.reading import Reading


def account_record(account: Account) -> dict[str, Any]:
    """Where the photo went, each prompt with its replies and what was read in them, tokens and US dollars."""
    return {
        "destination": _text(account.destination),
        "cost_usd": account.cost,
        "exchanges": [_exchange(exchange) for exchange in account.exchanges],
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    ask, said = exchange.ask, exchange.said
    return {
        "model": _text(said.model),
        "prompt": _text(ask.prompt),
        "images": [{"bytes": len(image)} for image in ask.images],
        "samples": ask.samples,
        "schema": ask.schema is not None,
        "temperature": ask.temperature,
        "max_tokens": ask.max_tokens,
        "replies": [
            {**_reply(reply), "reading": _reading(reading)}
            for reply, reading in zip(said.replies, exchange.readings, strict=True)
        ],
        "usage": said.usage
        and {"prompt_tokens": said.usage.prompt_tokens, "completion_tokens": said.usage.completion_tokens},
        "seconds": round(said.seconds, 3),
        "notes": [_text(note) for note in said.notes],
        "cached": said.cached,
    }


def _reply(reply: Reply) -> dict[str, Any]:
    return {"text": _text(reply.text), "finish": _text(reply.finish), "logprob": reply.logprob}


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "location": reading.location and list(reading.location),
        "how": reading.how,
        "place": _text(reading.place),
        "radius_km": reading.radius_km,
        "clues": [_text(clue) for clue in reading.clues],
        "candidates": [list(point) for point in reading.candidates],
        "problem": _text(reading.problem),
        "note": _text(reading.note),
        "proposed_swap": reading.swapped and list(reading.swapped),
    }


def _text(text: str) -> str:
    """Text that every file can hold: halves of surrogate pairs, which models do send, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
