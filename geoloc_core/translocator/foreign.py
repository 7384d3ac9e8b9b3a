"""Weights for branches: timm's, transformers', the TransLocator authors', and one branch of ours. Imports torch.

Four layouts are known, each bare or inside `state_dict`, `Model_state_dict` or `model`, under `module.` or `model.`:
- timm's: `cls_token`, `blocks.0.attn.qkv.weight`, …; torchvision's ResNet101 has timm's names too;
- transformers' ViTModel: `embeddings.cls_token`, `encoder.layer.0.attention.attention.query.weight`, …;
- the authors' single branch: that under `vit.`, and `classifier_1`, `_2`, `_3` for coarse, middle and fine cells. Their
  `classifier_4`, meant for scenes, is left out: the published script takes the scene logits from `classifier_2`;
- a model of one branch that `checkpoint.save` wrote, as the paper starts both branches from a trained ViT-MT.
A pretrained head, which knows other classes, is left out as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloc_core.errors import CheckpointMissing, ModelError
from geoloc_core.translocator.backbones import Branch
from geoloc_core.translocator.checkpoint import Tensors, check_fit, read_safetensors, shapes_of, unreadable
from geoloc_core.translocator.model import Network

_WRAPPERS = ("state_dict", "Model_state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.", "vit.", "branches.rgb.")
_HEADS = re.compile(r"(heads?|fc|classifier|pooler|pre_logits|head_dist)(\.|$)")
_AUTHORS = {"classifier_1": "coarse", "classifier_2": "middle", "classifier_3": "fine", "classifier_4": ""}
_TRANSFORMERS = (
    (r"embeddings\.cls_token", "cls_token"),
    (r"embeddings\.position_embeddings", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"encoder\.layer\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
    (r"encoder\.layer\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
    (r"encoder\.layer\.(\d+)\.output\.dense\.", r"blocks.\1.mlp.fc2."),
    (r"layernorm\.", "norm."),
)
_QUERY = re.compile(r"encoder\.layer\.(\d+)\.attention\.attention\.query\.(weight|bias)")


@dataclass(frozen=True)
class Adopted:
    """What became of the weights: the branches and heads that have them now, and the keys that were left out."""

    branches: tuple[str, ...]
    heads: tuple[str, ...]
    left_out: tuple[str, ...]


def adopt(network: Network, file: Path, branches: Iterable[str] | None = None) -> Adopted:
    """Put weights from elsewhere into a network's branches; all of them fit, or nothing changes.

    Args:
        network: changed in place. ISNs' are in `SceneNetworks.networks`.
        file: safetensors, or what torch.save wrote, which is read as tensors only.
        branches: which; all if left out, as the paper starts both from one pretrained branch (section 4.4).

    Raises:
        CheckpointMissing: there is no such file.
        CheckpointMisfit: it cannot be read, or does not fit; the message names the keys.
        ModelError: the network has no such branch.
    """
    names = tuple(branches) if branches is not None else tuple(network.branches)
    if unknown := set(names) - set(network.branches):
        raise ModelError(f"There is no branch {', '.join(unknown)}. Choose of {', '.join(network.branches)}.")
    tensors = _in_timms_names(_bare(read_tensors(file)))
    heads, left = _authors_heads(network, tensors)
    left += [key for key in tensors if _HEADS.match(key)]
    trunk = {key: value for key, value in tensors.items() if not _HEADS.match(key)}
    fitted = {name: _resampled(network.branches[name], trunk) for name in names}
    for name in names:
        check_fit(_needed(network.branches[name], trunk), _shapes(fitted[name]), f"{file} for the branch {name}")
    check_fit({key: network.heads.state_dict()[key].shape for key in heads}, _shapes(heads), f"{file} for the heads")
    for name in names:
        network.branches[name].load_state_dict(fitted[name], strict=False)
    network.heads.load_state_dict(heads, strict=False)
    return Adopted(names, tuple(dict.fromkeys(key.split(".")[0] for key in heads)), tuple(left))


def read_tensors(file: Path) -> Tensors:
    """The tensors of a file of weights by name; no file is unpickled into objects.

    Raises:
        CheckpointMissing: there is no such file.
        CheckpointMisfit: it cannot be read.
    """
    if not file.is_file():
        raise CheckpointMissing(f"There is no file {file}. Give a file of weights.")
    if file.suffix == ".safetensors":
        return read_safetensors(file)
    try:
        read: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise unreadable(file, error) from error
    inner = next((read[name] for name in _WRAPPERS if isinstance(read, dict) and name in read), read)
    if not isinstance(inner, dict) or not all(isinstance(value, torch.Tensor) for value in inner.values()):
        raise unreadable(file, TypeError("it holds no table of tensors"))
    return {str(key): value for key, value in inner.items()}


def _bare(tensors: Tensors) -> Tensors:
    """Without what wrappers put before names; the heads of whoever wrapped stay under their own."""
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def _in_timms_names(tensors: Tensors) -> Tensors:
    """From transformers' names, if they are those; query, key and value become one matrix."""
    if "embeddings.cls_token" not in tensors:
        return tensors
    named: Tensors = {}
    for key, value in tensors.items():
        if found := _QUERY.fullmatch(key):
            parts = [tensors.get(key.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
            if all(part is not None and part.shape == value.shape for part in parts):
                named[f"blocks.{found[1]}.attn.qkv.{found[2]}"] = torch.cat(parts)  # type: ignore[arg-type]
                continue
        elif ".attention.attention." in key:
            continue
        for pattern, name in _TRANSFORMERS:
            key = re.sub(rf"^{pattern}", name, key)
        named[key] = value
    return named


def _authors_heads(network: Network, tensors: Tensors) -> tuple[Tensors, list[str]]:
    """Take the authors' heads out of `tensors`: those the network has a place for, and the keys of the others."""
    heads: Tensors = {}
    left: list[str] = []
    for key in [key for key in tensors if key.split(".")[0] in _AUTHORS]:
        classifier, _, rest = key.partition(".")
        level, value = _AUTHORS[classifier], tensors.pop(key)
        if level in network.heads and len(network.branches) == 1:
            heads[f"{level}.{rest}"] = value
        else:
            left.append(key)
    return heads, left


def _resampled(branch: Branch, tensors: Tensors) -> Tensors:
    """With the positions' embeddings interpolated, if they are of a square grid of another size."""
    from timm.layers import resample_abs_pos_embed

    given, own = tensors.get("pos_embed"), getattr(branch, "pos_embed", None)
    if given is None or own is None or given.ndim != 3 or given.shape == own.shape or given.shape[2] != own.shape[2]:
        return tensors
    prefix = branch.num_prefix_tokens
    if round((given.shape[1] - prefix) ** 0.5) ** 2 + prefix != given.shape[1]:
        return tensors
    size = list(branch.patch_embed.grid_size)
    return {**tensors, "pos_embed": resample_abs_pos_embed(given, size, num_prefix_tokens=prefix)}


def _needed(branch: Branch, tensors: Tensors) -> dict[str, tuple[int, ...]]:
    """Shapes of the branch, but for counters of batches, which old files lack."""
    shapes = shapes_of(branch)
    return {key: shape for key, shape in shapes.items() if key in tensors or not key.endswith("num_batches_tracked")}


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in tensors.items()}
