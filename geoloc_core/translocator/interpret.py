"""What a network looked at: Grad-CAM and attention rollout over the photo and its segmentation map. Imports torch.

Sources: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
2017; Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.

Nothing is hooked onto the network, so that others may use it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from PIL import Image
from torch.nn import functional

from geoloc_core.errors import ModelError
from geoloc_core.geo import Floats
from geoloc_core.segmentation import Labels
from geoloc_core.translocator.backbones import Branch
from geoloc_core.translocator.card import Inputs
from geoloc_core.translocator.model import Network, Outputs, SceneNetworks, Tokens

if TYPE_CHECKING:
    from geoloc_core.translocator.opened import TransLocator

Method = Literal["grad-cam", "rollout"]
Box = tuple[float, float, float, float]
Given = Sequence[torch.Tensor]  # (1, 3, h, w) a branch


@dataclass(frozen=True, eq=False)
class Interpretation:
    """Where in the photo's centre crop an answer comes from.

    Attributes:
        maps: by branch, (h, w) from 0 to 1, the latter where most comes from; all 0 if nothing speaks for the cell.
        box: (left, top, right, bottom) of that crop, as parts of the photo's width and height.
        cell: the class of the finest level that is explained.
        probability: of that cell, by its head and from the centre crop alone.
        method: Grad-CAM is about the cell; rollout says what the network attends to, whatever it answers.
    """

    maps: Mapping[str, Floats]
    box: Box
    cell: int
    probability: float
    method: Method


def interpret(
    opened: TransLocator,
    image: Image.Image,
    labels: Labels | None,
    method: Method = "grad-cam",
    cell: int | None = None,
    kind: int | None = None,
) -> Interpretation:
    """Explain what a trained model says of a photo.

    Args:
        opened: the model.
        image: RGB.
        labels: its segmentation map in the photo's shape or smaller; None for a model that takes photos alone.
        method: "grad-cam" or "rollout"; the latter for vision transformers only.
        cell: the class of the finest level to be explained; the likeliest if left out.
        kind: with ISNs, which network to ask: an index into `SCENE_KINDS`.

    Raises:
        ModelError: the model cannot be used, has no such cell, or no attention to roll out.
    """
    network = one_network(opened.network, kind)
    like = next(network.parameters())
    given = [torch.from_numpy(pixels).to(like) for pixels in opened.views(image, labels, 1) if pixels is not None]
    with torch.no_grad():
        outputs = network(*given, keep_tokens=True)
    said = outputs.cells[-1][0].float().softmax(dim=0)
    cell = int(said.argmax()) if cell is None else cell
    if not 0 <= cell < len(said):
        raise ModelError(f"The model has no cell {cell}. Choose one from 0 to {len(said) - 1}.")
    grids = grad_cam(network, given, cell, outputs) if method == "grad-cam" else rollout(network, given, outputs)
    side = network.config.image_size
    maps = {name: _drawn(grid, side, floor=method == "rollout") for name, grid in grids.items()}
    return Interpretation(maps, centre_box(image.size, opened.card.inputs, side), cell, float(said[cell]), method)


def one_network(network: Network | SceneNetworks, kind: int | None) -> Network:
    """The network that a photo of that kind of scene goes through.

    Raises:
        ModelError: there are three and no kind is given.
    """
    if isinstance(network, Network):
        return network
    if kind is None:
        raise ModelError("This model has a network for each kind of scene. Say the photo's kind.")
    found = list(network.networks.values())[kind]
    assert isinstance(found, Network)
    return found


def grad_cam(network: Network, given: Given, cell: int, outputs: Outputs | None = None) -> dict[str, torch.Tensor]:
    """Grad-CAM of the finest level's logit of `cell`: (rows, columns) a branch, not below 0, not scaled.

    Equations 1 and 2 of Selvaraju et al. over the last features that hold places: a CNN's last feature map, or a vision
    transformer's patch tokens as the last layer's attention is given them, behind its layer norm. Behind that layer
    they would have no gradient, as the heads read the CLS token alone. Before the norm each token would be orthogonal
    to its own gradient, since its length does not matter to the norm.

    `outputs` are what the network said of `given`, with its tokens; it is asked if they are left out.
    """
    with torch.no_grad():
        places, before = _last_features(network, given, outputs)
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in places]
        cls = _after(network, leaves, before)
        features = torch.cat(cls, dim=-1) if network.attention is None else network.attention(cls)[0]
        logit = network.heads(features)[0][-1][0, cell]
    gradients = torch.autograd.grad(logit, leaves)
    return {
        name: _weighted(branch, leaf.detach(), gradient)
        for (name, branch), leaf, gradient in zip(network.branches.items(), leaves, gradients, strict=True)
    }


def rollout(network: Network, given: Given, outputs: Outputs | None = None) -> dict[str, torch.Tensor]:
    """Attention rollout: (rows, columns) a branch, how much of the answer's tokens comes from each patch of either.

    Abnar and Zuidema's 0.5 A + 0.5 I, A being the mean over the heads, is taken over the tokens of both branches at
    once: no branch attends to the other's tokens, so a layer is a matrix of two blocks. Equation 4 of TransLocator
    then puts g(sum f) in the place of both CLS tokens, which is where the branches meet. As f and g are linear and the
    branches share them, both tokens enter alike: in the joint matrix, both CLS rows become the mean of the two. The row
    that is read at the end is the last CLS rows' mean, weighted as equations 5 to 7 weigh these tokens, (1 + w) each.
    Like every factor it adds up to 1, over the patches and the CLS tokens of both branches. `outputs` as above.

    Raises:
        ModelError: the backbone has no attention.
    """
    if not network.config.is_vit:
        raise ModelError(f"{network.config.backbone} has no attention to roll out. Take Grad-CAM.")
    with torch.no_grad():
        outputs = outputs or network(*given, keep_tokens=True)
        rows = joint_rollout(network, outputs.tokens, outputs.attention)
    branches: list[tuple[str, Branch]] = list(network.branches.items())
    return {name: _grid(vit, row[vit.num_prefix_tokens :]) for (name, vit), row in zip(branches, rows, strict=True)}


def joint_rollout(network: Network, tokens: Tokens, attention: torch.Tensor | None) -> list[torch.Tensor]:
    """(1 + patches,) a branch of the first photo: together, the row of all layers' product that the heads read."""
    weight = torch.ones(len(tokens[0])) if attention is None else 1 + attention[0].double().cpu()
    parts = weight.double() / weight.sum()
    rows = [part * torch.eye(1, x.shape[1], dtype=torch.float64)[0] for part, x in zip(parts, tokens[0], strict=True)]
    layers = network.attention_maps(tokens)
    for k in reversed(range(len(layers))):
        if k < len(network.fusion):
            met = torch.stack([row[0] for row in rows]).mean()
            rows = [torch.cat((met[None], row[1:])) for row in rows]
        mean = [heads[0].mean(dim=0).to(rows[0]) for heads in layers[k]]
        rows = [0.5 * row @ one + 0.5 * row for row, one in zip(rows, mean, strict=True)]
    return rows


