"""Galleries written directly, for tests that need one of a known content and no photos."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geoloc_core.gallery import thumbnail_name
from geoloc_core.gallery.manifest import NAME, EncoderRef, Manifest, Shard, describe_file

TOWNS = np.array([(48.85, 2.35), (40.42, -3.7), (39.74, -104.99), (28.61, 77.21), (-25.75, 28.19), (-15.79, -47.88)])
ENCODER = EncoderRef(id="im2gps/1", name="im2gps")


def write_gallery(folder: Path, count: int = 1500, dim: int = 64, seed: int = 0, **about: object) -> Path:
    """One shard of random unit vectors around a few towns, by three authors, with a few "thumbnails"."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "vectors-00000.npy", vectors.astype(np.float16))
    town = rng.integers(0, len(TOWNS), count)
    rows = {
        "id": [f"p{i}" for i in range(count)],
        "lat": TOWNS[town, 0] + rng.normal(0, 0.3, count),
        "lon": TOWNS[town, 1] + rng.normal(0, 0.3, count),
        "author": [("Ann", "Ben", "Cai")[i % 3] for i in range(count)],
        "licence": [("CC BY 4.0", "CC0 1.0")[i % 5 == 0] for i in range(count)],
    }
    pq.write_table(pa.table(rows), folder / "rows-00000.parquet")
    with zipfile.ZipFile(folder / "thumbnails-00000.zip", "w") as archive:
        for row in range(20):
            archive.writestr(thumbnail_name(row), rng.bytes(500))
    names = ("vectors-00000.npy", "rows-00000.parquet", "thumbnails-00000.zip")
    facts = {
        "title": "Small",
        "encoder": ENCODER,
        "dim": dim,
        "count": count,
        "shards": (Shard(vectors=names[0], rows=names[1], thumbnails=names[2], count=count),),
        "files": {name: describe_file(folder / name) for name in names},
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    (folder / NAME).write_text(Manifest(**{**facts, **about}).to_json())
    return folder
