"""A gallery's folder, made whole or not at all: written beside its final name, flushed, and renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from geoloc_core import __version__
from geoloc_core.errors import GeolocError
from geoloc_core.files import replacing, sync_folder
from geoloc_core.gallery.manifest import NAME, EncoderRef, Excluded, Manifest, Voting, describe_file
from index_builder.files import telling
from index_builder.gallery.shards import ShardWriter

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Provenance:
    """What a gallery says about where it came from."""

    title: str
    source: str = ""
    licence: str = ""
    command: str = ""
    synthetic: bool = False
    created: datetime | None = None
    voting: Voting | None = None
    rows: Literal["photos", "locations"] = "photos"


class GalleryWriter:
    """Collects rows and publishes them as a gallery; as a context manager it leaves nothing behind when it fails.

    Args:
        out: the gallery's folder. It appears when `publish` returns, whole.
        encoder: id and name of the encoder that makes the vectors; None for bare locations.
        provenance: what the manifest says of the photos.
        overwrite: replace a gallery that is already there.
        schema: the columns, if they are known beforehand; see `ShardWriter`.

    Entering raises:
        GeolocError: `out` exists and `overwrite` is not given, or is something else than a gallery, or cannot be
            written, or another process is writing it.
    """

    def __init__(
        self,
        out: Path,
        encoder: EncoderRef | None,
        provenance: Provenance,
        *,
        overwrite: bool = False,
        schema: pa.Schema | None = None,
    ) -> None:
        self.out, self.encoder, self.provenance, self.overwrite = out.absolute(), encoder, provenance, overwrite
        self.partial = self.out.with_name(f".{self.out.name}.building-{os.getpid()}")
        self.rows = ShardWriter(self.partial, schema=schema)
        self._held = ExitStack()

    def __enter__(self) -> GalleryWriter:
        with ExitStack() as held:
            held.enter_context(writing(self.out))
            if self.out.exists():
                if not self.overwrite:
                    raise GeolocError(f"{self.out} exists. Choose another --out, or replace it with --overwrite.")
                if not (self.out / NAME).is_file():
                    raise GeolocError(f"{self.out} is no gallery, so it is left alone. Choose another --out.")
            self.partial.mkdir()
            held.callback(shutil.rmtree, self.partial, ignore_errors=True)
            held.callback(self.rows.abandon)
            self._held = held.pop_all()
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._held.__exit__(*error)  # type: ignore[arg-type]

    @property
    def count(self) -> int:
        """Rows taken so far."""
        return self.rows.count

    def add(
        self, vectors: NDArray[np.floating] | None, table: pa.Table, thumbnails: Iterable[bytes | None] = ()
    ) -> None:
        """Append n rows: (n, d) unit vectors or None, their columns with id, lat and lon, and n or no thumbnails."""
        self.rows.add(vectors, table, thumbnails)

    def publish(
        self,
        *,
        reasons: Mapping[str, int] | None = None,
        unused: str | None = None,
        excluded: Iterable[Excluded] = (),
        recipe: str = "",
    ) -> Path:
        """Write what is left, then the manifest, and give the folder its name.

        Args:
            reasons: how many entries of the source gave no row, by reason.
            unused: name of a file in `partial` that lists them.
            excluded: tables of photos that were kept out.
            recipe: SHA-256 of everything that determines the content.

        Raises:
            GeolocError: no row was added.
        """
        self.rows.finish()
        if not self.rows.shards:
            raise GeolocError("No photo could be used, so there is no gallery. See the reasons above.")
        files = dict(self.rows.files)
        if unused:
            files[unused] = describe_file(self.partial / unused)
        about = self.provenance
        manifest = Manifest(
            title=about.title,
            encoder=self.encoder,
            dim=self.rows.dim,
            count=self.rows.count,
            rows=about.rows,
            shards=tuple(self.rows.shards),
            files=files,
            source=about.source,
            licence=about.licence,
            synthetic=about.synthetic,
            voting=about.voting,
            reasons=dict(reasons or {}),
            unused=unused,
            excluded=tuple(excluded),
            recipe=recipe,
            created=about.created or now(),
            command=about.command,
            software=f"geoloc {__version__}",
        )
        write_manifest(self.partial, manifest)
        self._take_the_name()
        return self.out

    def _take_the_name(self) -> None:
        old = self.out.with_name(f".{self.out.name}.replaced-{os.getpid()}")
        if self.out.exists():
            self.out.rename(old)
        try:
            self.partial.rename(self.out)
        except OSError:
            if old.exists():
                old.rename(self.out)
            raise
        sync_folder(self.out.parent)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Hold the right to write the gallery `out`, what an earlier writer that died left being put in order first.

    Failures of the disk become a message.

    Raises:
        GeolocError: another process is writing it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(out.with_name(f".{out.name}.lock"), timeout=0)
    with telling(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise GeolocError(f"Another process is writing {out}. Wait for it, or stop it and try again.") from None
        try:
            _recover(out)
            yield
        finally:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into a gallery's folder, in the place of the one before."""
    with replacing(folder / NAME) as stream:
        stream.write(manifest.to_json().encode())


def now() -> datetime:
    """The time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _recover(out: Path) -> None:
    """A writer died between its two renames: put the old gallery back. It died elsewhere: remove its leavings."""
    for old in out.parent.glob(f".{escape(out.name)}.replaced-*"):
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(out)
    for partial in out.parent.glob(f".{escape(out.name)}.building-*"):
        shutil.rmtree(partial, ignore_errors=True)
