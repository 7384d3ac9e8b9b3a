"""Fetch a gallery that was published, as data from a stranger: bounded, checked, and under its name only when whole.

Files arrive in `.NAME.pulling` beside the folder, each as NAME.part until its SHA-256 is the manifest's; an interrupted
pull goes on from there. `origin.json` in the folder tells later pulls what they may replace.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import GalleryDamaged, GalleryError, GalleryMissing, SharingError
from geoloc_core.gallery.manifest import NAME, Manifest, check_files, read_manifest
from geoloc_core.gallery.remote.opening import open_store
from geoloc_core.gallery.remote.push import read_published, sharable
from geoloc_core.gallery.remote.receive import receive, write_text
from geoloc_core.gallery.remote.stores import Progress, Store
from geoloc_core.gallery.remote.urls import folder_name

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery
    from geoloc_core.settings import Settings

ORIGIN = "origin.json"
_log = logging.getLogger(__name__)
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Pulled:
    """A gallery that is here now: its folder, the commit it was read at (at a hub), and the files that were fetched."""

    path: Path
    revision: str
    fetched: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class Origin:
    """Where a folder's gallery came from, and the SHA-256 of its manifest as it came."""

    url: str
    revision: str
    manifest: str


def pull(url: str, folder: Path, *, revision: str | None = None, on_progress: Progress | None = None) -> Pulled:
    """Fetch the gallery at `url` into `folder`, or bring the one that was pulled there up to date.

    Args:
        url: an fsspec URL, or a data set of the hub: hf://datasets/OWNER/NAME[@REVISION].
        folder: where to; it appears when the gallery is whole. What is there must have come from `url`, unchanged.
        revision: branch, tag or commit of the hub; a commit that is here already asks nobody.
        on_progress: called with (bytes there, bytes in all).

    Raises:
        GalleryMissing: there is no gallery at that address.
        GalleryDamaged: what is there is not what its manifest says.
        SharingError: the place cannot be read, or the folder not be written. `SharingInterrupted`: call again to go on.
    """
    store, folder, report = open_store(url, revision), folder.absolute(), on_progress or (lambda *_: None)
    here = _pulled_before(folder, store.place)
    if (
        here
        and here[0]
        and _COMMIT.fullmatch(named := revision or url.rpartition("@")[2])
        and here[1].revision == named
    ):
        return Pulled(folder, named, (), 0)
    manifest = _read_remote(store)
    if here and here[0] == manifest:
        if here[1].revision != store.revision:
            _write_origin(folder, store, manifest)
        return Pulled(folder, store.revision, (), 0)
    try:
        fetched = _pull_locked(store, folder, manifest, report)
    except OSError as error:
        text = error.strerror or error
        raise SharingError(f"The gallery cannot be written to {folder.parent}: {text}. Check the disk.") from None
    return Pulled(folder, store.revision, fetched, sum(manifest.files[name].bytes for name in fetched))


def fetched(url: str, settings: Settings, on_progress: Progress | None = None) -> Path:
    """The folder of a gallery given by URL, pulled into the settings' galleries, or as it is when nobody answers.

    Raises:
        GalleryError: see `pull`.
    """
    folder = settings.galleries / folder_name(url)
    try:
        return pull(url, folder, on_progress=on_progress).path
    except (GalleryMissing, SharingError) as error:
        try:
            check_files(folder, read_manifest(folder), checksums=False)
        except GalleryError:
            raise error from None
        _log.warning("%s The copy in %s is used as it is.", error, folder)
        return folder


def open_url(url: str, on_progress: Progress | None = None) -> Gallery:
    """Open the gallery at a URL; see `fetched` and `Gallery.open`."""
    from geoloc_core.gallery import Gallery
    from geoloc_core.settings import settings

    return Gallery.open(fetched(url, settings(), on_progress))


def _read_remote(store: Store) -> Manifest:
    """The published manifest, without what is never taken from a stranger.

    Raises:
        GalleryMissing: there is none.
        GalleryDamaged: it is none, or its names would collide here.
    """
    found = read_published(store)
    if found is None:
        hub = " A private data set shows itself only to who may read it: run `hf auth login`, or set HF_TOKEN."
        raise GalleryMissing(
            f"There is no gallery at {store.shown}: no {NAME} there, or its push did not finish. Check the address."
            + (hub if store.shown.startswith("hf://") else "")
        )
    manifest = sharable(found)
    names = [name.casefold() for name in (*manifest.files, NAME, ORIGIN)]
    if len(set(names)) < len(names) or any(name.endswith(".part") for name in names):
        raise GalleryDamaged(f"{NAME} at {store.shown} names files that would overwrite each other. Do not use it.")
    return manifest


def _pulled_before(folder: Path, place: str) -> tuple[Manifest | None, Origin] | None:
    """The manifest (None: files are damaged) and origin of an earlier pull from there; None without such a folder.

    Raises:
        SharingError: the folder holds something that a pull must not replace.
    """
    if not folder.exists():
        return None
    try:
        text = (folder / NAME).read_bytes()
        origin = Origin(**json.loads((folder / ORIGIN).read_bytes()))
    except (OSError, ValueError, TypeError):
        raise SharingError(f"{folder} was not pulled from anywhere. Choose another folder, or move it away.") from None
    if origin.url != place or origin.manifest != hashlib.sha256(text).hexdigest():
        why = f"came from {origin.url}" if origin.url != place else "was changed here since it was pulled"
        raise SharingError(f"The gallery in {folder} {why}. Choose another folder, or move it away.")
    try:
        manifest = read_manifest(folder)
        check_files(folder, manifest, checksums=False)
        return manifest, origin
    except GalleryError:
        return None, origin


def _pull_locked(store: Store, folder: Path, manifest: Manifest, report: Progress) -> tuple[str, ...]:
    from filelock import FileLock, Timeout

    partial = folder.with_name(f".{folder.name}.pulling")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{partial}.lock", timeout=0):
            partial.mkdir(exist_ok=True)
            done = receive(partial, folder, store, manifest, report)
            _write_origin(partial, store, manifest)
            _take_the_name(partial, folder)
            Path(f"{partial}.lock").unlink(missing_ok=True)
            return done
    except Timeout:
        raise SharingError(f"Another pull into {folder} is running. Wait for it, or stop it and try again.") from None


def _take_the_name(partial: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    try:
        partial.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_origin(folder: Path, store: Store, manifest: Manifest) -> None:
    digest = hashlib.sha256(manifest.to_json().encode()).hexdigest()
    write_text(folder / ORIGIN, json.dumps(asdict(Origin(store.place, store.revision, digest)), indent=1) + "\n")
