"""Where the records of a msgpack shard (`shard_0.msg`: {"image": JPEG, "id": text} one after the other) lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from geoloc_core.errors import SourceError
from index_builder.sources.pieces import size_of

if TYPE_CHECKING:
    import msgpack

SUFFIXES = (".msg", ".msgpack")
_MAX_RECORD = 64_000_000  # bytes
_MAX_KEYS = 64


class Record(NamedTuple):
    """A record's id ("" if it has none) and its range in the file; `has_image` if there is one."""

    id: str
    offset: int
    length: int
    has_image: bool


def records(file: Path) -> Iterator[Record]:
    """The records in their order.

    Raises:
        SourceError: the shard is damaged from here on.
    """
    import msgpack

    try:
        size = size_of(file)
        with file.open("rb") as stream:
            unpacker = msgpack.Unpacker(stream, raw=True, max_buffer_size=_MAX_RECORD, strict_map_key=False)
            while (start := unpacker.tell()) < size:
                name, has_image = _record(unpacker)
                yield Record(name, start, unpacker.tell() - start, has_image)
    except msgpack.OutOfData:
        raise SourceError("damaged shard (it ends within a record): it was not copied whole") from None
    except (msgpack.UnpackException, ValueError, TypeError, OSError) as error:
        raise SourceError(f"damaged shard ({error or type(error).__name__}): it was not copied whole") from None


def _record(unpacker: msgpack.Unpacker) -> tuple[str, bool]:
    count = unpacker.read_map_header()
    if count > _MAX_KEYS:
        raise ValueError(f"a record has {count:,} keys")
    name, has_image = "", False
    for _ in range(count):
        key: Any = unpacker.unpack()
        if key == b"id":
            value = unpacker.unpack()
            name = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        else:
            has_image = has_image or key == b"image"
            unpacker.skip()
    return name, has_image
