"""What a classifier of geo-cells says of a photo, as plain data for maps, pages and exports."""

from __future__ import annotations

from dataclasses import dataclass

from geoloc_core.cells import Level
from geoloc_core.geo import Floats
from geoloc_core.scenes import Scene
from geoloc_core.segmentation import Labels


@dataclass(frozen=True, eq=False)
class Classified:
    """Probabilities of cells, and what was seen on the way.

    Attributes:
        level: the finest cells.
        probabilities: (n,) adding up to 1, one for each of them.
        by: "fine" for the fine head alone, "f*" for the product with the coarser levels'.
        scene: what the classifier's own scene head says, or the kind that chose ISNs' network; None without.
        segmentation: (h, w) the map that the second branch saw; None without that branch.
        attention: how much of the photo and of its segmentation the answer rests on (equations 5 and 6), or None.
        refined: whether the place was searched for among the gallery's photos inside the likeliest cell.
    """

    level: Level
    probabilities: Floats
    by: str
    scene: Scene | None = None
    segmentation: Labels | None = None
    attention: tuple[float, float] | None = None
    refined: bool = False
