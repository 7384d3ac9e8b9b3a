"""The shape of a TransLocator, of what its paper compares it with, and of smaller ones: one frozen description.

Source: Pramanick et al., "Where in the World is this Image? Transformer-based Geo-localization in the Wild", ECCV 2022,
sections 3 and 5.2, tables 2 and 3. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geoloc_core.errors import ModelError
from geoloc_core.shelf import said_by

Level = Literal["coarse", "middle", "fine"]
LEVELS: tuple[Level, ...] = ("coarse", "middle", "fine")
SCENE_KINDS = ("indoor", "natural", "urban")  # the coarsest scene labels of Places365, in the order of their numbers
_Size = Annotated[int, Field(ge=1, le=8192)]
_Cells = Annotated[int, Field(ge=1, le=1_000_000)]


class Config(BaseModel):
    """A geo-cell classifier; the defaults are the paper's full size but for the cells, which a partition decides.

    Attributes:
        cells: number of cells a level, coarse first.
        levels: names of those levels: all three, or the one that PlaNet has.
        backbone: a timm model; only vision transformers (`vit_…`, `deit_…`) have layers to fuse after.
        image_size: pixels a side.
        width, depth, heads, patch: other sizes than the vision transformer's own.
        branches: the photo alone, or beside its segmentation map.
        fusion: `none` with one branch; `late`, the two last CLS tokens side by side ("+ Seg" of table 2); `mff`,
            equation 4 after the layers and equations 5 to 7 after the last ("+ MFF").
        fusion_width: numbers that f of equation 4 gives; the branches' width if left out.
        attention_width: numbers of the hidden layer that weighs the branches; the branches' width if left out.
        scenes: scene classes told apart (table 3), or 0 for no scene head.
        scene_networks: three networks, one each of `SCENE_KINDS`, as ISNs have, rather than one for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: tuple[_Cells, ...]
    levels: tuple[Level, ...] = LEVELS
    backbone: str = Field("vit_base_patch16_224", pattern=r"^[a-z][a-z0-9_]{0,99}$")  # no hf-hub:, no path
    image_size: Annotated[int, Field(ge=16, le=1024)] = 224
    width: _Size | None = None
    depth: Annotated[int, Field(ge=1, le=64)] | None = None
    heads: Annotated[int, Field(ge=1, le=64)] | None = None
    patch: Annotated[int, Field(ge=2, le=64)] | None = None
    branches: Literal["rgb", "rgb+seg"] = "rgb+seg"
    fusion: Literal["none", "late", "mff"] = "mff"
    fusion_width: _Size | None = None
    attention_width: _Size | None = None
    scenes: Literal[0, 3, 16, 365] = 365
    scene_networks: bool = False

    @property
    def is_vit(self) -> bool:
        """Whether the backbone has layers of tokens."""
        return self.backbone.startswith(("vit_", "deit_", "deit3_"))

    @property
    def names(self) -> tuple[str, ...]:
        """The branches' names, in order."""
        return tuple(self.branches.split("+"))

    @property
    def sizes(self) -> dict[str, int]:
        """What is said of the vision transformer's size, under timm's names."""
        said = {"embed_dim": self.width, "depth": self.depth, "num_heads": self.heads, "patch_size": self.patch}
        return {name: value for name, value in said.items() if value is not None}

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Refuse what has no meaning; a `ValueError`, which pydantic turns into its own."""
        if self.levels != LEVELS and len(self.levels) != 1:
            raise ValueError(f"levels must be all of {', '.join(LEVELS)}, or one of them")
        if len(self.cells) != len(self.levels):
            raise ValueError(f"cells must hold a number for each of {', '.join(self.levels)}")
        if (self.branches == "rgb") != (self.fusion == "none"):
            raise ValueError("one branch takes the fusion none, two take late or mff")
        if self.fusion == "mff" and not self.is_vit:
            raise ValueError(
                f"{self.backbone} has no CLS token to fuse after every layer; set fusion to late, or choose a vit_ one"
            )
        if not self.is_vit and self.sizes:
            raise ValueError(f"{self.backbone} comes in one size; leave width, depth, heads and patch out")
        if self.width and self.heads and self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        if self.patch and self.image_size % self.patch:
            raise ValueError("image_size must be a multiple of patch")
        if self.scene_networks and self.scenes:
            raise ValueError("networks of one kind of scene each have no scene head; set scenes to 0")
        return self


_ONE: dict[str, Any] = {"branches": "rgb", "fusion": "none"}
_CNN: dict[str, Any] = {**_ONE, "scenes": 0, "backbone": "resnet101"}
_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "resnet101": _CNN,
    "efficientnet-b4": {**_CNN, "backbone": "efficientnet_b4"},
    "vit-base": {**_ONE, "scenes": 0},
    "vit-mt": {**_ONE, "scenes": 365},
    "seg": {"fusion": "late", "scenes": 0},
    "mff": {"fusion": "mff", "scenes": 0},
    **{f"scene-{n}": {"fusion": "mff", "scenes": n} for n in (3, 16, 365)},
    "planet": {**_CNN, "levels": ("fine",)},
    "isns": {**_CNN, "scene_networks": True},
}
VARIANTS = tuple(_VARIANTS)


def variant(name: str, cells: Sequence[int], **changes: Any) -> Config:
    """A row of tables 2 and 3, PlaNet or ISNs, over a partition.

    Args:
        name: one of `VARIANTS`; `scene-365` is TransLocator as published. PlaNet and ISNs come with the ResNet101
            that the paper ran them with; give `backbone` for another.
        cells: cells of the three levels, coarse first; PlaNet takes the last.
        changes: other fields of `Config`, such as sizes.

    Raises:
        ModelError: there is no such row, or the fields do not go together.
    """
    if name not in _VARIANTS:
        raise ModelError(f"There is no variant {name!r}. Choose one of {', '.join(VARIANTS)}.")
    fields = {**_VARIANTS[name], **changes}
    counts = tuple(cells)[-len(fields.get("levels", LEVELS)) :]
    try:
        return Config(cells=counts, **fields)
    except ValidationError as error:
        raise ModelError(f"{name} cannot be built so: {said_by(error)}. Change what was asked for.") from None
