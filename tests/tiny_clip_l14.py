"""A small random CLIP in both real layouts, transformers' and open_clip's, where the preset `clip-l14` looks for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geoloc_core.encoders.presets import PRESETS, Preset
from tests.tiny_clip import put_into_hf_cache

NAME = "Tiny-ViT-L-14"
WIDTH, LAYERS, HEADS, PATCH = 64, 2, 4, 32
_VISION = {"image_size": 224, "layers": LAYERS, "width": WIDTH, "head_width": WIDTH // HEADS, "patch_size": PATCH}
_TEXT = {"context_length": 6, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}


def save_transformers_clip(folder: Path, seed: int = 0) -> Path:
    """A CLIPModel with its image processor, as `openai/clip-vit-large-patch14` is saved, only smaller."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    vision = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS}
    vision |= {"num_attention_heads": HEADS, "patch_size": PATCH, "image_size": 224, "projection_dim": 768}
    text = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    text |= {"projection_dim": 768, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 2}
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(projection_dim=768, text_config=text, vision_config=vision))
    with torch.no_grad():  # as initialised, all photos look alike and QuickGELU is as good as GELU
        for name, value in model.vision_model.named_parameters():
            if value.ndim > 1 and "position" not in name:
                value.normal_(0, 1.5 / value[0].numel() ** 0.5)
        model.visual_projection.weight.normal_(0, 0.1)
    model.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return folder


def as_open_clip(folder: Path) -> dict[str, Any]:
    """The image tower of a saved CLIPModel under open_clip's names."""
    import torch
    from safetensors.torch import load_file

    state = load_file(folder / "model.safetensors")
    vision = {key.removeprefix("vision_model."): value for key, value in state.items() if key.startswith("vision_")}
    out = {
        "class_embedding": vision["embeddings.class_embedding"],
        "positional_embedding": vision["embeddings.position_embedding.weight"],
        "conv1.weight": vision["embeddings.patch_embedding.weight"],
        "proj": state["visual_projection.weight"].T,
    }
    for kind in ("weight", "bias"):
        out[f"ln_pre.{kind}"], out[f"ln_post.{kind}"] = vision[f"pre_layrnorm.{kind}"], vision[f"post_layernorm.{kind}"]
        for i in range(LAYERS):
            here, there = f"encoder.layers.{i}.", f"transformer.resblocks.{i}."
            qkv = [vision[f"{here}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            out[f"{there}attn.in_proj_{kind}"] = torch.cat(qkv)
            for ours, theirs in (
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                out[f"{there}{theirs}.{kind}"] = vision[f"{here}{ours}.{kind}"]
    return {f"visual.{key}": value.contiguous() for key, value in out.items()}


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Preset:
    """Make the preset `clip-l14` build the small architecture; all else about it stays. Returns the preset."""
    import open_clip

    config = folder / f"{NAME}.json"
    config.write_text(json.dumps({"embed_dim": 768, "vision_cfg": _VISION, "text_cfg": _TEXT}))
    open_clip.add_model_config(config)
    preset = PRESETS["clip-l14"]
    assert preset.hub
    small = replace(preset, source=replace(preset.hub, model=NAME))
    monkeypatch.setitem(PRESETS, "clip-l14", small)
    return small


def open_clip_bytes(transformers_folder: Path) -> bytes:
    """The weight file that the hub would serve for the preset: some MB, with a text tower that nobody asks for."""
    import torch
    from safetensors.torch import save

    return save({**as_open_clip(transformers_folder), "token_embedding.weight": torch.zeros(1000, 1000)})


def fill_hub_cache(cache: Path, preset: Preset, transformers_folder: Path) -> Path:
    """Put the weights into the Hugging Face cache as a fetch would have; returns the blob."""
    assert preset.hub
    return put_into_hf_cache(cache, preset.hub.repo, preset.hub.files[0], open_clip_bytes(transformers_folder))
