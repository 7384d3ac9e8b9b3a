"""Where a GeoCLIP's weights lie, what pins them, and saving one: config.json beside weights.safetensors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from geoloc_core.encoders.checkpoints import weights_sha256
from geoloc_core.errors import EncoderError, WeightsMissing
from geoloc_core.files import replacing
from geoloc_core.geoclip.config import NAME, PUBLISHED, Config, read_config

if TYPE_CHECKING:
    import torch

    from geoloc_core.geoclip.model import GeoClipModel

WEIGHTS = "weights.safetensors"
_PARTS = {
    "location_encoder.": "location_encoder_weights.pth",
    "image_encoder.mlp.": "image_encoder_mlp_weights.pth",
    "logit_scale": "logit_scale_weights.pth",
}


class Source(Protocol):
    """A GeoCLIP on disk, whether or not it is there."""

    @property
    def config(self) -> Config:
        """Its description.

        Raises:
            WeightsMissing: there is none.
            EncoderError: it cannot be used.
        """
        ...

    def files(self) -> tuple[Path, ...]:
        """The weight files.

        Raises:
            WeightsMissing: one is not on this machine.
        """
        ...

    def read(self) -> dict[str, torch.Tensor]:
        """The tensors, named as in `GeoClipModel`. No file is unpickled into objects.

        Raises:
            WeightsMissing: a file is not on this machine.
            EncoderError: one cannot be read.
        """
        ...


class Package:
    """The weights inside the package `geoclip`, which is looked for but never imported."""

    config = PUBLISHED

    def files(self) -> tuple[Path, ...]:
        """The three weight files."""
        found = tuple(self._folder / "weights" / name for name in _PARTS.values())
        if missing := [file for file in found if not file.is_file()]:
            raise WeightsMissing(f"The package geoclip lacks {missing[0].name}. Install it again: pip install geoclip.")
        return found

    @property
    def coordinates(self) -> Path:
        """The package's CSV of 100,000 places (columns LAT, LON), drawn from its training photos.

        Raises:
            WeightsMissing: the package is not installed, or lacks it.
        """
        file = self._folder / "gps_gallery" / "coordinates_100K.csv"
        if not file.is_file():
            raise WeightsMissing(f"The package geoclip lacks {file.name}. Install it again: pip install geoclip.")
        return file

    @cached_property
    def _folder(self) -> Path:
        spec = find_spec("geoclip")
        if spec is None or not spec.submodule_search_locations:
            raise WeightsMissing("The package geoclip is not installed. Run `pip install 'geoclip>=1.3,<2'`.")
        return Path(spec.submodule_search_locations[0]) / "model"

    def read(self) -> dict[str, torch.Tensor]:
        """The tensors of the three files, which are read as tensors only (`weights_only`)."""
        import torch

        tensors: dict[str, torch.Tensor] = {}
        for prefix, file in zip(_PARTS, self.files(), strict=True):
            loaded = _reading(file, lambda path: torch.load(path, map_location="cpu", weights_only=True))
            single = isinstance(loaded, torch.Tensor)
            tensors |= {prefix: loaded} if single else {f"{prefix}{key}": value for key, value in loaded.items()}
        return tensors


@dataclass(frozen=True)
class Folder:
    """A folder that `save` wrote."""

    path: Path

    @cached_property
    def config(self) -> Config:
        """From the folder's config.json."""
        return read_config(self.path)

    def files(self) -> tuple[Path, ...]:
        """The safetensors file."""
        if not (self.path / WEIGHTS).is_file():
            raise WeightsMissing(f"There is no {WEIGHTS} in {self.path}. Give a folder that geoclip.save wrote.")
        return (self.path / WEIGHTS,)

    def read(self) -> dict[str, torch.Tensor]:
        """The tensors of the safetensors file."""
        from safetensors.torch import load_file

        return _reading(self.files()[0], load_file)


def model_id(source: Source) -> str:
    """`geoclip/sha256-…`: equal ids give equal embeddings of places, and of a base encoder's features.

    Raises:
        WeightsMissing: the weights are not on this machine.
        EncoderError: the description cannot be used.
    """
    parts = (source.config.digest(), *(weights_sha256(file) for file in source.files()))
    return f"geoclip/sha256-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


def save(folder: Path, model: GeoClipModel, config: Config) -> Path:
    """Write a model so that `open_geoclip` reads it; the description last, so that half a model looks like none.

    Raises:
        OSError: the disk is full or may not be written; what the folder held is whole.
    """
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    (folder / NAME).unlink(missing_ok=True)
    _write(folder / WEIGHTS, to_bytes(tensors))
    _write(folder / NAME, config.to_json().encode())
    return folder


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as stream:
        stream.write(data)


def _reading(file: Path, how: Callable[[Path], Any]) -> Any:
    try:
        return how(file)
    except Exception as error:  # torch and safetensors raise whatever they stumble over
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
        raise EncoderError(f"{file} cannot be read as weights ({first}). Install or save it again.") from error
