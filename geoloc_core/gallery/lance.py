"""A gallery's vectors in a LanceDB table: on this machine, or at any URL that LanceDB opens.

LanceDB scores every row (`bypass_vector_index`) in float32 and returns the best; how far those scores can be off is
known, so the rows in doubt are fetched and scored again in float64, and more are asked for until none can be missing.
An index of the table is never used: the recall of every one at the far end is poor.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.errors import GalleryDamaged, GalleryMissing, SettingsError
from geoloc_core.gallery.kernels import slack
from geoloc_core.gallery.manifest import Manifest
from geoloc_core.gallery.search import Doubles, Hits, Rows, Search, TwoEnded
from geoloc_core.status import Choice

KEY = b"geoloc"  # of the table's schema metadata: JSON {fingerprint, longest}
_SPARE = 32  # rows asked for beyond k: near an end, rounded scores leave a handful in doubt
_WIDER = 8
_FEW = 4_096  # allowed rows up to which all are fetched rather than searched for; also rows fetched at once
_ROUNDING = 2.0**-22  # LanceDB's distance is 1 - score, in float32: the most by which that is off, for scores up to 1


@dataclass(frozen=True)
class Table:
    """Where a table is: a LanceDB database (a folder or URL) and the table's name in it."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.database}/{self.name}.lance"


def table_of(gallery: Path, uri: str | None) -> Table:
    """A gallery's table: of the gallery's name in the database at `uri`, else `vectors` in the gallery's own folder."""
    if uri is None:
        return Table(str(gallery), "vectors")
    return Table(uri.rstrip("/"), re.sub(r"[^A-Za-z0-9_.-]", "_", gallery.absolute().name))


def fingerprint(manifest: Manifest) -> str:
    """SHA-256 of what the vectors are: the checksums of their files, in order."""
    parts = [[shard.count, manifest.files[shard.vectors].sha256] for shard in manifest.shards if shard.vectors]
    return hashlib.sha256(json.dumps([manifest.dim, parts]).encode()).hexdigest()


def connect(table: Table) -> Any:
    """The LanceDB database of a table.

    Raises:
        SettingsError: LanceDB is not installed.
        GalleryMissing: there is nothing LanceDB can open.
    """
    try:
        import lancedb
    except ImportError:
        raise SettingsError(
            "The search back end lance needs LanceDB. Install it: pip install -r requirements-lance.txt; "
            "or set GEOLOC_SEARCH_BACKEND=files."
        ) from None
    try:
        return lancedb.connect(table.database)
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryMissing(
            f"LanceDB cannot open {table.database} ({error}). Correct GEOLOC_LANCE_URI, or check your access."
        ) from None


