"""The classifier's network, its training, and its way into an ONNX file."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

log = logging.getLogger(__name__)

Pixels = Mapping[int, NDArray[np.uint8]]
Shares = Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train."""

    epochs: int = 6
    batch_size: int = 96
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    smoothing: float = 0.03
    seed: int = 1


class Network(nn.Module):
    """(n, 1, 32, w) lines to (n, classes) logits; w is a multiple of 8."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_layer(1, 16, 5, stride=2),
            *_layer(16, 48, 3, stride=2),
            *_layer(48, 96, 3),
            nn.MaxPool2d(2),
            *_layer(96, 128, 3),
            nn.Conv2d(128, 160, (4, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(160),
            nn.ReLU(),
        )
        self.say = nn.Linear(320, classes)

    def forward(self, lines: Tensor) -> Tensor:
        """The logits."""
        seen = self.look(lines)
        return cast(Tensor, self.say(torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)))


def train(pixels: Pixels, shares: Shares, recipe: Recipe) -> Network:
    """Train on lines by width, (n, 32, width) with (n, classes) shares of the letters."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = Network(next(iter(shares.values())).shape[1]).to(memory_format=torch.channels_last)
    batches = [(w, s) for w, p in pixels.items() for s in range(0, len(p), recipe.batch_size)]
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * len(batches), pct_start=0.15
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    for epoch in range(1, recipe.epochs + 1):
        started, total = time.perf_counter(), 0.0
        orders = {width: rng.permutation(len(p)) for width, p in pixels.items()}
        for index in rng.permutation(len(batches)):
            width, start = batches[index]
            chosen = orders[width][start : start + recipe.batch_size]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(_augmented(pixels[width][chosen], rng)).float()
            loss = loss_of(logits, torch.from_numpy(shares[width][chosen]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        log.info("epoch %d: loss %.3f, %.0f s", epoch, total / len(batches), time.perf_counter() - started)
    return network.eval()


def exported(network: Network) -> bytes:
    """The network as an ONNX model whose weights are stored in float16 and used in float32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    stream = io.BytesIO()
    axes = {"lines": {0: "n", 3: "width"}, "logits": {0: "n"}}
    names: dict[str, Any] = {"input_names": ["lines"], "output_names": ["logits"], "dynamic_axes": axes}
    example = torch.zeros(2, 1, 32, 64)
    network = network.eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(network, (example,), cast(Any, stream), dynamo=False, **names)
    model = onnx.load_from_string(stream.getvalue())
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 64:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
            casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 32, w) grey to what `geoloc_core.signs.shape.windows` gives."""
    lines = pixels.astype(np.float32)
    mean, deviation = lines.mean(axis=(1, 2), keepdims=True), lines.std(axis=(1, 2), keepdims=True)
    return np.asarray((lines - mean) / (deviation + 4), np.float32)


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def _augmented(pixels: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """The batch moved a little, with either ink or paper darker, and some noise."""
    lines = torch.from_numpy(normalised(pixels))[:, None]
    up, along = (int(n) for n in rng.integers(-2, 3, 2))
    lines = torch.roll(lines, (up, 2 * along), (2, 3))
    sign = torch.from_numpy(rng.choice((-1.0, 1.0), (len(lines), 1, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(rng.uniform(0, 0.25, (len(lines), 1, 1, 1)).astype(np.float32))
    return (lines * sign + noise * torch.randn_like(lines)).to(memory_format=torch.channels_last)
