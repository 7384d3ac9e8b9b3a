"""`atlas` draws the starter gallery and the examples; `train-starter`, `evaluate-starter` make and measure its encoder.

Drawn photos go the way of real ones: drawn, written as JPEG, read by `geoloc_core.photo`, embedded.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from geoloc_core.encoders import create
from geoloc_core.evaluation.metrics import Accuracy, accuracy, best_constant, random_gallery_point
from geoloc_core.exif import exif_with_gps
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import EncoderRef, Voting
from geoloc_core.locate import predict
from geoloc_core.photo import read_photo
from index_builder.atlas import draw, sample_places
from index_builder.atlas.examples import EXAMPLE_SEED, EXAMPLES
from index_builder.gallery.publish import GalleryWriter, Provenance

SIZE = (384, 288)
LICENCE = "CC0 1.0"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that making the starter again gives the same bytes
VOTING = Voting(voters=100, sigma_km=445, exponent=3)  # best on validation photos: see docs/decisions.md
Job = tuple[float, float, int, int, tuple[int, int]]


def make_starter(out: Path, *, encoder_name: str = "starter", count: int = 3000, seed: int = 1) -> Path:
    """Draw `count` photos over the whole land surface and publish them as a gallery, replacing the one in `out`.

    Raises:
        EncoderError: the encoder is not available.
    """
    import pyarrow as pa

    encoder = create(encoder_name)
    about = Provenance(
        title="Starter gallery (drawn photos)",
        source="Photos of the Atlas, a synthetic world: drawn by index_builder/atlas, taken by nobody",
        licence=LICENCE,
        command=f"python -m index_builder atlas --encoder {encoder_name} --count {count} --seed {seed}",
        synthetic=True,
        voting=VOTING if encoder_name == "starter" else None,
        created=EPOCH,
    )
    reference = EncoderRef(id=encoder.id, name=encoder_name)
    with GalleryWriter(out, reference, about, overwrite=out.exists()) as writer:
        for number, (place, jpeg, scene, country) in enumerate(drawn("gallery", count, seed, SIZE)):
            photo = read_photo(jpeg)
            row = {
                "id": [f"atlas-{number:05d}"],
                "lat": [place[0]],
                "lon": [place[1]],
                "author": ["Geoloc Atlas"],
                "licence": [LICENCE],
                "scene": [scene],
                "country": [country],
            }
            writer.add(encoder.encode([photo.image]), pa.table(row), [photo.to_jpeg(128, quality=62)])
        return writer.publish()


def make_examples(out: Path) -> list[Path]:
    """Draw the example photos, with their places in EXIF; none of them is in the gallery."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for example in EXAMPLES:
        photo = draw(example.lat, example.lon, seed=EXAMPLE_SEED, index=example.index, size=example.size)
        exif = exif_with_gps(example.lat, example.lon, camera="Geoloc Atlas")
        path = out / f"{example.name}.jpg"
        partial = out / f".{example.name}.partial"
        photo.image.save(partial, "JPEG", quality=88, exif=exif)
        partial.replace(path)
        written.append(path)
    return written


def drawn(
    split: str, count: int, seed: int, size: tuple[int, int]
) -> Iterator[tuple[tuple[float, float], bytes, str, str]]:
    """`count` photos of a split: (lat, lon), JPEG, scene, country; drawn by all cores, in order."""
    places = sample_places(count, seed, split)
    first = {"gallery": 0, "train": 1, "validation": 2, "test": 3}[split] * 10_000_000
    jobs = [(float(lat), float(lon), seed, first + i, size) for i, (lat, lon) in enumerate(places)]
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        results = pool.imap(_draw, jobs, chunksize=16)
        for job, (jpeg, scene, country) in zip(jobs, tqdm(results, total=count, desc=f"Drawing {split}"), strict=True):
            yield (job[0], job[1]), jpeg, scene, country


def _draw(job: Job) -> tuple[bytes, str, str]:
    lat, lon, seed, index, size = job
    photo = draw(lat, lon, seed=seed, index=index, size=size)
    buffer = io.BytesIO()
    photo.image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), photo.scene, photo.country


def drawn_arrays(split: str, count: int, seed: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """`count` photos as (n, side, side, 3), squashed as the encoder will see them, and their (n, 2) places."""
    images = np.empty((count, side, side, 3), np.uint8)
    places = np.empty((count, 2))
    for i, (place, jpeg, _, _) in enumerate(drawn(split, count, seed, SIZE)):
        with Image.open(io.BytesIO(jpeg)) as image:
            images[i] = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
        places[i] = place
    return images, places


def evaluate_starter(gallery_path: Path, *, photos: int = 1000, seed: int = 1) -> list[Accuracy]:
    """kNN with the gallery's encoder on unseen Atlas photos, beside the baselines on the same photos."""
    gallery = Gallery.open(gallery_path)
    encoder = create(gallery.manifest.made_with.name)
    truth, guesses = [], []
    for place, jpeg, _, _ in drawn("test", photos, seed, SIZE):
        truth.append(place)
        guesses.append(predict(read_photo(jpeg), gallery, encoder).distribution.best())
    return [
        accuracy(f"kNN, encoder {gallery.manifest.made_with.name}", guesses, truth),
        best_constant(gallery.coordinates, truth),
        random_gallery_point(gallery.coordinates, truth),
    ]


def train_starter(out: Path, *, photos: int, epochs: int, seed: int = 1) -> None:
    """Draw training photos, train the starter encoder on them, and write its checkpoint after every epoch."""
    from index_builder.train.starter import SIDE, Recipe, train

    held_out = drawn_arrays("validation", 1024, seed, SIDE)
    images, places = drawn_arrays("train", photos, seed, SIDE)
    for epoch in train(images, places, held_out, Recipe(epochs=epochs, seed=seed), out):
        print(
            f"epoch {epoch.number}: loss {epoch.loss:.3f}, unseen photos {epoch.validation_loss:.3f}, "
            f"{epoch.seconds:.0f} s",
            flush=True,
        )
