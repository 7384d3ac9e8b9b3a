"""Trains TransLocator or one of its family: puts the task together, runs it, judges the best epoch. Imports torch.

network = untrained(config, seed=1)
task = make_task(network, training, validation, partition, inputs=Inputs(resize=128, crops=5))
result = train(task, Recipe(epochs=20, best="a_mean", best_is="highest"), Path("run"))
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from geoloc_core.cells import About, Partition
from geoloc_core.errors import ModelError
from geoloc_core.hub import Progress
from geoloc_core.translocator.backbones import PRETRAINED, pretrained
from geoloc_core.translocator.card import CARD, Inputs, read_card
from geoloc_core.translocator.checkpoint import load
from geoloc_core.translocator.config import Config
from geoloc_core.translocator.foreign import Adopted, adopt
from geoloc_core.translocator.losses import NO_LABEL, Weights
from geoloc_core.translocator.model import Network, SceneNetworks, build
from geoloc_core.translocator.publish import levels_of, publish
from index_builder.cells.build import Limits
from index_builder.cells.build import build as build_cells
from index_builder.inputs import TrainingSet
from index_builder.training import Recipe, Result, Running, run
from index_builder.training.devices import is_main
from index_builder.training.events import OnEvent, Said
from index_builder.translocator.augment import Augment
from index_builder.translocator.task import Data, Labels, TransLocatorTask, card_of
from index_builder.translocator.views import Batches

CROPS = "crops"  # the card's figure that says by how many crops the others were taken


@dataclass(frozen=True)
class Started:
    """Where first weights come from: a file of them, the digest of it, and how its network normalised colours."""

    file: Path
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def id(self) -> str:
        """By content."""
        with self.file.open("rb") as stream:
            return f"sha256-{hashlib.file_digest(stream, 'sha256').hexdigest()[:16]}"


def cells_for(training: TrainingSet, limits: Limits) -> Partition:
    """Cells of the photos to train on.

    Raises:
        CellsError: no cell would hold enough of them.
    """
    about = training.manifest
    facts = About(title="Cells of the training photos", source=about.source, licence=about.licence)
    return build_cells(training.places, limits, facts.model_copy(update={"synthetic": about.synthetic})).partition


def untrained(config: Config, seed: int) -> Network | SceneNetworks:
    """A network whose first weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)


def published_backbone(backbone: str, on_progress: Progress | None = None) -> Started:
    """The weights that timm's hub has for a backbone, on ImageNet-21k for vision transformers (section 4.4).

    Raises:
        ModelError, WeightsMissing, HubError: see `backbones.pretrained`.
    """
    file = pretrained(backbone, on_progress)
    preprocess = PRETRAINED[backbone][1]
    return Started(file, preprocess.mean, preprocess.std)


def from_model(path: Path) -> Started:
    """The weights of one branch: a trained model's folder (ViT-MT's, as in section 4.4), or a file from elsewhere.

    Raises:
        CheckpointMissing, CheckpointMisfit: there is none, or it cannot be used.
    """
    if not path.is_dir():
        return Started(path, Inputs().mean, Inputs().std)
    folder = path if (path / CARD).exists() else path / "best"
    card = read_card(folder)
    return Started(folder / card.weights, card.inputs.mean, card.inputs.std)


def start_from(network: Network | SceneNetworks, file: Path) -> Adopted:
    """Put the weights into every branch, for ISNs of every network.

    Raises:
        CheckpointMissing, CheckpointMisfit: they are not there, or do not fit.
    """
    networks = list(network.networks.values()) if isinstance(network, SceneNetworks) else [network]
    return [adopt(own, file) for own in networks][-1]  # type: ignore[arg-type]


def make_task(
    network: Network | SceneNetworks,
    training: TrainingSet,
    validation: TrainingSet,
    partition: Partition,
    *,
    inputs: Inputs | None = None,
    augment: Augment | None = None,
    weights: Weights | None = None,
    batch_size: int = 256,
    seed: int = 1,
    shuffle_labels: bool = False,
    title: str = "TransLocator",
    origin: str = "",
    workers: int | None = None,
) -> TransLocatorTask:
    """The task of training a network on a set.

    Args:
        network: with as many classes as the partition has cells; PlaNet takes its level of three.
        training, validation: photos with segmentation maps and scenes, as far as the network wants them.
        partition: cells of the training photos.
        inputs: how photos are cut for judging; and how colours are normalised for both.
        augment: what is done to training photos.
        weights: equation 8's.
        batch_size: photos a step.
        seed: of order and augmentation.
        shuffle_labels: the control, in which nothing but chance can be learned.
        title: of the model's card.
        origin: what the first weights were, in a word that differs for others.
        workers: processes that prepare photos when judging; None for as many as suit this machine.

    Raises:
        ModelError: the set lacks maps or scenes, or no photo lies in a cell.
    """
    config, inputs, augment = network.config, inputs or Inputs(), augment or Augment()
    _check(config, training)
    own = levels_of(partition, config)
    labels = Labels.of(training, own, config)
    if labels.scenes is not None and (labels.scenes == NO_LABEL).all():
        raise ModelError("The training photos have no scene labels. Add them, or choose a variant without scenes.")
    data = Data(Batches(training, own, config, inputs, augment, seed), labels)
    note = "Labels dealt at random, as a control." if shuffle_labels else ""
    card = card_of(title, config, own, training, inputs, note)
    return TransLocatorTask(
        network,
        data,
        validation,
        own,
        card,
        batch_size=batch_size,
        weights=weights or Weights(),
        seed=seed,
        shuffle_labels=shuffle_labels,
        origin=origin,
        workers=workers,
    )


def train(
    task: TransLocatorTask,
    recipe: Recipe,
    out: Path,
    *,
    running: Running | None = None,
    resume: bool = True,
    on_event: OnEvent | None = None,
) -> Result:
    """Run a task, then judge the best epoch's model by all its crops and put those figures on its card.

    Raises:
        GeolocError, KeyboardInterrupt: see `training.run`.
    """
    result = run(task, recipe, out, running=running, resume=resume, on_event=on_event)
    if not result.metrics or not is_main():
        return result
    card, network = load(result.published)
    if card.metrics.get(CROPS) != card.inputs.crops:
        if on_event:
            on_event(Said(f"Judging epoch {result.best_epoch} by {card.inputs.crops} crops a photo."))
        device = next(task.network.parameters()).device
        figures = task.judge(network.to(device), card.inputs, max(1, task.judge_batch // card.inputs.crops))
        finite = {name: value for name, value in figures.items() if np.isfinite(value)}
        card = card.model_copy(update={"metrics": {**finite, CROPS: card.inputs.crops}})
        publish(result.published, network.cpu(), card, task.partition, torch.float16)
    return replace(result, metrics=card.metrics)


def _check(config: Config, training: TrainingSet) -> None:
    if "seg" in config.names and not training.manifest.segmentation.name:
        raise ModelError(
            "The training photos have no segmentation maps. Make the set again with --segmenter, or choose a variant "
            "of one branch, such as vit-mt."
        )
