"""A photo and its segmentation map as a network takes them: resized, cut into crops, as numbers. Needs no torch.

The steps are those of torchvision's Resize, FiveCrop, ToTensor and Normalize, which the authors' code uses, to the last
pixel; the map goes through the same ones, but for its labels, which cannot be averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoloc_core.errors import ModelError
from geoloc_core.segmentation import Labels, colours
from geoloc_core.translocator.card import Inputs

Pixels = NDArray[np.float32]
Box = tuple[int, int, int, int]
_LONGEST = 16  # sides' ratio from which only the middle is read: resizing would blow such a strip up to gigabytes


def crops(image: Image.Image, labels: Labels | None, inputs: Inputs, size: int) -> tuple[Pixels, Pixels | None]:
    """The photo's crops (c, 3, size, size), and those of its colour-coded map, at the same places.

    Args:
        image: of any size and mode.
        labels: (h, w) classes of the same photo, whose sides may be others; None for a network of one branch.
        inputs: says how; c is `inputs.crops`. The first is the centre, then come the corners (top left, top right,
            bottom left, bottom right), then the same five of the mirrored photo.
        size: pixels a side.

    Raises:
        ModelError: the photo would be resized to fewer pixels than a crop has.
    """
    if inputs.resize < size:
        raise ModelError(
            f"A photo of {inputs.resize} pixels a side holds no crop of {size}. Raise the inputs' resize to {size}."
        )
    within, target = _shape(image.size, inputs.resize)
    how = Image.Resampling.BICUBIC if inputs.interpolation == "bicubic" else Image.Resampling.BILINEAR
    photo = image if image.mode == "RGB" else image.convert("RGB")
    whole = (0, 0, *image.size)
    pixels = np.asarray((photo if within == whole else photo.crop(within)).resize(target, how))
    boxes = boxes_of(target, size)[: min(inputs.crops, 5)]
    rgb = _cut(pixels, boxes, inputs)
    if labels is None:
        return rgb, None
    return rgb, _cut(_coloured(labels, within, image.size, target), boxes, inputs)


def boxes_of(size: tuple[int, int], side: int) -> tuple[Box, ...]:
    """Centre and corners of an image of (width, height): left, top, right, lower."""
    right, low = size[0] - side, size[1] - side
    corners = ((0, 0), (right, 0), (0, low), (right, low))
    middle = (round(right / 2), round(low / 2))
    return tuple((left, top, left + side, top + side) for left, top in (middle, *corners))


def _shape(size: tuple[int, int], resize: int) -> tuple[Box, tuple[int, int]]:
    """What is read of an image, and the (width, height) it is brought to: its shorter side becomes `resize`."""
    (w, h), longest = size, _LONGEST * min(size)
    keep_w, keep_h = min(w, longest), min(h, longest)
    left, top = (w - keep_w) // 2, (h - keep_h) // 2
    long = int(resize * max(keep_w, keep_h) / min(keep_w, keep_h))
    return (left, top, left + keep_w, top + keep_h), (resize, long) if keep_w <= keep_h else (long, resize)


def _coloured(labels: Labels, within: Box, size: tuple[int, int], target: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w, 3) colours of the map's nearest labels, resized as its photo."""
    height, width = labels.shape
    across, down = width / size[0], height / size[1]
    box = (within[0] * across, within[1] * down, min(within[2] * across, width), min(within[3] * down, height))
    chosen = Image.fromarray(np.ascontiguousarray(labels)).resize(target, Image.Resampling.NEAREST, box=box)
    return colours(np.asarray(chosen))


def _cut(pixels: NDArray[np.uint8], boxes: tuple[Box, ...], inputs: Inputs) -> Pixels:
    """(c, 3, side, side) float32 of (h, w, 3) bytes."""
    images = [pixels, pixels[:, ::-1]] if inputs.crops == 10 else [pixels]
    cut = np.stack([one[top:low, left:right] for one in images for left, top, right, low in boxes])
    mean, std = np.array(inputs.mean, np.float32), np.array(inputs.std, np.float32)
    scaled = (cut.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)
