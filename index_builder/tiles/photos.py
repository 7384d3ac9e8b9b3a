"""Embeddings of a training set's photos by the photo encoder, which nobody tunes: calculated once and kept.

    <set and encoder>/00000.npy   1,024 photos, (n, d) float16 unit rows

A file is there whole or not at all, so a run that is stopped goes on with the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from geoloc_core.encoders.base import Encoder
from geoloc_core.errors import InputsError
from geoloc_core.files import remove_partial, replacing
from index_builder.files import telling
from index_builder.inputs import TrainingSet
from index_builder.translocator.task import identity

Progress = Callable[[int, int], None]
Halves = NDArray[np.float16]
_PART = 1024


def embed_photos(encoder: Encoder, photos: TrainingSet, folder: Path, on_progress: Progress | None = None) -> Halves:
    """(n, d) unit rows of all photos of a set. Other processes that ask for the same wait.

    Args:
        encoder: of photos.
        photos: at least as large as the encoder looks at them.
        folder: where embeddings are kept.
        on_progress: called with (photos embedded, photos to embed).

    Raises:
        InputsError: the set's photos are too small, or damaged.
        EncoderError: the encoder cannot be used.
        GeolocError: no room on the disk, or it may not be written.
    """
    if photos.manifest.side < encoder.side:
        raise InputsError(
            f"The photos of {photos.path} are {photos.manifest.side} pixels high, and {encoder.name} looks at "
            f"{encoder.side}. Make the set again with --side {encoder.side}."
        )
    own = folder / hashlib.sha256(f"{identity(photos)}\n{encoder.id}".encode()).hexdigest()[:16]
    parts = [range(start, min(start + _PART, len(photos))) for start in range(0, len(photos), _PART)]
    with telling(folder):
        own.mkdir(parents=True, exist_ok=True)
        with FileLock(own / ".lock"):
            remove_partial(own)
            kept = [_read(_path(own, part), len(part), encoder.dim) for part in parts]
            done, total = 0, sum(len(part) for part, rows in zip(parts, kept, strict=True) if rows is None)
            for number, part in enumerate(parts):
                if kept[number] is not None:
                    continue
                kept[number] = rows = _embed(encoder, photos, part)
                with replacing(_path(own, part)) as stream:
                    np.save(stream, rows)
                done += len(part)
                if on_progress:
                    on_progress(done, total)
    return np.concatenate([rows for rows in kept if rows is not None])


def _embed(encoder: Encoder, photos: TrainingSet, rows: range) -> Halves:
    """Read by threads a batch ahead of the device."""
    encoder.load()
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        batches = [rows[at : at + encoder.batch] for at in range(0, len(rows), encoder.batch)]
        asked = [[pool.submit(lambda row: encoder.prepare(photos.photo(row)), row) for row in own] for own in batches]
        for own in asked:
            found.append(encoder.embed([one.result() for one in own]).astype(np.float16))
            own.clear()
    return np.concatenate(found)


def _read(path: Path, count: int, dim: int) -> Halves | None:
    """None if it is not there, or not what was written."""
    try:
        rows = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.shape == (count, dim) and rows.dtype == np.float16 else None


def _path(folder: Path, part: range) -> Path:
    return folder / f"{part.start // _PART:05d}.npy"
