"""Photos wherever they lie below a folder: loose, in ZIPs, in tars whole or split, in msgpack shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from geoloc_core.errors import SourceError
from index_builder.sources import Piece, Skipped, SourceOptions, msgpacks, tars, zips
from index_builder.sources.columns import clean
from index_builder.sources.folder import files_below, is_photo
from index_builder.sources.pieces import previous_part


class Found(NamedTuple):
    """A photo: its name in the archive, path in the folder, or id in the shard; and its bytes."""

    name: str
    piece: Piece


def images_root(path: Path, options: SourceOptions) -> Path:
    """The folder that pieces' paths start from: that of the images if they are elsewhere, else the source's own."""
    start = options.images or path
    return start if start.is_dir() else start.parent


def photos_in(start: Path) -> Iterator[Found | Skipped]:
    """Every photo in the folder or archive `start`, in the order of paths and then of the bytes in an archive.

    Pieces' paths are relative to `start`, or to the archive's folder. What is no photo by its name is passed over. An
    archive that is damaged gives what comes before the damage, and then one `Skipped`.

    Raises:
        SourceError: there is no `start`.
    """
    if not start.exists():
        raise SourceError(f"There is no {start} with the images. Say where they are with --images.")
    folder = start if start.is_dir() else start.parent
    for name in files_below(start) if start.is_dir() else [start.name]:
        shown = clean(name)
        try:
            name.encode()
            yield from _photos_of(folder / name, name, shown)
        except UnicodeEncodeError:
            yield Skipped(shown, "its name is not UTF-8", "failed")
        except SourceError as error:
            yield Skipped(shown, str(error), "failed")


def _photos_of(file: Path, relative: str, shown: str) -> Iterator[Found | Skipped]:
    lowered = relative.lower()
    if is_photo(lowered):
        yield Found(relative, Piece(relative))
    elif lowered.endswith(".tar"):
        yield from _from_tar([file], relative)
    elif lowered.endswith(tars.COMPRESSED):
        yield Skipped(shown, "a compressed tar cannot be read in place; decompress it once", "failed")
    elif lowered.endswith(".zip"):
        yield from _from_zip(file, relative)
    elif lowered.endswith(msgpacks.SUFFIXES):
        yield from _from_msgpack(file, relative)
    elif relative[-1].isdecimal() and not _is_later_part(file) and tars.is_tar(file):
        yield from _from_tar(tars.parts_from(file), relative)


def _is_later_part(file: Path) -> bool:
    before = previous_part(file)
    return before is not None and before.is_file()


def _from_tar(parts: list[Path], relative: str) -> Iterator[Found | Skipped]:
    folder = relative.rpartition("/")[0]
    paths = [f"{folder}/{part.name}" if folder else part.name for part in parts]
    for member in tars.members(parts):
        if not is_photo(member.name):
            continue
        if member.problem:
            yield Skipped(clean(member.name), member.problem, "failed")
        else:
            yield Found(clean(member.name), Piece(paths[member.part], member.offset, member.length))


def _from_zip(file: Path, relative: str) -> Iterator[Found | Skipped]:
    for member in zips.members(file):
        if not is_photo(member.name):
            continue
        if member.problem:
            yield Skipped(clean(member.name), member.problem, "failed")
        else:
            yield Found(clean(member.name), Piece(relative, member.offset, member.length, member.codec))


def _from_msgpack(file: Path, relative: str) -> Iterator[Found | Skipped]:
    for number, record in enumerate(msgpacks.records(file)):
        name = clean(record.id)
        if name and record.has_image:
            yield Found(name, Piece(relative, record.offset, record.length, "msgpack"))
        else:
            yield Skipped(name or f"{relative} record {number}", "a record without id or image", "failed")
