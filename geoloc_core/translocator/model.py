"""TransLocator as a torch module: branches, fusion and heads of any `Config`, and ISNs' three networks. Imports torch.

State dict: `branches.rgb.…` and `branches.seg.…` under timm's names, `fusion.K.project` and `fusion.K.back` for the
layer K (from 0), `attention.score.0` and `.2`, `heads.coarse`, `.middle`, `.fine` and `.scene`, each with `weight` and
`bias`. ISNs put `networks.indoor.`, `.natural.` or `.urban.` before.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from geoloc_core.errors import ModelError
from geoloc_core.translocator.backbones import Branch, embed, make
from geoloc_core.translocator.config import SCENE_KINDS, Config
from geoloc_core.translocator.fusion import AttentiveFusion, FeatureFusion
from geoloc_core.translocator.heads import Heads

Tokens = tuple[tuple[torch.Tensor, ...], ...]


@dataclass(frozen=True)
class Outputs:
    """What a network says of b photos.

    Attributes:
        cells: logits (b, n) a level, coarse first.
        scene: logits (b, scenes), or None.
        attention: (b, 2) weights of photo and segmentation, equations 5 and 6; None without them.
        tokens: if kept, (b, 1 + patches, width) at [k][branch]: x^(k) of equation 4, what layer k + 1 is given and,
            last, what the last layer gives; with their graph, if there is one. Else empty.
    """

    cells: tuple[torch.Tensor, ...]
    scene: torch.Tensor | None = None
    attention: torch.Tensor | None = None
    tokens: Tokens = ()


class Network(nn.Module):
    """One network: one branch or two, fused as the configuration says, and the heads.

    Equation 4 holds after every layer but the last. After that one no layer is left that could pass on what is fused,
    and both tokens would become the same vector, of which equations 5 to 7 had nothing to choose. The last CLS tokens
    pass the backbone's final layer norm first, as before any head of a vision transformer.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.branches = nn.ModuleDict({name: make(config) for name in config.names})
        first: Branch = self.branches["rgb"]
        width, count = first.num_features, len(self.branches)
        self.fusion, self.attention = nn.ModuleList(), None
        if config.fusion == "mff":
            hidden = config.fusion_width or width
            self.fusion.extend(FeatureFusion(width, hidden, count) for _ in first.blocks[:-1])
            self.attention = AttentiveFusion(width, config.attention_width or width, count)
        self.heads = Heads(count * width, config.levels, config.cells, config.scenes)

    def forward(
        self,
        rgb: torch.Tensor,
        seg: torch.Tensor | None = None,
        kinds: torch.Tensor | None = None,
        *,
        keep_tokens: bool = False,
    ) -> Outputs:
        """Logits of (b, 3, h, w) photos and, with two branches, their (b, 3, h, w) colour-coded segmentation maps.

        Args:
            kinds: looked at by `SceneNetworks` only.
            keep_tokens: whether to answer with the tokens of all layers.

        Raises:
            ModelError: the inputs are not those of the branches.
        """
        inputs = _inputs(self.config, rgb, seg)
        if self.config.is_vit:
            cls, tokens = self._through_layers(inputs, keep_tokens)
        else:
            cls, tokens = [net(x) for net, x in zip(self.branches.values(), inputs, strict=True)], ()
        weights = None
        if self.attention is not None:
            features, weights = self.attention(cls)
        else:
            features = torch.cat(cls, dim=-1)
        cells, scene = self.heads(features)
        return Outputs(cells, scene, weights, tokens)

    def _through_layers(self, inputs: list[torch.Tensor], keep: bool) -> tuple[list[torch.Tensor], Tokens]:
        """The last normed CLS tokens (b, width) a branch, and all tokens if they are to be kept."""
        vits: list[Branch] = list(self.branches.values())
        x = [embed(vit, image) for vit, image in zip(vits, inputs, strict=True)]
        kept = [tuple(x)]
        for k, blocks in enumerate(zip(*(vit.blocks for vit in vits), strict=True)):
            x = [block(tokens) for block, tokens in zip(blocks, x, strict=True)]
            if k < len(self.fusion):
                fused = self.fusion[k]([tokens[:, 0] for tokens in x])
                x = [torch.cat((fused[:, None], tokens[:, 1:]), dim=1) for tokens in x]
            if keep:
                kept.append(tuple(x))
        cls = [vit.fc_norm(vit.norm(tokens[:, 0])) for vit, tokens in zip(vits, x, strict=True)]
        return cls, tuple(kept) if keep else ()

    def attention_maps(self, tokens: Tokens) -> Tokens:
        """(b, heads, n, n) at [k][branch]: how layer k + 1 attends among kept tokens; each row adds up to 1."""
        vits: list[Branch] = list(self.branches.values())
        return tuple(
            tuple(_attention(vit.blocks[k], x) for vit, x in zip(vits, layer, strict=True))
            for k, layer in enumerate(tokens[:-1])
        )


