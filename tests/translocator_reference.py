"""TransLocator in plain float64 NumPy, written from the paper's equations 1 to 8; weights from a state dict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Array = np.ndarray
Weights = Mapping[str, Array]
_erf = np.vectorize(math.erf)


def linear(x: Array, weights: Weights, name: str) -> Array:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(x: Array, weights: Weights, name: str) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
    return centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return x * (1 + _erf(x / math.sqrt(2))) / 2


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def tokens(images: Array, weights: Weights, branch: str, patch: int) -> Array:
    """Equation 1."""
    b, c, h, w = images.shape
    kernel, bias = (weights[f"{branch}.patch_embed.proj.{kind}"] for kind in ("weight", "bias"))
    cut = images.reshape(b, c, h // patch, patch, w // patch, patch).transpose(0, 2, 4, 1, 3, 5)
    patches = cut.reshape(b, -1, c * patch * patch) @ kernel.reshape(len(kernel), -1).T + bias
    cls = np.broadcast_to(weights[f"{branch}.cls_token"], (b, 1, len(kernel)))
    return np.concatenate([cls, patches], axis=1) + weights[f"{branch}.pos_embed"]


def attention(x: Array, weights: Weights, name: str, heads: int) -> Array:
    """Multi-headed self-attention, one photo and one head at a time."""
    width = x.shape[-1] // heads
    out = np.empty_like(x)
    q, k, v = np.split(linear(x, weights, f"{name}.qkv"), 3, axis=-1)
    for photo in range(len(x)):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = q[photo][:, part] @ k[photo][:, part].T / math.sqrt(width)
            out[photo][:, part] = softmax(scores) @ v[photo][:, part]
    return linear(out, weights, f"{name}.proj")


def layer(x: Array, weights: Weights, name: str, heads: int) -> Array:
    """Equations 2 and 3."""
    y = x + attention(layer_norm(x, weights, f"{name}.norm1"), weights, f"{name}.attn", heads)
    hidden = gelu(linear(layer_norm(y, weights, f"{name}.norm2"), weights, f"{name}.mlp.fc1"))
    return y + linear(hidden, weights, f"{name}.mlp.fc2")


def fuse(cls: Sequence[Array], weights: Weights, name: str) -> Array:
    """Equation 4's CLS token, with linear f and g."""
    summed = sum(linear(token, weights, f"{name}project") for token in cls)
    return linear(summed, weights, f"{name}back")


def attend(cls: Sequence[Array], weights: Weights, name: str) -> tuple[Array, Array]:
    """Equations 5 to 7."""
    hidden = gelu(linear(np.concatenate(cls, axis=-1), weights, f"{name}score.0"))
    scores = softmax(linear(hidden, weights, f"{name}score.2"))
    return np.concatenate([(1 + scores[:, [i]]) * token for i, token in enumerate(cls)], axis=-1), scores


def translocator(images: Sequence[Array], weights: Weights, *, depth: int, heads: int, patch: int, mff: bool) -> dict:
    """Every logit, the branches' weights, and x^(k) of every layer."""
    branches = [f"branches.{name}" for name in ("rgb", "seg")[: len(images)]]
    x = [tokens(image, weights, branch, patch) for image, branch in zip(images, branches, strict=True)]
    kept = [list(x)]
    for k in range(depth):
        x = [layer(t, weights, f"{branch}.blocks.{k}", heads) for t, branch in zip(x, branches, strict=True)]
        if mff and k < depth - 1:
            fused = fuse([t[:, 0] for t in x], weights, f"fusion.{k}.")
            x = [np.concatenate([fused[:, None], t[:, 1:]], axis=1) for t in x]
        kept.append(list(x))
    cls = [layer_norm(t[:, 0], weights, f"{branch}.norm") for t, branch in zip(x, branches, strict=True)]
    features, scores = attend(cls, weights, "attention.") if mff else (np.concatenate(cls, axis=-1), None)
    names = dict.fromkeys(key.split(".")[1] for key in weights if key.startswith("heads."))
    return {
        "tokens": kept,
        "attention": scores,
        "logits": {name: linear(features, weights, f"heads.{name}") for name in names},
    }


def cross_entropy(logits: Array, labels: Array) -> float:
    """Mean over the rows with a label."""
    losses = [-math.log(softmax(row)[label]) for row, label in zip(logits, labels, strict=True) if label >= 0]
    return sum(losses) / len(losses)


def total_loss(coarse: float, middle: float, fine: float, scene: float, alpha=0.3, beta=0.2, gamma=1.0) -> float:
    """Equation 8."""
    return (1 - alpha - beta) * coarse + alpha * middle + beta * fine + gamma * scene


def f_star(probabilities: Sequence[Array], parents: Sequence[Array]) -> Array:
    """Product of each fine cell's probability with those of the cells above, one photo and one cell at a time."""
    coarse, middle, fine = probabilities
    out = np.zeros_like(fine)
    for photo in range(len(fine)):
        for cell in range(fine.shape[1]):
            above = parents[2][cell]
            top = parents[1][above] if above >= 0 else -1
            if top >= 0:
                out[photo, cell] = fine[photo, cell] * middle[photo, above] * coarse[photo, top]
    return out
