"""Where geotagged photos come from. One file a source, each a function from a path to items.

An item that cannot be used is yielded all the same, as a `Skipped` with its reason, so that nothing vanishes silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """A photo to embed: its file, id, place in degrees (None: ask its EXIF) and the source's other columns."""

    file: Path
    id: str
    location: tuple[float, float] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """An entry of the source that gives no row, and why."""

    id: str
    reason: str
