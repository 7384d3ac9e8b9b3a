"""The files of a pull: each streamed to NAME.part from where an earlier call stopped, checked, then given its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

from geoloc_core.errors import GalleryDamaged, GalleryError, SharingError, SharingInterrupted
from geoloc_core.gallery.manifest import NAME, File, Manifest, describe_file, read_manifest
from geoloc_core.gallery.remote.stores import Progress, Store

_SPARE_BYTES = 200_000_000  # left free on the disk
_WORTH = 1 << 20  # bytes that a connection must have brought for a break to be followed by another try at once


def receive(partial: Path, before: Path, store: Store, manifest: Manifest, report: Progress) -> tuple[str, ...]:
    """Bring the manifest's files into the folder `partial`, which may hold some from an interrupted call.

    Args:
        partial: the folder to fill.
        before: a folder with an earlier state of the gallery, whose files are taken where they are the right ones.
        store: where the others come from.
        manifest: what they must be.
        report: called with (bytes there, bytes in all).

    Returns:
        Names of the files that had to be fetched.

    Raises:
        GalleryDamaged: a file is not what the manifest says.
        SharingError: the store or the disk would not do; `SharingInterrupted`: call again to go on.
    """
    _keep_what_fits(partial, manifest)
    write_text(partial / NAME, manifest.to_json())
    todo = [name for name in manifest.files if not (partial / name).is_file()]
    todo = [name for name in todo if not _reuse(before / name, partial / name, manifest.files[name])]
    coming = sum(manifest.files[name].bytes for name in todo)
    _check_disk(partial, coming - sum(_size(_part(partial / name)) for name in todo))
    total = sum(file.bytes for file in manifest.files.values())
    done = total - coming
    for name in todo:
        _fetch(store, partial / name, manifest.files[name], _from(done, total, report))
        done += manifest.files[name].bytes
    report(total, total)
    return tuple(todo)


def _keep_what_fits(partial: Path, manifest: Manifest) -> None:
    """Remove from an interrupted pull what the manifest of now does not name with the same checksum."""
    try:
        before = read_manifest(partial).files
    except GalleryError:
        before = {}
    fitting = {name for name, file in manifest.files.items() if before.get(name) == file}
    for file in partial.iterdir():
        if file.name.removesuffix(".part") not in fitting:
            file.unlink()


def _reuse(here: Path, target: Path, expected: File) -> bool:
    """Take a file that an earlier pull brought, if it is the right one."""
    if _size(here) != expected.bytes or not here.is_file() or describe_file(here) != expected:
        return False
    try:
        os.link(here, target)
    except OSError:
        shutil.copyfile(here, target)
    return True


def _fetch(store: Store, target: Path, expected: File, report: Callable[[int], None]) -> None:
    """Bring one file, going on where its part ends; a broken connection is taken up again while it brings something."""
    part = _part(target)
    with part.open("ab") as file:
        if file.tell() > expected.bytes:
            file.truncate(0)
        while file.tell() < expected.bytes:
            before = file.tell()
            try:
                _append(store, target.name, file, expected.bytes, report)
                if file.tell() < expected.bytes:
                    raise SharingInterrupted(f"{target.name} at {store.shown} broke off early. Pull again to go on.")
            except SharingInterrupted:
                if file.tell() - before < _WORTH:
                    raise
        file.flush()
        os.fsync(file.fileno())
    if describe_file(part) != expected:
        part.unlink()
        raise GalleryDamaged(
            f"{target.name} at {store.shown} is not the file that its manifest names. Pull again; if it happens again, "
            "ask who published the gallery to push it again."
        )
    part.replace(target)


def _append(store: Store, name: str, file: IO[bytes], total: int, report: Callable[[int], None]) -> None:
    """Write what the store sends, but never more than is missing."""
    with closing(store.stream(name, file.tell())) as chunks:
        while (missing := total - file.tell()) and (chunk := next(chunks, b"")):
            file.write(chunk[:missing])
            report(file.tell())


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    partial = _part(path)
    with partial.open("wb") as stream:
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _check_disk(folder: Path, coming: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < coming + _SPARE_BYTES:
        raise SharingError(
            f"{coming / 1e9:.2f} GB are still to come, but the disk of {folder.parent} has {free / 1e9:.2f} GB free. "
            "Make room, or pull into a folder on a larger disk."
        )


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _from(start: int, total: int, report: Progress) -> Callable[[int], None]:
    return lambda arrived: report(start + arrived, total)
