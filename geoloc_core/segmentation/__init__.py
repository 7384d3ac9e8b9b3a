"""Semantic segmentation: which of ADE20K's 150 classes each pixel of a photo belongs to.

TransLocator looks at such a map beside the photo, since what is where in a scene changes less with light, weather and
season than its colours do (Pramanick et al. 2022, section 3.1). Importing this needs neither torch nor transformers.

    segmenter = open_segmenter("segformer-b0")     # a name of `NAMES`, a model of the hub, or a folder
    labels = query.segmentation(segmenter)         # (h, w) uint8: the photo's shape, made smaller
    picture = colours(labels)                      # (h, w, 3) uint8
"""

from __future__ import annotations

from geoloc_core.segmentation.ade20k import colours
from geoloc_core.segmentation.base import MAP_SIDE, NO_CLASS, Labels, Segmenter
from geoloc_core.segmentation.names import NAMES, best_segmenter, open_segmenter

__all__ = ["MAP_SIDE", "NAMES", "NO_CLASS", "Labels", "Segmenter", "best_segmenter", "colours", "open_segmenter"]
