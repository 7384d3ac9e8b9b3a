"""ViT-L/14 on a GPU: photos/s of the forward pass and of the whole build, as a share of the card's bf16 ceiling."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from geoloc_core.encoders import create
from tests.benchmarks.pipeline import build, make_photos, random_tower, speed_of

# bf16 TFLOP/s without sparsity, from the makers' data sheets
_DATA_SHEET = {"H100 80GB HBM3": 989, "H100 SXM": 989, "H100 PCIe": 756, "H200": 989, "A100": 312, "L4": 121}


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """One row a way; a single line that says so where there is no CUDA."""
    import torch

    if not torch.cuda.is_available():
        return [{"device": "no CUDA here: nothing measured"}]
    with tempfile.TemporaryDirectory() as home:
        checkpoint = random_tower(Path(home) / "l14", "ViT-L-14")
        forward = _forward(f"open_clip:{checkpoint}", 1_024 if quick else 8_192)
        photos = make_photos(Path(home) / "photos", (640, 480), 2_000 if quick else 12_000)
        told, _ = build(photos, f"open_clip:{checkpoint}")
        return [_row("forward pass", forward), _row("build, 0.3 MP JPEGs", speed_of(told))]


def tower_flops(width: int, layers: int, patch: int, side: int, dim: int) -> float:
    """Floating point operations of a vision transformer for one photo, a multiply-add as two."""
    tokens = (side // patch) ** 2 + 1
    layer = 24 * tokens * width**2 + 4 * tokens**2 * width  # four projections, the MLP of 4 x width; then attention
    return layers * layer + 2 * (tokens - 1) * width * 3 * patch**2 + 2 * width * dim


def _forward(name: str, count: int) -> float:
    import numpy as np

    encoder = create(name)
    noise = np.random.default_rng(0).integers(0, 256, (64, encoder.side, encoder.side, 3), dtype=np.uint8)
    photos = [noise[i % len(noise)] for i in range(count)]
    encoder.embed(photos[: encoder.batch])
    speeds = []
    for _ in range(3):
        began = time.perf_counter()
        encoder.embed(photos)
        speeds.append(count / (time.perf_counter() - began))
    print(", ".join(f"{k} {v}" for k, v in encoder.choices.items()))
    return statistics.median(speeds)


def _row(what: str, speed: float) -> dict[str, object]:
    import torch

    card = torch.cuda.get_device_name()
    needed = tower_flops(width=1024, layers=24, patch=14, side=224, dim=768) * speed / 1e12
    sheet = next((tflops for name, tflops in _DATA_SHEET.items() if name in card), None)
    return {
        "device": card,
        "what": what,
        "photos/s": round(speed, 1),
        "TFLOP/s": round(needed, 1),
        "share of the data sheet's bf16": round(needed / sheet, 3) if sheet else "unknown card",
        "share of a bf16 matrix product's": round(needed / _product(), 3),
    }


def _product(side: int = 8192) -> float:
    """TFLOP/s of one large bf16 matrix product on this card."""
    import torch

    a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(20):
        a @ b
    torch.cuda.synchronize()
    return 20 * 2 * side**3 / (time.perf_counter() - began) / 1e12
