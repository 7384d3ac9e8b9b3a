"""Twelve places and moments chosen for their looks: the photos that the app offers to a visitor without one.

They are drawn with seed `EXAMPLE_SEED`; none of them is in the starter gallery, whose places come from
`sample_places(..., split="gallery")`.
"""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLE_SEED = 1


@dataclass(frozen=True)
class Example:
    """One example: a slug for file names, the place, and which photo of it, in what size (width, height)."""

    name: str
    lat: float
    lon: float
    index: int
    size: tuple[int, int] = (768, 576)


EXAMPLES: tuple[Example, ...] = (
    Example("tuscan-village", 43.3, 11.4, 94),
    Example("kyoto-street", 35.02, 135.76, 47),
    Example("sahara-dunes", 27.5, 9.5, 47),
    Example("rio-beach", -22.75, -43.4, 57),
    Example("arizona-highway", 34.5, -111.5, 6),
    Example("jaipur-street", 26.9, 75.8, 3),
    Example("svalbard-cabins", 78.5, 16.5, 16),
    Example("addis-ababa-avenue", 9.1, 38.8, 21),
    Example("patagonian-lake", -50.5, -72.6, 45),
    Example("tonkin-paddies", 21.0, 105.6, 101),
    Example("athens-evening", 38.1, 23.7, 50),
    Example("red-centre-road", -24.9, 131.2, 12),
)
