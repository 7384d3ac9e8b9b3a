"""Which rows become a gallery's: judged by their tables alone, before a single embedding is read.

A row is left out, with its reason, if its source says so, its coordinates or id cannot be used, or it repeats another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import EncoderMismatch, GeolocError
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.gallery.embeddings import OK, Pair
from index_builder.gallery.shards import unified

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[int, int], None]
USE, UNUSED, NO_PLACE, NO_ID, SAME_PHOTO, KNOWN, REPEATED, TAKEN, BAD_VECTOR = range(9)
REASONS = {  # the verdicts that are ours: status, reason, and how it is counted if that is another
    NO_PLACE: ("failed", "no usable coordinates"),
    NO_ID: ("failed", "no id"),
    SAME_PHOTO: ("skipped", "same photo as another"),
    KNOWN: ("skipped", "already in the gallery"),
    REPEATED: ("failed", "repeated id"),
    TAKEN: ("failed", "id already in the gallery for another photo"),
    BAD_VECTOR: ("failed", "embedding is zero or not finite"),
}


@dataclass(frozen=True, eq=False)
class Known:
    """What a gallery already holds: the ids and content hashes of its rows, null where there is no hash."""

    ids: pa.ChunkedArray
    hashes: pa.ChunkedArray


@dataclass(eq=False)
class Survey:
    """The pairs with a verdict on each of their rows, in order.

    Attributes:
        encoder, dim: what made the vectors and how long they are; None and 0 for bare locations.
        schema: the columns of all tables together.
        counts: rows of each pair.
        verdicts: (n,) int8, `USE` or why not.
        same_as: for the rows that are `SAME_PHOTO`, the id of the first.
        duplicates: rows whose photo another row has too, whether they are used or not.
    """

    pairs: Sequence[Pair]
    encoder: EncoderRef | None
    dim: int
    schema: pa.Schema
    counts: list[int]
    verdicts: NDArray[np.int8]
    id_prefix: str = ""
    same_as: dict[int, str] = field(default_factory=dict)
    duplicates: int = 0

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self.verdicts)


def survey(
    pairs: Sequence[Pair],
    encoder: EncoderRef | None,
    *,
    drop_duplicates: bool = False,
    known: Known | None = None,
    id_prefix: str = "",
) -> Survey:
    """Judge every row.

    Args:
        pairs: what to read.
        encoder: what made the embeddings, where the tables do not say so.
        drop_duplicates: use only the first of the rows with the same content hash.
        known: the gallery that the rows will be added to.
        id_prefix: put before every id.

    Raises:
        EncoderMismatch: the embeddings were not all made by the same encoder in the same way.
        GeolocError: a pair's parts do not belong together, or it is not known what made the embeddings.
    """
    made_with, dim = _made_with(pairs, encoder)
    parts: list[_Part] = []
    for pair in pairs:
        parts.append(_read(pair, bare=dim == 0, first=sum(len(part.verdicts) for part in parts)))
    judged = Survey(
        pairs=pairs,
        encoder=made_with,
        dim=dim,
        schema=unified(pair.renamed for pair in pairs),
        counts=[len(part.verdicts) for part in parts],
        verdicts=np.concatenate([part.verdicts for part in parts]),
        id_prefix=id_prefix,
    )
    _judge_repeats(judged, parts, known, drop_duplicates)
    return judged


def real_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """(n,) float64 of a column of numbers or of text; NaN where it is neither."""
    import pyarrow as pa

    try:
        return column.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        return np.array([_real(value) for value in column.to_pylist()], dtype=np.float64)


def ids_of(table: pa.Table, first: int, prefix: str = "") -> pa.ChunkedArray:
    """(n,) ids as text; a table without any gets the numbers of its rows, which begin with `first`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "id" in table.column_names:
        ids = table["id"].cast(pa.string())
    else:
        ids = pa.chunked_array([pa.array([f"{row:07d}" for row in range(first, first + table.num_rows)])])
    return pc.binary_join_element_wise(prefix, ids, "") if prefix else ids


