"""A training set being made: part by part, gone on with after a stop, and published by its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import InputsError
from geoloc_core.files import remove_partial, replacing
from index_builder.files import telling
from index_builder.inputs.dataset import checksum
from index_builder.inputs.manifest import NAME, OUTCOMES, File, Manifest, Part, Segmentation, part_name, read_manifest
from index_builder.inputs.parts import Row, map_part, stamp_of, write_part

if TYPE_CHECKING:
    import pyarrow as pa

_BEGUN = "begun.json"
_LOCK = ".lock"
PART_ROWS = 1024


@dataclass(frozen=True)
class About:
    """What a set says of itself."""

    side: int
    source: str
    licence: str
    command: str
    synthetic: bool = False
    segmentation: Segmentation = field(default_factory=Segmentation)
    scenes: str = ""
    created: datetime | None = None


class SetWriter:
    """A set that this process alone may write; see `open_set`."""

    def __init__(self, path: Path, settings: Mapping[str, str]) -> None:
        self.path, self.settings = path, dict(settings)

    @property
    def published(self) -> bool:
        """Whether it is whole."""
        return (self.path / NAME).is_file()

    def reopen(self, numbers: Sequence[int]) -> None:
        """Count these parts as not done, and the set as not whole."""
        if numbers:
            self._note_begun()
            (self.path / NAME).unlink(missing_ok=True)
        for number in numbers:
            (self.path / part_name(number)).unlink(missing_ok=True)

    def done(self, number: int, content: str) -> bool:
        """Whether a part is there, made of just this content under these settings."""
        return stamp_of(self.path / part_name(number)) == self._stamp(content)

    def write(self, number: int, rows: Sequence[Row], content: str) -> int:
        """Write a part; returns its bytes. `content` names what it was made of.

        Raises:
            InputsError: the disk is full or cannot be written.
        """
        path = self.path / part_name(number)
        with telling(self.path):
            write_part(path, rows, self._stamp(content))
        return path.stat().st_size

    def publish(self, count: int, about: About, outcomes: pa.Table | None = None) -> Manifest:
        """Make the set whole out of its first `count` parts.

        Raises:
            InputsError: no photo is in it, or a part is damaged.
        """
        import pyarrow.parquet as pq

        parts = tuple(self._part(number) for number in range(count))
        if not sum(part.rows for part in parts):
            raise InputsError(f"No photo could be used, so {self.path} holds none. Mend the source and try again.")
        with telling(self.path):
            (self.path / OUTCOMES).unlink(missing_ok=True)
            if outcomes is not None:
                with replacing(self.path / OUTCOMES) as stream:
                    pq.write_table(outcomes, stream, compression="zstd")
            manifest = Manifest(
                side=about.side,
                count=sum(part.rows for part in parts),
                segmentation=about.segmentation,
                scenes=about.scenes,
                source=about.source,
                licence=about.licence,
                synthetic=about.synthetic,
                created=about.created or datetime.now(UTC).replace(microsecond=0),
                command=about.command,
                settings=self.settings,
                parts=parts,
                outcomes=None if outcomes is None else self._file(OUTCOMES),
            )
            with replacing(self.path / NAME) as stream:
                stream.write((manifest.model_dump_json(indent=1) + "\n").encode())
            (self.path / _BEGUN).unlink(missing_ok=True)
        return manifest

    def _part(self, number: int) -> Part:
        name = part_name(number)
        file = self._file(name)
        return Part(rows=map_part(self.path / name).num_rows, bytes=file.bytes, sha256=file.sha256)

    def _file(self, name: str) -> File:
        return File(bytes=(self.path / name).stat().st_size, sha256=checksum(self.path / name))

    def _stamp(self, content: str) -> dict[str, str]:
        said = json.dumps([self.settings, content], sort_keys=True)
        return {"made": hashlib.sha256(said.encode()).hexdigest()}

    def _begin(self, *, restart: bool) -> None:
        if restart:
            (self.path / NAME).unlink(missing_ok=True)
            for file in [*self.path.glob("part-*.arrow"), self.path / OUTCOMES, self.path / _BEGUN]:
                file.unlink(missing_ok=True)
        before = _settings(self.path)
        if before is not None and before != self.settings:
            names = sorted(name for name in before | self.settings if before.get(name) != self.settings.get(name))
            told = "; ".join(
                f"{name}: {before.get(name, 'none')}, now {self.settings.get(name, 'none')}" for name in names
            )
            raise InputsError(
                f"{self.path} was made with other settings: {told}. Use the same again, choose another folder, or "
                "throw it away with --restart."
            )
        if not self.published:
            self._note_begun()

    def _note_begun(self) -> None:
        with replacing(self.path / _BEGUN) as stream:
            stream.write(json.dumps(self.settings, indent=1, sort_keys=True).encode())


@contextmanager
def open_set(path: Path, settings: Mapping[str, str], *, restart: bool = False) -> Iterator[SetWriter]:
    """The set to be made at `path`, locked against others and cleared of half-written files.

    Args:
        path: its folder, made if need be.
        settings: what decides its content, in words; they must be those that it was begun with.
        restart: throw away what is there of such a set.

    Raises:
        InputsError: other settings, another process, or other files are there.
        GeolocError: it cannot be written.
    """
    from filelock import FileLock, Timeout

    path = path.absolute()
    ours = any((path / name).is_file() for name in (NAME, _BEGUN, _LOCK))
    if path.exists() and not ours and (not path.is_dir() or any(path.iterdir())):
        raise InputsError(f"{path} holds other files, so it is left alone. Choose another folder.")
    lock = FileLock(path / _LOCK, timeout=0)
    with telling(path):
        path.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise InputsError(f"Another process is making {path}. Wait for it, or stop it and try again.") from None
        try:
            remove_partial(path)
            writer = SetWriter(path, settings)
            writer._begin(restart=restart)
            yield writer
        finally:
            lock.release()
            if (path / NAME).is_file():
                (path / _LOCK).unlink(missing_ok=True)


def _settings(path: Path) -> dict[str, str] | None:
    """The settings that a set was begun with, None if there is none."""
    if (path / NAME).is_file():
        return read_manifest(path).settings
    try:
        return {str(name): str(value) for name, value in json.loads((path / _BEGUN).read_bytes()).items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError):
        raise InputsError(f"{path / _BEGUN} is damaged. Start over with --restart.") from None
