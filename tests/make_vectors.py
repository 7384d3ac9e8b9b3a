"""Vectors like those of photos, drawn at random, and galleries of them without photos."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from geoloc_core.gallery.manifest import NAME, EncoderRef, Manifest, Shard, describe_file


def photo_like(count: int, dim: int, *, seed: int = 0, outliers: float = 0.0, block: int = 65_536) -> Iterator:
    """Blocks of (n, dim) float16 unit rows about a common direction, mean cosine 0.5, variances falling as 1 / i.

    Image encoders give such a cone. A share `outliers` of the rows lies off it in any direction, as blanks and
    screenshots do.
    """
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    spread = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)
    spread /= np.linalg.norm(spread)
    common = rng.standard_normal(dim, dtype=np.float32)
    common /= np.linalg.norm(common)
    for start in range(0, count, block):
        rows = (rng.standard_normal((min(block, count - start), dim), dtype=np.float32) * spread) @ turn + common
        off = rng.random(len(rows)) < outliers
        rows[off] = rng.standard_normal((int(off.sum()), dim), dtype=np.float32)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def write_gallery(folder: Path, blocks: Iterator) -> Manifest:
    """A gallery whose shards are the blocks, with rows at (0, 0)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    shards, files, count, dim = [], {}, 0, 0
    for number, vectors in enumerate(blocks):
        names = f"vectors-{number:05d}.npy", f"rows-{number:05d}.parquet"
        np.save(folder / names[0], vectors)
        zeros, ids = np.zeros(len(vectors)), [str(row) for row in range(count, count + len(vectors))]
        pq.write_table(pa.table({"id": ids, "lat": zeros, "lon": zeros}), folder / names[1])
        files |= {name: describe_file(folder / name) for name in names}
        shards.append(Shard(vectors=names[0], rows=names[1], count=len(vectors)))
        count, dim = count + len(vectors), vectors.shape[1]
    manifest = Manifest(
        title=folder.name,
        encoder=EncoderRef(id="drawn", name="drawn"),
        dim=dim,
        count=count,
        shards=tuple(shards),
        files=files,
        created=datetime.now(UTC),
    )
    (folder / NAME).write_text(manifest.to_json())
    return manifest
