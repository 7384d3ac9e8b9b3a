"""Files of photos in Arrow's IPC format, uncompressed, so that any row is read from the memory map.

Columns: id, lat, lon; photo (JPEG) and labels (PNG of ADE20K classes, 255 for none, of the photo's shape; null if no
map was wanted); scene_3, scene_16, scene_365 (class or -1); and the source's own as text, such as author and country.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geoloc_core.errors import InputsError
from geoloc_core.files import replacing
from geoloc_core.segmentation import Labels

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = (3, 16, 365)
UNKNOWN = (-1, -1, -1)
QUALITY = 92
LONGEST = 4  # times the shorter side; of what is longer, such as a panorama, the middle is kept
OWN = ("id", "lat", "lon", "photo", "labels", *(f"scene_{kind}" for kind in KINDS))


@dataclass(frozen=True)
class Row:
    """A photo, ready to be written. `scenes` are its classes of `KINDS`, `columns` what else its source says."""

    id: str
    lat: float
    lon: float
    photo: bytes
    labels: bytes | None = None
    scenes: tuple[int, int, int] = UNKNOWN
    columns: Mapping[str, str] = field(default_factory=dict)


def window(size: tuple[int, int], side: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """What is kept of a photo of (width, height): its new size, and the part, as shares of width, height, and again."""
    w, h = size
    kept_w, kept_h = min(w, LONGEST * h), min(h, LONGEST * w)
    across, down = (1 - kept_w / w) / 2, (1 - kept_h / h) / 2
    scale = side / min(w, h)
    return (round(kept_w * scale), round(kept_h * scale)), (across, down, 1 - across, 1 - down)


def fitted(image: Image.Image, side: int) -> Image.Image:
    """The photo with its shorter side `side` pixels long, which may enlarge it."""
    (w, h), (size, kept) = image.size, window(image.size, side)
    box = (kept[0] * w, kept[1] * h, kept[2] * w, kept[3] * h)
    return image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=3.0)


def to_jpeg(photo: Image.Image) -> bytes:
    """The bytes kept of a fitted photo."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def to_png(labels: Labels, photo: tuple[int, int], side: int) -> bytes:
    """The bytes kept of a map, whatever its size, of a photo of (width, height): fitted as `fitted` fits the photo."""
    (h, w), (size, kept) = labels.shape, window(photo, side)
    box = (kept[0] * w, kept[1] * h, kept[2] * w, kept[3] * h)
    buffer = io.BytesIO()
    Image.fromarray(labels).resize(size, Image.Resampling.NEAREST, box).save(buffer, "PNG")
    return buffer.getvalue()


def write_part(path: Path, rows: Sequence[Row], stamp: Mapping[str, str]) -> None:
    """Write rows, whole or not at all; `stamp` says what they were made of.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    import pyarrow as pa

    table = _table(rows).replace_schema_metadata({"geoloc": json.dumps(dict(stamp), sort_keys=True)})
    with replacing(path) as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(len(rows), 1))


def _table(rows: Sequence[Row]) -> pa.Table:
    import pyarrow as pa

    own = {
        "id": pa.array([row.id for row in rows], pa.string()),
        "lat": pa.array([row.lat for row in rows], pa.float64()),
        "lon": pa.array([row.lon for row in rows], pa.float64()),
        "photo": pa.array([row.photo for row in rows], pa.binary()),
        "labels": pa.array([row.labels for row in rows], pa.binary()),
    }
    for number, kind in enumerate(KINDS):
        own[f"scene_{kind}"] = pa.array([row.scenes[number] for row in rows], pa.int16())
    extra = sorted({name for row in rows for name in row.columns} - set(OWN))
    return pa.table(own | {name: pa.array([row.columns.get(name) for row in rows], pa.string()) for name in extra})


def map_part(path: Path) -> pa.Table:
    """The rows of a file, mapped rather than read, and checked to be what such a file holds.

    Raises:
        InputsError: it is missing, damaged, or none of ours.
    """
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as mapped:  # the table keeps the map, not the open file
            alone = pa.ipc.IpcReadOptions(use_threads=False)  # processes may have been forked off
            table = pa.ipc.open_file(mapped, options=alone).read_all()
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, " ".join(str(error).split())[:120]) from None
    wanted = _table([]).schema
    if any(name not in table.schema.names or table.schema.field(name).type != wanted.field(name).type for name in OWN):
        raise damaged(path, "it lacks columns")
    if any(table[name].null_count for name in OWN if name != "labels"):
        raise damaged(path, "values are missing")
    return table


def stamp_of(path: Path) -> dict[str, str] | None:
    """What the rows of a file were made of, None if there is no whole file."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as mapped:
            metadata = pa.ipc.open_file(mapped).schema.metadata or {}
        return dict(json.loads(metadata[b"geoloc"]))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def decoded(data: bytes, kind: str, path: Path) -> Image.Image:
    """A picture of a part: a photo ("JPEG", RGB) or a map ("PNG", L).

    Raises:
        InputsError: it is none.
    """
    mode = "RGB" if kind == "JPEG" else "L"
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            if image.mode != mode or max(image.size) > LONGEST * 2048:
                raise ValueError(f"a {kind} of mode {image.mode} and size {image.size}")
            image.load()
            return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(path, " ".join(str(error).split())[:120]) from None


def damaged(path: Path, why: str) -> InputsError:
    """The error for a file that is not what it should be."""
    return InputsError(f"{path} is damaged ({why}). Copy it again, or make the set again with --restart.")


def as_labels(image: Image.Image) -> Labels:
    """(h, w) classes of a decoded map."""
    return np.asarray(image, np.uint8)
