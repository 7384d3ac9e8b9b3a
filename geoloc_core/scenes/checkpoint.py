"""Scenes by a network trained on Places365, from the file its publishers offer. Imports torch when it loads.

The layout is that of `resnet18_places365.pth.tar` and `resnet50_places365.pth.tar` of CSAIL: what torch.save wrote,
with the weights of torchvision's ResNet under `state_dict`, their names beginning with `module.`. Only tensors are read
from it: code that hides in such a file is refused, not run.

Source: Zhou et al., "Places: A 10 million image database for scene recognition" (2017); weights CC BY.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.encoders.checkpoints import weights_sha256
from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, GeolocError
from geoloc_core.geo import Floats
from geoloc_core.settings import settings
from geoloc_core.status import Availability

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

PUBLISHED = ("resnet50", "resnet18")  # the better one first
HOME = "http://places2.csail.mit.edu/models_places365"
_BATCH = 16
_SIDE, _CROP = 256, 224  # photos are made square, as those it was trained on were
_MEAN, _STD = np.array([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)], np.float32)


class Places365:
    """A `SceneClassifier` of its own, which looks at the photo; safe to share between threads.

    Args:
        which: one of `PUBLISHED`, whose file is looked for in `settings().checkpoints`, or the path of such a file.
    """

    encoder = None

    def __init__(self, which: str) -> None:
        self.name = f"places365:{which}"
        self._which = which
        self._lock = threading.Lock()
        self._network: torch.nn.Module | None = None

    @property
    def file(self) -> Path:
        """Where the weights are, or should be."""
        if self._which in PUBLISHED:
            return settings().checkpoints / f"{self._which}_places365.pth.tar"
        return Path(self._which).expanduser()

    @property
    def id(self) -> str:
        """Equal ids tell the same photo's scene alike.

        Raises:
            CheckpointMissing: the weights are not on this machine.
        """
        return f"places365/sha256-{weights_sha256(self._found())[:12]}"

    def availability(self) -> Availability:
        """Whether the weights are on this machine. Imports no torch."""
        try:
            return Availability(True, f"weights at {self._found()}")
        except GeolocError as error:
            return Availability.lacking(error)

    def load(self) -> None:
        """Read the weights; only the first call does.

        Raises:
            CheckpointMissing: they are not on this machine.
            CheckpointMisfit: they cannot be read or are of another model; the message names the keys.
            EncoderError: the settings ask for a device that is not here.
        """
        from geoloc_core.encoders.device import choose_device

        with self._lock:
            if self._network is None:
                self._network = _read(self._found()).to(choose_device().value)

    def of_images(self, images: Sequence[Image]) -> Floats:
        """(n, 365) probabilities, from n >= 1 images of any size and mode.

        Raises:
            As `load`.
        """
        import torch

        self.load()
        assert self._network is not None
        device, answers = next(self._network.parameters()).device, []
        with torch.inference_mode():
            for at in range(0, len(images), _BATCH):
                batch = torch.from_numpy(np.stack([_prepared(image) for image in images[at : at + _BATCH]]))
                answers.append(self._network(batch.to(device)).double().softmax(dim=1).cpu().numpy())
        return np.concatenate(answers)

    def scenes(self, images: Sequence[Image], embeddings: Embeddings | None = None) -> Floats:
        """As `of_images`: embeddings are of no use to it."""
        return self.of_images(images)

    def _found(self) -> Path:
        if self.file.is_file():
            return self.file
        if self._which in PUBLISHED:
            where = f"Put {HOME}/{self.file.name} into {self.file.parent}"
        else:
            where = f"Give a file such as {HOME}/{PUBLISHED[0]}_places365.pth.tar"
        raise CheckpointMissing(f"There is no file {self.file}. {where}.")


def _prepared(image: Image) -> NDArray[np.float32]:
    """(3, 224, 224) float32 as the network was trained with."""
    from PIL.Image import Resampling

    edge = (_SIDE - _CROP) // 2
    square = image.convert("RGB").resize((_SIDE, _SIDE), Resampling.BILINEAR)
    pixels = np.asarray(square.crop((edge, edge, edge + _CROP, edge + _CROP)), np.float32) / 255
    return np.ascontiguousarray(((pixels - _MEAN) / _STD).transpose(2, 0, 1))


def _read(file: Path) -> torch.nn.Module:
    """The network in a file, in float32 on the CPU and in evaluation mode.

    Raises:
        CheckpointMisfit: it cannot be read or does not fit; the message names the keys.
    """
    import torch
    from torchvision.models import resnet18, resnet50

    from geoloc_core.translocator.checkpoint import check_fit, shapes_of
    from geoloc_core.translocator.foreign import read_tensors

    tensors = {key.removeprefix("module."): value for key, value in read_tensors(file).items()}
    with torch.device("meta"):
        network = (resnet50 if "layer1.0.conv3.weight" in tensors else resnet18)(num_classes=365)
    counters = {key: torch.tensor(0) for key in shapes_of(network) if key.endswith("num_batches_tracked")}
    tensors = counters | tensors  # files as old as the published ones lack them, and answering needs none
    check_fit(shapes_of(network), {key: tuple(value.shape) for key, value in tensors.items()}, str(file))
    if wrong := [key for key, value in tensors.items() if not value.isfinite().all()]:
        raise CheckpointMisfit(f"{file} holds values that are no numbers in {wrong[0]}. Get it again.")
    floats = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    network.load_state_dict(floats, assign=True)
    return network.eval().requires_grad_(False)