def first_seen(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """(n,) for each value the row where it appears first; a null is only ever itself."""
    chunks = [chunk.indices.fill_null(-1).to_numpy() for chunk in values.dictionary_encode().chunks]
    codes = np.concatenate([np.empty(0, np.int32), *chunks])  # they count up in the order of appearance
    highest = np.maximum.accumulate(np.concatenate([np.full(1, -1, np.int32), codes]))
    first = np.flatnonzero(codes > highest[:-1])
    rows = np.arange(len(codes))
    rows[codes >= 0] = first[codes[codes >= 0]]
    return rows


@dataclass(frozen=True, eq=False)
class _Part:
    """The columns of one pair that decide."""

    verdicts: NDArray[np.int8]
    ids: pa.ChunkedArray
    hashes: pa.ChunkedArray


def _made_with(pairs: Sequence[Pair], encoder: EncoderRef | None) -> tuple[EncoderRef | None, int]:
    """The one encoder and dimension of all pairs."""
    embedded = [pair for pair in pairs if pair.vectors is not None and pair.shape[0]]
    if not embedded:
        return None, 0
    kinds = {str(pair.about.get("dtype", "")): pair.vectors for pair in embedded}
    if len(kinds) > 1:
        raise EncoderMismatch(
            f"Embeddings were computed in different precisions ({', '.join(sorted(kinds))}), as those of "
            f"{' and '.join(sorted(str(path) for path in kinds.values()))}. Embed all photos in the same way."
        )
    if len(dims := {pair.shape[1]: pair.vectors for pair in embedded}) > 1:
        told = " and ".join(f"{path} has {dim}" for dim, path in sorted(dims.items()))
        raise EncoderMismatch(f"Embeddings differ in length: {told} numbers a row. Use those of one encoder.")
    for pair in embedded:
        if (noted := pair.about.get("encoder")) and isinstance(noted, dict):
            made_with = EncoderRef.model_validate({key: noted.get(key, "") for key in ("id", "name")})
            encoder = encoder or made_with
            if made_with.id != encoder.id:
                raise EncoderMismatch(
                    f"{pair.vectors} was made by {made_with.id}, not by {encoder.id}. Use embeddings of one encoder."
                )
    if encoder is None:
        raise GeolocError("Nothing says which encoder made these embeddings. Name it with --encoder.")
    return encoder, min(dims)


def _read(pair: Pair, *, bare: bool, first: int) -> _Part:
    import pyarrow as pa

    if not bare and "id" not in pair.names.values():
        raise GeolocError(f"{pair.rows} has no column for id. Name the one that tells its photos apart 'id'.")
    verdicts = [np.empty(0, np.int8)]
    ids, hashes = [pa.array([], pa.string())], [pa.array([], pa.string())]
    for table in pair.blocks(("id", "lat", "lon", "content_hash", "_status")):
        names = ids_of(table, first)
        verdicts.append(_judge(table, names))
        ids += names.chunks
        hashed = "content_hash" in table.column_names
        hashes += table["content_hash"].cast(pa.string()).chunks if hashed else [pa.nulls(len(names), pa.string())]
        first += table.num_rows
    part = _Part(np.concatenate(verdicts), pa.chunked_array(ids), pa.chunked_array(hashes))
    embedded = int(np.count_nonzero(part.verdicts != UNUSED))
    if not bare and embedded != pair.shape[0]:
        raise GeolocError(
            f"{pair.rows} has {embedded:,} rows with an embedding, {pair.vectors or 'its array, which is missing,'} "
            f"has {pair.shape[0]:,}. They do not belong together: make or copy them again."
        )
    return part


def _judge(table: pa.Table, ids: pa.ChunkedArray) -> NDArray[np.int8]:
    """What a block of rows says of each of its rows alone."""
    verdicts = np.full(table.num_rows, USE, np.int8)
    verdicts[ids.fill_null("").to_numpy() == ""] = NO_ID
    lat, lon = real_numbers(table["lat"]), real_numbers(table["lon"])
    verdicts[~(np.isfinite(lon) & (np.abs(lat) <= 90))] = NO_PLACE
    if "_status" in table.column_names:
        verdicts[table["_status"].fill_null("").to_numpy() != OK] = UNUSED
    return verdicts


def _judge_repeats(judged: Survey, parts: Sequence[_Part], known: Known | None, drop: bool) -> None:
    """Verdicts on rows that repeat the photo or the id of an earlier row, or of a row of the gallery."""
    ids = _chunks([part.ids for part in parts])
    before = len(known.ids) if known else 0
    verdicts = judged.verdicts

    first = _first_among(_chunks([part.hashes for part in parts]), verdicts == USE, known and known.hashes)
    rows = np.flatnonzero(first < np.arange(len(first)) + before)
    judged.duplicates = len(rows)
    if before:
        verdicts[rows[first[rows] < before]] = KNOWN
    if drop:
        again = rows[first[rows] >= before]
        verdicts[again] = SAME_PHOTO
        judged.same_as = dict(zip(again.tolist(), ids.take(first[again] - before).to_pylist(), strict=True))

    if judged.id_prefix:
        import pyarrow.compute as pc

        ids = pc.binary_join_element_wise(judged.id_prefix, ids, "")
    first = _first_among(ids, verdicts == USE, known and known.ids)
    rows = np.flatnonzero(first < np.arange(len(first)) + before)
    verdicts[rows] = np.where(first[rows] < before, TAKEN, REPEATED)


def _first_among(values: pa.ChunkedArray, those: NDArray[np.bool_], known: pa.ChunkedArray | None) -> NDArray[np.int64]:
    """`first_seen` of the values of `those` rows, after the `known` ones; other rows are only ever themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = pc.if_else(pa.array(those), values, None)
    return first_seen(_chunks([known, chosen]) if known else chosen)[len(known or ()) :]


def _chunks(arrays: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([chunk for array in arrays for chunk in array.chunks], type=pa.string())


def _real(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return np.nan
