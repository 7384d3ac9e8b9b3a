"""A PMTiles archive (specification 3) in a file: tiles behind a directory that is a tree.

The file is hostile: directories are unpacked within bounds before the package `pmtiles` reads them, and read with
ordinary reads rather than a memory map, which a file that shrinks would turn into a crash.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mercantile import Tile

from geoloc_core.errors import TileSourceError
from geoloc_core.status import Availability
from geoloc_core.tiles.picture import MOST_BYTES, Trouble
from geoloc_core.tiles.sources.base import About, Got, TileSource, line_of

if TYPE_CHECKING:
    from pmtiles.tile import Entry

_MOST_PACKED, _MOST_UNPACKED = 2_000_000, 8_000_000
_MOST_DEPTH = 4
_ENDLESS = re.compile(rb"[\x80-\xff]{10}")  # no number of 64 bits takes as many bytes


class PMTiles(TileSource):
    """Tiles of a PMTiles archive."""

    name = "pmtiles"

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            TileSourceError: there is none, or it is no PMTiles with pictures.
        """
        from pmtiles.tile import Compression, TileType, deserialize_header

        self.path, self._lock = Path(path), threading.Lock()
        self._directory = lru_cache(64)(self._read_directory)
        try:
            self._file = self.path.open("rb")
            self._header = deserialize_header(self._read(0, 127))
            root = self._directory(self._header["root_offset"], self._header["root_length"])
            facts = (
                self._facts() if self._header["internal_compression"] in (Compression.GZIP, Compression.NONE) else {}
            )
        except Exception as error:  # the package raises whatever its arithmetic does
            self.close()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TileSourceError(f"{str(path)!r} is no PMTiles archive ({reason}). Choose another file.") from None
        raster = (TileType.PNG, TileType.JPEG, TileType.WEBP, TileType.AVIF)
        if self._header["tile_type"] not in raster or self._header["tile_compression"] != Compression.NONE:
            self.close()
            raise TileSourceError(f"{str(path)!r} holds no plain pictures. Choose an archive of raster tiles.")
        self.zooms = self._header["min_zoom"], self._header["max_zoom"]
        self.about = About(line_of(facts.get("name")) or self.path.stem, line_of(facts.get("attribution")))
        told = repr((self._read(0, 127), len(root), self.path.stat().st_size))
        self.id = f"pmtiles:{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def availability(self) -> Availability:
        """Whether the file is still there."""
        if self.path.is_file():
            return Availability(True, f"{self.path.name}, zooms {self.zooms[0]} to {self.zooms[1]}.")
        return Availability(False, f"{self.path} is gone.", "Put it back or choose another source.")

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()

    def _get(self, tile: Tile, stop: threading.Event) -> Got:
        try:
            data = self._find(tile)
        except Exception:  # a damaged directory, in whatever way
            return Got(tile, None, Trouble.BROKEN)
        return Got(tile, data, None if data else Trouble.MISSING)

    def _find(self, tile: Tile) -> bytes | None:
        from pmtiles.tile import find_tile, zxy_to_tileid

        number = zxy_to_tileid(tile.z, tile.x, tile.y)
        offset, length = self._header["root_offset"], self._header["root_length"]
        for _ in range(_MOST_DEPTH):
            entry = find_tile(self._directory(offset, length), number)
            if entry is None:
                return None
            if entry.run_length:
                return self._read(self._header["tile_data_offset"] + entry.offset, entry.length)
            offset, length = self._header["leaf_directory_offset"] + entry.offset, entry.length
        return None

    def _read_directory(self, offset: int, length: int) -> list[Entry]:
        from pmtiles.tile import deserialize_directory

        packed = self._read(offset, length)
        plain = _unpacked(packed)
        if _ENDLESS.search(plain):
            raise ValueError("a directory with endless numbers")
        return deserialize_directory(packed)

    def _facts(self) -> dict[str, object]:
        from pmtiles.tile import Compression

        data = self._read(self._header["metadata_offset"], self._header["metadata_length"])
        facts = json.loads(_unpacked(data) if self._header["internal_compression"] == Compression.GZIP else data)
        return facts if isinstance(facts, dict) else {}

    def _read(self, offset: int, length: int) -> bytes:
        if length > max(_MOST_PACKED, MOST_BYTES):
            raise ValueError(f"a piece of {length:,} bytes")
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(length)
        if len(data) != length:
            raise ValueError("it ends early")
        return data


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    plain = unpacker.decompress(data, _MOST_UNPACKED)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("a directory that is too large or damaged")
    return plain
