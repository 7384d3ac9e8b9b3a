"""The server a question goes to: its address, checked, and a client that sends it nothing but the question.

Nothing of the environment is sent along: the openai package would add organisation, project and further headers and
an administrator's key from there, to whatever server it talks to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from geoloc_core.errors import LmmError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from openai import AsyncOpenAI
    from pydantic import SecretStr

OPENAI_HOST = "api.openai.com"
MOST_BYTES = 64_000_000  # of one answer as it comes over the wire, where each token is wrapped in some 300 bytes
_CONNECT_S = 10.0
_SENT_HEADERS = frozenset({"host", "content-type", "content-length", "accept", "user-agent", "connection"}) | {
    "x-stainless-raw-response"  # where the openai package looks up how it is to read the answer
}
_TAIL = "geoloc_tail"  # the last bytes read of a response, kept with it
_SHORTEST_SECRET = 8  # a shorter key is no secret, and blotting it out would spoil other words


class Misused(Exception):
    """An answer that no honest server gives: too long, or compressed though asked not to."""


@dataclass(frozen=True)
class Endpoint:
    """A base URL with the key that may be sent to it.

    Attributes:
        base_url: without a slash at the end.
        destination: host[:port], as a person should see it before sending.
        key: sent as a bearer token in the Authorization header and nowhere else; None sends none.
    """

    base_url: str
    destination: str
    key: SecretStr | None

    @property
    def host(self) -> str:
        """The name or address alone."""
        return urlsplit(self.base_url).hostname or ""

    def client(self, timeout_s: float) -> AsyncOpenAI:
        """A client for one question. The openai package's own retries, redirects and extra headers are off."""
        import httpx2
        from openai import AsyncOpenAI

        waits = httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        http = httpx2.AsyncClient(
            timeout=waits,
            follow_redirects=False,
            trust_env=not is_loopback(self.host),  # this machine is never behind a proxy
            event_hooks={"request": [self._only_ours], "response": [_bounded]},
        )
        return AsyncOpenAI(api_key="unused", base_url=self.base_url, max_retries=0, timeout=waits, http_client=http)

    def clean(self, text: str) -> str:
        """A server's text as valid Unicode, without the key should the server echo it."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        secret = self.key.get_secret_value() if self.key else ""
        return text.replace(secret, "[key]") if len(secret) >= _SHORTEST_SECRET else text

    def quote(self, text: object) -> str:
        """A server's message for use in one of ours: a line of at most 200 characters, without the key."""
        if not isinstance(text, str):
            return ""
        line = " ".join("".join(c if c.isprintable() else " " for c in self.clean(text[:4_000])).split())
        return line if len(line) <= 200 else f"{line[:199]}…"

    async def _only_ours(self, request: httpx2.Request) -> None:
        for name in set(request.headers) - _SENT_HEADERS:
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        if self.key:
            request.headers["authorization"] = f"Bearer {self.key.get_secret_value()}"


def endpoint(base_url: str, key: SecretStr | None) -> Endpoint:
    """Check an address and a key.

    Raises:
        LmmError: the address cannot be used, the key is none, or the two must not be used together.
    """
    remedy = "Give one like https://api.openai.com/v1 or http://localhost:11434/v1."
    try:
        parts = urlsplit(base_url.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        raise LmmError(f"The server's address cannot be understood. {remedy}") from None
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", host):
        raise LmmError(f"The server's address must be an http or https URL. {remedy}")
    if parts.username is not None or parts.password is not None:
        raise LmmError(f"The server's address must not hold a name or password. Give the key apart from it. {remedy}")
    if parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\x7f\\]", base_url.strip()):
        raise LmmError(f"The server's address must end with its path, without ? or #. {remedy}")
    key = _checked(key)
    if key and parts.scheme == "http" and not is_loopback(host):
        raise LmmError(
            f"Over http the key for {host} could be read by anybody on the way. Use an https address, remove the key "
            "if the server needs none, or reach the server by a tunnel to localhost."
        )
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")  # some copy the address of the call
    return Endpoint(f"{parts.scheme}://{place}{path}", place, key)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def ended(response: httpx2.Response) -> bool:
    """Whether a stream that was read came to its marked end; the openai package reads the mark but does not tell."""
    return b"[DONE]" in response.extensions.get(_TAIL, b"")


def _checked(key: SecretStr | None) -> SecretStr | None:
    """The key without the white space that comes along when one copies it; None for an empty one."""
    from pydantic import SecretStr

    text = key.get_secret_value().strip() if key else ""
    if not re.fullmatch(r"[\x21-\x7e]{0,4096}", text):
        raise LmmError("The key has characters that no key has. Copy it again, without anything around it.")
    return SecretStr(text) if text else None


async def _bounded(response: httpx2.Response) -> None:
    """Make reading `response` fail past `MOST_BYTES`, and at once if it is compressed, which would hide its size."""
    import httpx2

    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Misused("It compressed its answer though asked not to")

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for part in self.inner:
                seen += len(part)
                response.extensions[_TAIL] = (response.extensions.get(_TAIL, b"") + part)[-32:]
                if seen > MOST_BYTES:
                    raise Misused(f"It sent more than {MOST_BYTES // 1_000_000} MB")
                yield part

        async def aclose(self) -> None:
            await self.inner.aclose()

    response.stream = Bounded(response.stream)
