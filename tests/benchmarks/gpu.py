"""A GPU's share of its own limits: ViT-L/14 against the card's bf16 products, search against its memory's speed."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from geoloc_core.encoders import create
from tests.benchmarks.pipeline import build, make_photos, random_tower, speed_of
from tests.make_vectors import photo_like

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
        ways = [_row("forward pass", forward), _row("build, 0.3 MP JPEGs", speed_of(told))]
    return [*ways, _search(1_000_000 if quick else 4_720_000)]


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


def _search(rows: int, dim: int = 768) -> dict[str, object]:
    """Milliseconds of both ends of a query, beside those in which the card reads the bytes of the vectors."""
    import numpy as np
    import torch

    from geoloc_core.gallery.card import Card
    from geoloc_core.gallery.search import Search

    block = np.concatenate(list(photo_like(65_536, dim)))
    shards = [block] * -(-rows // len(block))
    card = Card(shards, "cuda", 1.0)
    query = block[0].astype(np.float32) + np.random.default_rng(0).standard_normal(dim).astype(np.float32) / 100

    def ends() -> None:
        search = Search(query, 16)
        card.show([search])
        search.found(lambda rows: block[rows % len(block)])

    took = _median_ms(ends)
    data = card._matrix.view(torch.int64)
    floor = _median_ms(lambda: data.sum().item())
    return {
        "device": torch.cuda.get_device_name(),
        "what": f"both ends of {len(shards) * len(block):,} rows",
        "ms": round(took, 2),
        "ms to read the bytes": round(floor, 2),
        "ratio": round(took / floor, 2),
    }


def _median_ms(run: Callable[[], object]) -> float:
    import torch

    times = []
    for _ in range(12):
        began = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[2:])


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