class LanceVectors:
    """(n, d) unit rows in a table, row i at offset i. Safe to share between threads."""

    def __init__(self, name: str, table: Any, count: int, dim: int, longest: float) -> None:
        self._name, self._table, self._count, self._dim, self._longest = name, table, count, dim, longest
        self.choice = Choice("float32 by LanceDB", f"the settings name it; its table is {name}")

    @classmethod
    def open(cls, where: Table, manifest: Manifest) -> LanceVectors:
        """Open the table of a gallery; only its metadata is read.

        Raises:
            SettingsError: LanceDB is not installed.
            GalleryMissing: there is no such table.
            GalleryDamaged: the table is of another gallery, or of this one before it changed.
        """
        remedy = "Make it: python -m index_builder lance GALLERY; or set GEOLOC_SEARCH_BACKEND=files."
        database = connect(where)
        try:
            table = database.open_table(where.name)
            about = json.loads((table.schema.metadata or {}).get(KEY, b"{}"))
            known, longest, count = about.get("fingerprint"), float(about.get("longest", 1)), table.count_rows()
        except (OSError, RuntimeError, ValueError, AttributeError, TypeError) as error:
            raise GalleryMissing(f"There is no table {where} ({str(error).splitlines()[0][:200]}). {remedy}") from None
        if known != fingerprint(manifest) or count != manifest.count or not 1 <= longest < np.inf:
            raise GalleryDamaged(
                f"The table {where} holds other vectors than the gallery {manifest.title!r} does now. {remedy}"
            )
        return cls(str(where), table, count, manifest.dim, longest)

    def search(self, searches: list[Search]) -> list[TwoEnded]:
        """Both ends of each query; see `backends.Backend`.

        Raises:
            GalleryDamaged: the table cannot be read, or its scores are not those of its vectors.
        """
        return [self._both(search) for search in searches]

    def take(self, rows: Rows) -> Embeddings:
        """The (m, d) vectors of (m,) ascending rows."""
        if not len(rows):
            return np.empty((0, self._dim), np.float32)
        with self._telling():
            found = self._table.take_offsets(rows.tolist()).select(["row", "vector"]).to_arrow().combine_chunks()
            numbers = found["row"].to_numpy()
            flat = found["vector"].combine_chunks().flatten().to_numpy()
            order = np.argsort(numbers)
            if not np.array_equal(numbers[order], rows):
                raise ValueError("rows are not where they were written")
            return flat.reshape(len(rows), self._dim)[order]

    def _both(self, search: Search) -> TwoEnded:
        if search.allowed is not None and np.count_nonzero(search.allowed) <= _FEW:
            rows = np.flatnonzero(search.allowed)
            scores = self._exact(rows, search.query)
            return TwoEnded(_best(rows, scores, search.k, 1), _best(rows, scores, search.k, -1))
        return TwoEnded(self._end(search, 1), self._end(search, -1))

    def _end(self, search: Search, sign: int) -> Hits:
        used = search.scaled.astype(np.float32)
        most = (slack(search.scaled, used, half=False) + _ROUNDING) * self._longest
        rows, rounded = self._candidates(search, sign * used, most)
        order = np.argsort(rows)
        rows, rounded = rows[order], rounded[order]
        scores = self._exact(rows, search.query)
        exponent = int(np.frexp(np.linalg.norm(search.query))[1])
        if not (np.abs(np.ldexp(scores, -exponent) - sign * rounded) <= most).all():
            raise GalleryDamaged(
                f"LanceDB's scores are not those of the vectors in {self._name}. Make the table again, or set "
                "GEOLOC_SEARCH_BACKEND=files."
            )
        return _best(rows, scores, search.k, sign)

    def _candidates(self, search: Search, query: Embeddings, most: float) -> tuple[Rows, Doubles]:
        """The rows that can be among the k highest, each with its score, which is off by at most `most`."""
        allowed, k = search.allowed, search.k
        share = 1.0 if allowed is None else float(np.count_nonzero(allowed)) / self._count
        wanted = int((k + _SPARE) / share)
        while True:
            limit = min(wanted, self._count)
            rows, scores = self._ask(query, limit)
            least = scores.min()  # what was not returned scores no higher
            if allowed is not None:
                rows, scores = rows[allowed[rows]], scores[allowed[rows]]
            floor = np.partition(scores, -k)[-k] - 2 * most if len(scores) >= k else -np.inf
            if limit == self._count or least < floor:
                kept = scores >= floor
                return rows[kept], scores[kept]
            wanted *= _WIDER

    def _ask(self, query: Embeddings, limit: int) -> tuple[Rows, Doubles]:
        """The `limit` highest rows as LanceDB scores them."""
        with self._telling():
            asked = self._table.search(query, vector_column_name="vector").distance_type("dot").bypass_vector_index()
            found = asked.limit(limit).select(["row", "_distance"]).to_arrow()
            rows, distances = found["row"].to_numpy(), found["_distance"].to_numpy()
            if len(rows) != limit or not np.isfinite(distances).all():
                raise ValueError(f"{len(rows)} finite scores where {limit} were asked for")
            return rows, 1.0 - distances.astype(np.float64)

    def _exact(self, rows: Rows, query: NDArray[np.float64]) -> Doubles:
        scores = np.empty(len(rows))
        for at in range(0, len(rows), _FEW):
            some = self.take(rows[at : at + _FEW]).astype(np.float64)
            np.vecdot(some, query, out=scores[at : at + _FEW])
        return scores

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise GalleryDamaged(
                f"The table {self._name} cannot be searched ({str(error).splitlines()[0][:200]}). Open the gallery "
                "again; if that does not help, make the table again: python -m index_builder lance GALLERY."
            ) from error


def _best(rows: Rows, scores: Doubles, k: int, sign: int) -> Hits:
    order = np.lexsort((rows, -sign * scores))[:k]
    return Hits(rows[order], scores[order].astype(np.float32))
