"""card.json beside a trained model's weights: its shape, partition, inputs, data, licence, figures. Read as hostile.

Importing this needs no torch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from geoloc_core.errors import CheckpointMisfit
from geoloc_core.shelf import CARD, read_description
from geoloc_core.translocator.config import Config

_Text = Annotated[str, Field(max_length=2_000)]
_Three = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
_Spread = Annotated[FiniteFloat, Field(gt=0)]


class Inputs(BaseModel):
    """What a photo and its segmentation map must have gone through; the defaults are the authors' code's.

    Attributes:
        resize: pixels a side that the photo is brought to before crops of the model's size are cut.
        crops: how many, 1, 5 or 10 (ten: five and their mirror images).
        mean, std: of a colour from 0 to 1, a channel.
        segmentation: name of the model that made the segmentation maps of the training photos.
        scenes: where the training photos' scene labels came from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resize: Annotated[int, Field(ge=16, le=2048)] = 256
    crops: Literal[1, 5, 10] = 10
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: _Three = (0.485, 0.456, 0.406)
    std: tuple[_Spread, _Spread, _Spread] = (0.229, 0.224, 0.225)
    segmentation: Annotated[str, Field(max_length=300)] = ""
    scenes: Annotated[str, Field(max_length=300)] = ""


class Card(BaseModel):
    """A trained model's description.

    Attributes:
        partition: id of the cells its classes stand for.
        data: what it was trained on.
        metrics: figures by name, such as `a_25`, on the data's validation part.
        synthetic: trained on drawn photos, so that its answers mean nothing for real ones.
        weights, sha256: name and digest of the weights' file, which `checkpoint.save` fills in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["geoloc-translocator"] = "geoloc-translocator"
    version: Literal[1] = 1
    title: str = Field(min_length=1, max_length=200)
    config: Config
    partition: str = Field(min_length=1, max_length=200)
    inputs: Inputs = Inputs()
    data: _Text = ""
    licence: _Text = ""
    metrics: dict[Annotated[str, Field(max_length=100)], FiniteFloat] = Field({}, max_length=1_000)
    synthetic: bool = False
    weights: str = Field("", pattern=r"^(model-[0-9a-f]{16}\.safetensors)?$")
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")

    @property
    def id(self) -> str:
        """`translocator/sha256-…`: equal ids give equal answers."""
        said = self.model_dump_json(include={"version", "config", "partition", "inputs", "sha256"})
        return f"translocator/sha256-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def to_json(self) -> str:
        """The text of card.json."""
        return self.model_dump_json(indent=1) + "\n"


def read_card(folder: Path) -> Card:
    """Read and check `folder`/card.json.

    Raises:
        CheckpointMissing: there is none.
        CheckpointMisfit: it is no description of a model.
    """
    card = read_description(folder / CARD, Card)
    if not (card.weights and card.sha256):
        raise CheckpointMisfit(f"{folder / CARD} names no weights. Save it again.")
    return card
