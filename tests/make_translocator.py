"""Untrained classifiers of geo-cells as they lie on a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from geoloc_core.translocator import Card, Inputs, variant
from geoloc_core.translocator.model import build
from geoloc_core.translocator.publish import levels_of, publish
from tests.make_cells import small_partition

SIZES: dict[str, Any] = {
    "backbone": "vit_tiny_patch16_224",
    "image_size": 112,
    "patch": 16,
    "width": 48,
    "depth": 3,
    "heads": 3,
}


def small_translocator(checkpoints: Path, name: str, of: str = "scene-16", **said: Any) -> Path:
    """Publish an untrained model of variant `of` into a folder of checkpoints."""
    torch.manual_seed(0)
    partition = small_partition()
    cnn = of in ("planet", "isns", "resnet101")
    config = variant(of, partition.sizes, **({"backbone": "resnet18", "image_size": 64} if cnn else SIZES))
    model = build(config)
    with torch.no_grad():
        for head in ("coarse", "middle", "fine", "scene"):
            for value in (v for k, v in model.named_parameters() if k.endswith(f"heads.{head}.weight")):
                value.normal_(std=0.3)
    own = levels_of(partition, config)
    inputs = Inputs(resize=128, crops=1, segmentation="segmenter-starter")
    facts = {"title": "Untrained", "synthetic": True, **said}
    publish(checkpoints / name, model.eval(), Card(config=config, partition=own.id, inputs=inputs, **facts), own)
    return checkpoints / name
