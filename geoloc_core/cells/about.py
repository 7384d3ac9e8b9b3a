"""Where a partition comes from, as it is written beside its cells."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

MOST_LEVELS = 5


class About(BaseModel):
    """Where a partition comes from.

    Attributes:
        title: what to call it.
        source, licence: of the photos it was made of.
        photos: how many photos it was made of, those in cells that were dropped among them; 0 if nobody says.
        most: the most photos a cell of each level may hold before it is cut in four; empty if nobody says.
        least: cells with so many photos or fewer were dropped.
        synthetic: made of drawn photos, so that its cells mean nothing for real ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field("", max_length=200)
    source: str = Field("", max_length=2_000)
    licence: str = Field("", max_length=2_000)
    photos: int = Field(0, ge=0)
    most: tuple[int, ...] = Field((), max_length=MOST_LEVELS)
    least: int = Field(0, ge=0)
    synthetic: bool = False
    created: datetime | None = None
    command: str = Field("", max_length=2_000)
