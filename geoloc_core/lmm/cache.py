"""Replies kept in files, so that an identical question need not be sent, or paid for, again.

A file is named by the SHA-256 of where the question went and all that it says; it holds replies only: no key, no photo,
no prompt. Whatever in the folder is not such a file is ignored and the question asked anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from geoloc_core.lmm.base import Ask, Capabilities, Lmm, Said, Usage, Watch
from geoloc_core.status import Availability

log = logging.getLogger(__name__)

_FORMAT = 1
_MOST_BYTES_A_FILE = 8_000_000
_NOTHING = Usage(0, 0)


class Cached:
    """A model whose finished replies are kept in a folder; satisfies `Lmm`.

    Args:
        lmm: the model that answers what is not kept.
        folder: made when needed, for this user only.
        most_bytes: of all files together; the ones used longest ago go first.
    """

    def __init__(self, lmm: Lmm, folder: Path, *, most_bytes: int = 50_000_000) -> None:
        self._lmm, self.folder, self.most_bytes = lmm, folder, most_bytes
        self.name, self.model, self.destination = lmm.name, lmm.model, lmm.destination

    def __repr__(self) -> str:
        return f"Cached({self._lmm!r}, {str(self.folder)!r})"

    @property
    def capabilities(self) -> Capabilities:
        """The model's."""
        return self._lmm.capabilities

    def availability(self) -> Availability:
        """The model's."""
        return self._lmm.availability()

    def ask(self, ask: Ask, watch: Watch) -> Said:
        """Replies kept from an identical question, else the model's.

        Raises:
            LmmError: as the model's.
        """
        started = time.monotonic()
        path = self.folder / f"{self.key(ask)}.json"
        if said := _read(path, ask.samples):
            with suppress(OSError):
                os.utime(path)
            for number, reply in enumerate(said.replies):
                watch.on_text(number, reply.text)
            return replace(said, seconds=time.monotonic() - started)
        said = self._lmm.ask(ask, watch)
        if len(said.replies) == ask.samples and all(reply.finish == "stop" for reply in said.replies):
            try:
                self._keep(path, said)
            except OSError as error:
                log.warning("A reply could not be kept in %s: %s", self.folder, error)
                return replace(said, notes=(*said.notes, "The reply could not be kept for the next time."))
        return said

    def key(self, ask: Ask) -> str:
        """What identifies a question: SHA-256 over the model's back end, name and place, and every field of `ask`."""
        asked = {
            "format": _FORMAT,
            "to": [self.name, self.model, self.destination],
            "prompt": ask.prompt,
            "images": [hashlib.sha256(image).hexdigest() for image in ask.images],
            "samples": ask.samples,
            "schema": ask.schema if ask.schema is None else dict(ask.schema),
            "temperature": ask.temperature,
            "max_tokens": ask.max_tokens,
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def clear(self) -> int:
        """Delete all that is kept; how many files that was."""
        files = list(self._files())
        for path in files:
            path.unlink(missing_ok=True)
        return len(files)

    def size(self) -> int:
        """Bytes kept."""
        return sum(size for _, size, _ in self._dated())

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*.json") if len(path.stem) == 64)

    def _dated(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._files():
            with suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _keep(self, path: Path, said: Said) -> None:
        from pydantic import TypeAdapter

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = TypeAdapter(Said).dump_json(replace(said, seconds=0.0, usage=_NOTHING, cached=True))
        if len(data) > min(_MOST_BYTES_A_FILE, self.most_bytes):
            return
        _write(path, data)
        excess = self.size() - self.most_bytes
        for _, size, old in self._dated():
            if excess <= 0:
                break
            if old != path:
                old.unlink(missing_ok=True)
                excess -= size


def _read(path: Path, samples: int) -> Said | None:
    """What a file holds; None if it is missing, damaged, or anything else than `samples` finished replies."""
    from pydantic import TypeAdapter, ValidationError

    try:
        if path.stat().st_size > _MOST_BYTES_A_FILE:
            return None
        said = TypeAdapter(Said).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None
    whole = len(said.replies) == samples and all(reply.finish == "stop" for reply in said.replies)
    finite = all(reply.logprob is None or math.isfinite(reply.logprob) for reply in said.replies)
    return replace(said, cached=True, usage=_NOTHING) if whole and finite else None


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time; only this user can read it."""
    descriptor, partial = tempfile.mkstemp(prefix=".reply-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
