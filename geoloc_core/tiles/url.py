"""Addresses of tiles on a server: a URL template, checked, and the key that may be sent there."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from mercantile import Tile

from geoloc_core.errors import TileSourceError
from geoloc_core.lmm.endpoint import is_loopback

if TYPE_CHECKING:
    from pydantic import SecretStr

_PLACES = re.compile(r"\{([^{}]*)\}")
_KNOWN = frozenset({"z", "x", "y", "-y", "s", "key", "r"})
_REMEDY = "Give one like https://tiles.example.org/{z}/{x}/{y}.png."


class TileUrl:
    """A URL template: {z} {x} {y}, {-y} for rows from the south, {s} a subdomain, {key}, {r} for nothing.

    Attributes:
        host: with its port if it has one, as a person should see it.
        here: whether that is this machine.
        wants_key: whether there is a place for one.
        id: of the template without the key.
    """

    def __init__(
        self, template: str, key: SecretStr | None, *, secret: bool, subdomains: tuple[str, ...], tms: bool
    ) -> None:
        """Check them.

        Args:
            template: the URL with its places.
            key: for {key}.
            secret: other secrets are sent along.
            subdomains: for {s}, in turn.
            tms: {y} counts from the south.

        Raises:
            TileSourceError: it is no URL of tiles, or secrets must not be sent there.
        """
        self._template = template.strip()
        self.host, self.here = _checked(self._template, key is not None or secret)
        self.wants_key = "{key}" in self._template
        self.has_key = key is not None
        self.id = hashlib.sha256(f"{self._template}{tms}".encode()).hexdigest()[:16]
        self._key, self._subdomains, self._tms = key, subdomains or ("",), tms

    def __repr__(self) -> str:
        return f"TileUrl({self.host!r})"

    def of(self, tile: Tile) -> str:
        """A tile's address, with the key: not for logs."""
        south = (1 << tile.z) - 1 - tile.y
        values = {
            "z": str(tile.z),
            "x": str(tile.x),
            "y": str(south if self._tms else tile.y),
            "-y": str(south),
            "s": self._subdomains[(tile.x + tile.y) % len(self._subdomains)],
            "key": quote(self._key.get_secret_value(), safe="") if self._key else "",
            "r": "",
        }
        return _PLACES.sub(lambda place: values[place[1]], self._template)


def _checked(template: str, secret: bool) -> tuple[str, bool]:
    """The template's host, and whether it is this machine.

    Raises:
        TileSourceError: the template is none, or a secret must not go there.
    """
    places = set(_PLACES.findall(template))
    try:
        parts = urlsplit(template)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        raise TileSourceError(f"The address of the tiles cannot be understood. {_REMEDY}") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", template):
        raise TileSourceError(f"The address of tiles must be an http or https URL. {_REMEDY}")
    if parts.username is not None or parts.password is not None:
        raise TileSourceError("The address of tiles must not hold a name or password. Give a key or headers apart.")
    if unknown := places - _KNOWN:
        raise TileSourceError(f"{{{min(unknown)}}} in the address of the tiles means nothing here. {_REMEDY}")
    if not {"z", "x"} <= places or not places & {"y", "-y"}:
        raise TileSourceError(f"The address of the tiles lacks {{z}}, {{x}} or {{y}}. {_REMEDY}")
    if set(_PLACES.findall(parts.netloc)) - {"s"}:
        raise TileSourceError(f"Only {{s}} may stand in the server's name. {_REMEDY}")
    if secret and parts.scheme == "http" and not is_loopback(host):
        raise TileSourceError(f"Over http the key for {host} could be read by anybody on the way. Use https.")
    place = f"[{host}]" if ":" in host else host
    return place + (f":{port}" if port is not None else ""), is_loopback(host)
