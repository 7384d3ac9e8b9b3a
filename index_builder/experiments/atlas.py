"""The comparison on the Atlas: every row of TransLocator's tables 2 and 3, PlaNet, ISNs, kNN, guesses and a control.

Where it must differ from the papers: photos are drawn; all networks have the same small vision transformer for a
branch, PlaNet and ISNs too, so that rows differ in one thing each; and the Atlas draws no indoor photo, so of ISNs'
three networks only two learn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from index_builder.cells.build import Limits
from index_builder.experiments.data import separate
from index_builder.experiments.networks import Asked, network, row_of
from index_builder.experiments.retrieval import CONSTANT, ceiling, constant, knn
from index_builder.experiments.systems import Data, Row
from index_builder.inputs import TrainingSet
from index_builder.translocator.augment import Augment

AUGMENT = Augment(mirror=0)  # the side of the road that people drive on is a clue
STARTER_SEGMENTER = "segmenter-starter"
_BASE, _MT, _SEG, _MFF = (network(name) for name in ("vit-base", "vit-mt", "seg", "mff"))
_SCENES = {count: network(f"scene-{count}") for count in (3, 16, 365)}
_PLANET, _ISNS = network("planet"), network("isns")
_CONTROL = network("scene-365", shuffled=True)

ROWS: tuple[Row, ...] = (
    constant(),
    ceiling(),
    knn("starter", "kNN, starter encoder", (CONSTANT,)),
    row_of("planet", "PlaNet", _PLANET),
    row_of("isns", "ISNs, f", _ISNS, against=("vit-base",)),
    row_of("isns-star", "ISNs, f*", _ISNS, Asked(star=True), ("isns", "vit-base")),
    row_of("vit-base", "ViT base", _BASE, against=("planet", "knn-starter")),
    row_of("vit-mt", "ViT-MT (365 scenes)", _MT, against=("vit-base",)),
    row_of("seg", "+ Seg", _SEG, against=("vit-base",)),
    row_of("mff", "+ Seg + MFF", _MFF, against=("seg", "vit-base")),
    row_of("scene-3", "+ Seg + MFF + Scene (3)", _SCENES[3], against=("mff",)),
    row_of("scene-16", "+ Seg + MFF + Scene (16)", _SCENES[16], against=("mff", "scene-3")),
    row_of("scene-365", "TransLocator", _SCENES[365], against=("mff", "scene-16", "vit-mt", "vit-base", "knn-starter")),
    row_of("scene-365-star", "TransLocator, f*", _SCENES[365], Asked(star=True), ("scene-365",)),
    row_of(
        "scene-365-maps",
        "TransLocator, maps by the starter segmenter",
        _SCENES[365],
        Asked(segmenter=STARTER_SEGMENTER),
        ("scene-365", "vit-mt"),
    ),
    row_of("control", "control: shuffled places and scenes", _CONTROL, against=(CONSTANT,)),
)


def atlas_data(
    sets: Path, limits: Limits, photos: int = 10_000, held_out: int = 2_000, side: int = 128, seed: int = 1
) -> Data:
    """The drawn photos; sets that are not in the folder yet are drawn into it, which takes some 15 ms a photo and core.

    Args:
        sets: folder of the sets `train`, `validation` and `test`.
        limits: of the cells.
        photos: to train on; the first ones of a larger set.
        held_out: to measure on, and half as many to choose on.
        side: pixels of the photos' shorter side, for sets that are drawn.
        seed: of the drawing.

    Raises:
        InputsError: the folder holds something else.
    """
    parts: dict[str, TrainingSet] = {}
    for split, count in (("train", photos), ("validation", held_out // 2), ("test", held_out)):
        folder = sets / split
        if not (folder / "manifest.json").is_file():
            from index_builder.inputs.atlas import Drawing, make_atlas

            make_atlas(folder, Drawing(split, count, seed, side))
        whole = TrainingSet.open(folder)
        parts[split] = whole.subset(np.arange(len(whole))[:count])
    return separate(parts["train"], parts["validation"], parts["test"], limits)
