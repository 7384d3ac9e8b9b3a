"""Segmentation maps and scenes by models, for photos on their way into a training set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from PIL import Image

from geoloc_core.errors import InputsError, ModelError
from geoloc_core.segmentation import Segmenter
from index_builder.inputs.manifest import Segmentation
from index_builder.inputs.parts import KINDS, UNKNOWN, Row, to_png

if TYPE_CHECKING:
    from geoloc_core.scenes import SceneClassifier

NONE = "none"
OF_SOURCE = "source"
MODEL_SIDE = 640  # pixels of the shorter side, at most, of what models are shown; the largest SegFormer's own
_BATCH = 16
_COLUMNS = tuple(f"S{kind}_Label" for kind in KINDS)  # of MP-16's and the benchmarks' tables
Scenes = tuple[int, int, int]


@dataclass(frozen=True)
class Seen:
    """A row, the size of the photo it was made of, and that photo for models, or None where none looks at it."""

    row: Row
    size: tuple[int, int]
    image: Image.Image | None = None


class Labeller:
    """Adds maps and scenes to rows; a model that is None adds none.

    Args:
        segmenter: makes the maps.
        scenes: tells the scenes; `OF_SOURCE` takes those of the source's own columns, as MP-16's table has them.
    """

    def __init__(self, segmenter: Segmenter | None, scenes: SceneClassifier | str | None) -> None:
        self.segmenter, self.classifier = segmenter, scenes

    @property
    def segmentation(self) -> Segmentation:
        """What makes the maps."""
        return Segmentation(name=self.segmenter.name, id=self.segmenter.id) if self.segmenter else Segmentation()

    @property
    def scenes(self) -> str:
        """What tells the scenes, by name and id; empty for nothing."""
        told = self.classifier
        return told or "" if isinstance(told, str | None) else f"{told.name} ({told.id})"

    @property
    def looks(self) -> bool:
        """Whether it is shown photos at all."""
        return self.segmenter is not None or not isinstance(self.classifier, str | None)

    def load(self) -> None:
        """Bring the models into memory.

        Raises:
            GeolocError: one cannot be used.
        """
        for model in (self.segmenter, self.classifier):
            if not isinstance(model, str | None):
                if not (ready := model.availability()):
                    raise ModelError(f"{model.name} cannot be used: {ready.reason} {ready.remedy}")
                model.load()

    def label(self, seen: Iterable[Seen], side: int) -> Iterator[Row]:
        """The rows in order, with their labels; `side` is the photos' shorter side.

        Raises:
            GeolocError: a model fails.
        """
        source = iter(seen)
        while chunk := list(islice(source, _BATCH)):
            images = [one.image for one in chunk if one.image]
            maps = self.segmenter.segment(images) if self.segmenter else [None] * len(chunk)
            for one, labels, scenes in zip(chunk, maps, self._scenes(chunk, images), strict=True):
                png = None if labels is None else to_png(labels, one.size, side)
                yield replace(one.row, labels=png or one.row.labels, scenes=scenes)

    def _scenes(self, chunk: Sequence[Seen], images: Sequence[Image.Image]) -> list[Scenes]:
        told = self.classifier
        if told is None:
            return [one.row.scenes for one in chunk]
        if isinstance(told, str):
            return [scenes_of_columns(one.row.columns) for one in chunk]
        return scenes_of_probabilities(told.scenes(images))


def labeller_of(segmenter: str, scenes: str) -> Labeller:
    """The labeller of models by name; `none` for either, `source` for the source's own scenes.

    Raises:
        ModelError: there is no such model.
    """
    from geoloc_core.segmentation.names import open_segmenter

    told: SceneClassifier | str | None
    if scenes == NONE:
        told = None
    elif scenes == OF_SOURCE:
        told = OF_SOURCE
    else:
        from geoloc_core.scenes import open_classifier

        told = open_classifier(scenes)
    return Labeller(None if segmenter == NONE else open_segmenter(segmenter), told)


def scenes_of_category(category: int) -> Scenes:
    """The kind, group and category of a category's number."""
    from geoloc_core.scenes.places365 import group

    return (int(group(3)[category]), int(group(16)[category]), category)


def scenes_of_probabilities(probabilities: object) -> list[Scenes]:
    """The likeliest kind, group and category of each of (n, 365) probabilities."""
    from geoloc_core.scenes.places365 import summed

    best = [summed(probabilities, kind).argmax(axis=-1).tolist() for kind in KINDS]  # type: ignore[arg-type]
    return list(zip(*best, strict=True))


def scenes_of_columns(columns: Mapping[str, str]) -> Scenes:
    """The scenes that a table of MP-16's layout tells of a photo.

    Raises:
        InputsError: it tells none.
    """
    if any(name not in columns for name in _COLUMNS):
        raise InputsError(
            f"The source has no columns {', '.join(_COLUMNS)}. Name a model with --scenes, or take --scenes none."
        )
    told = []
    for name, kind, unknown in zip(_COLUMNS, KINDS, UNKNOWN, strict=True):
        value = columns[name].removesuffix(".0")
        told.append(int(value) if value.isascii() and value.isdigit() and int(value) < kind else unknown)
    return (told[0], told[1], told[2])