def centre_box(size: tuple[int, int], inputs: Inputs, side: int) -> Box:
    """The centre crop's box, of a photo of `size` (width, height) whose shorter side is brought to `inputs.resize`."""
    scale = inputs.resize / min(size)
    width, height = (min(side / (length * scale), 1.0) for length in size)
    return (1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2


def _last_features(
    network: Network, given: Given, outputs: Outputs | None
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """A branch's last features that hold places; and, of a vision transformer, the tokens that these go back to."""
    branches: list[Branch] = list(network.branches.values())
    if not network.config.is_vit:
        return [net.forward_features(x) for net, x in zip(branches, given, strict=True)], []
    outputs = outputs or network(*given, keep_tokens=True)
    last = list(outputs.tokens[-2])
    return [vit.blocks[-1].norm1(x) for vit, x in zip(branches, last, strict=True)], last


def _after(network: Network, places: list[torch.Tensor], before: list[torch.Tensor]) -> list[torch.Tensor]:
    """The features (1, width) a branch that the network makes of its last features that hold places."""
    branches: list[Branch] = list(network.branches.values())
    if not network.config.is_vit:
        return [net.forward_head(x) for net, x in zip(branches, places, strict=True)]
    found = []
    for vit, normed, x in zip(branches, places, before, strict=True):
        block = vit.blocks[-1]
        x = x + block.ls1(block.attn(normed))
        x = x + block.ls2(block.mlp(block.norm2(x)))
        found.append(vit.fc_norm(vit.norm(x[:, 0])))
    return found


def _weighted(branch: Branch, features: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """ReLU of the sum of the channels, each weighted by the mean of its gradient."""
    if features.ndim == 3:
        features, gradient = (x[:, branch.num_prefix_tokens :] for x in (features, gradient))
        return _grid(branch, (features[0] @ gradient[0].mean(dim=0)).relu())
    return torch.einsum("chw,c->hw", features[0], gradient[0].mean(dim=(1, 2))).relu()


def _grid(vit: Branch, values: torch.Tensor) -> torch.Tensor:
    """(patches,) as (rows, columns)."""
    return values.reshape(vit.patch_embed.grid_size)


def _drawn(grid: torch.Tensor, side: int, floor: bool) -> Floats:
    """(side, side) from 0 to 1; with a `floor` the least patch becomes 0, as no patch has no share in a rollout."""
    grid = grid.detach().double().cpu()
    grid = grid - grid.min() if floor else grid
    top = float(grid.max())
    grid = grid / top if top > 0 else grid
    drawn = functional.interpolate(grid[None, None], size=(side, side), mode="bilinear", align_corners=False)[0, 0]
    return drawn.clamp(0, 1).numpy()
