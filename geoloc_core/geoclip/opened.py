"""An opened GeoCLIP: places and image features in, unit rows of one space out. Loads at the first use, once."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoloc_core.encoders.base import Embeddings
from geoloc_core.encoders.device import choose_device
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.geo import check_coordinates
from geoloc_core.geoclip.config import Config
from geoloc_core.geoclip.weights import Folder, Package, Source, model_id
from geoloc_core.paths import ASSETS
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    import torch

    from geoloc_core.geoclip.model import GeoClipModel

NAME, STARTER = "geoclip", "geoclip-starter"
_BATCH = 2_048  # places a forward pass: 8 MB a hidden layer at the published width

_opened: dict[str, GeoClip] = {}
_opening = threading.Lock()


def open_geoclip(name: str = NAME) -> GeoClip:
    """The GeoCLIP of that name; the same object every time. Cheap: nothing is read yet.

    Args:
        name: `geoclip` for the weights in the package of that name, `geoclip-starter` for those that ship with
            Geoloc, else a folder that `save` wrote.
    """
    key = name if name in (NAME, STARTER) else str(Path(name).expanduser().absolute())
    with _opening:
        if key not in _opened:
            folder = ASSETS / "checkpoints" / STARTER if key == STARTER else Path(key)
            _opened[key] = GeoClip(key, Package() if key == NAME else Folder(folder))
        return _opened[key]


class GeoClip:
    """Location encoder and image network of one GeoCLIP; safe to share between threads. Use `open_geoclip`."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self._source = source
        self._lock = threading.Lock()
        self._model: GeoClipModel | None = None
        self._loaded_id = ""
        self._choices: dict[str, Choice] = {}

    @property
    def config(self) -> Config:
        """Sizes, base encoder, licence.

        Raises:
            WeightsMissing: the model is not on this machine.
            EncoderError: its description cannot be used.
        """
        return self._source.config

    @property
    def id(self) -> str:
        """`geoclip/sha256-…`, of the weights and what else decides the embeddings.

        Raises:
            WeightsMissing: the model is not on this machine.
            EncoderError: its description cannot be used.
        """
        return self._loaded_id or model_id(self._source)

    @property
    def dim(self) -> int:
        """Numbers a row."""
        return self.config.dim

    @property
    def base(self) -> str:
        """Name of the image encoder whose features, before they are brought to unit length, `project` takes."""
        return self.config.base

    @property
    def temperature(self) -> float:
        """exp(logit scale), with which a cosine is multiplied before the softmax. Loads the weights."""
        return math.exp(float(self._loaded().logit_scale))

    @property
    def choices(self) -> Mapping[str, Choice]:
        """`device`, once loaded."""
        return dict(self._choices)

    def availability(self) -> Availability:
        """Whether the weights and their description are on this machine. Imports no torch."""
        try:
            _ = self.config, self._source.files()
        except GeolocError as error:
            return Availability.lacking(error)
        return Availability(True, f"{self.config.title}'s weights are on this machine")

    def load(self) -> None:
        """Read the weights; only the first call does.

        Raises:
            WeightsMissing: they are not on this machine.
            EncoderError: they are damaged, or not what the description says.
        """
        with self._lock:
            if self._model is None:
                pinned, device = model_id(self._source), choose_device()
                self._model = _build(self._source, self.name).to(device.value)
                self._choices, self._loaded_id = {"device": device}, pinned

    def encode_locations(self, coordinates: ArrayLike) -> Embeddings:
        """(n, dim) float32 unit rows of (n, 2) degrees (lat, lon), in batches; n may be 0.

        The projection is calculated in float64: the finest frequencies turn once in some 30 km.

        Raises:
            CoordinateError: a coordinate is none.
            EncoderError: the model is not available.
        """
        import torch

        from geoloc_core.geoclip.model import equal_earth

        model = self._loaded()
        places = check_coordinates(coordinates) if np.size(coordinates) else np.empty((0, 2))
        rows = np.empty((len(places), self.dim), np.float32)
        with torch.inference_mode():
            for at in range(0, len(places), _BATCH):
                plane = equal_earth(torch.from_numpy(places[at : at + _BATCH])).float().to(_device(model))
                rows[at : at + _BATCH] = self._unit(model.location_encoder.on_plane(plane))
        return rows

    def project(self, features: NDArray[np.floating]) -> Embeddings:
        """(n, dim) float32 unit rows of (n, f) features of the base encoder, not brought to unit length.

        Raises:
            EncoderError: the features have another size, or the model is not available.
        """
        import torch

        model = self._loaded()
        if features.ndim != 2 or features.shape[1] != self.config.features:
            raise EncoderError(
                f"{self.name} takes {self.config.features} features of {self.base}, not {features.shape[1:]}. "
                f"Encode with {self.base}."
            )
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(features, np.float32)).to(_device(model))
            return self._unit(model.image(given))

    def _loaded(self) -> GeoClipModel:
        self.load()
        assert self._model is not None
        return self._model

    def _unit(self, rows: torch.Tensor) -> Embeddings:
        values = rows.float().cpu().numpy()
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise EncoderError(
                f"{self.name} answered with values that are no numbers. Set GEOLOC_DTYPE=float32; if that does not "
                "help, its weights are damaged: install or fetch them again."
            )
        return np.asarray(values / lengths)


def _build(source: Source, name: str) -> GeoClipModel:
    import torch

    from geoloc_core.geoclip.model import GeoClipModel

    tensors = source.read()
    with torch.device("meta"):
        model = GeoClipModel(source.config)
    try:
        model.load_state_dict({key: value.float() for key, value in tensors.items()}, assign=True)
    except (RuntimeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise EncoderError(
            f"The weights of {name} are not what its description says: {' '.join(lines[:2])[:200]}. Save it again."
        ) from error
    return model.eval().requires_grad_(False)


def _device(model: GeoClipModel) -> torch.device:
    return model.logit_scale.device
