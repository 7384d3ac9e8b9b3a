"""What a question to a model will cost, about; what it did cost; and a cap on what a session may spend.

Image tokens follow the tile rule that OpenAI publishes for its models (platform.openai.com/docs/guides/images-vision);
text counts as 4 characters a token. Other models count otherwise, so every estimate is labelled "about".
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from geoloc_core.errors import LmmError, LmmRefused
from geoloc_core.lmm.base import Ask, Said

PRICES_SOURCE = "https://developers.openai.com/api/docs/pricing"
PRICES_AS_OF = "2026-11"  # from reports about that page, not from the page: check before relying on them
_CHARACTERS_A_TOKEN = 4
_MESSAGE_TOKENS = 20  # roles and separators around a prompt


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens, and how many tokens the model counts for an image.

    Attributes:
        input: for tokens read.
        output: for tokens written.
        image_tokens: for any image.
        tile_tokens: for each tile of 512 x 512 pixels besides.
    """

    input: float
    output: float
    image_tokens: int = 85
    tile_tokens: int = 170


FREE = Price(0.0, 0.0)
PRICES: dict[str, Price] = {
    "gpt-4o": Price(2.50, 10.00),
    "gpt-4o-mini": Price(0.15, 0.60, 2833, 5667),
    "gpt-4.1": Price(2.00, 8.00),
    "gpt-4.1-mini": Price(0.40, 1.60, 2489, 0),
    "gpt-4.1-nano": Price(0.10, 0.40, 3779, 0),
    "gpt-5": Price(1.25, 10.00, 70, 140),
    "gpt-5-mini": Price(0.25, 2.00, 2489, 0),
    "gpt-5-nano": Price(0.05, 0.40, 3779, 0),
    "gpt-5.4": Price(2.50, 15.00, 2489, 0),
    "gpt-5.4-mini": Price(0.75, 4.50, 2489, 0),
    "gpt-5.5": Price(5.00, 30.00, 2489, 0),
}


@dataclass(frozen=True)
class Estimate:
    """What a question may come to, about: `cost` in US dollars is None where the price is not known.

    Attributes:
        prompt_tokens: text and images.
        completion_tokens: the most that the replies may have together.
    """

    prompt_tokens: int
    completion_tokens: int
    cost: float | None

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens

    def __str__(self) -> str:
        size = f"about {self.prompt_tokens:,} tokens to read, at most {self.completion_tokens:,} to write"
        if self.cost is None:
            return f"{size}; its price is not known here"
        return f"{size}: " + (f"at most about US$ {self.cost:.4f}" if self.cost else "no charge")


def price_of(model: str, destination: str) -> Price | None:
    """What is known of a model's price: nothing for a machine of one's own, OpenAI's list, or None.

    A name with a date, such as gpt-4o-2024-08-06, has the price of the one without.
    """
    if is_local(destination):
        return FREE
    if destination.partition(":")[0] != "api.openai.com":
        return None
    return PRICES.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model.strip()))


def is_local(destination: str) -> bool:
    """Whether a destination, host[:port] or "this machine", is this machine or one of a private network."""
    if destination == "this machine":
        return True
    host = destination.rsplit(":", 1)[0] if re.search(r":\d+$", destination) else destination
    host = host.strip("[]").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local"))
    return address.is_loopback or address.is_private


def estimate(ask: Ask, price: Price | None, *, requests: int = 1) -> Estimate:
    """Tokens and cost of a question if every reply is as long as it may be.

    Args:
        ask: the question.
        price: of the model, None if not known.
        requests: how often the prompt must be sent: `ask.samples` for a model that gives one reply at a time.
    """
    rule = price or FREE
    schema = json.dumps(dict(ask.schema)) if ask.schema else ""
    text = math.ceil((len(ask.prompt) + len(schema)) / _CHARACTERS_A_TOKEN) + _MESSAGE_TOKENS
    images = sum(rule.image_tokens + rule.tile_tokens * tiles(image) for image in ask.images)
    read, written = requests * (text + images), ask.samples * ask.max_tokens
    return Estimate(read, written, _dollars(read, written, price))


def tiles(image: bytes) -> int:
    """Tiles of 512 pixels after fitting into 2048 x 2048 and then a shortest side of 768; 6 if it is no image."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(image)) as opened:
            width, height = opened.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return 6
    fit = min(1.0, 2048 / max(width, height))
    fit *= min(1.0, 768 / (fit * min(width, height)))
    return math.ceil(round(fit * width) / 512) * math.ceil(round(fit * height) / 512)


def cost_of(said: Said, price: Price | None) -> float | None:
    """US dollars that replies did cost; None if the price or the tokens are not known, 0 from the cache."""
    if said.cached:
        return 0.0
    if price == FREE:
        return 0.0
    return _dollars(said.usage.prompt_tokens, said.usage.completion_tokens, price) if said.usage else None


def _dollars(read: int, written: int, price: Price | None) -> float | None:
    return (read * price.input + written * price.output) / 1e6 if price else None


class Budget:
    """What one session may spend, and has spent, in US dollars; safe to share between threads.

    `holding` sets the estimate aside before anything is sent, so that questions asked at the same time
    cannot together exceed the cap; what it did cost replaces the estimate afterwards.
    """

    def __init__(self, cap: float | None) -> None:
        """`cap` None is no cap."""
        if cap is not None and not (math.isfinite(cap) and cap >= 0):
            raise LmmError(f"A spending cap cannot be {cap}. Give a number of US dollars, 0 or more.")
        self.cap, self._spent, self._held, self._lock = cap, 0.0, 0.0, threading.Lock()

    @property
    def spent(self) -> float:
        """Charged so far."""
        with self._lock:
            return self._spent

    @property
    def left(self) -> float | None:
        """Neither spent nor set aside; None without a cap."""
        with self._lock:
            return None if self.cap is None else max(0.0, self.cap - self._spent - self._held)

    def check(self, expected: Estimate) -> None:
        """Whether a question fits now; nothing is set aside for it.

        Raises:
            LmmRefused: it does not fit into what is left, or has no known price while there is a cap.
        """
        with self._lock:
            self._require(expected)

    def spend(self, cost: float) -> None:
        """Charge what was spent."""
        with self._lock:
            self._spent += max(0.0, cost)

    @contextmanager
    def holding(self, expected: Estimate) -> Iterator[Callable[[float | None], None]]:
        """Set the estimate aside for the block; it gets a function to call with the true cost, None if unknown.

        A block that fails is not charged; one that never calls is charged the estimate.

        Raises:
            LmmRefused: as `check`.
        """
        amount, paid = expected.cost or 0.0, [expected.cost or 0.0]
        with self._lock:
            self._require(expected)
            self._held += amount

        def pay(cost: float | None) -> None:
            paid[0] = amount if cost is None else max(0.0, cost)

        try:
            yield pay
            self.spend(paid[0])
        finally:
            with self._lock:
                self._held -= amount

    def _require(self, expected: Estimate) -> None:
        if self.cap is None:
            return
        if expected.cost is None:
            raise LmmRefused(
                "The price of this model is not known here, so the spending cap cannot be kept. Give its prices per "
                "million tokens (lmm_price_in, lmm_price_out), or lift the cap."
            )
        left = self.cap - self._spent - self._held
        if expected.cost > left + 1e-12:
            raise LmmRefused(
                f"This may cost up to about US$ {expected.cost:.4f}, and US$ {max(0.0, left):.4f} of the session's cap "
                f"of US$ {self.cap:.2f} is left. Nothing was sent. Raise the cap, or ask for fewer or shorter replies."
            )
