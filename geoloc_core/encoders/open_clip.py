"""Any image tower of open_clip, from the weights on this machine. Imports open_clip and torch when it loads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from geoloc_core.encoders.base import Embeddings, Features, Prepared
from geoloc_core.encoders.checkpoints import Preprocess, Source, encoder_id
from geoloc_core.encoders.device import choose_batch, choose_device, choose_dtype
from geoloc_core.encoders.pixels import Scale, resizer
from geoloc_core.encoders.tower import read_image_tower
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from PIL.Image import Image

_LOG = logging.getLogger(__name__)
Forward = Callable[["torch.Tensor"], "torch.Tensor"]
_PRECISION = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_NO_TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}


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
        self._model: Any = None
        self._loaded_id = ""
        self._resizer: Callable[[Image], Prepared] | None = None
        self._scale: Scale

    @property
    def id(self) -> str:
        """Model, SHA-256 of the weights, and a hash of architecture and preprocessing.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: the checkpoint's description cannot be read.
        """
        return self._loaded_id or encoder_id(self.source)

    @property
    def root(self) -> OpenClip:
        """Itself."""
        return self

    @property
    def choices(self) -> Mapping[str, Choice]:
        """`device`, `dtype` and `batch` with their reasons, once loaded."""
        return dict(self._choices)

    @cached_property
    def side(self) -> int:
        """Pixels of the model's input, the longer side if it is no square.

        Raises:
            EncoderError: the checkpoint's description cannot be read.
        """
        return max(self.source.preprocess.size)

    @property
    def dim(self) -> int:
        """Numbers a row, as the checkpoint's description says.

        Raises:
            EncoderError: the description cannot be read.
        """
        return self.source.dim

    @property
    def batch(self) -> int:
        """Photos a forward pass, as chosen when loading; less once that many did not fit into memory."""
        self.load()
        return int(self._choices["batch"].value)

    @property
    def tower(self) -> torch.nn.Module:
        """The image tower on its device, in evaluation mode. Raises as `load`."""
        self.load()
        return self._model.visual

    def availability(self) -> Availability:
        """Whether weights and description are on this machine. Imports no torch and asks no network."""
        try:
            weights = self.source.weights()
            self.source.pins()
        except GeolocError as error:
            return Availability.lacking(error)
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
                self._choices = {"device": device, "dtype": choose_dtype(device.value)}
                model = self._build(weights, described)
                self._scale = Scale.on(device.value, described)
                measure = partial(self._forward_bytes, model.encode_image)
                self._choices["batch"] = choose_batch(device.value, measure)
                _LOG.info("%s: %s", self.name, ", ".join(f"{k} {v}" for k, v in self._choices.items()))
                self._model = model
                self._loaded_id = pinned  # what is in memory, whatever happens to the file

    def _build(self, weights: Path, described: Preprocess) -> Any:
        import open_clip
        import torch

        name, options = self.source.architecture()
        device, precision = self._choices["device"].value, _PRECISION[self._choices["dtype"].value]
        try:
            # A token text tower: the real one is never asked, can be half of the memory, and some fetch files
            with no_false_alarm():
                model = open_clip.create_model(
                    name, load_weights=False, precision=precision, device=device, text_cfg=_NO_TEXT, **options
                )
            model.visual.load_state_dict(read_image_tower(weights))
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise EncoderError(f"{self.name} does not fit into {device}'s memory. Set GEOLOC_DEVICE=cpu.") from None
            raise EncoderError(
                f"{weights} cannot be loaded as {self.name}: {first_line(error)}. Fetch or save it again."
            ) from error
        actual = Preprocess.from_open_clip(model.visual.preprocess_cfg)
        if actual != described:
            raise EncoderError(
                f"open_clip prepares photos for {self.name} as {actual}, not as {described}. Report this as a bug."
            )
        return model.eval().requires_grad_(False)

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 images of any size and mode.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, memory ran out, or the model answered with no number.
        """
        self.load()
        return self.embed([self.prepare(image) for image in images])

    def prepare(self, image: Image) -> Prepared:
        """(height, width, 3) uint8, resized and cropped as the checkpoint wants it. Loads no weights.

        Raises:
            EncoderError: the checkpoint's description cannot be read.
        """
        if self._resizer is None:
            self._resizer = resizer(self.source.preprocess)
        return self._resizer(image)

    def embed(self, prepared: Sequence[Prepared]) -> Embeddings:
        """(n, d) float32 with unit rows, from n >= 1 prepared photos.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, one photo does not fit, or the model answered with no number.
        """
        return self.finish(self.features(prepared))

    def features(self, prepared: Sequence[Prepared]) -> Features:
        """(n, d) float32 of any length, from n >= 1 prepared photos; fewer at once where they do not fit into memory.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, or one photo does not fit.
        """
        self.load()
        return self.through(self._model.encode_image, prepared)

    def through(self, forward: Forward, prepared: Sequence[Prepared]) -> Features:
        """`features` with another forward pass than the whole tower's: (b, 3, height, width) to (b, ...).

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used, or one photo does not fit.
        """
        import torch

        self.load()
        features, at = [], 0
        with torch.inference_mode():
            while at < len(prepared):
                some = prepared[at : at + self.batch]
                answer = self._answer(forward, some)
                if answer is None:
                    self._halve(len(some))
                else:
                    features.append(answer)
                    at += len(some)
            return torch.cat(features).float().cpu().numpy()  # the first wait for a GPU: it works through all batches

    def finish(self, features: Features) -> Embeddings:
        """(n, d) features at unit length.

        Raises:
            EncoderError: they are no numbers.
        """
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise EncoderError(
                f"{self.name} answered with values that are no numbers (in {self._choices['dtype'].value}). "
                "Set GEOLOC_DTYPE=float32; if that does not help, the checkpoint is damaged: fetch it again."
            )
        return np.asarray(features / lengths)

    def _answer(self, forward: Forward, some: Sequence[Prepared]) -> torch.Tensor | None:
        """(n, d) on the device, perhaps still being calculated; None if the photos do not fit into its memory."""
        import torch

        try:
            return forward(self._scale(some, getattr(torch, self._choices["dtype"].value)))
        except torch.OutOfMemoryError:
            return None
        except RuntimeError as error:
            if "allocate memory" in str(error):  # torch's words for it on a CPU
                return None
            raise

    def _halve(self, count: int) -> None:
        """Send half of `count` photos at a time from now on.

        Raises:
            EncoderError: it was one.
        """
        device = self._choices["device"].value
        if count == 1:
            raise EncoderError(
                f"Not even one photo fits into {device}'s memory with {self.name}. Set GEOLOC_DEVICE=cpu, "
                "or end what else uses the memory."
            )
        self._choices["batch"] = Choice(str(count // 2), f"{count} photos at once did not fit into {device}'s memory")
        _LOG.warning("%s: batch %s", self.name, self._choices["batch"])
        if device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _forward_bytes(self, forward: Forward, count: int) -> int:
        """Bytes that a forward pass of `count` photos takes on a GPU, beside the weights."""
        import torch

        blank = np.zeros((*self.source.preprocess.size, 3), np.uint8)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        with torch.inference_mode():
            self._answer(forward, [blank] * count)
        return torch.cuda.max_memory_allocated() - before


@contextmanager
def no_false_alarm() -> Iterator[None]:
    """Silence open_clip's warning that the model has random weights: they follow at once."""
    root = logging.getLogger()

    def keep(record: logging.LogRecord) -> bool:
        return "No pretrained weights loaded" not in record.getMessage()

    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)


def first_line(error: Exception) -> str:
    """The gist of an error of torch, safetensors or open_clip, short enough for a person."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines else type(error).__name__
    return text[:200].rstrip(". ")
