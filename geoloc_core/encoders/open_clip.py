"""Any image tower of open_clip, from the weights on this machine. Imports open_clip and torch when it loads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.encoders.base import Embeddings
from geoloc_core.encoders.checkpoints import Preprocess, Source, encoder_id
from geoloc_core.encoders.device import choose_batch, choose_device, choose_dtype
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from PIL.Image import Image

_LOG = logging.getLogger(__name__)
_PRECISION = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_NO_TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
_LONGEST = 16  # sides' ratio from which only the middle is read, where the model crops to the middle anyway


class OpenClip:
    """The image tower of one open_clip checkpoint.

    Args:
        name: what the user calls it.
        source: where its weights are and what pins them.
    """

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source
        self._lock = threading.Lock()
        self._choices: dict[str, Choice] = {}
        self._model: torch.nn.Module | None = None
        self._loaded_id = ""
        self._transform: Callable[[Image], torch.Tensor]

    @property
    def id(self) -> str:
        """Model, SHA-256 of the weights, and a hash of architecture and preprocessing.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: the checkpoint's description cannot be read.
        """
        return self._loaded_id or encoder_id(self.source)

    @property
    def choices(self) -> Mapping[str, Choice]:
        """`device`, `dtype` and `batch` with their reasons, once loaded."""
        return dict(self._choices)

    def availability(self) -> Availability:
        """Whether weights and description are on this machine. Imports no torch and asks no network."""
        try:
            weights = self.source.weights()
            self.source.pins()
        except GeolocError as error:
            reason, _, remedy = str(error).partition(". ")
            return Availability(False, f"{reason}.", remedy)
        return Availability(True, f"weights at {weights}")

    def load(self) -> None:
        """Load the weights; only the first call does, and others wait for it.

        Raises:
            WeightsMissing: they are not on this machine.
            EncoderError: they are damaged or of another model, or the device asked for is missing.
        """
        with self._lock:
            if self._model is None:
                weights, described, pinned = self.source.weights(), self.source.preprocess, encoder_id(self.source)
                device = choose_device()
                dtype, batch = choose_dtype(device.value), choose_batch(device.value)
                self._choices = {"device": device, "dtype": dtype, "batch": batch}
                _LOG.info("%s: %s", self.name, ", ".join(f"{k} {v}" for k, v in self._choices.items()))
                self._model, self._transform = self._build(weights, described)
                self._loaded_id = pinned  # what is in memory, whatever happens to the file

    def _build(self, weights: Path, described: Preprocess) -> tuple[torch.nn.Module, Callable[[Image], torch.Tensor]]:
        import open_clip
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        name, options = self.source.architecture()
        device, precision = self._choices["device"].value, _PRECISION[self._choices["dtype"].value]
        try:
            # A token text tower: the real one is never asked, can be half of the memory, and some fetch files
            with _no_false_alarm():
                model = open_clip.create_model(
                    name, load_weights=False, precision=precision, device=device, text_cfg=_NO_TEXT, **options
                )
            model.visual.load_state_dict(_read_image_tower(weights))
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise EncoderError(f"{self.name} does not fit into {device}'s memory. Set GEOLOC_DEVICE=cpu.") from None
            raise EncoderError(
                f"{weights} cannot be loaded as {self.name}: {_first_line(error)}. Fetch or save it again."
            ) from error
        actual = Preprocess.from_open_clip(model.visual.preprocess_cfg)
        if actual != described:
            raise EncoderError(
                f"open_clip prepares photos for {self.name} as {actual}, not as {described}. Report this as a bug."
            )
        transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
        return model.eval().requires_grad_(False), transform

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 images of any size and mode.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, memory ran out, or the model answered with no number.
        """
        self.load()
        step = int(self._choices["batch"].value)
        rows = np.concatenate([self._encode(images[i : i + step]) for i in range(0, len(images), step)])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise EncoderError(
                f"{self.name} answered with values that are no numbers (in {self._choices['dtype'].value}). "
                "Set GEOLOC_DTYPE=float32; if that does not help, the checkpoint is damaged: fetch it again."
            )
        return rows / lengths

    def _encode(self, images: Sequence[Image]) -> Embeddings:
        import torch

        model: Any = self._model
        dtype = getattr(torch, self._choices["dtype"].value)
        batch = torch.stack([self._transform(self._prepared(image)) for image in images])
        try:
            with torch.inference_mode():
                features = model.encode_image(batch.to(self._choices["device"].value, dtype))
                return np.asarray(features.float().cpu().numpy())
        except torch.OutOfMemoryError:
            raise EncoderError(
                f"{len(images)} photos at once do not fit into memory with {self.name}. Lower GEOLOC_BATCH_SIZE."
            ) from None

    def _prepared(self, image: Image) -> Image:
        """RGB, and cut to the middle if it is a strip that resizing by the short side would blow up to gigabytes."""
        image = image if image.mode == "RGB" else image.convert("RGB")
        (w, h), short = image.size, min(image.size)
        if self.source.preprocess.resize_mode != "shortest" or max(w, h) <= _LONGEST * short:
            return image
        keep_w, keep_h = min(w, _LONGEST * short), min(h, _LONGEST * short)
        left, top = (w - keep_w) // 2, (h - keep_h) // 2
        return image.crop((left, top, left + keep_w, top + keep_h))


def _read_image_tower(weights: Path) -> dict[str, torch.Tensor]:
    """The `visual.` tensors of a checkpoint, without that prefix. Never unpickles objects.

    Raises:
        ValueError: nothing in the file belongs to an image tower.
    """
    if weights.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(weights, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys() if key.startswith("visual.")}  # noqa: SIM118
    else:
        from open_clip.factory import load_state_dict

        tensors = load_state_dict(str(weights), weights_only=True)
    tower = {key.removeprefix("visual."): value for key, value in tensors.items() if key.startswith("visual.")}
    if not tower:
        raise ValueError("it holds no image tower of open_clip")
    return tower


@contextmanager
def _no_false_alarm() -> Iterator[None]:
    """Silence open_clip's warning that the model has random weights: they follow at once."""
    root = logging.getLogger()

    def keep(record: logging.LogRecord) -> bool:
        return "No pretrained weights loaded" not in record.getMessage()

    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)


def _first_line(error: Exception) -> str:
    """The gist of an error of torch, safetensors or open_clip, short enough for a person."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines else type(error).__name__
    return text[:200].rstrip(". ")
