"""Geo-cells: the world cut into the classes of a classifier, at one or several scales.

A cell is a cell of the S2 quadtree, so that cells of one level never overlap and smaller ones lie inside larger ones. A
`Level` is the classes of one head; a `Partition` is one to five levels, the coarsest first. `index_builder.cells` makes
them of the places of photos; `read_published` takes over those that others published.

    partition = Partition.open("cells.parquet")
    classes = partition.assign([(48.8584, 2.2945)])       # (1, 3): its coarse, middle and fine class, -1 for none
    partition.level("fine").points[classes[0, 2]]         # where a photo of that class is said to be
"""

from __future__ import annotations

from geoloc_core.cells.level import Level
from geoloc_core.cells.partition import NAMES, About, Partition
from geoloc_core.cells.published import read_published

__all__ = ["NAMES", "About", "Level", "Partition", "read_published"]
