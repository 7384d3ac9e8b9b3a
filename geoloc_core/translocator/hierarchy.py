"""f*, the hierarchical answer of ISNs: a fine cell's probability times its parents', and crops made one. Free of torch.

Source: Müller-Budack, Pustu-Iren and Ewerth, "Geolocation Estimation of Photos using a Hierarchical Model and Scene
Classification", ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.errors import ModelError

Floats = NDArray[np.float64]


def softmax(logits: ArrayLike) -> Floats:
    """Probabilities along the last axis, in float64."""
    values = np.asarray(logits, np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def over_crops(logits: ArrayLike, how: str = "mean") -> Floats:
    """(..., n) of the (..., crops, n) logits of a photo's crops.

    Args:
        how: `mean`, TransLocator's: the softmax of the mean logits. `max`, ISNs': each class's highest probability
            among the crops, so the result does not add up to 1.

    Raises:
        ModelError: there is no such way.
    """
    values = np.asarray(logits, np.float64)
    if how == "mean":
        return softmax(values.mean(axis=-2))
    if how == "max":
        return softmax(values).max(axis=-2)
    raise ModelError(f"Crops cannot be combined by {how!r}. Choose mean or max.")


def hierarchical(probabilities: Sequence[ArrayLike], parents: Sequence[ArrayLike]) -> Floats:
    """(..., n) products p(cell) p(its parent) p(that one's parent) of the finest cells; f* is their arg-max.

    A cell without a parent gets 0: the levels above say that no photo is there. The products do not add up to 1.

    Args:
        probabilities: (..., n) a level, coarse first.
        parents: (n,) a level: each cell's index in the level before, or -1; the first level's are not looked at.

    Raises:
        ModelError: a level's parents are not its cells', or point outside the level before.
    """
    product = np.asarray(probabilities[0], np.float64)
    for level, above in zip(probabilities[1:], parents[1:], strict=True):
        own, index = np.asarray(level, np.float64), np.asarray(above)
        if index.shape != own.shape[-1:] or (index >= product.shape[-1]).any() or (index < -1).any():
            raise ModelError("The parents are not those of these cells. Give the partition the model was trained on.")
        product = own * np.where(index >= 0, product[..., index], 0.0)
    return product
