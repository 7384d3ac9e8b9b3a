"""An opened TransLocator: a photo and its segmentation map in, probabilities of geo-cells out, loaded at the first use.

A model's folder holds what `publish` writes. Importing this needs no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from geoloc_core.cells import Partition
from geoloc_core.errors import CheckpointMissing, GeolocError, ModelError
from geoloc_core.geo import Floats
from geoloc_core.scenes import Scene
from geoloc_core.segmentation import Labels
from geoloc_core.shelf import Shelf
from geoloc_core.status import Availability, Choice
from geoloc_core.translocator.card import Card, read_card
from geoloc_core.translocator.config import SCENE_KINDS
from geoloc_core.translocator.hierarchy import hierarchical, over_crops
from geoloc_core.translocator.publish import read_cells
from geoloc_core.translocator.said import Classified
from geoloc_core.translocator.views import Pixels, crops

if TYPE_CHECKING:
    import torch

    from geoloc_core.translocator.model import Network, Outputs, SceneNetworks

STARTER = "translocator-starter"
SHELF = Shelf(read_card, STARTER)
_TRAIN = "Train one with `python -m index_builder train translocator`."

_opened: dict[str, TransLocator] = {}
_opening = threading.Lock()


def open_translocator(name: str) -> TransLocator:
    """The model of that name; the same object every time. Cheap: nothing is read yet.

    Args:
        name: one of `SHELF.names()`, or the folder of a published model.
    """
    folder = SHELF.folder(name)
    with _opening:
        if str(folder) not in _opened:
            _opened[str(folder)] = TransLocator(folder)
        return _opened[str(folder)]


class TransLocator:
    """One model with its cells; safe to share between threads. Use `open_translocator`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._lock = threading.Lock()
        self._card: Card | None = None
        self._partition: Partition | None = None
        self._network: Network | SceneNetworks | None = None
        self._choices: dict[str, Choice] = {}

    @property
    def card(self) -> Card:
        """What the model is.

        Raises:
            CheckpointMissing: there is none in the folder.
            CheckpointMisfit: it cannot be used.
        """
        return self._card or read_card(self.folder)

    @property
    def id(self) -> str:
        """`translocator/sha256-…`: equal ids give equal answers. Raises as `card`."""
        return self.card.id

    @property
    def partition(self) -> Partition:
        """The cells that it tells apart.

        Raises:
            CheckpointMissing: the folder holds no model, or no cells.
            CheckpointMisfit: the cells are damaged, or others than the card names.
        """
        card, found = self.card, self._partition
        if found is None or found.id != card.partition:
            self._partition = found = read_cells(self.folder, card)
        return found

    @property
    def network(self) -> Network | SceneNetworks:
        """The module: in evaluation mode, in float32, on the device of `choices`. Raises as `load`."""
        self.load()
        assert self._network is not None
        return self._network

    @property
    def choices(self) -> Mapping[str, Choice]:
        """`device` and `dtype`, once loaded."""
        return dict(self._choices)

    def availability(self) -> Availability:
        """Whether card, cells and weights are on this machine. Imports no torch."""
        try:
            card = self.card
        except CheckpointMissing as error:
            return Availability(False, Availability.lacking(error).reason, _TRAIN)
        except GeolocError as error:
            return Availability.lacking(error)
        try:
            _ = self.partition
        except GeolocError as error:
            return Availability.lacking(error)
        if not (self.folder / card.weights).is_file():
            return Availability(False, f"There is no {card.weights} in {self.folder}.", _TRAIN)
        return Availability(True, f"{card.title} is on this machine")

    def load(self) -> None:
        """Read the weights; only the first call does.

        Raises:
            CheckpointMissing: the folder lacks card, cells or weights.
            CheckpointMisfit: one of them is damaged, or they do not belong together.
            ModelError: this timm cannot build the model.
            EncoderError: the settings ask for a device this machine does not have.
        """
        with self._lock:
            if self._network is not None:
                return
            from geoloc_core.encoders.device import choose_device, choose_dtype
            from geoloc_core.translocator.checkpoint import load

            card, network = load(self.folder)
            partition = read_cells(self.folder, card)
            device = choose_device()
            self._choices = {"device": device, "dtype": choose_dtype(device.value)}
            self._card, self._partition = card, partition
            self._network = network.to(device.value)

    def classify(
        self,
        image: Image.Image,
        labels: Labels | None = None,
        kind: int | None = None,
        hierarchical: bool | None = None,
        crops: int | None = None,
    ) -> Classified:
        """Probabilities of the finest cells, of all crops in one forward pass.

        Args:
            image: the photo.
            labels: (h, w) its classes of ADE20K; looked at by a model of two branches only.
            kind: for ISNs, index into `SCENE_KINDS` of the kind of scene that the photo shows.
            hierarchical: whether a cell's probability is multiplied by its ancestors' (f*); left out, as published:
                ISNs do, others do not.
            crops: 1, 5 or 10; left out, as the card says.

        Raises:
            ModelError: the model cannot be used, or the inputs are not those it takes.
        """
        self.load()
        rgb, seg = self.views(image, labels, crops)
        outputs = self.forward(rgb, seg, None if kind is None else [kind] * len(rgb))
        cells = [_numbers(level, self.name) for level in outputs.cells]
        star = self.card.config.scene_networks if hierarchical is None else hierarchical
        probabilities, by = self.combine(cells, star)
        return Classified(
            level=self.partition.parts[-1],
            probabilities=probabilities,
            by=by,
            scene=self._scene(outputs.scene, kind),
            segmentation=labels if seg is not None else None,
            attention=None if outputs.attention is None else _pair(_numbers(outputs.attention, self.name)),
        )

    def views(
        self, image: Image.Image, labels: Labels | None, count: int | None = None
    ) -> tuple[Pixels, Pixels | None]:
        """The crops that `forward` takes: (c, 3, s, s) of the photo, and of the map if the model has that branch.

        Raises:
            ModelError: the model cannot be used, needs the map, or cannot be asked for so many crops.
        """
        card = self.card
        two = card.config.branches == "rgb+seg"
        if two and labels is None:
            raise ModelError(f"{card.title} also looks at the photo's segmentation map. Give its labels.")
        if count not in (None, 1, 5, 10):
            raise ModelError(f"A photo cannot be cut into {count} crops. Choose 1, 5 or 10.")
        inputs = card.inputs.model_copy(update={"crops": count}) if count else card.inputs
        return crops(image, labels if two else None, inputs, card.config.image_size)

    def forward(self, rgb: Pixels, seg: Pixels | None = None, kinds: Sequence[int] | None = None) -> Outputs:
        """The network's logits of (b, 3, s, s) views, which may be of several photos, without gradients.

        Raises:
            ModelError: the model cannot be used, or the inputs are not those it takes.
        """
        import torch

        network = self.network
        device, dtype = self._choices["device"].value, getattr(torch, self._choices["dtype"].value)
        with torch.inference_mode(), torch.autocast(device, dtype, enabled=dtype != torch.float32):
            given = [None if one is None else torch.from_numpy(one).to(device) for one in (rgb, seg)]
            return network(*given, None if kinds is None else torch.tensor(kinds, device=device))

    def combine(self, logits: Sequence[ArrayLike], star: bool = False) -> tuple[Floats, str]:
        """Probabilities (..., n) of the finest cells, adding up to 1, and what they are: "f*" or "fine".

        TransLocator's crops count by the mean of their logits, ISNs' by each cell's highest probability among them.

        Args:
            logits: (..., c, n) a level, coarse first, of a photo's c crops.
            star: multiply by the ancestors' probabilities. A model of one level has none.

        Raises:
            ModelError: f* is asked of a model of one level.
        """
        parts = self.partition.parts
        if star and len(parts) == 1:
            raise ModelError(
                f"{self.card.title} has cells of one scale, so there is no f*. Ask for its cells as they are."
            )
        how = "max" if self.card.config.scene_networks else "mean"
        levels = [over_crops(level, how) for level in (logits if star else logits[-1:])]
        product = hierarchical(levels, [part.parent for part in parts]) if star else levels[0]
        total = product.sum(axis=-1, keepdims=True)
        if not (total > 0).all():
            raise ModelError("No fine cell and its ancestors are likely at once, so there is no f*. Leave it out.")
        return product / total, "f*" if star else "fine"

    def _scene(self, logits: torch.Tensor | None, kind: int | None) -> Scene | None:
        if logits is not None:
            return Scene(over_crops(_numbers(logits, self.name)), self.card.title)
        if self.card.config.scene_networks and kind is not None:
            return Scene(np.eye(len(SCENE_KINDS))[kind], "asked for")
        return None


def _numbers(values: torch.Tensor, name: str) -> Floats:
    found = values.double().cpu().numpy()
    if not np.isfinite(found).all():
        raise ModelError(
            f"{name} answered with values that are no numbers. Set GEOLOC_DTYPE=float32; if that does not help, train "
            "it again."
        )
    return found


def _pair(weights: Floats) -> tuple[float, float]:
    first, second = weights.mean(axis=0)
    return float(first), float(second)
