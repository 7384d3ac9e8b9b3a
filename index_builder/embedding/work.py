"""The work folder of a build: the plan, the shards of rows, and the embeddings that are done so far.

    plan.json               what is built from what, with which settings; written last in its stage
    manifest/00000.parquet  rows to embed; their own columns begin with "_"
    embeddings/00000.npy    (n, d) float16 unit rows of the shard's usable photos, with 00000.zip, their thumbnails
    embeddings/00000.parquet  every row of the shard with its outcome; written last, so a shard that has one is done

Everything in it is written atomically, so a build may be killed at any moment and goes on from here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geoloc_core.errors import GeolocError
from geoloc_core.files import remove_partial, replacing
from geoloc_core.gallery.manifest import EncoderRef, Excluded
from index_builder.files import telling

PLAN = "plan.json"
_LOCK = ".lock"
SHARD_ROWS = 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(_Strict):
    """A shard of rows: how many, how many of them are photos to embed, and the SHA-256 of their content."""

    count: int = Field(ge=1)
    ready: int = Field(ge=0)
    sha256: str


class Listing(_Strict):
    """What the source holds: its kind and name, where its files start, its shards, and what was kept out."""

    kind: str
    source: str
    root: str
    shards: tuple[Rows, ...] = Field(min_length=1)
    excluded: tuple[Excluded, ...] = ()

    @property
    def count(self) -> int:
        """Entries in all."""
        return sum(rows.count for rows in self.shards)

    @property
    def ready(self) -> int:
        """Photos to embed."""
        return sum(rows.ready for rows in self.shards)


class Making(_Strict):
    """The settings that determine what an embedding shard holds. `encoder` is None for bare locations."""

    encoder: EncoderRef | None
    thumbnail_side: int = Field(160, ge=0)
    thumbnail_quality: int = 75
    max_photo_bytes: int
    max_photo_pixels: int


class Plan(_Strict):
    """What is built from what. `making` is None until `embed` begins; `published` once a gallery was made of it."""

    version: int = 1
    listing: Listing
    making: Making | None = None
    published: bool = False

    def digest(self, *more: str) -> str:
        """SHA-256 of everything in the plan but where the files are, and of `more`."""
        record = self.model_dump(mode="json", exclude={"listing": {"root"}, "published": True})
        return hashlib.sha256(json.dumps([record, *more], sort_keys=True).encode()).hexdigest()


class Work:
    """A work folder that this process alone may write; see `open_work`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest"
        self.embeddings = path / "embeddings"

    @property
    def plan(self) -> Plan | None:
        """The plan, or None if there is none yet.

        Raises:
            GeolocError: it cannot be read.
        """
        try:
            return Plan.model_validate_json((self.path / PLAN).read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError) as error:
            raise GeolocError(
                f"{self.path / PLAN} cannot be used ({_first_line(error)}). Start over with --restart."
            ) from None

    def write(self, plan: Plan) -> None:
        """Put `plan` in the place of the one before."""
        with replacing(self.path / PLAN) as stream:
            stream.write((plan.model_dump_json(indent=1) + "\n").encode())

    def rows_file(self, shard: int) -> Path:
        """The rows of a shard, as listed."""
        return self.manifest / f"{shard:05d}.parquet"

    def done_file(self, shard: int) -> Path:
        """The rows of a shard with their outcomes; there when the shard is done."""
        return self.embeddings / f"{shard:05d}.parquet"

    def clear(self) -> None:
        """Forget everything; the folder stays."""
        (self.path / PLAN).unlink(missing_ok=True)
        for folder in (self.manifest, self.embeddings):
            shutil.rmtree(folder)
            folder.mkdir()


@contextmanager
def open_work(path: Path) -> Iterator[Work]:
    """The work folder at `path`, made if need be, locked against other builds and cleared of half-written files.

    Raises:
        GeolocError: another build is using it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    work = Work(path.absolute())
    lock = FileLock(work.path / _LOCK, timeout=0)
    if work.path.exists() and not (_is_ours(work.path) or not any(work.path.iterdir())):
        raise GeolocError(f"{path} holds other files, so it is left alone. Choose another --work.")
    with telling(path):
        for folder in (work.path, work.manifest, work.embeddings):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise GeolocError(f"Another build is using {path}. Wait for it, or stop it and try again.") from None
        try:
            for folder in (work.path, work.manifest, work.embeddings):
                remove_partial(folder)
            yield work
        finally:
            lock.release()
            if not (work.path / PLAN).exists():  # nothing was listed, so there is nothing to go on from
                remove_work(path)


def remove_work(path: Path) -> None:
    """Delete what a build left in its work folder, and the folder if nothing else is in it."""
    if not _is_ours(path):
        return
    for folder in ("manifest", "manifest.checked", "embeddings"):
        shutil.rmtree(path / folder, ignore_errors=True)
    for file in (PLAN, _LOCK):
        (path / file).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.rmdir()


def _is_ours(path: Path) -> bool:
    return (path / PLAN).is_file() or (path / _LOCK).is_file()


def differences(old: Any, new: Any, names: dict[str, str]) -> list[str]:
    """What differs between two models, in words: "thumbnail side: 160, now 0"."""
    return [
        f"{words}: {_short(getattr(old, field))}, now {_short(getattr(new, field))}"
        for field, words in names.items()
        if getattr(old, field) != getattr(new, field)
    ]


def _short(value: object) -> str:
    text = str(getattr(value, "name", value))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
