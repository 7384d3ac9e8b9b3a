"""Small real checkpoints in the formats open_clip saves and the hub caches, and fixtures that isolate a test."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core import encoders
from geoloc_core.settings import settings

VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 6, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}
MODEL = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT}


def save_checkpoint(
    folder: Path, seed: int = 0, dtype: str = "float32", preprocess: dict | None = None, **model
) -> Path:
    """A folder as open_clip saves it, with random weights of that seed."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": {**MODEL, **model}, "preprocess_cfg": preprocess or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "open_clip_model.safetensors").unlink(missing_ok=True)  # else open_clip would load it
    torch.manual_seed(seed)
    state = open_clip.create_model(f"local-dir:{folder}").state_dict()
    save_file(
        {k: v.to(getattr(torch, dtype)).contiguous() for k, v in state.items()}, folder / "open_clip_model.safetensors"
    )
    return folder


def put_into_hf_cache(cache: Path, repo: str, file: str, data: bytes, commit: str = "c" * 40) -> Path:
    """The file as huggingface_hub would have filed it; returns its blob."""
    base = cache / f"models--{repo.replace('/', '--')}"
    blob = base / "blobs" / hashlib.sha256(data).hexdigest()
    pointer = base / "snapshots" / commit / file
    for folder in (blob.parent, pointer.parent, base / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(Path("../..") / "blobs" / blob.name)
    (base / "refs" / "main").write_text(commit)
    return blob


def photo(seed: int = 0, size: tuple[int, int] = (60, 45), mode: str = "RGB") -> Image.Image:
    """Smooth random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """Empty checkpoints folder and Hugging Face cache; settings read afresh, float32; no encoder made yet."""
    monkeypatch.setenv("GEOLOC_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    for name in (
        "GEOLOC_DEVICE",
        "GEOLOC_BATCH_SIZE",
        "GEOLOC_CONFIG",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")  # exact, whatever this machine would choose
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    settings.cache_clear()
    encoders._made.clear()
