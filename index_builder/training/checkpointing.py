"""Gradient checkpointing: layers that are calculated twice rather than kept. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpoint_blocks(network: nn.Module) -> int:
    """Make the timm models inside keep only what goes into their layers; returns in how many models.

    A vision transformer's blocks are covered one by one, since whoever fuses between them calls them so; timm's own
    switch works on its `forward` alone.
    """
    count = 0
    for module in list(network.modules()):
        blocks = getattr(module, "blocks", None)
        if isinstance(blocks, nn.Sequential | nn.ModuleList) and hasattr(module, "patch_embed"):
            for block in blocks:
                block.forward = _again(block, block.forward)
            count += 1
        elif callable(switch := getattr(module, "set_grad_checkpointing", None)):
            switch(True)
            count += 1
    return count


def _again(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def covered(*given: Any) -> Any:
        return checkpoint(forward, *given, use_reentrant=False) if block.training else forward(*given)

    return covered
