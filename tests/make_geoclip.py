"""A small GeoCLIP whose CLIP can read: random weights in the real layouts, and a gallery of locations made with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoloc_core.settings import settings
from tests.tiny_clip import save_checkpoint

WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY = 48, 2, 4, 77, 49_408
TEXT = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": WIDTH, "heads": HEADS, "layers": LAYERS}


def save_readable_clip(folder: Path, dim: int = 32, seed: int = 0) -> Path:
    """As open_clip saves CLIP ViT-L/14 of OpenAI, with both towers, only smaller."""
    return save_checkpoint(folder, seed, embed_dim=dim, text_cfg=TEXT, quick_gelu=True)


def make_geoclip(folder: Path, base: str, features: int = 32, synthetic: bool = False, seed: int = 0) -> Path:
    """A GeoCLIP over the image encoder of that name, as `geoclip.save` writes it."""
    import torch

    from geoloc_core.geoclip import Config, save
    from geoloc_core.geoclip.model import GeoClipModel

    sizes = {"image_hidden": 32, "dim": 32, "sigmas": (1.0, 4.0), "frequencies": 16, "hidden": 32}
    config = Config(title="Small GeoCLIP", base=base, features=features, synthetic=synthetic, **sizes)
    torch.manual_seed(seed)
    return save(folder, GeoClipModel(config), config)


def build_gallery(out: Path, model: Path, km: float = 600) -> Path:
    """A grid over land as a gallery of locations, by the real command."""
    from index_builder.__main__ import main

    assert main(["geoclip", str(out), "--grid", str(km), "--model", str(model)]) == 0
    return out


def readable_gallery(home: Path, name: str = "places") -> Path:
    """A checkpoint `readable`, a GeoCLIP over it, and a gallery of it where the app looks for galleries."""
    save_readable_clip(settings().checkpoints / "readable")
    return build_gallery(settings().galleries / name, make_geoclip(home / "geoclip", "readable"))


def save_transformers_clip(folder: Path, seed: int = 0) -> Path:
    """A CLIPModel as `openai/clip-vit-large-patch14` is saved, only smaller; it answers with 768 numbers."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    text = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": HEADS}
    text |= {"num_hidden_layers": LAYERS, "projection_dim": 768, "vocab_size": VOCABULARY}
    text |= {"bos_token_id": 0, "eos_token_id": 2, "max_position_embeddings": CONTEXT, "hidden_act": "quick_gelu"}
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    vision |= {"projection_dim": 768, "patch_size": 32}
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(projection_dim=768, text_config=text, vision_config=vision))
    with torch.no_grad():  # as initialised, all texts are alike and QuickGELU is as good as GELU
        for name, value in model.text_model.named_parameters():
            if value.ndim > 1:
                value.normal_(0, 1.0 if "embedding" in name else 1.5 / value.shape[1] ** 0.5)
        model.text_projection.weight.normal_(0, 0.1)
    model.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return folder


def text_tower_of(transformers_folder: Path) -> dict[str, Any]:
    """The text tower of a saved CLIPModel under the names of open_clip's checkpoint of the same weights."""
    import torch
    from safetensors.torch import load_file

    state = load_file(transformers_folder / "model.safetensors")
    text = {key.removeprefix("text_model."): value for key, value in state.items() if key.startswith("text_")}
    out = {
        "token_embedding.weight": text["embeddings.token_embedding.weight"],
        "positional_embedding": text["embeddings.position_embedding.weight"],
        "text_projection": state["text_projection.weight"].T,
    }
    for kind in ("weight", "bias"):
        out[f"ln_final.{kind}"] = text[f"final_layer_norm.{kind}"]
        for i in range(LAYERS):
            here, there = f"encoder.layers.{i}.", f"transformer.resblocks.{i}."
            out[f"{there}attn.in_proj_{kind}"] = torch.cat([text[f"{here}self_attn.{p}_proj.{kind}"] for p in "qkv"])
            for theirs, ours in (
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                out[f"{there}{ours}.{kind}"] = text[f"{here}{theirs}.{kind}"]
    return {key: value.contiguous() for key, value in out.items()}


def transformers_tokenizer() -> Any:
    """CLIP's tokenizer as transformers has it, from the table that ships with open_clip."""
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer

    theirs = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(token, token): number for token, number in theirs.encoder.items()}
    return CLIPTokenizer(vocabulary, list(theirs.bpe_ranks))
