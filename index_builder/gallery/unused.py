"""The list of a source's entries that gave no row: unused.parquet, with id, status and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from index_builder.gallery.shards import flush_to_disk

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_REASONS_KEPT = 100


class UnusedWriter:
    """Writes the entries that give no row, with status and reason; no file if there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._stream: IO[bytes] | None = None
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> UnusedWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._stream is not None and self._writer is not None:
            with self._stream:
                if kind is None:
                    self._writer.close()
                    flush_to_disk(self._stream)
                else:
                    with suppress(OSError):
                        self._writer.close()
                    self._writer.is_open = False  # or it would try again when it is forgotten, and say so on stderr

    @property
    def name(self) -> str | None:
        """The file's name, None if there is none."""
        return self.path.name if self._writer else None

    @property
    def reasons(self) -> dict[str, int]:
        """How many by reason, the most frequent first; rare ones together if there are very many."""
        kept = dict(self.counts.most_common(_REASONS_KEPT))
        rest = self.counts.total() - sum(kept.values())
        return kept | ({"other reasons": rest} if rest else {})

    def told(self) -> str:
        """The most frequent reasons in words."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.counts.most_common(3)) or "there are none"

    def add(self, ids: Sequence[str], status: Sequence[str], reasons: Sequence[str], counted: Sequence[str]) -> None:
        """Note entries; `counted` are their reasons without what differs from entry to entry."""
        import pyarrow as pa

        self.counts.update(counted)
        columns = {"id": ids, "status": status, "reason": reasons}
        self._write(pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns])))

    def take(self, earlier: Path) -> None:
        """Copy the entries of another such file; they are not counted."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(earlier).iter_batches():
            self._write(pa.Table.from_batches([batch]))

    def _write(self, table: pa.Table) -> None:
        import pyarrow.parquet as pq

        if self._writer is None:
            self._stream = self.path.open("wb")
            self._writer = pq.ParquetWriter(self._stream, table.schema, compression="zstd")
        self._writer.write_table(table)
