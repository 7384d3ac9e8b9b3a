"""Rows without a network of their own: a constant guess, kNN over the photos that others train on, and a ceiling."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from geoloc_core.encoders import create
from geoloc_core.evaluation.metrics import errors_km, guesses_without_model
from geoloc_core.exif import ExifFacts
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import EncoderRef, Voting
from geoloc_core.geo import THRESHOLDS_KM, Floats
from geoloc_core.photo import Photo
from geoloc_core.prediction import Query
from geoloc_core.predictors.knn import PUBLISHED, Knn
from index_builder.experiments.systems import Budget, Data, Row, System, Trained
from index_builder.gallery.publish import GalleryWriter, Provenance
from index_builder.inputs import TrainingSet
from index_builder.starter import VOTING as STARTER

CONSTANT = "constant"
_TRIED = 150  # validation photos that a way of voting is chosen on
_BATCH = 64
_GALLERY, _VOTING = "gallery", "voting.json"
VOTINGS = (
    PUBLISHED,
    STARTER,
    Voting(voters=1, sigma_km=1, exponent=0),
    *(
        Voting(voters=voters, sigma_km=sigma, exponent=exponent)
        for voters, sigma, exponent in itertools.product((10, 100), (0.3, 3, 30, 300), (3, 10))
    ),
)


def constant() -> Row:
    """The best constant guess: for each radius, the training photo's place that has most of them within it."""

    def learn(_data: Data, _budget: Budget, _folder: Path) -> Trained:
        return Trained(said="a guess for each radius")

    def answer(data: Data, _budget: Budget, _folder: Path) -> Floats:
        guesses = guesses_without_model(data.train.places)
        return np.broadcast_to(guesses, (len(data.test), *guesses.shape))

    return Row(CONSTANT, "best constant guess", System(CONSTANT, learn), answer)


def ceiling() -> Row:
    """What a classifier over these cells gets that is never wrong; a photo in no cell has no answer."""

    def learn(_data: Data, _budget: Budget, _folder: Path) -> Trained:
        return Trained(said="told the right fine cell")

    def answer(data: Data, _budget: Budget, _folder: Path) -> Floats:
        cells = data.partition.assign(data.test.places)[:, -1]
        return np.where(cells[:, None] >= 0, data.partition.parts[-1].points[cells], np.nan)

    return Row("ceiling", "perfect classifier of these cells", System("ceiling", learn), answer)


def knn(encoder: str, name: str, against: tuple[str, ...] = ()) -> Row:
    """Retrieval: the training photos are the gallery; how they vote is chosen on validation photos.

    Args:
        encoder: of images, by name.
        name: the row's.
        against: rows that it is compared with.
    """

    def learn(data: Data, _budget: Budget, folder: Path) -> Trained:
        start = time.perf_counter()
        _make_gallery(data, encoder, folder / _GALLERY)
        voting = _chosen(data, encoder, Gallery.open(folder / _GALLERY))
        (folder / _VOTING).write_text(voting.model_dump_json())
        return Trained(seconds=time.perf_counter() - start, said=str(voting))

    def answer(data: Data, _budget: Budget, folder: Path) -> Floats:
        voting = Voting.model_validate_json((folder / _VOTING).read_bytes())
        predictor = Knn(Gallery.open(folder / _GALLERY), create(encoder), voting=voting)
        return np.array([predictor.predict(query).distribution.best() for query in _queries(data.test)])

    return Row(f"knn-{encoder}", name, System(f"knn-{encoder}", learn), answer, against)


def _make_gallery(data: Data, encoder_name: str, out: Path) -> None:
    import pyarrow as pa

    encoder = create(encoder_name)
    encoder.load()
    about = Provenance(title="Training photos of an experiment", synthetic=data.synthetic)
    with GalleryWriter(out, EncoderRef(id=encoder.id, name=encoder_name), about, overwrite=out.exists()) as writer:
        for start in range(0, len(data.train), _BATCH):
            rows = range(start, min(start + _BATCH, len(data.train)))
            places = data.train.places[rows]
            columns = {"id": [f"{row}" for row in rows], "lat": places[:, 0], "lon": places[:, 1]}
            writer.add(encoder.encode([data.train.photo(row) for row in rows]), pa.table(columns))
        writer.publish()


def _chosen(data: Data, encoder_name: str, gallery: Gallery) -> Voting:
    """The way of voting with the highest mean of the five a_r, the median error deciding between equals."""
    tried = data.validation.subset(np.arange(min(_TRIED, len(data.validation))))
    queries, encoder = list(_queries(tried)), create(encoder_name)

    def how_good(voting: Voting) -> tuple[float, float]:
        predictor = Knn(gallery, encoder, voting=voting)
        errors = errors_km([predictor.predict(query).distribution.best() for query in queries], tried.places)
        return float((errors[:, None] <= THRESHOLDS_KM).mean()), -float(np.median(errors))

    return max(VOTINGS, key=how_good)


def _queries(photos: TrainingSet) -> Iterator[Query]:
    for row in range(len(photos)):
        yield Query(_photo(photos.photo(row)))


def _photo(image: Image.Image) -> Photo:
    return Photo(image, ExifFacts(), hashlib.sha256(image.tobytes()).hexdigest(), "JPEG", image.size)
