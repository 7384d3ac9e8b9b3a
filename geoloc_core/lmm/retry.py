"""Trying again when that can help, politely, and stopping at once when the user says so.

Waits double from try to try with jitter, and never end before a server's Retry-After (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from geoloc_core.errors import LmmBusy, LmmCancelled
from geoloc_core.lmm.base import Watch

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_WAIT_S = 60.0  # a server that asks for more is not waited for
_WATCH_EVERY_S = 0.05
_MOST_BACKOFF_S = 20.0

T = TypeVar("T")


class Passing(Exception):
    """Something that may be over soon.

    Attributes:
        reason: a sentence without a full stop, for a person.
        remedy: what to do if it does not pass.
        after: seconds the server asks to wait, None if it does not say.
        tries: the most tries this is worth.
    """

    def __init__(self, reason: str, remedy: str, *, after: float | None = None, tries: int = 100) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.after, self.tries = reason, remedy, after, tries


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or an HTTP date; None if it is neither."""
    if not value:
        return None
    with suppress(ValueError):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with suppress(ValueError, TypeError, OverflowError):
        when = parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    return None


async def persist(attempt: Callable[[], Coroutine[Any, Any, T]], tries: int, backoff_s: float, watch: Watch) -> T:
    """The result of `attempt`, tried up to `tries` times while it raises `Passing`.

    Raises:
        LmmBusy: it did not pass, or the server asks for a longer wait than is reasonable.
    """
    from tenacity import AsyncRetrying, retry_if_exception_type

    def over(state: RetryCallState) -> bool:
        trouble = _trouble(state)
        return state.attempt_number >= min(tries, trouble.tries) or (trouble.after or 0) > LONGEST_WAIT_S

    def pause(state: RetryCallState) -> float:
        least = _trouble(state).after
        if least is not None:
            return least + random.uniform(0, min(0.25, backoff_s))
        return random.uniform(0.5, 1) * min(_MOST_BACKOFF_S, backoff_s * 2**state.attempt_number)

    def announce(state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0.0
        number, of = state.attempt_number + 1, min(tries, _trouble(state).tries)
        watch.on_wait(f"{_trouble(state).reason}. Trying again in {math.ceil(wait)} s (try {number} of {of}).")

    retrying = AsyncRetrying(
        stop=over, wait=pause, retry=retry_if_exception_type(Passing), before_sleep=announce, reraise=True
    )
    try:
        return await retrying(attempt)
    except Passing as trouble:
        raise LmmBusy(_gave_up(trouble, int(retrying.statistics["attempt_number"]))) from None


def run(work: Coroutine[Any, Any, T], watch: Watch) -> T:
    """Run `work` until it ends or the user stops it, in this thread, which also gets its callbacks.

    Only where this thread runs an event loop already, as in a notebook, is it another thread.

    Raises:
        LmmCancelled: `watch.cancelled` was set; whatever `work` was waiting for is given up within a moment.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run_here(work, watch)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_run_here, work, watch).result()


def _run_here(work: Coroutine[Any, Any, T], watch: Watch) -> T:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_until_cancelled(work, watch))
    finally:
        # Not asyncio.run: it would wait for a thread that is stuck in a look-up of a host's name.
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _until_cancelled(work: Coroutine[Any, Any, T], watch: Watch) -> T:
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            if watch.cancelled.is_set():
                raise LmmCancelled("Stopped. What the model had said so far is not used; ask again when you like.")
            await asyncio.wait({task}, timeout=_WATCH_EVERY_S)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1)


def _trouble(state: RetryCallState) -> Passing:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Passing) else Passing("", "")


def _gave_up(trouble: Passing, tries: int) -> str:
    if (trouble.after or 0) > LONGEST_WAIT_S:
        seconds = min(trouble.after or 0, timedelta(days=365).total_seconds())
        when = datetime.now(UTC) + timedelta(seconds=seconds)
        return (
            f"{trouble.reason}, and asks to wait until {when:%Y-%m-%d %H:%M} UTC. Ask again then, or {trouble.remedy}."
        )
    again = f", also at try {tries}" if tries > 1 else ""
    return f"{trouble.reason}{again}. Ask again later, or {trouble.remedy}."