class SceneNetworks(nn.Module):
    """ISNs: one network for each kind of scene; every photo goes through that of its kind alone."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.networks = nn.ModuleDict({kind: Network(config) for kind in SCENE_KINDS})

    def forward(
        self,
        rgb: torch.Tensor,
        seg: torch.Tensor | None = None,
        kinds: torch.Tensor | None = None,
        *,
        keep_tokens: bool = False,
    ) -> Outputs:
        """As `Network.forward`, by (b,) kinds: indices into `SCENE_KINDS`.

        Raises:
            ModelError: a kind is missing or none, the inputs are not those of the branches, or tokens are to be kept,
                which lie in three networks: ask one of `networks`.
        """
        if kinds is None or kinds.shape != rgb.shape[:1] or ((kinds < 0) | (kinds >= len(SCENE_KINDS))).any():
            raise ModelError(f"Each photo needs its kind of scene: 0 to 2 for {', '.join(SCENE_KINDS)}. Give kinds.")
        if keep_tokens:
            raise ModelError("Three networks have no tokens in common. Ask the one of the photo's kind for them.")
        _inputs(self.config, rgb, seg)
        rows = [(kinds == i).nonzero()[:, 0] for i in range(len(SCENE_KINDS))]
        parts = [
            net(rgb[own], None if seg is None else seg[own])
            for net, own in zip(self.networks.values(), rows, strict=True)
            if len(own)
        ]
        back = torch.cat(rows).argsort()
        weights = [part.attention for part in parts if part.attention is not None]
        return Outputs(
            tuple(torch.cat(level)[back] for level in zip(*(part.cells for part in parts), strict=True)),
            attention=torch.cat(weights)[back] if weights else None,
        )


def build(config: Config) -> Network | SceneNetworks:
    """An untrained network of that shape, its weights drawn from torch's generator; needs no network connection.

    Raises:
        ModelError: timm has no such backbone, or it cannot serve.
    """
    return SceneNetworks(config) if config.scene_networks else Network(config)


def _inputs(config: Config, rgb: torch.Tensor, seg: torch.Tensor | None) -> list[torch.Tensor]:
    if (seg is None) != (config.branches == "rgb"):
        wanted = "photos alone" if config.branches == "rgb" else "photos and their segmentation maps"
        raise ModelError(f"This network takes {wanted}. Give it those.")
    images = [rgb] if seg is None else [rgb, seg]
    shape = (len(rgb), 3, config.image_size, config.image_size)
    if wrong := [tuple(image.shape) for image in images if image.shape != shape]:
        raise ModelError(f"This network takes images of shape {shape}, not {wrong[0]}. Resize or crop them first.")
    return images


def _attention(block: Branch, tokens: torch.Tensor) -> torch.Tensor:
    attn = block.attn
    b, n, _ = tokens.shape
    qkv = attn.qkv(block.norm1(tokens)).reshape(b, n, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    q, k = attn.q_norm(qkv[0]), attn.k_norm(qkv[1])
    return ((q * attn.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
