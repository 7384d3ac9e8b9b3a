"""The comparison on photos of one's own: the rows that real photos without further labels allow.

Scene rows are added where the set knows the scenes of most photos.
"""

from __future__ import annotations

from index_builder.experiments.networks import Asked, network, row_of
from index_builder.experiments.retrieval import CONSTANT, ceiling, constant, knn
from index_builder.experiments.systems import Data, Row

_KNOWN = 0.5


def rows_for(data: Data) -> list[Row]:
    """Every row that the data has labels for."""
    base, seg, mff = network("vit-base"), network("seg"), network("mff")
    rows = [
        constant(),
        ceiling(),
        knn("im2gps", "kNN, im2gps (colours, texture, lines)", (CONSTANT,)),
        knn("starter", "kNN, starter encoder", (CONSTANT,)),
        row_of("planet", "PlaNet", network("planet")),
        row_of("vit-base", "ViT base", base, against=("planet", "knn-im2gps")),
        row_of("vit-base-star", "ViT base, f*", base, Asked(star=True), ("vit-base",)),
        row_of("seg", "+ Seg", seg, against=("vit-base",)),
        row_of("mff", "+ Seg + MFF", mff, against=("seg", "vit-base")),
        row_of("mff-star", "+ Seg + MFF, f*", mff, Asked(star=True), ("mff",)),
    ]
    if (data.train.scenes(365) >= 0).mean() > _KNOWN:
        scene = network("scene-365")
        rows.append(row_of("scene-365", "TransLocator", scene, against=("mff", "vit-base")))
    control = network("mff", shuffled=True)
    return [*rows, row_of("control", "control: shuffled places", control, against=(CONSTANT,))]
