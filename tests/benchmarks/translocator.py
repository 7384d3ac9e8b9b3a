"""TransLocator at full size: parameters, operations, milliseconds a photo, against two vision transformers apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from geoloc_core.translocator import variant

CELLS = (3_298, 7_202, 12_893)  # of the published partition of MP-16


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """One row a network; the floor is the two backbones one after the other, without fusion or heads."""
    import torch

    from geoloc_core.translocator.backbones import make
    from geoloc_core.translocator.model import build

    full = variant("scene-365", CELLS, **({"backbone": "vit_small_patch16_224"} if quick else {}))
    side, rounds = full.image_size, 3 if quick else 9
    rgb, seg = torch.rand(2, 1, 3, side, side)
    two = torch.nn.ModuleList([make(full) for _ in "12"]).eval()
    late, mff = (build(full.model_copy(update={"fusion": fusion})).eval() for fusion in ("late", "mff"))
    one = build(full.model_copy(update={"branches": "rgb", "fusion": "none"})).eval()
    ways: dict[str, tuple[torch.nn.Module, Callable[[], object]]] = {
        "two backbones apart (floor)": (two, lambda: [net(x) for net, x in zip(two, (rgb, seg), strict=True)]),
        "ViT-MT": (one, lambda: one(rgb)),
        "+ Seg + Scene, late fusion": (late, lambda: late(rgb, seg)),
        "TransLocator": (mff, lambda: mff(rgb, seg)),
    }
    with torch.inference_mode():
        flops = {name: _flops(call) for name, (_, call) in ways.items()}
        times = _interleaved({name: call for name, (_, call) in ways.items()}, rounds)
    floor = times["two backbones apart (floor)"]
    return [
        {
            "network": name,
            "million parameters": sum(p.numel() for p in net.parameters()) / 1e6,
            "GFLOP a photo": flops[name] / 1e9,
            "ms a photo": statistics.median(times[name]),
            # Paired within a round, so that what else the machine does falls on both
            "% of the floor": 100 * statistics.median(t / f for t, f in zip(times[name], floor, strict=True)),
            "threads": torch.get_num_threads(),
        }
        for name, (net, _) in ways.items()
    ]


def _flops(call: Callable[[], object]) -> int:
    """Floating point operations, a multiply-add as two, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def _interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call in every round, after one to warm up; another goes first each time."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for i in range(rounds + 1):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            began = time.perf_counter()
            calls[name]()
            times[name].append((time.perf_counter() - began) * 1000)
    return {name: took[1:] for name, took in times.items()}
