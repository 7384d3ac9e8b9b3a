"""Mixed precision: 16-bit numbers where the device multiplies them well, with the reason. Imports torch."""

from __future__ import annotations

import torch

from geoloc_core.errors import ModelError
from geoloc_core.status import Choice


def choose(asked: str, device: str) -> Choice:
    """`no`, `bf16` or `fp16` for a device; weights and the optimiser's memory stay in float32 in any case.

    Raises:
        ModelError: float16 was asked for where gradients cannot be scaled to fit it.
    """
    if asked == "fp16" and device == "cpu":
        raise ModelError("Training in float16 needs a GPU. Choose --precision bf16 or no.")
    if asked != "auto":
        return Choice(asked, "asked for")
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice("bf16", "about twice as fast as float32 on this GPU, with float32's range")
        return Choice("fp16", "about twice as fast as float32; this GPU has no bfloat16, so losses are scaled")
    if device == "mps":
        return Choice("no", "float32 is what Apple's GPU trains in without surprises")
    return Choice("no", "on a processor float32 gives the same losses each time; ask for bf16 if it multiplies that")
