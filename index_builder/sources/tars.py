"""Where the members of a tar lie, without unpacking it; the tar may be cut into parts (images00, images01, ...)."""

from __future__ import annotations

import tarfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import IO, NamedTuple, cast

from geoloc_core.errors import SourceError
from index_builder.sources.pieces import next_part, size_of

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_MAX_READ = 16_000_000  # bytes: far more than any header, and little enough for memory
_DAMAGE = (tarfile.TarError, OSError, ValueError, ArithmeticError, LookupError, RecursionError)


class Member(NamedTuple):
    """A member's name, the number of the part it begins in, its range from there, and why it cannot be used."""

    name: str
    part: int
    offset: int
    length: int
    problem: str


def members(parts: Sequence[Path]) -> Iterator[Member]:
    """The members but for folders, in their order.

    Raises:
        SourceError: the archive is damaged from here on, or has no end.
    """
    with closing(_Joined(parts)) as stream:
        try:
            tar = tarfile.TarFile(fileobj=cast("IO[bytes]", stream), encoding="utf-8")
            member = tar.next()
            while member is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep millions of them
                if member.offset_data + member.size > stream.size:
                    raise tarfile.ReadError("it ends within a member")
                if not member.isdir():
                    part, offset = stream.locate(member.offset_data)
                    yield Member(member.name, part, offset, member.size, _problem(member))
                member = tar.next()
            stream.seek(tar.offset)
            if stream.read(512).strip(b"\0") or tar.offset >= stream.size:
                raise tarfile.ReadError("it has no end mark" if tar.offset >= stream.size else "a header is none")
        except _DAMAGE as error:
            raise SourceError(_damage(parts, error)) from None


def parts_from(first: Path) -> list[Path]:
    """The parts of a split archive from its first on, up to the first number that is not there."""
    parts = [first]
    while (part := next_part(parts[-1])) is not None and part.is_file():
        parts.append(part)
    return parts


def is_tar(file: Path) -> bool:
    """Whether the file begins as a tar does."""
    try:
        with file.open("rb") as stream:
            return stream.read(512)[257:262] == b"ustar"
    except OSError:
        return False


def _problem(member: tarfile.TarInfo) -> str:
    if member.sparse is not None:
        return "stored as a sparse file in its archive"
    return "" if member.isreg() else "a link or device in its archive"


def _damage(parts: Sequence[Path], error: Exception) -> str:
    expected = next_part(parts[-1]) if len(parts) > 1 or parts[0].suffix != ".tar" else None
    remedy = f" or {expected.name} is missing" if expected else ""
    return f"damaged archive ({error}): it was not copied whole{remedy}"


class _Joined:
    """The parts as one stream to read and seek in; it refuses to read more at once than any header needs."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._parts = parts
        ends = list(accumulate(map(size_of, parts)))
        self._starts = [0, *ends[:-1]]
        self.size = ends[-1]
        self._position = 0
        self._open: tuple[int, IO[bytes]] | None = None

    def locate(self, position: int) -> tuple[int, int]:
        """The number of the part, and the offset in it."""
        part = bisect_right(self._starts, position) - 1
        return part, position - self._starts[part]

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        self._position = position
        return position

    def read(self, count: int) -> bytes:
        if not 0 <= count <= _MAX_READ:
            raise tarfile.ReadError("a header claims an absurd size")
        data = b""
        while len(data) < count and self._position < self.size:
            part, offset = self.locate(self._position)
            stream = self._part(part)
            stream.seek(offset)
            block = stream.read(count - len(data))
            if not block:
                raise tarfile.ReadError(f"{self._parts[part].name} became shorter")
            data += block
            self._position += len(block)
        return data

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()

    def _part(self, number: int) -> IO[bytes]:
        if self._open is None or self._open[0] != number:
            self.close()
            self._open = number, self._parts[number].open("rb", buffering=1024)
        return self._open[1]
