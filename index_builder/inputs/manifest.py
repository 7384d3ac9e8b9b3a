"""manifest.json of a training set: what it holds, and what it was made of. Read as hostile, written last."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geoloc_core.errors import InputsError

NAME = "manifest.json"
OUTCOMES = "outcomes.parquet"
_MOST_BYTES = 16_000_000
_Text = Annotated[str, Field(max_length=2_000)]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Strict):
    """A file of the set: its size and SHA-256."""

    bytes: int = Field(ge=0)
    sha256: _Digest


class Part(File):
    """A file of photos; `rows` may be 0 where none of the source's could be used."""

    rows: int = Field(ge=0, le=1_000_000)


class Segmentation(_Strict):
    """What made the segmentation maps: a model by name and id. `name` is empty if there are none."""

    name: str = Field("", max_length=300)
    id: str = Field("", max_length=300)


class Manifest(_Strict):
    """What a training set claims to be.

    Attributes:
        side: pixels of the photos' shorter side.
        scenes: what told the scenes; empty if nothing did.
        settings: what decided the parts' content, in words; a set is gone on with under the same ones only.
        parts: the files of photos, in order.
        outcomes: the table of entries that gave no photo, if there are any.
    """

    format: Literal["geoloc-inputs"] = "geoloc-inputs"
    version: Literal[1] = 1
    side: int = Field(ge=16, le=2048)
    count: int = Field(ge=1)
    segmentation: Segmentation = Segmentation()
    scenes: str = Field("", max_length=300)
    source: _Text = ""
    licence: _Text = ""
    synthetic: bool = False
    created: datetime
    command: _Text = ""
    settings: dict[Annotated[str, Field(max_length=100)], _Text] = Field({}, max_length=100)
    parts: tuple[Part, ...] = Field(min_length=1)
    outcomes: File | None = None

    @property
    def id(self) -> str:
        """`inputs/sha256-…`: equal ids hold the same rows in the same order."""
        digest = hashlib.sha256("\n".join(part.sha256 for part in self.parts).encode())
        return f"inputs/sha256-{digest.hexdigest()[:16]}"


def part_name(number: int) -> str:
    """The name of a file of photos."""
    return f"part-{number:05d}.arrow"


def read_manifest(folder: Path) -> Manifest:
    """Read and check `folder`/manifest.json.

    Raises:
        InputsError: there is none, or it is no training set's.
    """
    path = folder / NAME
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputsError(f"{path} is too large to be a training set's manifest. Make the set again.")
        manifest = Manifest.model_validate_json(data)
    except (FileNotFoundError, NotADirectoryError):
        raise InputsError(
            f"There is no finished training set in {folder}. Make one with `inputs` or `atlas-inputs`, or run the "
            "command that was stopped again."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputsError(f"{path} cannot be used ({where}: {first['msg']}). Make the set again.") from None
    except OSError as error:
        raise InputsError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from None
    if manifest.count != sum(part.rows for part in manifest.parts):
        raise InputsError(f"{path} does not count its own photos right. Make the set again.")
    return manifest
