"""card.json beside the weights of map encoders: what they stand on, their zooms, data, licence, figures. Hostile.

Importing this needs no torch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from geoloc_core.errors import CheckpointMisfit
from geoloc_core.shelf import CARD, read_description
from geoloc_core.tiles.picture import SIDE
from geoloc_core.tiles.tile import MOST_ZOOM, ZOOMS

_Text = Annotated[str, Field(max_length=2_000)]
_Zoom = Annotated[int, Field(ge=0, le=MOST_ZOOM)]


class Card(BaseModel):
    """Trained map encoders' description.

    Attributes:
        base: id of the photo encoder, whose blocks below the tuned ones all of them share.
        base_name: what that encoder was called where they were trained.
        zooms: that there is an encoder for, ascending.
        blocks: last blocks of the transformer that are each zoom's own, as are what follows them: two as published.
        side: pixels a side that a tile's picture is brought to before the base prepares it as it does photos.
        tiles: title and attribution of the tiles trained on.
        data: the photos trained on.
        metrics: figures by name, such as `recall_16`, on the data's validation part.
        synthetic: trained on drawn photos, so that answers mean nothing for real ones.
        weights, sha256: name and digest of the weights' file, which `checkpoint.save` fills in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["geoloc-tiles"] = "geoloc-tiles"
    version: Literal[1] = 1
    title: str = Field(min_length=1, max_length=200)
    base: str = Field(min_length=1, max_length=300)
    base_name: str = Field("", max_length=300)
    zooms: tuple[_Zoom, ...] = Field(ZOOMS, min_length=1)
    blocks: Annotated[int, Field(ge=1, le=1_000)] = 2
    side: Annotated[int, Field(ge=SIDE, le=SIDE)] = SIDE
    tiles: _Text = ""
    data: _Text = ""
    licence: _Text = ""
    metrics: dict[Annotated[str, Field(max_length=100)], FiniteFloat] = Field({}, max_length=1_000)
    synthetic: bool = False
    weights: str = Field("", pattern=r"^(tails-[0-9a-f]{16}\.safetensors)?$")
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")

    @model_validator(mode="after")
    def _ascending(self) -> Card:
        if sorted(set(self.zooms)) != list(self.zooms):
            raise ValueError("zooms do not ascend")
        return self

    @property
    def id(self) -> str:
        """`tiles/sha256-…`: equal ids give equal embeddings, up to rounding."""
        said = self.model_dump_json(include={"version", "base", "zooms", "blocks", "side", "sha256"})
        return f"tiles/sha256-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def to_json(self) -> str:
        """The text of card.json."""
        return self.model_dump_json(indent=1) + "\n"


def read_card(folder: Path) -> Card:
    """Read and check `folder`/card.json.

    Raises:
        CheckpointMissing: there is none.
        CheckpointMisfit: it is no description of map encoders.
    """
    card = read_description(folder / CARD, Card, "trained map encoders")
    if not (card.weights and card.sha256):
        raise CheckpointMisfit(f"{folder / CARD} names no weights. Train or save it again.")
    return card
