"""A photo's bytes, from wherever a source says they lie. What is read is bounded, whatever the source says."""

from __future__ import annotations

import re
import stat
import zlib
from pathlib import Path

from geoloc_core.errors import PhotoTooLarge, PhotoUnreadable, PieceMissing
from index_builder.sources import Piece

WRAPPING = 65_536  # bytes that a record or a deflate stream may be longer than the photo in it
_PART = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,9})", re.DOTALL)


def read_piece(root: Path, piece: Piece, max_bytes: int) -> bytes:
    """The bytes of a photo; at most `max_bytes`.

    Raises:
        PieceMissing: there is no ordinary file.
        PhotoTooLarge: more than `max_bytes`.
        PhotoUnreadable: the archive ends too early or is damaged.
        OSError: the file cannot be opened or read.
    """
    file = root / piece.path
    if not piece.path:
        raise PieceMissing("This entry is a bare location without a photo. Read it with locations only.")
    if piece.offset is None or piece.length is None:
        return _whole(file, max_bytes)
    if piece.length > max_bytes + (WRAPPING if piece.codec else 0):
        raise _too_large(file, max_bytes)
    data = _range(file, piece.offset, piece.length)
    if piece.codec == "deflate":
        return _inflate(data, file, max_bytes)
    if piece.codec == "msgpack":
        return _record(data, file, max_bytes)
    return data


def next_part(file: Path) -> Path | None:
    """The next part of a split archive (images00 -> images01); None if the name does not end in a number."""
    return _numbered(file, 1)


def previous_part(file: Path) -> Path | None:
    """The part before this one of a split archive; None if there can be none."""
    return _numbered(file, -1)


def size_of(file: Path) -> int:
    """The size in bytes of an ordinary file.

    Raises:
        PieceMissing: there is none.
    """
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise PieceMissing(f"There is no file {file.name!r}. Check the path, or copy the file there.") from None
    if not stat.S_ISREG(status.st_mode):
        raise PieceMissing(f"{file.name!r} is not an ordinary file. Give a photo.")
    return status.st_size


def _numbered(file: Path, step: int) -> Path | None:
    match = _PART.fullmatch(file.name)
    if not match:
        return None
    number = int(match["number"]) + step
    return file.with_name(f"{match['stem']}{number:0{len(match['number'])}d}") if number >= 0 else None


def _whole(file: Path, max_bytes: int) -> bytes:
    if size_of(file) > max_bytes:
        raise _too_large(file, max_bytes)
    with file.open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_large(file, max_bytes)
    return data


def _range(file: Path, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, going on at the start of the next part where a file ends."""
    data = bytearray()
    part: Path | None = file
    while part is not None:
        size_of(part)
        with part.open("rb", buffering=0) as stream:
            stream.seek(0 if data else offset)
            while len(data) < length and (block := stream.read(length - len(data))):
                data += block
        if len(data) == length:
            return bytes(data)
        part = next_part(part) if data else None
    raise PhotoUnreadable(f"{file.name!r} ends before this photo does. Copy or download it again.")


def _inflate(data: bytes, file: Path, max_bytes: int) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        photo = stream.decompress(data, max_bytes + 1)
    except zlib.error:
        raise _damaged(file) from None
    if len(photo) > max_bytes:
        raise _too_large(file, max_bytes)
    if not stream.eof:
        raise _damaged(file)
    return photo


def _record(data: bytes, file: Path, max_bytes: int) -> bytes:
    import msgpack

    try:
        record = msgpack.unpackb(data, raw=True, strict_map_key=False)
        photo = record[b"image"]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, msgpack.UnpackException):
        raise _damaged(file) from None
    if not isinstance(photo, bytes):
        raise _damaged(file)
    if len(photo) > max_bytes:
        raise _too_large(file, max_bytes)
    return photo


def _too_large(file: Path, max_bytes: int) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"A photo in {file.name!r} has more than {max_bytes / 1e6:.3g} MB, the most that is accepted. "
        "Save a smaller copy and try again."
    )


def _damaged(file: Path) -> PhotoUnreadable:
    return PhotoUnreadable(f"This photo's record in {file.name!r} is damaged. Copy or download that file again.")
