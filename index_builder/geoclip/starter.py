"""The small GeoCLIP that ships with Geoloc: trained on drawn photos, with a gallery of places.

Photos are drawn and sent through the frozen image encoder once. Their features are kept, so that training again takes
minutes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from geoloc_core.encoders import Encoder, create
from geoloc_core.encoders.base import Features
from geoloc_core.files import replacing
from geoloc_core.gallery.manifest import EncoderRef, Voting
from geoloc_core.geo import Floats
from geoloc_core.geoclip import Config, open_geoclip
from geoloc_core.paths import ASSETS
from geoloc_core.photo import read_photo
from index_builder.gallery.publish import Provenance
from index_builder.geoclip.coordinates import grid
from index_builder.geoclip.gallery import BuiltLocations, build_locations
from index_builder.starter import EPOCH, LICENCE, SIZE, drawn

NAME, BASE = "geoclip-starter", "starter"
CHECKPOINT, LOCATIONS = ASSETS / "checkpoints" / NAME, ASSETS / NAME
SPACING_KM = 125.0
VOTING = Voting(voters=1000, sigma_km=200, exponent=8)  # best density on validation photos: see docs/decisions.md
_BATCH = 64
_HELD_OUT = 1024


def train_starter(
    out: Path, *, photos: int = 36_000, epochs: int | None = None, seed: int = 1, kept: Path | None = None
) -> None:
    """Draw photos, train the small GeoCLIP on the starter encoder's features of them, and write its checkpoint.

    Args:
        out: the checkpoint's folder.
        photos: how many to train on.
        epochs: by default as the recipe says.
        seed: of the drawing and the training.
        kept: folder that keeps the features, for training again without drawing; None keeps none.

    Raises:
        EncoderError: the starter encoder is not available.
    """
    from index_builder.train.geoclip import Recipe, train

    encoder = create(BASE)
    held_out = features_of("validation", _HELD_OUT, seed, encoder, kept)
    features, places = features_of("train", photos, seed, encoder, kept)
    recipe = Recipe(epochs=epochs or Recipe.epochs, seed=seed)
    for epoch in train(features, places, held_out, config_of(encoder, photos), recipe, out):
        print(
            f"epoch {epoch.number}: loss {epoch.loss:.3f}, unseen photos {epoch.validation_loss:.3f}, "
            f"{epoch.seconds:.0f} s",
            flush=True,
        )


def config_of(encoder: Encoder, photos: int) -> Config:
    """The description of the small GeoCLIP over an encoder: the published architecture, narrower and with lower
    frequencies.
    """
    return Config(
        title="GeoCLIP starter (drawn photos)",
        base=encoder.name,
        base_id=encoder.id,
        features=encoder.dim,
        image_hidden=256,
        dim=128,
        sigmas=(1.0, 2.0, 8.0),
        frequencies=64,
        hidden=256,
        licence="Apache-2.0",
        source=f"{photos:,} photos of the Atlas, a synthetic world: drawn by index_builder/atlas, taken by nobody",
        synthetic=True,
    )


def features_of(
    split: str, count: int, seed: int, encoder: Encoder, kept: Path | None = None
) -> tuple[Features, Floats]:
    """The encoder's features of `count` drawn photos, not brought to unit length, and their (n, 2) places in degrees.

    Args:
        split, count, seed: which photos; see `atlas.sample_places`.
        encoder: the image encoder.
        kept: folder with features made before, which is also where these go. Changed code that draws needs a new one.
    """
    pin = hashlib.sha256(encoder.id.encode()).hexdigest()[:12]
    file = kept / f"{split}-{count}-{seed}-{pin}.npz" if kept else None
    if file and file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            return arrays["features"], arrays["places"]
    places, rows, waiting = np.empty((count, 2)), [], []
    for number, (place, jpeg, _, _) in enumerate(drawn(split, count, seed, SIZE)):
        places[number] = place
        waiting.append(encoder.prepare(read_photo(jpeg).image))
        if len(waiting) == _BATCH or number + 1 == count:
            rows.append(encoder.features(waiting))
            waiting.clear()
    features = np.concatenate(rows)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            np.savez(stream, features=features, places=places)
    return features, places


def make_locations(
    out: Path = LOCATIONS, *, checkpoint: Path | None = None, spacing_km: float = SPACING_KM
) -> BuiltLocations:
    """The starter's gallery of locations: a grid over land. The same checkpoint always gives the same bytes."""
    model = open_geoclip(str(checkpoint) if checkpoint else NAME)
    about = Provenance(
        title="Starter locations (GeoCLIP trained on drawn photos)",
        licence=LICENCE,
        command=f"python -m index_builder geoclip --model {NAME} --grid {spacing_km:g}",
        synthetic=True,
        voting=VOTING,
        created=EPOCH,
    )
    model.load()
    reference = EncoderRef(id=model.id, name=NAME)
    return build_locations(grid(spacing_km), model, reference, out, about, overwrite=out.exists())
