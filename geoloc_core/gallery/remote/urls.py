"""Addresses of galleries: how they are shown without their secrets, and what a gallery's texts may give away."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_LOGIN = re.compile(r"://(?:[^@\s/?#]*:\S*|[^@\s/?#]*)@")  # user:password, whose password may hold slashes, or a token
_CONTAINER = re.compile(r"^abfss?://[^@:/\s]+@")  # Azure's CONTAINER@ACCOUNT is an address, not a login
_QUERY = re.compile(r"(://[^\s?]*)\?\S*")  # signed URLs carry their signature there
_SIGNED = re.compile(r"(://[^\s?]*)\?\S*(?:sig|token|key|secret|credential|password)\S*", re.IGNORECASE)
_UNREADABLE = re.compile(r"[^A-Za-z0-9._-]+")


def is_url(text: str) -> bool:
    """Whether a gallery's name is an address rather than a folder."""
    return "://" in text


def redacted(text: str) -> str:
    """An address with its login and query replaced by ***."""
    return _QUERY.sub(r"\1?***", _without_login(text))


def _without_login(text: str) -> str:
    return text if _CONTAINER.match(text) else _LOGIN.sub("://***@", text)


def redacted_error(error: BaseException, url: str) -> str:
    """First line of an error's text, or its class, without the secrets that `url` holds."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    return redacted(text)[:300].rstrip(". ")


def _secrets(url: str) -> list[str]:
    if _CONTAINER.match(url):
        return []
    found = []
    if login := _LOGIN.search(url):
        user, _, password = login.group()[3:-1].partition(":")
        found += [password or user, unquote(password or user)]
    if "?" in url:
        found.append(url.partition("?")[2])
    return sorted(filter(None, found), key=len, reverse=True)


def scrubbed(value: Any) -> Any:
    """JSON whose texts hold no URL with a login or signature, and no path of this user's home folder."""
    if isinstance(value, str):
        home = str(Path.home())
        return _SIGNED.sub(r"\1?***", _without_login(value.replace(home, "~") if len(home) > 1 else value))
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {scrubbed(key): scrubbed(item) for key, item in value.items()}
    return value


def folder_name(url: str) -> str:
    """A readable and unique name for the folder that a URL is pulled into, such as "mp16-clip-1a2b3c4d"."""
    shown = redacted(url)
    last = shown.partition("?")[0].rstrip("/").rpartition("/")[2]
    readable = _UNREADABLE.sub("-", last).strip("-._")[:60] or "gallery"
    return f"{readable}-{hashlib.sha256(shown.encode()).hexdigest()[:8]}"
