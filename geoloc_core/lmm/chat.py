"""Chat completions on the wire: the request that an `Ask` becomes, and what comes back, of which nothing is trusted.

The shapes are those of OpenAI's API reference, "Create chat completion" and "The chat completion chunk object". Servers
that follow it do so in part; a *dialect* is the set of fields one has refused, which are then left out.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from geoloc_core.lmm.base import Ask, Reply, Usage
from geoloc_core.lmm.faults import Broken, Complaint, Malformed, message_of

Dialect = frozenset[str]
MOST_CHARACTERS = 256_000  # of one reply
_MOST_TOKENS = 1_000_000_000

# What a refusal says when it is about a field; the first that fits and was sent is left out.
_NAMED = {
    "stream_options": r"stream_options|include_usage",
    "response_format": r"response_format|json_schema|json mode|structured output|guided|grammar|\bschema\b",
    "max_completion_tokens": r"max_completion_tokens",
    "max_tokens": r"max_tokens",
    "temperature": r"temperature",
    "n": r"param\W+n\b|['\"`]n\W|\bn\s*(?:>|=|must)|multiple (?:choices|completions)|only one (?:choice|completion)",
    "stream": r"\bstream(?:ing)?\b",
}
_NOTES = {
    "response_format": "The server cannot hold the model to a JSON schema; the reply was asked for in free text.",
    "n": "The server gives one reply to a request; it was asked once for each.",
    "temperature": "The model takes no temperature; it used its own.",
    "max_tokens": "The server limits the length of replies by another field, max_completion_tokens.",
    "max_completion_tokens": "The server takes no limit on the length of a reply.",
    "stream": "The server does not show a reply while it is written.",
    "stream_options": "The server may not tell how many tokens were used.",
}


def request(model: str, ask: Ask, wanted: int, dialect: Dialect) -> dict[str, Any]:
    """The body that asks for `wanted` replies, without the fields in `dialect`."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": ask.prompt.encode("utf-8", "replace").decode()}]
    for image in ask.images:
        url = f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    body: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": ask.max_tokens}
    if "max_tokens" in dialect:
        body["max_completion_tokens"] = ask.max_tokens
    if "stream" in dialect:
        del body["stream_options"]
    if wanted > 1:
        body["n"] = wanted
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    if ask.schema is not None:
        schema = {"name": "location", "schema": dict(ask.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    taken = {name: value for name, value in body.items() if name not in dialect}
    return {"model": model, "messages": [{"role": "user", "content": parts}], **taken}


def without(dialect: Dialect, sent: Iterable[str], param: str, words: str) -> Dialect | None:
    """A dialect that may avoid a refusal, or None if there is nothing left to leave out.

    Args:
        dialect: what was left out already.
        sent: the fields of the request.
        param: the field that the server blames, if it does so formally.
        words: all it said, in lower case.
    """
    droppable = [name for name in _NAMED if name in sent]
    blamed = [name for name in droppable if name == re.split(r"[.\[]", param)[0]]
    blamed = blamed or [name for name in droppable if re.search(_NAMED[name], words)]
    if blamed:
        return dialect | {blamed[0]}
    extras = {"response_format", "n", "temperature"} & set(droppable)
    return dialect | extras | {"stream_options"} if extras else None


def notes(dialect: Dialect, ask: Ask) -> tuple[str, ...]:
    """What a dialect changed about an ask, for a person."""
    unwanted = set()
    if ask.schema is None:
        unwanted.add("response_format")
    if ask.samples == 1:
        unwanted.add("n")
    if ask.temperature is None:
        unwanted.add("temperature")
    return tuple(text for name, text in _NOTES.items() if name in dialect - unwanted)


@dataclass
class _Choice:
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    length: int = 0
    finish: str = ""
    logprobs: list[float] = field(default_factory=list)


class Replies:
    """Gathers replies from a stream's chunks, or from one whole completion.

    Args:
        wanted: replies asked for; further ones are ignored.
        first: the number of the first of them, for `on_text`.
        on_text: as in `Watch`.
        clean: applied to all text.
    """

    def __init__(
        self, wanted: int, first: int, on_text: Callable[[int, str], None], clean: Callable[[str], str]
    ) -> None:
        self._wanted, self._first, self._on_text, self._clean = wanted, first, on_text, clean
        self._choices: dict[int, _Choice] = {}
        self.model, self.full = "", False
        self.usage: Usage | None = None
        self.notes: list[str] = []

    def add(self, value: object) -> None:
        """Take in a chunk or a completion.

        Raises:
            Malformed: it is neither.
            Complaint: it is an error in the place of either.
        """
        if not isinstance(value, dict) or not isinstance(choices := value.get("choices"), (list, type(None))):
            raise Malformed
        if not choices and value.get("error"):
            raise Complaint(message_of(value["error"]))
        if isinstance(value.get("model"), str):
            self.model = self._clean(value["model"][:300])
        self.usage = _usage(value.get("usage")) or self.usage
        for choice in choices or ():
            index = choice.get("index", 0) if isinstance(choice, dict) else None
            if type(index) is int and 0 <= index < self._wanted and not self.full:
                self._extend(index, choice)

    def finished(self, complete: bool) -> tuple[Reply, ...]:
        """The replies that came to their end; all of them if the answer as a whole is known to be complete.

        Raises:
            Malformed: a complete answer without any reply.
            Broken: an incomplete one without any finished.
        """
        replies = tuple(self._reply(c) for _, c in sorted(self._choices.items()) if c.finish or complete)
        if not replies:
            raise Malformed if complete else Broken
        return replies

    def __len__(self) -> int:
        return len(self._choices)

    @property
    def some_finished(self) -> bool:
        """Whether any reply came to its end."""
        return any(choice.finish for choice in self._choices.values())

    def restart(self, kept: Sequence[Reply]) -> None:
        """Tell who watches that what was shown is void, but for the replies kept, which move up."""
        for index, choice in self._choices.items():
            if choice.length:
                self._on_text(self._first + index, "")
        for index, reply in enumerate(kept):
            self._on_text(self._first + index, reply.text)

    def _extend(self, index: int, value: dict[str, Any]) -> None:
        choice = self._choices.setdefault(index, _Choice())
        said = value.get("delta") if "delta" in value else value.get("message")
        if isinstance(said, dict):
            self._append(index, choice, choice.text, said.get("content"))
            self._append(index, choice, choice.refusal, said.get("refusal"))
        if isinstance(finish := value.get("finish_reason"), str):
            choice.finish = choice.finish or finish
        choice.logprobs += _logprobs(value.get("logprobs"))
        if choice.length > MOST_CHARACTERS:
            choice.finish, self.full = "length", True
            self.notes.append(f"A reply was longer than {MOST_CHARACTERS:,} characters and was cut off.")

    def _append(self, index: int, choice: _Choice, pieces: list[str], content: object) -> None:
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            content = "".join(part for part in parts if isinstance(part, str))
        if content is not None and not isinstance(content, str):
            self.notes.append("The reply of the server was no text.")
        if isinstance(content, str) and content:
            piece = content[: MOST_CHARACTERS + 1 - choice.length]
            pieces.append(piece)
            choice.length += len(piece)
            self._on_text(self._first + index, self._clean(piece))

    def _reply(self, choice: _Choice) -> Reply:
        refused = not choice.text and bool(choice.refusal)
        text = self._clean("".join(choice.refusal if refused else choice.text))[:MOST_CHARACTERS]
        finish = choice.finish if choice.finish in ("stop", "length", "content_filter") else ""
        if finish == "length" and not text:
            self.notes.append("All tokens were used before the reply began; allow more, as the model may reason first.")
        mean = sum(choice.logprobs) / len(choice.logprobs) if choice.logprobs else None
        return Reply(text, "refusal" if refused else finish, mean)


def whole(body: bytes) -> object:
    """The JSON value of a body.

    Raises:
        Malformed: it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed from None


def _usage(value: object) -> Usage | None:
    counts = [value.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(value, dict) else []
    if len(counts) == 2 and all(type(c) is int and 0 <= c <= _MOST_TOKENS for c in counts):
        return Usage(counts[0], counts[1])  # type: ignore[arg-type]
    return None


def _logprobs(value: object) -> list[float]:
    content = value.get("content") if isinstance(value, dict) else None
    tokens = content if isinstance(content, list) else []
    found: list[Any] = [token.get("logprob") for token in tokens if isinstance(token, dict)]
    return [float(number) for number in found if type(number) in (int, float) and -1e4 <= number <= 0]
