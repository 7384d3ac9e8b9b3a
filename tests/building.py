"""Help for tests of the builder: a source with bad photos, the command in a process of its own, galleries compared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geoloc_core.gallery.manifest import read_manifest
from geoloc_core.paths import ROOT
from tests.conftest import make_photo


def source_with_bad_photos(folder: Path, count: int) -> Path:
    """`count` small geotagged JPEGs, 3 % of them bad: cut off, empty, without a position."""
    for number in range(count):
        place = (-60 + number * 120 / count, -170 + number % 340)
        photo = make_photo(folder / f"{number % 10}" / f"{number:05d}.jpg", number, place, size=(96, 72))
        match number % 100:
            case 13:
                photo.write_bytes(photo.read_bytes()[:700])
            case 46:
                photo.write_bytes(b"")
            case 79:
                make_photo(photo, number, None, size=(96, 72))
    return folder


def command(*words: object) -> list[str]:
    """`python -m index_builder WORDS`."""
    return [sys.executable, "-m", "index_builder", *map(str, words)]


def start(*words: object) -> subprocess.Popen[str]:
    """The command as a process, its output kept."""
    return subprocess.Popen(
        command(*words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores Ctrl-C
    )


def run(*words: object, timeout: float = 240) -> str:
    """Run the command to its end, which must be a good one; what it said."""
    done = subprocess.run(
        command(*words), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def content(gallery: Path) -> tuple[np.ndarray, pa.Table, pa.Table]:
    """Vectors, rows, and the rows that were not used: all that makes a gallery's content."""
    manifest = read_manifest(gallery)
    vectors = np.concatenate([np.load(gallery / shard.vectors) for shard in manifest.shards])
    rows = pa.concat_tables([pq.read_table(gallery / shard.rows) for shard in manifest.shards])
    unused = pq.read_table(gallery / manifest.unused) if manifest.unused else pa.table({})
    return vectors, rows, unused


def assert_same(one: Path, other: Path) -> None:
    """Two galleries hold the same rows, the same embeddings bit for bit, and the same outcomes."""
    (vectors, rows, unused), (vectors_2, rows_2, unused_2) = content(one), content(other)
    assert rows.equals(rows_2)
    assert unused.equals(unused_2)
    assert np.array_equal(vectors.view(np.uint16), vectors_2.view(np.uint16))
    first, second = read_manifest(one), read_manifest(other)
    assert first.reasons == second.reasons
    assert first.recipe == second.recipe


def children(pid: int) -> Sequence[int]:
    """The processes below one."""
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*found, *(below for child in found for below in children(child))]


def kill(pid: int) -> bool:
    """SIGKILL a process; whether it was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
