"""The learning rate as a function of the step, and the optimiser with its groups of parameters. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from geoloc_core.errors import ModelError
from index_builder.training.recipe import Recipe


def rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step, from 0: a line up to the highest over the warm-up, then half a cosine down."""
    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup * steps_per_epoch)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    low = recipe.final
    return recipe.learning_rate * (low + (1 - low) * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Over the parameters that are to be learned; vectors and scalars (biases, norms, temperatures) do not decay.

    A vision transformer's CLS token and positions do not either, as is the custom (timm's `no_weight_decay`).

    Raises:
        ModelError: there are none.
    """
    spared = _spared(network)
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[parameter.ndim > 1 and name not in spared].append(parameter)
    given = [
        {"params": parameters, "weight_decay": recipe.weight_decay if decays else 0.0}
        for decays, parameters in groups.items()
        if parameters
    ]
    if not given:
        raise ModelError("The network has nothing to learn: all of it is frozen. Unfreeze some of it.")
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(given, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(given, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


def set_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Give all groups that learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = value


def moments(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What the optimiser remembers of each parameter, by `number.name`."""
    state: Mapping[int, Mapping[str, object]] = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": value
        for number, own in state.items()
        for name, value in own.items()
        if isinstance(value, torch.Tensor)
    }


def remember(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what `moments` gave."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _spared(network: nn.Module) -> set[str]:
    """Names of parameters that a timm model inside asks not to decay."""
    found: set[str] = set()
    for prefix, module in network.named_modules():
        if callable(ask := getattr(module, "no_weight_decay", None)):
            found |= {f"{prefix}.{name}".lstrip(".") for name in ask()}
    return found
