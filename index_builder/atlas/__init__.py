"""The Atlas: a synthetic world that draws photos as functions of place, with their segmentation.

    photo = draw(48.86, 2.35, seed=1, index=0)      # AtlasPhoto: image, labels, scene, country, hour, ...
    places = sample_places(3000, seed=1, split="gallery")

Reading order: `facts` (tables of the real world), `world` (a place), `light` (a moment and a camera), `canvas`
(picture and labels drawn at once), `sky`, `terrain`, `water`, `vegetation`, `trees`, `architecture`, `buildings`,
`houses`, `landmarks`, `roads`, `signs`, `vehicles`, `figures`; `stage` gathers them, `urban`, `countryside` and
`waterside` compose them, `scenes` chooses, `painter` makes the photo.
"""

from __future__ import annotations

from index_builder.atlas.painter import AtlasPhoto, draw
from index_builder.atlas.world import SPLITS, sample_places

__all__ = ["SPLITS", "AtlasPhoto", "draw", "sample_places"]
