"""Publish a gallery: checked, stripped of what is nobody else's business, sent with its manifest last."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from geoloc_core.errors import GalleryError, SharingError
from geoloc_core.gallery.manifest import NAME, Manifest, check_files, describe_file, read_manifest
from geoloc_core.gallery.remote.opening import open_store
from geoloc_core.gallery.remote.stores import Plan, Progress, Store
from geoloc_core.gallery.remote.urls import scrubbed

CARD = ("README.md", "coverage.png")
MAX_MANIFEST = 16_000_000


@dataclass(frozen=True)
class Pushed:
    """Where a gallery was published: the address without secrets, the commit at a hub, and the files that were sent."""

    url: str
    revision: str
    sent: tuple[str, ...]
    bytes: int


def push(
    gallery: Path,
    url: str,
    *,
    card: Mapping[str, bytes] | None = None,
    with_unused: bool = False,
    overwrite: bool = False,
    public: bool = False,
    on_progress: Progress | None = None,
) -> Pushed:
    """Publish the gallery in a folder at an fsspec URL or in a data set of the hub (hf://datasets/OWNER/NAME[@BRANCH]).

    Files that are there already are not sent again, so a second call goes on after an interruption. The index of `near`
    stays here, because reading one from a stranger is unsafe, and so does any file that no gallery is made of.

    Args:
        gallery: the folder; all its checksums are verified first.
        url: where to.
        card: files that describe the gallery, by name: README.md and coverage.png.
        with_unused: send the list of photos that were not used, too.
        overwrite: replace another gallery, or files of unknown origin, that are there.
        public: let everyone see a repository of the hub; a new one is private otherwise.
        on_progress: called with (bytes there, bytes in all).

    Raises:
        GalleryMissing, GalleryDamaged: there is no whole gallery in the folder.
        SharingError: the place cannot be written, or holds something else. `SharingInterrupted`: call again to go on.
    """
    local = read_manifest(gallery)
    check_files(gallery, local, checksums=True)
    with tempfile.TemporaryDirectory(prefix="geoloc-card-") as folder:
        paths = {name: gallery / name for name in local.files}
        for name, data in (card or {}).items():
            if name not in CARD:
                raise ValueError(f"A card has the files {CARD}, not {name}.")
            paths[name] = Path(folder) / name
            paths[name].write_bytes(data)
        files = {**local.files, **{name: describe_file(paths[name]) for name in card or {}}}
        manifest = sharable(local.model_copy(update={"files": files}), with_unused=with_unused)
        store = open_store(url)
        old = _published(store, overwrite)
        if old is not None and not overwrite and not continues(old, manifest):
            raise SharingError(
                f"{store.shown} holds another gallery: {old.title!r}, {old.count:,} rows. "
                "Choose another address, or replace it with --overwrite."
            )
        plan = Plan(manifest, paths, old, overwrite, public)
        done = store.publish(plan, on_progress or (lambda *_: None))
    return Pushed(store.shown, done.revision, done.sent, sum(manifest.files[name].bytes for name in done.sent))


def sharable(manifest: Manifest, *, with_unused: bool = True) -> Manifest:
    """The manifest as it travels, in either direction: without `near`, with no file but the gallery's own.

    Logins in URLs and the path of this user's home folder are taken out of its texts.
    """
    shards = (name for shard in manifest.shards for name in (shard.vectors, shard.rows, shard.thumbnails))
    unused = manifest.unused if with_unused else None
    kept = {*shards, unused, *CARD}
    files = {name: file for name, file in manifest.files.items() if name in kept}
    slim = manifest.model_copy(update={"near": None, "unused": unused, "files": files})
    return Manifest.model_validate(scrubbed(slim.model_dump(mode="json")))


def continues(old: Manifest, new: Manifest) -> bool:
    """Whether `new` is `old`, or `old` with shards or another card added: nothing of it is lost."""
    same = (old.encoder, old.dim, old.shards) == (new.encoder, new.dim, new.shards[: len(old.shards)])
    names = {name for shard in old.shards for name in (shard.vectors, shard.rows, shard.thumbnails) if name}
    return same and all(old.files[name] == new.files.get(name) for name in names)


def read_published(store: Store) -> Manifest | None:
    """The manifest that a store shows; None if there is none.

    Raises:
        GalleryDamaged: what is there is no manifest.
        SharingError: the store cannot be read.
    """
    from geoloc_core.errors import GalleryDamaged

    data = store.read(NAME, MAX_MANIFEST)
    if data is None:
        return None
    try:
        if len(data) > MAX_MANIFEST:
            raise ValueError("too large")
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))[:100]}: {first['msg']}"[:300]
    except ValueError as error:
        problem = str(error)
    raise GalleryDamaged(f"{NAME} at {store.shown} is no gallery's ({problem}). Ask who published it to push it again.")


def _published(store: Store, overwrite: bool) -> Manifest | None:
    try:
        return read_published(store)
    except GalleryError as error:
        if overwrite and not isinstance(error, SharingError):
            return None
        raise
