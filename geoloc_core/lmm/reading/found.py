"""A pair of numbers that a reply gives as coordinates, wherever it was found."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FOUND = 200  # of a kind; no honest reply has more


@dataclass(frozen=True)
class Found:
    """Two numbers that a reply gives as coordinates.

    Attributes:
        lat: degrees as written, whatever their size; so is `lon`.
        start: where in the reply they stand; `end` is behind them.
        how: "json" or "text".
        sure: False for bare numbers that could be something else.
        broken: what is wrong with how they are written; "" if nothing is.
    """

    lat: float
    lon: float
    start: int
    end: int
    how: str = "text"
    sure: bool = True
    broken: str = ""

    @property
    def point(self) -> tuple[float, float]:
        """(lat, lon) in degrees as written."""
        return self.lat + 0.0, self.lon + 0.0  # no -0.0

    @property
    def fault(self) -> str:
        """Why they are no place, as a clause about "the reply"; "" if they are one."""
        if self.broken:
            return self.broken
        if not abs(self.lat) <= 90:
            return f"gives {self.lat:g} as the latitude, which ends at 90"
        if not abs(self.lon) <= 180:
            return f"gives {self.lon:g} as the longitude, which ends at 180"
        if self.lat == 0 and self.lon == 0:
            return "gives (0, 0), which models write where they know nothing"
        return ""

    @property
    def empty(self) -> bool:
        """It is (0, 0), which stands for no coordinates."""
        return self.lat == 0 and self.lon == 0
