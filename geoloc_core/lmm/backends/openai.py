"""Any model behind an OpenAI-compatible server: OpenAI's own, and vLLM, Ollama, llama.cpp or hosted ones elsewhere."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from geoloc_core.errors import LmmCancelled, LmmError, LmmRefused
from geoloc_core.lmm import chat
from geoloc_core.lmm.base import Ask, Capabilities, Reply, Said, Usage, Watch
from geoloc_core.lmm.endpoint import OPENAI_HOST, ended, endpoint
from geoloc_core.lmm.faults import Broken, Malformed, explain, fields_named
from geoloc_core.lmm.retry import persist, run
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI
    from pydantic import SecretStr

T = TypeVar("T")
MOST_IMAGES = 16
_MOST_MODELS, _LONGEST_NAME = 2_000, 300
_WHOLE_ANSWER = 5  # times `timeout_s`
_ADAPT_TO = (400, 422, 501)


class OpenAi:
    """A model at a server, asked by chat completions; satisfies `Lmm`. Several threads may ask at the same time.

    Args:
        model: the server's name for it.
        base_url: with the version, such as https://api.openai.com/v1.
        key: sent to that server only; servers at home need none.
        timeout_s: seconds of silence, before a reply and within it, that count as failure; a whole answer may take five
            times as long.
        tries: the most times a request is sent that fails in a way that may pass.
        backoff_s: the first wait between tries is about this long; it doubles each time.

    Raises:
        LmmError: the address or the key cannot be used.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        *,
        base_url: str = f"https://{OPENAI_HOST}/v1",
        key: SecretStr | None = None,
        timeout_s: float = 60,
        tries: int = 4,
        backoff_s: float = 0.5,
    ) -> None:
        self.model, self.timeout_s, self.tries, self.backoff_s = model.strip(), timeout_s, tries, backoff_s
        self._server = endpoint(base_url, key)
        self.base_url, self.destination = self._server.base_url, self._server.destination
        self._dialect: chat.Dialect = frozenset()
        self._structured: bool | None = None

    def __repr__(self) -> str:
        return f"OpenAi({self.model!r}, base_url={self.base_url!r})"

    @property
    def capabilities(self) -> Capabilities:
        """What this server has not refused so far."""
        taken = {name: name not in self._dialect for name in ("response_format", "n", "stream")}
        structured = self._structured if taken["response_format"] else False
        return Capabilities(structured, taken["n"], MOST_IMAGES, logprobs=False, streams=taken["stream"])

    def availability(self) -> Availability:
        """Available with a model's name and, at OpenAI, a key. Nothing is sent, so more may be found missing later."""
        if self._server.host == OPENAI_HOST and not self._server.key:
            return Availability(False, f"{OPENAI_HOST} needs a key.", "Give yours, or set OPENAI_API_KEY.")
        if not self.model:
            return Availability(False, "No model is chosen.", "Choose one from the server's list, or give its name.")
        return Availability(True, f"{self.model} at {self.destination} can be asked.")

    def models(self) -> tuple[str, ...]:
        """The names of the server's models, sorted; sends the key but no photo.

        Raises:
            LmmError: the server does not give its list.
        """
        watch = Watch()
        attempt = partial(self._attempt, self._list)
        return run(persist(attempt, min(2, self.tries), self.backoff_s, watch), watch)

    def ask(self, ask: Ask, watch: Watch) -> Said:
        """Put a question. Callbacks come in this thread; `on_text` with "" says that a reply starts anew.

        Raises:
            LmmRefused: the server will not take the request, or this is not available.
            LmmBusy: it stayed busy, failing or silent.
            LmmCancelled: `watch.cancelled` was set.
            LmmError: it answered with something else than a completion.
        """
        if not (state := self.availability()):
            raise LmmRefused(f"{state.reason} {state.remedy}")
        started, rounds, trouble = time.monotonic(), list[_Round](), ""
        try:
            run(self._collect(ask, watch, rounds), watch)
        except LmmCancelled:
            raise
        except LmmError as error:
            if not rounds:
                raise
            trouble = f"Not all replies came. {error}"
        found = [note for done in rounds for note in (*chat.notes(done.dialect, ask), *done.notes)]
        return Said(
            replies=tuple(reply for done in rounds for reply in done.replies),
            model=rounds[-1].model or self.model,
            seconds=time.monotonic() - started,
            usage=_total([done.usage for done in rounds]),
            notes=tuple(dict.fromkeys(filter(None, (*found, trouble)))),
        )

    async def _collect(self, ask: Ask, watch: Watch, rounds: list[_Round]) -> None:
        """Fill `rounds` until there are enough replies: servers may give fewer than asked for at once."""
        while (have := sum(len(done.replies) for done in rounds)) < ask.samples:
            one = partial(self._attempt, partial(self._round, ask, ask.samples - have, have, watch))
            rounds.append(await persist(one, self.tries, self.backoff_s, watch))

    async def _attempt(self, work: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        """Work with a fresh client within the time allowed; errors come out explained."""
        try:
            async with asyncio.timeout(_WHOLE_ANSWER * self.timeout_s), self._server.client(self.timeout_s) as client:
                return await work(client)
        except Exception as error:
            raise explain(error, self._server, self.model, self.timeout_s) from None

    async def _round(self, ask: Ask, wanted: int, first: int, watch: Watch, client: AsyncOpenAI) -> _Round:
        """Ask for `wanted` replies; fields that the server refuses are left out, now and from then on."""
        import openai

        dialect = self._dialect
        while True:
            wanted = 1 if "n" in dialect else wanted
            body = chat.request(self.model, ask, wanted, dialect)
            replies = chat.Replies(wanted, first, watch.on_text, self._server.clean)
            try:
                kept = await self._read(client, body, replies)
                break
            except openai.APIStatusError as error:
                less = chat.without(dialect, body, str(error.param or ""), fields_named(error))
                if error.status_code not in _ADAPT_TO or less is None:
                    raise
                dialect = less
        self._dialect |= dialect
        if "response_format" in body and all(map(_is_object, kept)):
            self._structured = True
        return _Round(kept, replies.model, replies.usage, tuple(replies.notes), dialect)

    async def _read(self, client: AsyncOpenAI, body: dict[str, Any], replies: chat.Replies) -> tuple[Reply, ...]:
        """Send a request and gather its replies. Those that were finished count even if the others break off."""
        import openai

        complete = False
        try:
            async with client.chat.completions.with_streaming_response.create(**body) as answer:
                complete = await _gather(answer, replies)
        except (openai.APIStatusError, openai.APITimeoutError):
            replies.restart(())
            raise
        except openai.APIError:
            if not replies.some_finished:
                replies.restart(())
                raise
        try:
            kept = replies.finished(complete)
        except Broken:
            replies.restart(())
            raise
        if len(kept) < len(replies):
            replies.restart(kept)
        return kept

    async def _list(self, client: AsyncOpenAI) -> tuple[str, ...]:
        async with client.models.with_streaming_response.list() as answer:
            value = chat.whole(await answer.read())
        entries = value.get("data") if isinstance(value, dict) else value
        if not isinstance(entries, list):
            raise Malformed
        ids = [entry.get("id") for entry in entries[:_MOST_MODELS] if isinstance(entry, dict)]
        usable = {name for name in ids if isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST_NAME}
        return tuple(sorted(map(self._server.clean, usable - {""})))


@dataclass(frozen=True)
class _Round:
    """What one request brought."""

    replies: tuple[Reply, ...]
    model: str
    usage: Usage | None
    notes: tuple[str, ...]
    dialect: chat.Dialect


async def _gather(answer: AsyncAPIResponse[Any], replies: chat.Replies) -> bool:
    """Feed an answer, streamed or whole, to `replies`; whether it came to a proper end."""
    from openai import AsyncStream

    if "event-stream" not in answer.headers.get("content-type", ""):
        replies.add(chat.whole(await answer.read()))
        return True
    stream = await answer.parse(to=AsyncStream[object])
    async with aclosing(_chunks(stream)) as chunks:
        async for chunk in chunks:
            replies.add(chunk)
            if replies.full:
                return False
    return ended(answer.http_response)


async def _chunks(stream: AsyncIterator[object]) -> AsyncGenerator[object, None]:
    try:
        async for chunk in stream:
            yield chunk
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Malformed from None


def _is_object(reply: Reply) -> bool:
    try:
        return isinstance(json.loads(reply.text), dict)
    except (ValueError, RecursionError):
        return False


def _total(usages: list[Usage | None]) -> Usage | None:
    """The sum; None if any is not known."""
    known = [usage for usage in usages if usage]
    if len(known) < len(usages):
        return None
    return Usage(sum(u.prompt_tokens for u in known), sum(u.completion_tokens for u in known))
