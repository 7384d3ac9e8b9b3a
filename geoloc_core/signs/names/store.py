"""The names of 235,000 towns and districts and 9,000 regions, searched by hash so that they load fast and stay small.

`assets/signs/names.parquet` is a sorted list of keys with the places they may mean, `named.parquet` the places,
`words.parquet` how common words are on signs. `index_builder.signs.names` makes all three.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from geoloc_core.geo import Floats
from geoloc_core.paths import ASSETS
from geoloc_core.signs.tables import columns

if TYPE_CHECKING:
    import pyarrow as pa

TOWN, REGION, COUNTY = 0, 1, 2
_BLOCK = 20_000  # keys in Python's memory at once
_DECADE = 20  # levels a power of ten, as the builder writes them


@dataclass(frozen=True, eq=False)
class Named:
    """The places that a key may mean: rows of the table, and how they come by the name.

    Attributes:
        rows: (n,) rows.
        grades: (n,) 0 own name, 1 an alternate, 2 a name in a script foreign there.
    """

    rows: NDArray[np.int32]
    grades: NDArray[np.uint8]


class Names:
    """The three tables; read only, so threads may share the one of `names()`.

    Attributes:
        points: (n, 2) degrees (lat, lon) of the places.
        levels: (n,) TOWN, REGION or COUNTY.
        spread_km: (n,) of regions and counties: the standard deviation of their towns.
        people: (n,) inhabitants, to 6 %.
    """

    def __init__(self, folder: Path = ASSETS / "signs") -> None:
        places, names, words = (columns(folder / f"{name}.parquet") for name in ("named", "names", "words"))
        self._names, self._regions, self._countries = places["name"], places["region"], places["country"]
        self.points: Floats = np.column_stack([places["lat"].to_numpy(), places["lon"].to_numpy()]) / 100.0
        self.levels: NDArray[np.uint8] = places["level"].to_numpy()
        self.spread_km: NDArray[np.int16] = places["km"].to_numpy()
        self.people: Floats = 10 ** (places["people"].to_numpy() / _DECADE) - 1
        self._rows, self._grades = names["row"].to_numpy(), names["grade"].to_numpy()
        self._set_keys(names["key"])
        self._words, self._shares = words["hash"].to_numpy(), words["level"].to_numpy()

    def _set_keys(self, column: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        runs = pc.run_end_encode(column.combine_chunks())
        self._keys, ends = runs.values, runs.run_ends.to_numpy()
        self._starts = np.concatenate([[0], ends]).astype(np.int32)
        parts = (self._keys[i : i + _BLOCK].cast("binary").to_pylist() for i in range(0, len(self._keys), _BLOCK))
        hashes = np.fromiter((crc32(name) for part in parts for name in part), np.uint32, len(self._keys))
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def find(self, keys: Iterable[str]) -> dict[str, Named]:
        """Those of `keys` that are names, with the places they may mean."""
        asked = list(dict.fromkeys(keys))
        hashes = np.fromiter((crc32(k.encode()) for k in asked), np.uint32, len(asked))
        at = np.searchsorted(self._hashes, hashes)
        hits = np.flatnonzero(self._hashes[np.minimum(at, len(self._hashes) - 1)] == hashes)
        found: dict[str, Named] = {}
        for i in hits:
            if (k := self._index(asked[i], int(at[i]))) is not None:
                span = slice(self._starts[k], self._starts[k + 1])
                found[asked[i]] = Named(self._rows[span], self._grades[span])
        return found

    def _index(self, key: str, at: int) -> int | None:
        """Where `key` stands among the sorted keys; `at` is the first entry with its hash."""
        wanted = self._hashes[at]
        while at < len(self._hashes) and self._hashes[at] == wanted:
            if self._keys[int(self._order[at])].as_py() == key:
                return int(self._order[at])
            at += 1
        return None

    def share(self, word: str) -> float:
        """How much of the words on the world's signs is `word` (a key), and no place; 0 if it is no known word."""
        wanted = np.uint32(crc32(word.encode()))
        at = int(np.searchsorted(self._words, wanted))
        if at == len(self._words) or self._words[at] != wanted:
            return 0.0
        return float(1e-9 * 10 ** (self._shares[at] / _DECADE))

    def name(self, row: int) -> str:
        """What a place is called."""
        return str(self._names[int(row)].as_py())

    def region(self, row: int) -> str | None:
        """The first-level region that a place lies in."""
        return self._regions[int(row)].as_py()

    def country(self, row: int) -> str:
        """ISO 3166 alpha-2 code of a place's country."""
        return str(self._countries[int(row)].as_py())


@cache
def names() -> Names:
    """The names that ship with Geoloc, read once a process."""
    return Names()
