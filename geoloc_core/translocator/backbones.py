"""The networks below the heads, built by timm without its weights, and where pretrained ones come from. Imports torch.

Only `pretrained` may touch the network, through `geoloc_core.hub`, and only when it is told to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from geoloc_core.encoders.checkpoints import HubWeights, Preprocess
from geoloc_core.errors import ModelError, WeightsMissing
from geoloc_core.hub import Progress, fetch
from geoloc_core.translocator.config import Config

Branch = Any  # a timm model, whose parts torch would have typed as tensor or module
_EXAMPLE = "vit_base_patch16_224"
_HALF = (0.5, 0.5, 0.5)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
# ImageNet-21k for the vision transformers, as in section 4.4; tag at the hub, and what those weights expect
PRETRAINED = {
    **{
        f"vit_{size}_patch16_224": ("augreg_in21k", Preprocess(mean=_HALF, std=_HALF))
        for size in ("tiny", "small", "base", "large")
    },
    "resnet101": ("tv_in1k", Preprocess(mean=_MEAN, std=_STD, interpolation="bilinear")),
    "efficientnet_b4": ("ra2_in1k", Preprocess(mean=_MEAN, std=_STD)),
}


def make(config: Config) -> Branch:
    """One branch, untrained and without a head.

    Raises:
        ModelError: timm has no such model, or one without a CLS token; the message says which to take.
    """
    import timm
    from timm.layers import Attention
    from timm.models.vision_transformer import VisionTransformer

    name = config.backbone
    if not timm.is_model(name):
        raise ModelError(f"timm {timm.__version__} has no model {name}. Choose one such as {_EXAMPLE}.")
    vit: dict[str, Any] = {"img_size": config.image_size, "global_pool": "token", **config.sizes}
    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **(vit if config.is_vit else {}))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        said = str(error).rstrip(". ")
        raise ModelError(f"timm cannot build {name} so: {said}. Change its sizes, or choose {_EXAMPLE}.") from error
    if config.is_vit and not (
        isinstance(model, VisionTransformer)
        and model.cls_token is not None
        and all(isinstance(getattr(block, "attn", None), Attention) for block in model.blocks)
    ):
        raise ModelError(f"{name} is no plain vision transformer with a CLS token. Choose one such as {_EXAMPLE}.")
    return model


def embed(vit: Branch, images: torch.Tensor) -> torch.Tensor:
    """(b, 1 + patches, width): equation 1, x^(0) of (b, 3, h, w) images."""
    return vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(images))))


def pretrained(backbone: str, on_progress: Progress | None = None) -> Path:
    """The file of a backbone's published weights, on this machine or, if `on_progress` is given, from the hub.

    Raises:
        ModelError: no weights are known for it.
        WeightsMissing: they are not on this machine and may not be fetched.
        HubError: they could not be fetched.
    """
    if backbone not in PRETRAINED:
        raise ModelError(f"No pretrained weights are known for {backbone}. Choose one of {', '.join(PRETRAINED)}.")
    tag, preprocess = PRETRAINED[backbone]
    source = HubWeights(backbone, tag, f"timm/{backbone}.{tag}", preprocess, files=("model.safetensors",))
    try:
        return source.weights()
    except WeightsMissing:
        if on_progress is None:
            raise WeightsMissing(
                f"The weights of {source.label} are not on this machine. Allow the download, or start untrained."
            ) from None
    return fetch(source, on_progress)
