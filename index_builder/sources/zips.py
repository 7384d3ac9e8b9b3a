"""Where the members of a ZIP lie, without unpacking it: stored and deflated ones, ZIP64 too."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from geoloc_core.errors import SourceError
from index_builder.sources import Codec
from index_builder.sources.pieces import size_of

_CODECS: dict[int, Codec] = {zipfile.ZIP_STORED: "", zipfile.ZIP_DEFLATED: "deflate"}
_LOCAL = struct.Struct("<4s22x2H")  # signature, lengths of the name and of the extra field that follow (APPNOTE 4.3.7)
_ENCRYPTED = 0x1
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error, ArithmeticError, LookupError)


class Member(NamedTuple):
    """A member's name, its range in the file, how that is packed, and why it cannot be used."""

    name: str
    offset: int
    length: int
    codec: Codec
    problem: str


def members(file: Path) -> Iterator[Member]:
    """The members but for folders, in the order of their bytes.

    Raises:
        SourceError: the archive is damaged; its directory is at its end, so one that was cut off gives nothing.
    """
    try:
        size = size_of(file)
        with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
                if not info.is_dir():
                    yield _member(info, stream, size)
    except _DAMAGE as error:
        raise SourceError(f"damaged archive ({error}): it was not copied whole") from None


def _member(info: zipfile.ZipInfo, stream: IO[bytes], size: int) -> Member:
    length = info.compress_size
    if info.flag_bits & _ENCRYPTED:
        return Member(info.filename, 0, length, "", "encrypted in its archive")
    if info.compress_type not in _CODECS:
        return Member(info.filename, 0, length, "", "compressed in its archive in a way that is not read")
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL.size)
    damaged = len(header) < _LOCAL.size or not header.startswith(b"PK\3\4")
    if not damaged:
        _, name, extra = _LOCAL.unpack(header)
        offset = info.header_offset + _LOCAL.size + name + extra
        damaged = offset + length > size
    if damaged:
        return Member(info.filename, 0, length, "", "damaged in its archive")
    return Member(info.filename, offset, length, _CODECS[info.compress_type], "")
