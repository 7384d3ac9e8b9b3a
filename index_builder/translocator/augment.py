"""What is done to a photo and its segmentation map before a network learns from them: geometry for both, light for one.

The paper speaks of extensive augmentation and leaves the details to its supplement. Its authors' code turns the photo
by up to 15 degrees, mirrors it, and cuts ten crops; it does so to the photo alone, so that photo and map no longer show
the same. Here one affine map, drawn from crop, aspect, rotation, shear and mirroring, is applied to both in a single
resampling: the photo between its pixels, the map by its nearest labels. Colour and blur change the photo only.
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from geoloc_core.segmentation import NO_CLASS, Labels

Floats = NDArray[np.float64]
_LUMA = np.array([0.299, 0.587, 0.114])
_Share = Annotated[float, Field(ge=0, le=1)]
_Change = Annotated[float, Field(ge=0, lt=1)]


class Augment(BaseModel):
    """How much may be done to a photo; every amount is drawn evenly from its range.

    Attributes:
        least_area: a crop's smallest area, as a share of the square on the photo's shorter side; the largest is 1.
        ratio: a crop's longest over its shortest side, at most.
        degrees: of rotation, either way.
        shear: degrees that the upright may lean, either way.
        mirror: probability; 0 where left and right are told apart by what is learned, as by the side people drive on.
        brightness, contrast, saturation: either way, as a share.
        grey, blur: probability that the photo is made grey, or blurred.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_area: Annotated[float, Field(gt=0, le=1)] = 0.5
    ratio: Annotated[float, Field(ge=1, le=4)] = 4 / 3
    degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    shear: Annotated[float, Field(ge=0, le=45)] = 5.0
    mirror: _Share = 0.5
    brightness: _Change = 0.3
    contrast: _Change = 0.3
    saturation: _Change = 0.3
    grey: _Share = 0.05
    blur: _Share = 0.1

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.ratio * self.least_area > 1 + 1e-9 and self.least_area < 1:
            raise ValueError("crops of that ratio and area do not fit: lower ratio or least_area")
        return self

    @classmethod
    def none(cls) -> Augment:
        """The largest square of the photo, at a place that is still drawn."""
        still = dict.fromkeys(("degrees", "shear", "mirror", "brightness", "contrast", "saturation", "grey", "blur"), 0)
        return cls(least_area=1, ratio=1, **still)


def geometry(augment: Augment, rng: np.random.Generator, size: tuple[int, int], side: int) -> Floats:
    """(2, 3) the map from a view's (x, y) to the photo's, in pixels from the top left corner of the top left pixel.

    The view lies inside the photo wherever it fits; a turned or sheared one that does not is centred.

    Args:
        augment: the ranges.
        rng: of this photo.
        size: of the photo, (width, height).
        side: of the view.
    """
    area, shape, turn, lean, mirrored, across, down = rng.random(7).tolist()
    area = augment.least_area + area * (1 - augment.least_area)
    ratio = min(augment.ratio, 1 / area) ** (2 * shape - 1)
    w, h = min(size) * np.sqrt(area * ratio), min(size) * np.sqrt(area / ratio)
    angle, slant = np.radians([(2 * turn - 1) * augment.degrees, (2 * lean - 1) * augment.shear])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1, np.tan(slant)], [0, 1]]) @ np.diag([w, h])
    reach = np.abs(matrix).sum(axis=1) / 2  # from the view's centre to its farthest column and row in the photo
    room = np.maximum(np.array(size) / 2 - reach, 0)
    centre = np.array(size) / 2 + (2 * np.array([across, down]) - 1) * room
    if mirrored < augment.mirror:
        matrix[:, 0] *= -1
    return np.column_stack([matrix / side, centre - matrix @ [0.5, 0.5]])


def moved(photo: Image.Image, matrix: Floats, side: int) -> Image.Image:
    """The (side, side) view of a photo; black where the photo does not reach."""
    step = int(np.linalg.norm(matrix[:, :2], axis=0).min())  # photo pixels a pixel of the view
    if step > 1:
        photo, matrix = photo.reduce(step), matrix / step
    return photo.transform(
        (side, side), Image.Transform.AFFINE, tuple(matrix.ravel()), Image.Resampling.BILINEAR, fillcolor=(0, 0, 0)
    )


def moved_labels(labels: Labels, matrix: Floats, side: int) -> Labels:
    """(side, side) the same view of its map; no class where the map does not reach."""
    view = Image.fromarray(labels).transform(
        (side, side), Image.Transform.AFFINE, tuple(matrix.ravel()), Image.Resampling.NEAREST, fillcolor=NO_CLASS
    )
    return np.asarray(view)


def lit(view: Image.Image, augment: Augment, rng: np.random.Generator) -> NDArray[np.float32]:
    """(3, h, w) colours from 0 to 1 of a view in another light, grey or blurred as it comes."""
    brightness, contrast, saturation, grey, blur, radius = rng.random(6).tolist()
    if blur < augment.blur:
        view = view.filter(ImageFilter.GaussianBlur((0.3 + radius) * view.width / 112))
    pixels = np.asarray(view).reshape(-1, 3).T.astype(np.float32, order="C")
    bright = 1 + (2 * brightness - 1) * augment.brightness
    strong = 1 + (2 * contrast - 1) * augment.contrast
    vivid = 0.0 if grey < augment.grey else 1 + (2 * saturation - 1) * augment.saturation
    mixing = bright * strong / 255 * (vivid * np.eye(3) + (1 - vivid) * _LUMA)  # rows sum up alike: greys stay grey
    offset = bright * (1 - strong) / 255 * (pixels.mean(axis=1) @ _LUMA)
    colours = mixing.astype(np.float32) @ pixels + np.float32(offset)
    return np.clip(colours, 0, 1, out=colours).reshape(3, view.height, view.width)
