"""A photo to an open_clip model's input, in two steps: pixels in reader threads, numbers on the device.

Both together give what open_clip's own transform gives, to the last bit; between them a photo is bytes, a quarter of
the memory and of the way to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from geoloc_core.encoders.base import Prepared
from geoloc_core.encoders.checkpoints import Preprocess

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_LONGEST = 16  # sides' ratio from which only the middle is read, where the model crops to the middle anyway


def resizer(described: Preprocess) -> Callable[[Image], Prepared]:
    """Thread-safe, from an image of any size and mode to (height, width, 3) uint8 in the model's size."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    *steps, _to_tensor, _normalise = image_transform_v2(PreprocessCfg(**asdict(described)), is_train=False).transforms

    def resized(image: Image) -> Prepared:
        image = image if image.mode == "RGB" else image.convert("RGB")
        image = middle(image) if described.resize_mode == "shortest" else image
        for step in steps:
            image = step(image)
        return np.asarray(image)

    return resized


def middle(image: Image) -> Image:
    """The image, cut to its middle if it is a strip that resizing by the short side would blow up to gigabytes."""
    (w, h), short = image.size, min(image.size)
    if max(w, h) <= _LONGEST * short:
        return image
    keep_w, keep_h = min(w, _LONGEST * short), min(h, _LONGEST * short)
    left, top = (w - keep_w) // 2, (h - keep_h) // 2
    return image.crop((left, top, left + keep_w, top + keep_h))


class Scale(NamedTuple):
    """White, mean and standard deviation on the device, (1 or 3, 1, 1) float32."""

    white: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    @classmethod
    def on(cls, device: str, described: Preprocess) -> Scale:
        """As tensors even where a number would do: a GPU multiplies by a number's rounded inverse."""
        import torch

        columns = (torch.tensor(v, dtype=torch.float32) for v in ((255.0,), described.mean, described.std))
        return cls(*(column.view(-1, 1, 1).to(device) for column in columns))

    def __call__(self, prepared: Sequence[Prepared], dtype: torch.dtype) -> torch.Tensor:
        """(n, 3, height, width) on the device: open_clip's ToTensor and Normalize, the same steps in float32."""
        import torch

        device = self.mean.device
        pinned = device.type == "cuda"
        pixels = torch.empty((len(prepared), *prepared[0].shape), dtype=torch.uint8, pin_memory=pinned)
        np.stack(prepared, out=pixels.numpy())
        planes = pixels.to(device, non_blocking=pinned).permute(0, 3, 1, 2).contiguous().float()
        return planes.div_(self.white).sub_(self.mean).div_(self.std).to(dtype)
