"""Any semantic segmentation model of transformers with ADE20K's classes; SegFormer (Xie et al. 2021) is one.

A photo is squashed to the size that the model's processor names, as the published models were measured, and handed to
the processor for scaling alone: what it would crop away would be missing from the map. Weights come from safetensors,
or from a pickle that is opened as tensors only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from geoloc_core.encoders.device import choose_batch, choose_device, choose_dtype
from geoloc_core.errors import EncoderError, ModelError
from geoloc_core.pretrained import Found
from geoloc_core.segmentation.ade20k import CLASSES
from geoloc_core.segmentation.base import MAP_SIDE, Labels
from geoloc_core.segmentation.checkpoint import OTHER, identity, look
from geoloc_core.settings import settings
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)
_TOGETHER = 16 * 128 * 128  # pixels at a time without a GPU of its own memory
_SIDE = 512  # if a processor does not say


class TransformersSegmenter:
    """A segmenter; satisfies `geoloc_core.segmentation.Segmenter`.

    Args:
        name: what it is called.
        model: a folder, or a name at the hub.
        again: what to do if it is not whole; by default, to fetch or save it.
    """

    def __init__(self, name: str, model: str, again: str = "") -> None:
        self.name = name
        self.choices: dict[str, Choice] = {}
        self._model, self._again = model, again
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, tuple[int, int]] | None = None
        self._id = ""

    @property
    def id(self) -> str:
        """`ARCHITECTURE/sha256-…/pre-…`: equal ids label a photo alike, up to rounding.

        Raises:
            ModelError: the model is not here, or cannot be used.
        """
        return self._id or identity(self._found())

    def availability(self) -> Availability:
        """Whether `segment` would work now, without loading anything. Imports no torch."""
        try:
            return self._found().state
        except ModelError as error:
            return Availability.lacking(error)

    def load(self) -> None:
        """Bring the weights into memory; further calls do nothing.

        Raises:
            ModelError: the model is not here, is damaged, does not fit into memory, or has other classes.
        """
        with self._lock:
            if self._loaded is None:
                found = self._found()
                pinned = identity(found)
                device, dtype = _choose()
                model, processor = _load(self.name, found, device.value, dtype.value, self._remedy)
                size = _size(processor)
                self.choices = {"device": device, "dtype": dtype, "batch": _batch(model, device.value, size)}
                _LOG.info("%s: %s", self.name, ", ".join(f"{key} {value}" for key, value in self.choices.items()))
                self._loaded, self._id = (model, processor, size), pinned

    def segment(self, images: list[Image.Image]) -> list[Labels]:
        """For each RGB image (h, w) classes from 0 in the image's shape, its longer side at most `MAP_SIDE` pixels.

        Raises:
            ModelError: as `load`, or the model answered with no number.
        """
        self.load()
        assert self._loaded
        batch, maps = int(self.choices["batch"].value), []
        for start in range(0, len(images), batch):
            some = images[start : start + batch]
            logits = self._logits(some, *self._loaded)
            maps += [_map(one, map_size(image.size)) for one, image in zip(logits, some, strict=True)]
        return maps

    def _logits(self, images: Sequence[Image.Image], model: Any, processor: Any, size: tuple[int, int]) -> torch.Tensor:
        """(n, CLASSES, h, w) float32 on the device."""
        import torch

        try:
            with torch.inference_mode():
                logits = _forward(model, _pixels(processor, images, size))
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise ModelError(
                    f"{self.name} ran out of memory. Set GEOLOC_BATCH_SIZE=1 or GEOLOC_DEVICE=cpu."
                ) from None
            raise ModelError(f"{self.name} failed: {_gist(error)}. {self._remedy}") from error
        if logits.ndim != 4 or logits.shape[1] != CLASSES:
            raise ModelError(f"{self.name} answers with {tuple(logits.shape)}, not {CLASSES} classes. {OTHER}")
        if not bool(logits.isfinite().all()):
            raise ModelError(f"{self.name} answers with values that are no numbers. Set GEOLOC_DTYPE=float32.")
        return logits

    @property
    def _remedy(self) -> str:
        return self._again or "Fetch or save it again."

    def _found(self) -> Found:
        return look(self.name, self._model, self._again)


def map_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the map of a photo of that size: no larger, the longer side at most `MAP_SIDE`."""
    scale = min(1.0, MAP_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _choose() -> tuple[Choice, Choice]:
    try:
        device = choose_device()
    except EncoderError as error:
        raise ModelError(str(error)) from None
    return device, choose_dtype(device.value)


def _load(name: str, found: Found, device: str, dtype: str, remedy: str) -> tuple[Any, Any]:
    """The network, on the device and ready to answer, and its image processor."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    auto: Any = AutoModelForSemanticSegmentation
    try:
        processor = AutoImageProcessor.from_pretrained(str(found.folder), **safe)
        model, report = auto.from_pretrained(
            str(found.folder), **safe, dtype=getattr(torch, dtype), weights_only=True, output_loading_info=True
        )
        if lacking := sorted(report["missing_keys"]):  # else transformers would go on with random numbers there
            raise ValueError(f"{len(lacking)} of its weights are missing, such as {lacking[0]}")
        return model.to(device).eval().requires_grad_(False), processor
    except torch.OutOfMemoryError:
        raise ModelError(f"{name} does not fit into {device}'s memory. Set GEOLOC_DEVICE=cpu.") from None
    except Exception as error:
        raise ModelError(f"{name} cannot be loaded: {_gist(error)}. {remedy}") from error


def _size(processor: Any) -> tuple[int, int]:
    """(width, height) that photos are squashed to."""
    crops = getattr(processor, "do_center_crop", None) and getattr(processor, "crop_size", None)
    said: dict[str, Any] = dict(crops or processor.size or {})
    sides = [said.get(key) for key in ("width", "height", "shortest_edge", "longest_edge")]
    width, height = sides[:2] if sides[0] and sides[1] else (sides[2] or sides[3] or _SIDE,) * 2
    return int(width or _SIDE), int(height or _SIDE)


def _pixels(processor: Any, images: Sequence[Image.Image], size: tuple[int, int]) -> Any:
    """(n, 3, h, w) float32, scaled as the processor scales."""
    how = getattr(processor, "resample", None)
    resample = Image.Resampling.BILINEAR if how is None else Image.Resampling(int(how))
    squashed = [image.convert("RGB").resize(size, resample) for image in images]
    left_out = {key: False for key in ("do_resize", "do_center_crop", "do_pad") if hasattr(processor, key)}
    return processor(images=squashed, return_tensors="pt", **left_out)["pixel_values"]


def _forward(model: Any, pixels: Any) -> Any:
    return model(pixel_values=pixels.to(model.device, model.dtype)).logits.float()


def _batch(model: Any, device: str, size: tuple[int, int]) -> Choice:
    """Photos at a time: on a GPU as many as fit, elsewhere as few as keep it busy."""
    import torch

    if device != "cuda" and not settings().batch_size:
        return Choice(str(max(1, _TOGETHER // (size[0] * size[1]))), f"enough to keep a {device} busy")

    def measure(count: int) -> int:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        with torch.inference_mode():
            _forward(model, torch.zeros(count, 3, size[1], size[0]))
        return torch.cuda.max_memory_allocated() - before

    return choose_batch(device, measure)


def _map(logits: torch.Tensor, size: tuple[int, int]) -> Labels:
    """(h, w) classes of (CLASSES, h', w') logits, which are enlarged to that (width, height) before the choice."""
    import torch
    from torch.nn.functional import interpolate

    last = logits[None].contiguous(memory_format=torch.channels_last)  # three times as fast as classes first, on a CPU
    large = interpolate(last, size=size[::-1], mode="bilinear", align_corners=False)
    return np.asarray(large[0].permute(1, 2, 0).argmax(-1).cpu().numpy(), np.uint8)


def _gist(error: Exception) -> str:
    """An error of torch or transformers in one line, short enough for a person."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2]) if lines else type(error).__name__)[:250].rstrip(". ")
