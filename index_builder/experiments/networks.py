"""TransLocator's family as systems of a comparison: trained by the engine, asked through the app's own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.errors import GeolocError
from geoloc_core.geo import Floats
from geoloc_core.segmentation import Labels, Segmenter
from geoloc_core.translocator import Config, variant
from index_builder.experiments.systems import Answer, Budget, Data, Epoch, Row, System, Trained
from index_builder.inputs import TrainingSet

if TYPE_CHECKING:
    from geoloc_core.translocator.opened import TransLocator

_RUN, _BATCH = "run", 32
Maps = Callable[[int], Labels]


@dataclass(frozen=True)
class Asked:
    """How a network is asked.

    Attributes:
        star: by f*, a fine cell's probability times its parents'; else by the fine cells alone.
        segmenter: name of the model that makes the test photos' maps; the set's own maps if empty.
    """

    star: bool = False
    segmenter: str = ""


def network(name: str, *, shuffled: bool = False) -> System:
    """A variant of TransLocator, to be trained from random weights.

    Args:
        name: one of `geoloc_core.translocator.VARIANTS`.
        shuffled: the control: each photo has the labels of another one.
    """
    return System(f"{name}-shuffled" if shuffled else name, partial(_learn, name, shuffled))


def row_of(key: str, name: str, system: System, asked: Asked | None = None, against: tuple[str, ...] = ()) -> Row:
    """A row that asks a network."""
    return Row(key, name, system, answering(asked or Asked()), against)


def config_of(name: str, data: Data, budget: Budget) -> Config:
    """The variant's configuration in this comparison: the same small backbone for all.

    Raises:
        ModelError: the sizes do not go together.
    """
    return variant(name, data.partition.sizes, **budget.shape.model_dump())


def _learn(name: str, shuffled: bool, data: Data, budget: Budget, folder: Path) -> Trained:
    from index_builder import training
    from index_builder.translocator.train import make_task, untrained

    model = untrained(config_of(name, data, budget), budget.seed)
    task = make_task(
        model,
        data.train,
        data.validation,
        data.partition,
        inputs=budget.inputs,
        augment=budget.augment,
        batch_size=budget.batch,
        seed=budget.seed,
        shuffle_labels=shuffled,
        title=f"{name} of an experiment",
    )
    result = training.run(task, _recipe(budget), folder / _RUN, running=training.Running(tensorboard=False))
    return Trained(
        parameters=sum(weights.numel() for weights in model.parameters()),
        seconds=result.seconds,
        curve=tuple(_epoch(row) for row in training.read_metrics(folder / _RUN) if row["kind"] == "epoch"),
        said=f"epoch {result.best_epoch} of {result.epochs}",
    )


def _recipe(budget: Budget) -> Any:
    from index_builder.training import Recipe

    return Recipe(
        epochs=budget.epochs,
        learning_rate=budget.rate,
        warmup=min(1.0, budget.epochs / 6),
        best=budget.chosen_by,
        best_is="highest",
        seed=budget.seed,
    )


def _epoch(row: dict[str, Any]) -> Epoch:
    """An epoch as the engine told it: the finest cells' loss, which all networks have, and shares in percent."""
    shares = {name: 100 * value for name, value in row["metrics"].items() if "a_" in name}
    return Epoch(number=row["epoch"], loss=row["parts"]["fine"], validation=shares)


def answering(asked: Asked) -> Answer:
    """Answers of a published network for the test photos: the mean place of the likeliest fine cell (section 4.3)."""

    def answer(data: Data, _budget: Budget, folder: Path) -> Floats:
        from geoloc_core.translocator.opened import open_translocator

        opened = open_translocator(str(folder / _RUN / "best"))
        maps = _segmented(data.test, asked.segmenter) if asked.segmenter else data.test.labels
        points = opened.partition.parts[-1].points
        likeliest = [
            _probabilities(opened, data.test, rows, maps, star=asked.star).argmax(axis=-1)
            for rows in np.array_split(np.arange(len(data.test)), -(-len(data.test) // _BATCH))
        ]
        return points[np.concatenate(likeliest)]

    return answer


def _probabilities(opened: TransLocator, photos: TrainingSet, rows: Any, maps: Maps, *, star: bool) -> Floats:
    """(b, n) of the finest cells, for some rows in one forward pass."""
    config, crops = opened.card.config, opened.card.inputs.crops
    two = "seg" in config.names
    views = [opened.views(photos.photo(row), maps(row) if two else None) for row in rows]
    seg = np.concatenate([map_ for _, map_ in views if map_ is not None]) if two else None
    kinds = np.maximum(photos.scenes(3)[rows], 0).repeat(crops).tolist() if config.scene_networks else None
    outputs = opened.forward(np.concatenate([rgb for rgb, _ in views]), seg, kinds)
    logits = [level.double().cpu().numpy().reshape(len(rows), crops, -1) for level in outputs.cells]
    return opened.combine(logits, star)[0]


def _segmented(photos: TrainingSet, name: str) -> Maps:
    """Maps by a model instead of the set's own, as on the page.

    Raises:
        GeolocError: the model is not on this machine.
    """
    from geoloc_core.segmentation.names import open_segmenter

    segmenter: Segmenter = open_segmenter(name)
    if not (ready := segmenter.availability()):
        raise GeolocError(f"{ready.reason} {ready.remedy}")
    segmenter.load()
    return lambda row: segmenter.segment([photos.photo(row)])[0]
