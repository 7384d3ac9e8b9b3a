"""A table's columns: which one is what, what the others are called in a gallery, and values made fit to keep."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from geoloc_core.errors import SourceError

NAMES = {
    "id": ("id", "img_id", "image_id", "photo_id", "photoid", "key"),
    "file": ("file", "filename", "file_name", "path", "filepath", "image", "image_path", "photo", "img_id", "id"),
    "lat": ("lat", "latitude", "gps_latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "gps_longitude", "x"),
    "author": ("author", "creator", "creator_username", "owner", "photographer", "username", "user"),
    "licence": ("licence", "license", "license_name"),
    "source": ("source", "page_url", "photo_page"),
}
CANONICAL = ("author", "licence", "source")
RESERVED = frozenset({"id", "lat", "lon", "content_hash"})
MAX_COLUMNS = 500
MAX_VALUE = 4_000  # characters kept of one value
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
)  # control characters, and surrogates, which UTF-8 cannot hold


@dataclass(frozen=True)
class Layout:
    """Where in a row each thing stands: the roles' indices, and (gallery's name, index) of every column to keep."""

    roles: Mapping[str, int]
    kept: tuple[tuple[str, int], ...]

    def value(self, row: Sequence[str], role: str) -> str:
        """The text of the role's column; "" if there is none or the row is too short."""
        index = self.roles.get(role, -1)
        return row[index].strip() if 0 <= index < len(row) else ""

    def columns(self, row: Sequence[str]) -> dict[str, str]:
        """The columns to keep, by their gallery's names; "" where the row is too short."""
        count = len(row)
        return {name: clean(row[index]) if index < count else "" for name, index in self.kept}


def find_columns(
    header: Sequence[str], required: Sequence[str], chosen: Mapping[str, str] | None = None, *, where: str
) -> Layout:
    """The layout of a table with this header.

    Args:
        header: the columns' names.
        required: roles that must be there; the others are found if they are.
        chosen: role to column name, for columns that are not called as usual.
        where: the table's name, for messages.

    Raises:
        SourceError: no such role, a chosen or required column is not there, or there are too many columns.
    """
    if len(header) > MAX_COLUMNS:
        raise SourceError(f"{where} has {len(header):,} columns; at most {MAX_COLUMNS} are read. Drop the others.")
    names = [name.strip() for name in header]
    roles = _chosen(names, chosen or {}, where)
    for role in NAMES:
        if role not in roles and (index := _usual(names, role, taken=roles.values())) is not None:
            roles[role] = index
        elif role not in roles and role in required:
            raise SourceError(
                f"{where} has no column for {role}; it has {', '.join(names) or 'none'}. "
                f"Name one of them {' or '.join(NAMES[role][:3])}, or say which it is with --column {role}=NAME."
            )
    consumed = {roles[role] for role in ("id", "lat", "lon", *required) if role in roles}
    canonical = {roles[role]: role for role in CANONICAL if role in roles}
    order = [*canonical, *(i for i in range(len(names)) if i not in consumed and i not in canonical)]
    return Layout(roles, tuple(zip(kept_names([canonical.get(i, names[i]) for i in order]), order, strict=True)))


def _chosen(names: Sequence[str], chosen: Mapping[str, str], where: str) -> dict[str, int]:
    for role, name in chosen.items():
        if role not in NAMES:
            raise SourceError(f"There is no column role {role!r}. Choose from {', '.join(NAMES)}.")
        if name not in names:
            raise SourceError(
                f"{where} has no column {name!r} for {role}; it has {', '.join(names) or 'none'}. Choose one of them."
            )
    return {role: names.index(name) for role, name in chosen.items()}


def _usual(names: Sequence[str], role: str, taken: Collection[int]) -> int | None:
    """The column that has a usual name of the role, in any case; a canonical one must not be another role's."""
    lowered = [name.lower() for name in names]
    for usual in NAMES[role]:
        if usual in lowered and (role not in CANONICAL or lowered.index(usual) not in taken):
            return lowered.index(usual)
    return None


def kept_names(names: Sequence[str]) -> list[str]:
    """Names that a gallery can use, in order: printable, not reserved, not beginning with "_", all different."""
    taken: set[str] = set()
    result = []
    for raw in names:
        name = clean(raw)[:100].lstrip("_ ") or "column"
        name = f"{name}_in_source" if name.lower() in RESERVED else name
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique)
        result.append(unique)
    return result


def clean(value: str) -> str:
    """The value without surrounding space, control characters and what UTF-8 cannot hold; `MAX_VALUE` long at most."""
    if len(value) <= MAX_VALUE and value.isprintable():
        return value.strip()
    return _UNFIT.sub(" ", value[: 2 * MAX_VALUE]).strip()[:MAX_VALUE]


def location(lat: str, lon: str) -> tuple[float, float] | None:
    """(lat, lon) in degrees of two texts, longitude in [-180, 180); None where `geo.check_coordinates` refuses."""
    try:
        north, east = float(lat), float(lon)
    except ValueError:
        return None
    if not (-90 <= north <= 90 and math.isfinite(east)):
        return None
    if not -180 <= east < 180:  # others stay exactly as they are written
        east = (east + 180) % 360 - 180
    return north, -180.0 if east >= 180 else east
