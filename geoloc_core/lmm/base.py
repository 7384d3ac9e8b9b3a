"""The seam between Img2Loc and the models: one `Ask` in, its replies out, whoever answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from geoloc_core.status import Availability

HERE = "this machine"  # the destination of what is not sent anywhere


@dataclass(frozen=True)
class Capabilities:
    """What a model can be asked for.

    Attributes:
        structured: it can be held to a JSON schema; None until a server has shown whether it can.
        samples: it gives several replies to one request.
        images: the most images a prompt may carry.
        logprobs: replies come with the log-probability of their text.
        streams: the reply can be watched as it is written.
    """

    structured: bool | None
    samples: bool
    images: int
    logprobs: bool
    streams: bool


@dataclass(frozen=True)
class Ask:
    """One question to a model.

    Attributes:
        prompt: the exact text.
        images: JPEG files without metadata, the photo in question first.
        samples: replies wanted.
        schema: a JSON schema for the reply where the model can be held to one; None asks for free text.
        temperature: None leaves it to the model.
        max_tokens: the most tokens of a reply.
    """

    prompt: str
    images: tuple[bytes, ...] = field(repr=False)
    samples: int = 1
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    max_tokens: int = 1_000


@dataclass(frozen=True)
class Usage:
    """Tokens read and written, as the model's side counts them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Reply:
    """What a model said once: untrusted text.

    Attributes:
        text: as it came, whatever it is.
        finish: why it ended: "stop", "length" (cut off at `max_tokens`), "refusal", "content_filter" or "".
        logprob: mean natural log-probability of its tokens, if known.
    """

    text: str
    finish: str = "stop"
    logprob: float | None = None


@dataclass(frozen=True)
class Said:
    """All replies to an `Ask`, at most as many as it wanted.

    Attributes:
        model: the name the answering side gives itself.
        usage: None if it does not say.
        notes: what had to be done otherwise than asked, such as a schema the server does not know.
        cached: nothing was sent: an identical question had been answered before.
    """

    replies: tuple[Reply, ...]
    model: str
    seconds: float
    usage: Usage | None = None
    notes: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True)
class Watch:
    """Somebody watching a question being answered.

    Attributes:
        on_text: called with the number of the reply and the piece of text that was added to it; an empty piece says
            that the reply starts anew, as after a connection that broke.
        on_wait: called with a sentence when there is something to wait for, such as a busy server.
        cancelled: set from outside to stop.
    """

    on_text: Callable[[int, str], None] = lambda number, piece: None
    on_wait: Callable[[str], None] = lambda text: None
    cancelled: threading.Event = field(default_factory=threading.Event)


class Lmm(Protocol):
    """A large multimodal model behind one method.

    Attributes:
        name: of the back end.
        model: which model of it.
        destination: the host that a photo would be sent to, or "this machine".
    """

    name: str
    model: str
    destination: str

    @property
    def capabilities(self) -> Capabilities:
        """What may be asked of it."""
        ...

    def availability(self) -> Availability:
        """Whether `ask` can be tried now; nothing is sent to find out."""
        ...

    def ask(self, ask: Ask, watch: Watch) -> Said:
        """Put a question and wait for the replies.

        Raises:
            LmmError: it gave no reply; the message says why and what to do, and holds no key.
            LmmCancelled: `watch.cancelled` was set.
        """
        ...
