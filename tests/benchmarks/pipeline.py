"""The builder's whole pipeline against the encoder's bare forward pass and against clip-retrieval's way.

Every way runs in a process of its own, on the same photos, device and number type, one after the other within each
round; speeds leave out starting and loading. The builder also checks, hashes and thumbnails its photos.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from geoloc_core.exif import exif_with_gps
from geoloc_core.paths import ASSETS, ROOT
from tests.tiny_clip import save_checkpoint

SETS = {"0.3 MP": ((640, 480), 600), "12 MP": ((4000, 3000), 60)}


def run(*, quick: bool = False) -> list[dict[str, object]]:
    """Photos/s by encoder and size of the photos: medians over rounds, ratios within them."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        encoders = {"starter": ASSETS / "checkpoints" / "starter", "ViT-B/32": random_tower(folder / "b32", "ViT-B-32")}
        rows = []
        for size, (pixels, count) in SETS.items():
            photos = make_photos(folder / size, pixels, count // (6 if quick else 1))
            rows += [
                {"encoder": name, "photos": size, **_speeds(photos, checkpoint, rounds=1 if quick else 2)}
                for name, checkpoint in encoders.items()
            ]
        if not quick:
            large, few = random_tower(folder / "l14", "ViT-L-14"), make_photos(folder / "few", SETS["0.3 MP"][0], 64)
            rows.append({"encoder": "ViT-L/14", "photos": "0.3 MP", **_speeds(few, large, rounds=1)})
        return rows


def random_tower(folder: Path, model: str) -> Path:
    """A checkpoint of open_clip's `model` with random weights: as fast as the real one."""
    import open_clip

    return save_checkpoint(folder, **open_clip.get_model_config(model))


def make_photos(folder: Path, size: tuple[int, int], count: int) -> Path:
    """`count` geotagged JPEGs with edges and noise: a few pictures, each file's bytes its own."""
    folder.mkdir()
    pictures = [_picture(size, seed) for seed in range(min(count, 6))]
    for i in range(count):
        out = io.BytesIO()
        exif = exif_with_gps(i % 120 - 60, i % 300 - 150)
        pictures[i % len(pictures)].save(out, "JPEG", quality=88 + i % 5, exif=exif, comment=str(i).encode())
        (folder / f"{i:05d}.jpg").write_bytes(out.getvalue())
    return folder


def _picture(size: tuple[int, int], seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0, 6, (size[1], size[0], 1)).astype(np.float32).repeat(3, axis=2)
    for cells, way in ((5, Image.Resampling.BICUBIC), (40, Image.Resampling.NEAREST), (200, Image.Resampling.BICUBIC)):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        pixels += np.asarray(coarse.resize(size, way), np.float32) / 3
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _speeds(photos: Path, checkpoint: Path, rounds: int) -> dict[str, object]:
    encoder, ours, waited, found = f"open_clip:{checkpoint}", [], [], {"bare": [], "naive": []}
    for _ in range(rounds):
        for way, speeds in found.items():
            said = _python("-m", "tests.benchmarks.naive", way, encoder, str(photos))[0]
            speeds.append(float(said.split()[-1]))
        told, _ = build(photos, encoder)
        ours.append(speed_of(told))
        waited.append(float(re.findall(r"at work ([\d.]+) ?%", told)[-1]))
    bare, naive, mine = (statistics.median(values) for values in (found["bare"], found["naive"], ours))
    return {
        "bare forward/s": round(bare, 1),
        "clip-retrieval's way/s": round(naive, 1),
        "build/s": round(mine, 1),
        "build / bare": round(statistics.median(o / b for o, b in zip(ours, found["bare"], strict=True)), 2),
        "build / clip-retrieval's": round(
            statistics.median(o / n for o, n in zip(ours, found["naive"], strict=True)), 2
        ),
        "encoder busy, %": statistics.median(waited),
    }


def speed_of(told: str) -> float:
    """Photos/s that a build reports at its end."""
    return float(re.findall(r"([\d.,]+) photos/s over", told)[-1].replace(",", ""))


def build(source: Path, encoder: str, *options: str) -> tuple[str, float]:
    """Run `build`; what it says, and the MiB that its largest process took at most."""
    with tempfile.TemporaryDirectory() as out:
        gallery = str(Path(out) / "gallery")
        return _python("-m", "index_builder", "build", str(source), "--out", gallery, "--encoder", encoder, *options)


def _python(*arguments: str) -> tuple[str, float]:
    """What a Python process prints, and its largest memory in MiB (its own or one of its children's)."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    said = process.stdout.read()
    with contextlib.suppress(ChildProcessError):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{said[-3000:]}")
    return said, usage.ru_maxrss / 1024
