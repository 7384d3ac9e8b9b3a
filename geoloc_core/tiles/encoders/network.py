"""A CLIP image tower cut in two: the trunk, which all zooms share, and the tail, which each has its own. Imports torch.

Source: Kim, Jang and Kim, section 3.1: map encoders differ in the last two transformer blocks, and in what follows
those, the last normalisation and the projection.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import nn

from geoloc_core.errors import ModelError

_REMEDY = "Choose a CLIP that open_clip itself builds, such as ViT-B-32"


class Trunk(nn.Module):
    """A tower up to its last blocks, sharing its weights: (b, 3, s, s) pixels to (b, 1 + patches, width) tokens."""

    def __init__(self, tower: nn.Module, blocks: int) -> None:
        """Cut a tower.

        Raises:
            ModelError: it is no plain ViT of open_clip, or not deeper than `blocks`.
        """
        super().__init__()
        self.tower = _checked(tower, blocks)
        self._last = len(self.tower.transformer.resblocks) - blocks - 1

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Tokens, the class token first."""
        seen = self.tower.forward_intermediates(
            pixels,
            indices=[self._last],
            stop_early=True,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        return torch.cat([seen["image_intermediates_prefix"][0], seen["image_intermediates"][0]], dim=1)


class Tail(nn.Module):
    """A tower's last blocks and what follows them, with weights of its own: tokens to (b, d) of any length.

    State dict: `blocks.0.…` and so on under open_clip's names, `ln_post.weight`, `ln_post.bias`, `proj`.
    """

    def __init__(self, tower: nn.Module, blocks: int) -> None:
        """Copy a tower's.

        Raises:
            ModelError: it is no plain ViT of open_clip, or not deeper than `blocks`.
        """
        super().__init__()
        vit = _checked(tower, blocks)
        self.blocks = deepcopy(vit.transformer.resblocks[-blocks:])
        self.ln_post = deepcopy(vit.ln_post)
        self.proj = deepcopy(vit.proj)
        self._mean, self._norm_last = vit.pool_type == "avg", vit.final_ln_after_pool

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings before they are brought to unit length."""
        *before, last = self.blocks
        for block in before:
            tokens = block(tokens)
        if not self._mean:
            return self.ln_post(_first_only(last, tokens)) @ self.proj
        tokens = last(tokens)[:, 1:]
        pooled = self.ln_post(tokens.mean(dim=1)) if self._norm_last else self.ln_post(tokens).mean(dim=1)
        return pooled @ self.proj


def _first_only(block: Any, tokens: torch.Tensor) -> torch.Tensor:
    """(b, width) the first of `block(tokens)`, without calculating the others, of which nothing is used."""
    if type(block) is not ResidualAttentionBlock:
        return block(tokens)[:, 0]
    seen = block.ln_1(tokens)
    first = tokens[:, :1] + block.ls_1(block.attention(seen[:, :1], seen, seen))
    return (first + block.ls_2(block.mlp(block.ln_2(first))))[:, 0]


def _checked(tower: nn.Module, blocks: int) -> Any:
    """The tower.

    Raises:
        ModelError: it cannot be cut so.
    """
    if not isinstance(tower, VisionTransformer) or tower.attn_pool is not None or tower.pool_type == "none":
        raise ModelError(f"This encoder's network cannot be shared by map encoders. {_REMEDY}.")
    if not 1 <= blocks < len(tower.transformer.resblocks):
        deep = len(tower.transformer.resblocks)
        raise ModelError(f"Of {deep} blocks {blocks} cannot be each zoom's own. Choose from 1 to {deep - 1}.")
    return tower
