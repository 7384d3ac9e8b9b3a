"""Tiles got once to train on: the bytes as they came, kept in files of Arrow beside what is known of each.

    <zoom>/part-00000.arrow   up to 512 tiles: x, y, digest of the bytes, blank, trouble, data

A part is there whole or not at all, so a run that is stopped asks for the rest only. That a tile could not be had is
kept too: a run must have the same pairs when it is gone on with. Any encoder can be trained from the same files.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from geoloc_core.errors import TileError, TileSourceError
from geoloc_core.files import remove_partial, replacing
from geoloc_core.tiles.ahead import ready_tiles
from geoloc_core.tiles.picture import read_tile
from geoloc_core.tiles.sources.base import Got, TileSource
from geoloc_core.tiles.tile import Tile
from index_builder.files import telling

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL.Image import Image

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]
NONE = -1
BLANK = "of one colour"
_PART = 512
_AHEAD = 64


class Pictures:
    """Different pictures of a zoom's tiles, by number. A copy that is sent to another process opens the files anew."""

    def __init__(self, folder: Path, places: Ints) -> None:
        """`places`: (m, 2) of part and row."""
        self.folder, self._places = folder, places
        self._tables: dict[int, pa.Table] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "places": self._places}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["folder"], state["places"])  # type: ignore[misc]

    def image(self, number: int) -> Image:
        """A picture, RGB, 256 x 256.

        Raises:
            TileError: the files were changed since.
        """
        part, row = self._places[number].tolist()
        if part not in self._tables:
            self._tables[part] = _table(_path(self.folder, part))
        image = read_tile(self._tables[part]["data"][row].as_py() or b"").image
        if image is None:
            raise _damaged(_path(self.folder, part))
        return image


@dataclass(frozen=True, eq=False)
class Gathered:
    """What came of n tiles.

    Attributes:
        pictures: the different ones among them.
        kinds: (n,) the number of each tile's picture, -1 where there is nothing to see. Tiles that look alike to the
            last byte are of one kind.
        digest: of all this: equal for equal pictures of equal tiles.
        lacking: how many of the different tiles show nothing, by reason.
    """

    pictures: Pictures
    kinds: Ints
    digest: str
    lacking: Counter[str]


def gather(
    source: TileSource, zoom: int, tiles: Sequence[Tile], folder: Path, on_progress: Progress | None = None
) -> Gathered:
    """Get the tiles of a zoom that are not there yet. Other processes that ask for the same wait.

    Args:
        source: of the tiles.
        zoom: of all of them.
        tiles: n, some perhaps several times.
        folder: where this source's tiles are kept.
        on_progress: called with (tiles got, tiles to get).

    Raises:
        TileSourceError: the source went down; what came is kept.
        TileError: a file there is damaged.
        GeolocError: no room on the disk, or it may not be written.
    """
    own = folder / str(zoom)
    with telling(folder):
        own.mkdir(parents=True, exist_ok=True)
        with FileLock(own / ".lock"):
            remove_partial(own)
            known = _known(own)
            missing = [tile for tile in dict.fromkeys(tiles) if (tile.x, tile.y) not in known]
            for at in range(0, len(missing), _PART):

                def tell(done: int, before: int = at) -> None:
                    if on_progress:
                        on_progress(before + done, len(missing))

                gots = _get(source, missing[at : at + _PART], tell)
                _write(_path(own, len(list(own.glob("part-*.arrow")))), gots)
            return _numbered(own, tiles, _known(own) if missing else known)


@dataclass(frozen=True)
class _Kept:
    """What is known of a tile, and the part and row where it is."""

    digest: str
    lack: str
    place: tuple[int, int]


def _numbered(folder: Path, tiles: Sequence[Tile], known: dict[tuple[int, int], _Kept]) -> Gathered:
    different = {tile: known[tile.x, tile.y] for tile in dict.fromkeys(tiles)}
    numbers: dict[str, int] = {}
    places: list[tuple[int, int]] = []
    for kept in different.values():
        if not kept.lack and kept.digest not in numbers:
            numbers[kept.digest] = len(places)
            places.append(kept.place)
    kinds = {tile: NONE if kept.lack else numbers[kept.digest] for tile, kept in different.items()}
    told = "\n".join(f"{tile.x} {tile.y} {kept.digest} {kept.lack}" for tile, kept in different.items())
    return Gathered(
        Pictures(folder, np.array(places, np.int64).reshape(-1, 2)),
        np.array([kinds[tile] for tile in tiles], np.int64),
        f"sha256-{hashlib.sha256(told.encode()).hexdigest()[:16]}",
        Counter(kept.lack for kept in different.values() if kept.lack),
    )


def _get(source: TileSource, tiles: Sequence[Tile], tell: Callable[[int], None]) -> list[Got]:
    """Fetched and decoded by several threads, in the order asked for."""
    seen, gots = np.zeros(0), dict[Tile, Got]()
    with closing(ready_tiles(source, tiles, lambda _: seen, _AHEAD, lambda: False)) as ready:
        for one in ready:
            if one is not None:
                gots[one[0].tile] = one[0]
                tell(len(gots))
    if any(got.trouble for got in gots.values()) and not (state := source.availability()):
        raise TileSourceError(f"{state.reason} What came is kept: run the same command again later.")
    return [gots[tile] for tile in tiles]


def _write(path: Path, gots: Sequence[Got]) -> None:
    import pyarrow as pa

    lacks = [str(got.trouble or (BLANK if got.picture.blank else "")) for got in gots]
    table = pa.table(
        {
            "x": pa.array([got.tile.x for got in gots], pa.int32()),
            "y": pa.array([got.tile.y for got in gots], pa.int32()),
            "digest": pa.array([got.digest for got in gots], pa.string()),
            "lack": pa.array(lacks, pa.string()),
            "data": pa.array([None if lack else got.data for got, lack in zip(gots, lacks, strict=True)], pa.binary()),
        }
    )
    with replacing(path) as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def _known(folder: Path) -> dict[tuple[int, int], _Kept]:
    return {
        place: kept for part in range(len(list(folder.glob("part-*.arrow")))) for place, kept in _part(folder, part)
    }


def _part(folder: Path, part: int) -> Iterator[tuple[tuple[int, int], _Kept]]:
    table = _table(_path(folder, part))
    columns = (table[name].to_pylist() for name in ("x", "y", "digest", "lack"))
    for row, (x, y, digest, lack) in enumerate(zip(*columns, strict=True)):
        yield (x, y), _Kept(digest, lack, (part, row))


def _table(path: Path) -> pa.Table:
    import pyarrow as pa

    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowException):
        raise _damaged(path) from None
    if table.column_names != ["x", "y", "digest", "lack", "data"]:
        raise _damaged(path)
    return table


def _path(folder: Path, part: int) -> Path:
    return folder / f"part-{part:05d}.arrow"


def _damaged(path: Path) -> TileError:
    return TileError(f"{path} is not what was written. Delete the folder it is in; its tiles are got again.")
