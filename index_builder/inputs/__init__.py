"""Training sets: photos with their segmentation maps and scenes, made once and read at random while training.

    part-00000.arrow, ...   up to 1,024 photos each, with what is known of them; see `parts`
    outcomes.parquet        entries of the source that gave no photo, with reasons; only if there are any
    manifest.json           written last: a folder that has one is whole; see `manifest`

    photos = TrainingSet.open("sets/train")
    photos.photo(7), photos.labels(7)        # a PIL image, and (h, w) uint8 of the same height and width
    photos.places, photos.scenes(16)         # (n, 2) degrees; (n,) classes, -1 where unknown

`atlas` and `source` make them.
"""

from __future__ import annotations

from index_builder.inputs.dataset import TrainingSet
from index_builder.inputs.manifest import Manifest

__all__ = ["Manifest", "TrainingSet"]
