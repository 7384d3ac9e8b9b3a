"""config.json beside a GeoCLIP's weights: sizes, the image encoder below it, its origin. Read as hostile."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from geoloc_core.errors import EncoderError, WeightsMissing
from geoloc_core.shelf import read_description

NAME = "config.json"
_Width = Annotated[int, Field(ge=1, le=8192)]
_Sigma = Annotated[float, Field(gt=0, le=1e6)]


class Config(BaseModel):
    """The shape of a GeoCLIP and what it may be used with; the defaults are the published sizes.

    Attributes:
        base: the image encoder whose features, before they are brought to length 1, the image side takes.
        base_id: that encoder's id if the model works with those weights only; empty if the name says enough.
        features: numbers that the base encoder gives.
        image_hidden: width of the image side's hidden layer.
        dim: numbers a row of the shared space.
        sigmas: standard deviations of the random Fourier frequencies, one capsule each; the larger, the finer.
        frequencies: random Fourier frequencies a capsule.
        hidden: width of the capsules' three hidden layers.
        source: what it was trained on.
        synthetic: trained on drawn photos, so that its answers mean nothing for real ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["geoloc-geoclip"] = "geoloc-geoclip"
    version: Literal[1] = 1
    title: str = Field(max_length=200)
    base: str = Field(min_length=1, max_length=300)
    base_id: str = Field("", max_length=300)
    features: _Width = 768
    image_hidden: _Width = 768
    dim: _Width = 512
    sigmas: tuple[_Sigma, ...] = Field((1.0, 16.0, 256.0), min_length=1, max_length=16)
    frequencies: _Width = 256
    hidden: _Width = 1024
    licence: str = Field("", max_length=2_000)
    source: str = Field("", max_length=2_000)
    synthetic: bool = False

    def to_json(self) -> str:
        """The text of config.json."""
        return self.model_dump_json(indent=1) + "\n"

    def digest(self) -> str:
        """SHA-256 of everything that, beside the weights, decides the embeddings."""
        said = self.model_dump_json(exclude={"title", "licence", "source", "synthetic"})
        return hashlib.sha256(said.encode()).hexdigest()


PUBLISHED = Config(
    title="GeoCLIP",
    base="clip-l14",
    licence="MIT (package geoclip)",
    source="MP-16, 4.7 million geotagged photos of Flickr",
)


def read_config(folder: Path) -> Config:
    """Read and check `folder`/config.json.

    Raises:
        WeightsMissing: there is none.
        EncoderError: it is no configuration of a GeoCLIP.
    """
    return read_description(folder / NAME, Config, "a GeoCLIP", missing=WeightsMissing, misfit=EncoderError)
