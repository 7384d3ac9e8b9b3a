"""Tiny segmenters with the real architectures and file layout of SegFormer and UperNet; weights are random."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from geoloc_core.segmentation import names as registry
from geoloc_core.segmentation.ade20k import names

PUBLISHED = {  # as those of NVIDIA's SegFormers say it, in the words of an older transformers
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "SegformerFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "reduce_labels": True,
    "resample": 2,
    "size": 64,
}


def save_segformer(folder: Path, seed: int = 0, side: int = 64, labels: list[str] | None = None) -> Path:
    """A SegFormer for squares of `side` pixels that tells `labels` apart, by default ADE20K's."""
    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    torch.manual_seed(seed)
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        **_labels(labels),
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return folder


def save_upernet(folder: Path, seed: int = 0) -> Path:
    """An UperNet over a ConvNeXt: another architecture, and maps as large as its input."""
    import torch
    from transformers import ConvNextConfig, SegformerImageProcessor, UperNetConfig, UperNetForSemanticSegmentation

    torch.manual_seed(seed)
    backbone = ConvNextConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], out_features=["stage1", "stage2", "stage3", "stage4"]
    )
    config = UperNetConfig(
        backbone_config=backbone, hidden_size=16, pool_scales=[1, 2], use_auxiliary_head=False, **_labels(None)
    )
    UperNetForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def as_published(folder: Path) -> Path:
    """Give a saved SegFormer the description of its processor that the published ones have."""
    (folder / "preprocessor_config.json").write_text(json.dumps(PUBLISHED))
    return folder


def pickle_weights(folder: Path) -> Path:
    """Put a saved model's weights into pytorch_model.bin, as older models have them."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def _labels(labels: list[str] | None) -> dict[str, Any]:
    said = dict(enumerate(labels or names()))
    return {"id2label": said, "label2id": {name: number for number, name in said.items()}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders `segformer`, with a description as published, and `upernet`."""
    import torch

    base, threads = tmp_path_factory.mktemp("segmenters"), torch.get_num_threads()
    torch.set_num_threads(1)
    as_published(save_segformer(base / "segformer"))
    save_upernet(base / "upernet")
    yield base
    torch.set_num_threads(threads)


@pytest.fixture
def copied(saved, tmp_path):
    """A copy of `segformer` to change."""
    return Path(shutil.copytree(saved / "segformer", tmp_path / "copied"))


@pytest.fixture
def forgetful(monkeypatch):
    """No segmenter has been opened before."""
    monkeypatch.setattr(registry, "_made", {})
