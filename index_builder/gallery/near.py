"""A gallery's near index: which FAISS index suits it, built beside its vectors, measured, and published atomically."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from geoloc_core.errors import GeolocError
from geoloc_core.files import replacing
from geoloc_core.gallery.manifest import Manifest, NearIndex, check_files, describe_file, read_manifest
from geoloc_core.gallery.near import Near, Vectors, family
from geoloc_core.machine import available_memory
from geoloc_core.status import Choice
from index_builder.estimate import size
from index_builder.gallery.index_choice import (
    EXACT,
    LEAST_ROWS,
    cell_count,
    choose_index,
    index_bytes,
    ram_needed,
    smallest_key,
    training_rows,
)
from index_builder.gallery.publish import write_manifest, writing
from index_builder.gallery.recall import Progress, exact_ends, least_effort, quiet, recall_far, recall_near

AUTO = "auto"
TARGET = 0.95
_BLOCK_ROWS = 65_536
_UNKNOWN_MEMORY = 8_000_000_000


@dataclass(frozen=True)
class NearBuild:
    """What was chosen and why, and the index that now serves `nearest`; None where exact search needs no help."""

    choice: Choice
    near: NearIndex | None


def build_near(
    gallery: Path,
    *,
    key: str = AUTO,
    queries: int = 1000,
    k: int = 16,
    seed: int = 0,
    target: float = TARGET,
    ram_bytes: int | None = None,
    progress: Progress = quiet,
) -> NearBuild:
    """Build, measure and publish the near index of a gallery; one that is there and still right is kept.

    The gallery is as it was until the manifest is replaced, at the very end.

    Args:
        gallery: the gallery's folder.
        key: a FAISS factory key; "auto" keeps the index that is there, or chooses one.
        queries: rows of the gallery, drawn at random, on which recall is measured.
        k: neighbours for which recall is measured.
        seed: of the random draws.
        target: near recall that nprobe or efSearch is chosen for.
        ram_bytes: memory to use at most; None is what the system says is free.
        progress: called with what is being done, and how much of how much is done.

    Raises:
        GalleryError: there is no gallery of photos, or the key is not supported.
        GeolocError: memory or disk won't do, or somebody else is changing the gallery.
    """
    ram_bytes = ram_bytes or available_memory() or _UNKNOWN_MEMORY
    with _alone(gallery) as manifest:
        others = {
            name: file for name, file in manifest.files.items() if not manifest.near or name != manifest.near.file
        }
        check_files(gallery, manifest.model_copy(update={"files": others}), checksums=False)
        vectors = Vectors.open(gallery, manifest)
        if there := _current(gallery, manifest, key, queries, k):
            return NearBuild(Choice(there.key, "it is there and covers all rows"), there)
        asked = Choice(key, "asked for by its key")
        choice = choose_index(manifest.count, manifest.dim, ram_bytes) if key == AUTO else asked
        if choice.value == EXACT:
            return NearBuild(choice, None)
        _refuse_if_too_large(gallery, manifest, choice.value, ram_bytes)
        rng = np.random.default_rng(seed)
        near = Near(_fill(choice.value, vectors, rng, progress), vectors)
        facts = _measure(near, choice, min(queries, len(vectors)), k, target, rng, progress)
        return NearBuild(choice, _publish(gallery, manifest, near, facts))


def remove_near(gallery: Path) -> bool:
    """Take the near index out of the gallery; whether there was one. Nearest is then exact."""
    with _alone(gallery) as manifest:
        if manifest.near is None:
            return False
        _replace_manifest(gallery, manifest, None)
        _sweep(gallery, None)
        return True


def _fill(key: str, vectors: Vectors, rng: np.random.Generator, progress: Progress) -> Any:
    """A trained index of all rows, read block by block."""
    import faiss

    n, d = len(vectors), vectors.shards[0].shape[1]
    index: Any = faiss.index_factory(d, key, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        progress("training", 0, n)
        index.train(vectors.take(np.sort(rng.choice(n, training_rows(key, n), replace=False))))
    if family(key) != "IVF":
        flat: Any = faiss.downcast_index(index.storage) if family(key) == "HNSW" else index
        flat.codes.resize(n * flat.code_size)  # room for all now: growing by doubling would hold them twice
        flat.codes.resize(0)
    for start, block in vectors.blocks(_BLOCK_ROWS):
        index.add(block)
        progress("adding", start + len(block), n)
    return index


def _measure(
    near: Near, choice: Choice, queries: int, k: int, target: float, rng: np.random.Generator, progress: Progress
) -> NearIndex:
    rows = np.sort(rng.choice(len(near.vectors), queries, replace=False))
    exact = exact_ends(near.vectors, rows, k, progress)
    effort = least_effort(near, exact, target, progress)
    near.set_effort(effort)
    found = recall_near(near, exact)
    short = f"; near recall stays below {target:g} whatever the effort" if found < target else ""
    return NearIndex(
        file=f"near-{uuid4().hex[:12]}.faiss",
        key=choice.value,
        search=effort,
        rows=len(near.vectors),
        reason=(choice.reason + short)[:500],
        recall_near=round(found, 4),
        recall_far=round(recall_far(near, exact), 4),
        queries=queries,
        k=k,
    )


def _publish(gallery: Path, manifest: Manifest, near: Near, facts: NearIndex) -> NearIndex:
    """The index under a name that nothing has, then the manifest that names it, then the old index goes."""
    import faiss

    with replacing(gallery / facts.file) as stream:
        try:
            faiss.write_index(near.index, stream.name)
        except RuntimeError as error:
            raise GeolocError(
                f"The index could not be written into {gallery}. Check its disk, then run again."
            ) from error
    _replace_manifest(gallery, manifest, facts)
    _sweep(gallery, facts)
    return facts


def _replace_manifest(gallery: Path, manifest: Manifest, near: NearIndex | None) -> None:
    files = dict(manifest.files)
    if manifest.near:
        files.pop(manifest.near.file)
    if near:
        files[near.file] = describe_file(gallery / near.file)
    changes = {"near": near and near.model_dump(), "files": files}
    write_manifest(gallery, Manifest.model_validate(manifest.model_dump() | changes))


def _current(gallery: Path, manifest: Manifest, key: str, queries: int, k: int) -> NearIndex | None:
    """The index that is there, if it is what is asked for, covers all rows and is whole."""
    near = manifest.near
    if near is None or key not in (AUTO, near.key):
        return None
    if (near.rows, near.queries, near.k) != (manifest.count, min(queries, manifest.count), k):
        return None
    file = gallery / near.file
    return near if file.is_file() and describe_file(file) == manifest.files[near.file] else None


def _refuse_if_too_large(gallery: Path, manifest: Manifest, key: str, ram_bytes: int) -> None:
    n, d = manifest.count, manifest.dim
    if n < max(LEAST_ROWS, cell_count(key)):
        raise GeolocError(f"{n:,} rows are too few for {key}. Leave it: exact search takes no time on them.")
    if (needed := ram_needed(key, n, d)) > ram_bytes:
        raise GeolocError(
            f"Building {key} over {n:,} rows takes about {size(needed)} of memory and {size(ram_bytes)} are "
            f"free. Free some, use a machine with more, or take a smaller index: --index {smallest_key(n)} takes "
            f"{size(ram_needed(smallest_key(n), n, d))}. Exact search works without any."
        )
    if (needed := index_bytes(key, n, d)) > (free := shutil.disk_usage(gallery).free):
        raise GeolocError(
            f"The index takes {size(needed)} of disk and {gallery} has {size(free)} left. Free some, then run again."
        )


@contextmanager
def _alone(gallery: Path) -> Iterator[Manifest]:
    """The gallery for us alone, cleared of what builds that died left in it."""
    read_manifest(gallery)
    with writing(gallery):
        manifest = read_manifest(gallery)
        _sweep(gallery, manifest.near)
        yield manifest


def _sweep(gallery: Path, near: NearIndex | None) -> None:
    for pattern in ("near-*.faiss", ".near-*.faiss.*"):
        for file in gallery.glob(pattern):
            if near is None or file.name != near.file:
                file.unlink(missing_ok=True)
