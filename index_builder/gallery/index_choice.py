"""Which near index suits a gallery, with the reason, and what an index takes of disk and memory."""

from __future__ import annotations

import numpy as np

from geoloc_core.gallery.near import family
from geoloc_core.status import Choice
from index_builder.estimate import size

EXACT = "exact"

_EXACT_RATE = 10e9  # bytes of float16 vectors a second from memory, of a machine with few cores
_DISK_RATE = 1e9
_PATIENCE_MS = {True: 200, False: 50}  # farthest needed or not: if so, the exact pass is paid anyhow
_LARGEST_GRAPH = 10_000_000  # rows; beyond it, adding to a graph takes too long
_POINTS_PER_CELL = 40  # FAISS wants at least 39 to train a cell
LEAST_ROWS = 1_000
_SAMPLE_ROWS = 65_536
_WORKING_BYTES = 500_000_000  # blocks, queries and their scores


def choose_index(n: int, d: int, ram_bytes: int, *, farthest_needed: bool = True) -> Choice:
    """The FAISS factory key for the near index of n vectors of d numbers, or "exact" where none is worth having.

    Farthest is exact whatever is chosen: approximate indexes lose it where the data has outliers. If it is needed,
    its pass gives the nearest rows as well, so that an index only pays when that pass is slow.

    Args:
        n: rows.
        d: numbers a vector.
        ram_bytes: memory that building and searching may use.
        farthest_needed: whether queries usually ask for both ends.
    """
    fits = 2 * n * d <= ram_bytes
    pass_ms = 2 * n * d / (_EXACT_RATE if fits else _DISK_RATE) * 1000
    speed = f"exact search takes about {_time(pass_ms)} a query" + ("" if fits else " from disk")
    if pass_ms <= _PATIENCE_MS[farthest_needed] or n < LEAST_ROWS:
        return Choice(EXACT, f"none needed: {speed}, both ends in one pass")
    far = f"farthest stays exact, since an index loses it; {speed}"
    graph, cells = "HNSW32_SQfp16", _cells(n)
    graph_bytes = index_bytes(graph, n, d)
    if n <= _LARGEST_GRAPH and graph_bytes <= ram_bytes / 2:
        return Choice(
            graph, f"a graph over the unrounded vectors: its {size(graph_bytes)} fit in half the memory; {far}"
        )
    for codes, what in (("SQfp16", "unrounded vectors"), ("SQ8", "vectors of 8 bits a number")):
        needed = ram_needed(key := f"{cells},{codes}", n, d)
        if needed <= ram_bytes:
            why = "a graph would take too long to build" if n > _LARGEST_GRAPH else "a graph would not fit"
            return Choice(key, f"cells of {what}: {why}, and building this takes {size(needed)}; {far}")
    return Choice(EXACT, f"even {key} takes {size(needed)} of memory to build and {size(ram_bytes)} are free; {speed}")


def index_bytes(key: str, n: int, d: int) -> int:
    """Size of an index of n rows of d numbers, within a few per cent.

    Raises:
        GalleryError: the key is not supported.
    """
    kind = family(key)
    codes = 1 if key.endswith("SQ8") else 2 if key.endswith("SQfp16") else 4
    row = codes * d
    if kind == "HNSW":
        return n * (row + 8 * int(key[4:].split("_")[0]) + 16)
    return n * (row + 8) + cell_count(key) * d * 4 if kind == "IVF" else n * row


def ram_needed(key: str, n: int, d: int) -> int:
    """Peak bytes of memory while building: lists of cells grow by doubling, other vectors get their room at once."""
    sample = training_rows(key, n) * d * 4
    growth = 1.5 if family(key) == "IVF" else 1.2
    return int(growth * index_bytes(key, n, d)) + sample + _WORKING_BYTES


def training_rows(key: str, n: int) -> int:
    """How many of n rows an index is trained on."""
    return min(n, max(_POINTS_PER_CELL * cell_count(key), _SAMPLE_ROWS))


def smallest_key(n: int) -> str:
    """The index of n rows that takes least memory, of those worth having."""
    return f"{_cells(n)},SQ8"


def cell_count(key: str) -> int:
    """How many cells the key asks for; 0 for an index without."""
    return int(key[3:].replace("_", ",").split(",")[0]) if family(key) == "IVF" else 0


def _cells(n: int) -> str:
    """The cells of an IVF index: about four times the root of n, found by a graph where they are many."""
    count = min(2 ** round(np.log2(4 * np.sqrt(n))), 65_536)
    return f"IVF{count}" + ("_HNSW32" if count >= 16_384 else "")


def _time(ms: float) -> str:
    return f"{ms / 1000:,.1f} s" if ms >= 1000 else f"{ms:.0f} ms"
