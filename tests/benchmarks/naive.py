"""Two ways to embed a folder that the builder is held against; prints photos/s. `python -m tests.benchmarks.naive`.

`bare`: the encoder alone, on photos prepared in memory. `naive`: the design of clip-retrieval's inference stage, a
torch DataLoader over files whose workers decode whole photos and run open_clip's transform, batches of 256 (its
default; 32 on a CPU), results collected in memory and written at the end.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from geoloc_core.encoders import create
from geoloc_core.encoders.open_clip import OpenClip


class Photos(torch.utils.data.Dataset):
    """Files to (3, h, w) tensors."""

    def __init__(self, files: list[Path], transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int) -> torch.Tensor:
        return self.transform(Image.open(self.files[at]))


def naive(encoder: OpenClip, files: list[Path]) -> float:
    """Photos/s from the first file to the written array."""
    model: Any = encoder._model
    device, dtype = encoder.choices["device"].value, getattr(torch, encoder.choices["dtype"].value)
    transform = image_transform_v2(PreprocessCfg(**asdict(encoder.source.preprocess)), is_train=False)
    began, found = time.perf_counter(), []
    loader = torch.utils.data.DataLoader(
        Photos(files, transform),
        batch_size=32 if device == "cpu" else 256,
        num_workers=os.cpu_count() or 1,
        pin_memory=device == "cuda",
    )
    with torch.inference_mode(), tempfile.TemporaryFile() as out:
        for batch in loader:
            features = model.encode_image(batch.to(device, dtype)).float()
            found.append((features / features.norm(dim=-1, keepdim=True)).cpu().numpy())
        np.save(out, np.concatenate(found))
    return len(files) / (time.perf_counter() - began)


def bare(encoder: OpenClip, files: list[Path]) -> float:
    """Photos/s of `embed` alone, the median of three passes over photos in memory."""
    kept = [encoder.prepare(Image.open(file)) for file in files[:48]]
    photos = [kept[i % len(kept)] for i in range(max(encoder.batch * 4, len(files)))]
    encoder.embed(photos[: encoder.batch])
    speeds = []
    for _ in range(3):
        began = time.perf_counter()
        encoder.embed(photos)
        speeds.append(len(photos) / (time.perf_counter() - began))
    return statistics.median(speeds)


def main() -> None:
    way, name, folder = sys.argv[1:]
    encoder = create(name)
    assert isinstance(encoder, OpenClip)
    encoder.load()
    print({"bare": bare, "naive": naive}[way](encoder, sorted(Path(folder).glob("*.jpg"))))


if __name__ == "__main__":
    main()
