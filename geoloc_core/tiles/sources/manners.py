"""How a tile server is treated: no faster and no more at once than it likes, and left alone while it is down.

What is agreed with a server holds for all that this process asks of it.
"""

from __future__ import annotations

import threading
import time

_DEAD_AFTER = 6  # tiles in a row that failed through all their tries
_DEAD_S = 30.0


class Manners:
    """Pace, and what is known of a server's health; shared by threads.

    Args:
        rate: requests a second, at most; over any time, after the first.
        concurrency: requests at once, at most.
    """

    def __init__(self, rate: float, concurrency: int) -> None:
        self._gap, self._free = 1 / rate, threading.BoundedSemaphore(concurrency)
        self._lock, self._fails = threading.Lock(), 0
        self._next = self._held = self._dead_until = 0.0

    def turn(self, stop: threading.Event) -> bool:
        """Wait for a turn; False if told to stop. After True, `done` must follow."""
        while not self._free.acquire(timeout=0.05):
            if stop.is_set():
                return False
        while True:
            with self._lock:
                at = max(time.monotonic(), self._next)
                self._next = at + self._gap
            if stop.wait(at - time.monotonic()):
                self._free.release()
                return False
            if self._held <= time.monotonic():  # else the server asked for a pause meanwhile
                return True

    def done(self) -> None:
        """The turn is over."""
        self._free.release()

    def hold(self, seconds: float) -> None:
        """The server asked for a pause: nobody's turn comes before its end."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)
            self._next = max(self._next, self._held)

    def answered(self) -> None:
        """The server answered, if only that it has no such tile."""
        with self._lock:
            self._fails = 0

    def failed(self, pause_s: float = 0.0) -> None:
        """A tile failed through all tries; after a few in a row, or if it asks for so long a pause, it is down."""
        with self._lock:
            self._fails += 1
            if self._fails >= _DEAD_AFTER or pause_s:
                self._dead_until = time.monotonic() + max(_DEAD_S, pause_s)
                self._fails = 0

    @property
    def down(self) -> float:
        """Seconds for which the server is left alone; 0 if it is not."""
        return max(0.0, self._dead_until - time.monotonic())


_known: dict[tuple[str, float, int], Manners] = {}
_knowing = threading.Lock()


def manners(host: str, rate: float, concurrency: int) -> Manners:
    """Those this process has towards a host."""
    with _knowing:
        return _known.setdefault((host, rate, concurrency), Manners(rate, concurrency))
