"""Tiles of a server, by a URL template such as https://tiles.example.org/{z}/{x}/{y}.png?key={key}.

The server is a stranger: what it sends is counted, decoded and found to be a tile before it is kept, its pauses are
kept to, redirections are not followed. A key, and the URL that may hold one, is never logged or told.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from mercantile import Tile
from pydantic import SecretStr

from geoloc_core.errors import TileSourceError
from geoloc_core.lmm.retry import retry_after
from geoloc_core.status import Availability
from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.picture import MOST_BYTES, Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource
from geoloc_core.tiles.sources.manners import manners
from geoloc_core.tiles.tile import MOST_ZOOM
from geoloc_core.tiles.url import TileUrl

if TYPE_CHECKING:
    import httpx2
    from tenacity import RetryCallState

USER_AGENT = "Geoloc/1 (photo geolocation research software)"
_LONGEST_PAUSE_S = 60.0
_MOST_BACKOFF_S = 20.0
_LONGER = 3  # times the timeout that a whole answer may take
_ours: ContextVar[bool] = ContextVar("ours", default=False)


class Xyz(TileSource):
    """Tiles of a server.

    Args:
        template: the URL; see `TileUrl`.
        about: whose the tiles are.
        zooms: (least, most) the server has.
        key: put where {key} stands; only to https, or to this machine.
        headers: sent along; as secret as the key.
        subdomains: what {s} stands for, in turn.
        tms: rows count from the south.
        rate: requests a second, at most.
        concurrency: requests at once, at most.
        timeout_s: silence that is waited for; a whole answer may take three times as long.
        tries: of a request that may pass another time.
        backoff_s: the first wait between tries; it doubles.
        cache: where tiles are kept.
    """

    name = "xyz"

    def __init__(
        self,
        template: str,
        about: About | None = None,
        *,
        zooms: tuple[int, int] = (0, 19),
        key: SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        subdomains: tuple[str, ...] = ("a", "b", "c"),
        tms: bool = False,
        rate: float = 4.0,
        concurrency: int = 4,
        timeout_s: float = 10.0,
        tries: int = 4,
        backoff_s: float = 0.5,
        cache: TileCache | None = None,
    ) -> None:
        """Check the template; nothing is asked of the server.

        Raises:
            TileSourceError: it is no URL of tiles, or the key must not be sent there.
        """
        if rate <= 0 or concurrency < 1 or tries < 1 or not 0 <= zooms[0] <= zooms[1] <= MOST_ZOOM:
            raise TileSourceError("Rate, concurrency and tries must be above zero, zooms in order. Correct them.")
        self._url = TileUrl(template, key, secret=bool(headers), subdomains=subdomains, tms=tms)
        self.host, self.id = self._url.host, f"xyz:{self._url.id}"
        self.about, self.zooms, self.concurrency = about or About(self.host), zooms, concurrency
        self.timeout_s, self.tries, self.backoff_s, self.cache = timeout_s, tries, backoff_s, cache
        self._headers = {name: SecretStr(value) for name, value in (headers or {}).items()}
        self._manners = manners(self.host, rate, concurrency)
        self._client: httpx2.Client | None = None
        self._opening = threading.Lock()

    def __repr__(self) -> str:
        return f"Xyz({self.host!r}, zooms={self.zooms})"

    def availability(self) -> Availability:
        """Whether it has its key, and did not fail just now."""
        if self._url.wants_key and not self._url.has_key:
            return Availability(False, f"{self.host} wants a key.", "Give the key of your account there.")
        if seconds := self._manners.down:
            return Availability(False, f"{self.host} is down; it is left alone for {seconds:.0f} s.", "Wait a little.")
        return Availability(True, f"{self.host}, zooms {self.zooms[0]} to {self.zooms[1]}.")

    def close(self) -> None:
        """Close the connections."""
        with self._opening:
            if self._client:
                self._client.close()
            self._client = None

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        if self.cache is not None and (kept := self.cache.get(self.id, tile)):
            got = Got(tile, kept.data, None if kept.data else Trouble.MISSING, from_cache=True)
            if got.trouble in (None, Trouble.MISSING):
                return got
            self.cache.drop(self.id, tile)  # somebody changed the file
        got = self._fetch(tile, stop)
        if self.cache is not None and (got.trouble is None or got.why is Trouble.MISSING):
            self.cache.put(self.id, tile, got.data)
        return got

    def _fetch(self, tile: Tile, stop: threading.Event) -> Got:
        from tenacity import Retrying, retry_if_exception_type

        def over(state: RetryCallState) -> bool:
            trouble = _passing(state)
            return state.attempt_number >= self.tries or stop.is_set() or (trouble.after or 0) > _LONGEST_PAUSE_S

        def pause(state: RetryCallState) -> float:
            if _passing(state).after is not None:
                return 0.0  # the pace is held for all
            return random.uniform(0.5, 1) * min(_MOST_BACKOFF_S, self.backoff_s * 2**state.attempt_number)

        def sleep(seconds: float) -> None:
            stop.wait(seconds)

        retrying = Retrying(
            stop=over,
            wait=pause,
            sleep=sleep,
            retry=retry_if_exception_type(_Passing),
            reraise=True,
        )
        if self._manners.down:
            return Got(tile, None, Trouble.GIVEN_UP)
        try:
            got = retrying(self._ask, tile, stop)
        except _Passing as trouble:
            if stop.is_set():
                return Got(tile, None, Trouble.STOPPED)
            long = (trouble.after or 0) if (trouble.after or 0) > _LONGEST_PAUSE_S else 0.0
            self._manners.failed(long)
            return Got(tile, None, trouble.trouble)
        if got.why is not Trouble.STOPPED:
            self._manners.answered()
        return got

    def _ask(self, tile: Tile, stop: threading.Event) -> Got:
        """One request.

        Raises:
            _Passing: what another try may help.
        """
        import httpx2

        if not self._manners.turn(stop):
            return Got(tile, None, Trouble.STOPPED)
        ours = _ours.set(True)
        try:
            with self._http().stream("GET", self._url.of(tile)) as response:
                return self._answer(tile, response)
        except httpx2.TimeoutException:
            raise _Passing(Trouble.SILENT) from None
        except httpx2.RemoteProtocolError:
            raise _Passing(Trouble.FAILED) from None
        except (httpx2.TransportError, OSError):
            raise _Passing(Trouble.UNREACHABLE) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
            return Got(tile, None, Trouble.REFUSED)
        finally:
            _ours.reset(ours)
            self._manners.done()

    def _answer(self, tile: Tile, response: httpx2.Response) -> Got:
        code = response.status_code
        if code in (204, 404, 410):
            return Got(tile, None, Trouble.MISSING)
        if code in (408, 425, 429) or (code >= 500 and code not in (501, 505)):
            after = retry_after(response.headers.get("retry-after"))
            if after is not None and after <= _LONGEST_PAUSE_S:
                self._manners.hold(after)
            raise _Passing(Trouble.BUSY if code in (429, 503) else Trouble.FAILED, after)
        if code != 200:
            return Got(tile, None, Trouble.REFUSED)
        data, end = bytearray(), time.monotonic() + _LONGER * self.timeout_s
        for part in response.iter_bytes():
            data += part
            if len(data) > MOST_BYTES:
                return Got(tile, None, Trouble.TOO_LARGE)
            if time.monotonic() > end:
                raise _Passing(Trouble.SILENT)
        return Got(tile, bytes(data))

    def _http(self) -> httpx2.Client:
        import httpx2

        with self._opening:
            if self._client is None:
                for logger in ("httpx2", "httpcore2.connection", "httpcore2.http11"):
                    logging.getLogger(logger).addFilter(_unless_ours)
                secret = {name: value.get_secret_value() for name, value in self._headers.items()}
                self._client = httpx2.Client(
                    timeout=httpx2.Timeout(self.timeout_s),
                    follow_redirects=False,
                    trust_env=not self._url.here,
                    headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **secret},
                    limits=httpx2.Limits(max_connections=self.concurrency),
                )
            return self._client


class _Passing(Exception):
    """What another try may help; `after` is the seconds the server asks to wait."""

    def __init__(self, trouble: Trouble, after: float | None = None) -> None:
        super().__init__(trouble)
        self.trouble, self.after = trouble, after


def _passing(state: RetryCallState) -> _Passing:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, _Passing) else _Passing(Trouble.FAILED)


def _unless_ours(record: logging.LogRecord) -> bool:
    """httpx logs every URL, and with it the key."""
    return not _ours.get()
