"""Embeddings on the disk in the layouts that `index` reads: our work folder's, and other people's."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ENCODER = {"id": "test/encoder/v1", "name": "tester"}


def unit(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    """(count, dim) float32 random unit rows."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows(count: int, first: int = 0, **more: list[Any]) -> dict[str, list[Any]]:
    """Columns of `count` rows with ids from `first`."""
    numbers = range(first, first + count)
    lat, lon = ([(number * step) % span - span / 2 for number in numbers] for step, span in ((0.37, 170), (0.71, 360)))
    return {"id": [f"photo-{number:06d}" for number in numbers], "lat": lat, "lon": lon, **more}


def write_pair(folder: Path, name: str, vectors: np.ndarray | None, columns: dict[str, Any]) -> None:
    """NAME.npy, unless there are no vectors, and NAME.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    if vectors is not None:
        np.save(folder / f"{name}.npy", vectors)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def write_shard(
    work: Path, number: int, columns: dict[str, Any], vectors: np.ndarray | None, photos: bool = False, **about: Any
) -> None:
    """A shard as `embed` leaves it: `columns` with `_status` and `_reason`, vectors of the rows that are "ok"."""
    folder = work / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    if vectors is not None:
        np.save(folder / f"{number:05d}.npy", vectors.astype(np.float16))
    if photos and vectors is not None:
        with zipfile.ZipFile(folder / f"{number:05d}.zip", "w") as archive:
            for row in range(len(vectors)):
                archive.writestr(f"{row:07d}.jpg", jpeg(number * 1000 + row))
    noted = {"encoder": ENCODER, "dtype": "fp32", **about}
    table = pa.table(columns).replace_schema_metadata({"geoloc": json.dumps(noted)})
    pq.write_table(table, folder / f"{number:05d}.parquet")


def outcomes(statuses: str) -> dict[str, list[Any]]:
    """`_status` and `_reason` of rows by letter: o(k), s(kipped), f(ailed)."""
    words = {"o": ("ok", None), "s": ("skipped", "no GPS position"), "f": ("failed", "unreadable or damaged photo")}
    return {"_status": [words[s][0] for s in statuses], "_reason": [words[s][1] for s in statuses]}


def jpeg(number: int) -> bytes:
    """A tiny JPEG whose colour tells the number apart."""
    buffer = io.BytesIO()
    colour = (number % 256, number // 256 % 256, 90)
    Image.new("RGB", (24, 16), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
