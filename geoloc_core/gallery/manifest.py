"""manifest.json: what a gallery claims to be. Read as hostile, written last.

A gallery is a folder of shards: `vectors-00000.npy` (n, d) float16 with unit rows beside `rows-00000.parquet` (id, lat,
lon and the source's columns) and optionally `thumbnails-00000.zip`, all with the same order of rows. A gallery of
locations holds coordinates without photos: its vectors are a location encoder's, and a bare one has rows only.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geoloc_core.errors import EncoderMismatch, GalleryDamaged, GalleryMissing

NAME = "manifest.json"
_MAX_BYTES = 16_000_000
_UNSAID_IF_EMPTY = ("reasons", "unused", "excluded", "appended", "near", "recipe")
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Strict):
    """One file of the gallery: its size and SHA-256."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Shard(_Strict):
    """Rows that lie together: row i of `vectors` is row i of `rows`. Bare locations have no vectors."""

    vectors: FileName | None = None
    rows: FileName
    thumbnails: FileName | None = None
    count: int = Field(ge=1)


class EncoderRef(_Strict):
    """The encoder that made the vectors: `id` pins it, `name` is what to ask for."""

    id: str = Field(max_length=300)
    name: str = Field(max_length=300)


class Voting(_Strict):
    """How the nearest photos vote for their places; see `predictors.knn`.

    The `voters` nearest weigh 1 / d^`exponent`, d the squared distance of embeddings, and are blurred by `sigma_km`.
    """

    voters: int = Field(ge=1, le=1000)
    sigma_km: float = Field(gt=0, le=20_000)
    exponent: float = Field(ge=0, le=100)

    def __str__(self) -> str:
        return f"{self.voters} voters, kernel {self.sigma_km:,.0f} km, exponent {self.exponent:g}"


class Excluded(_Strict):
    """A table of photos that were kept out, such as a test set: entries left out for their id, and for their author."""

    table: str = Field(max_length=200)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    by_id: int = Field(ge=0)
    by_author: int = Field(ge=0)


class Append(_Strict):
    """Rows that were added later: how many, when, by which command, and what is said of them."""

    count: int = Field(ge=1)
    created: datetime
    command: str = Field("", max_length=2_000)
    source: str = Field("", max_length=2_000)
    licence: str = Field("", max_length=2_000)
    recipe: str = Field("", max_length=64)


class NearIndex(_Strict):
    """A FAISS index over the vectors, which may answer `nearest` only; see `gallery.near`.

    `recall_near` and `recall_far` are its mean recall at `k` against the exact answer, over `queries` rows of the
    gallery (each without itself). `search` is its nprobe or efSearch, `rows` how many rows it covers.
    """

    file: FileName
    key: str = Field(max_length=100)
    search: int = Field(ge=0)
    rows: int = Field(ge=1)
    reason: str = Field("", max_length=500)
    recall_near: float = Field(ge=0, le=1)
    recall_far: float = Field(ge=0, le=1)
    queries: int = Field(ge=1)
    k: int = Field(ge=1)


class Manifest(_Strict):
    """The gallery's facts.

    `rows` says what a row is: a photo, or a location whose vector a location encoder made of the coordinates alone.
    `synthetic` marks photos that were drawn, whose answers mean nothing for real photos. `voting` is there if somebody
    measured, on photos outside the gallery, how its photos vote best. `encoder` is None and `dim` 0 for bare locations.
    `reasons` counts the source's entries that gave no row, by reason; the file `unused` lists them. `recipe` is the
    SHA-256 of everything that determines the gallery's content.
    """

    format: Literal["geoloc-gallery"] = "geoloc-gallery"
    version: Literal[1] = 1
    title: str = Field(max_length=200)
    encoder: EncoderRef | None
    dim: int = Field(ge=0, le=65_536)
    count: int = Field(ge=1)
    rows: Literal["photos", "locations"] = "photos"
    shards: tuple[Shard, ...] = Field(min_length=1)
    files: dict[FileName, File]
    source: str = Field("", max_length=2_000)
    licence: str = Field("", max_length=2_000)
    synthetic: bool = False
    voting: Voting | None = None
    reasons: dict[str, int] = Field(default_factory=dict)
    unused: FileName | None = None
    excluded: tuple[Excluded, ...] = ()
    appended: tuple[Append, ...] = ()
    near: NearIndex | None = None
    recipe: str = Field("", max_length=64)
    created: datetime
    command: str = Field("", max_length=2_000)
    software: str = Field("", max_length=200)

    @model_validator(mode="after")
    def _adds_up(self) -> Manifest:
        if sum(shard.count for shard in self.shards) != self.count:
            raise ValueError("the shards' counts do not add up to the gallery's count")
        embedded = self.encoder is not None
        if embedded != (self.dim > 0) or any(embedded != (shard.vectors is not None) for shard in self.shards):
            raise ValueError("encoder, dim and vectors go together: all of them, or none for bare locations")
        if self.rows == "locations" and any(shard.thumbnails for shard in self.shards):
            raise ValueError("locations have no thumbnails")
        named = [name for shard in self.shards for name in (shard.vectors, shard.rows, shard.thumbnails)]
        for name in (*named, self.unused, self.near and self.near.file):
            if name is not None and name not in self.files:
                raise ValueError(f"no size and checksum for {name}")
        return self

    @property
    def of_locations(self) -> bool:
        """Whether its rows are coordinates without photos, with vectors or bare."""
        return self.rows == "locations" or self.encoder is None

    @property
    def made_with(self) -> EncoderRef:
        """The encoder that made the vectors.

        Raises:
            EncoderMismatch: the gallery holds bare locations.
        """
        if self.encoder is None:
            raise EncoderMismatch(
                f"The gallery {self.title!r} holds bare locations, which are for location encoders such as "
                "GeoCLIP's: photos cannot be compared with it. Choose a gallery of photos."
            )
        return self.encoder

    def to_json(self) -> str:
        """The text of manifest.json."""
        unsaid = {name for name in _UNSAID_IF_EMPTY if not getattr(self, name)}
        unsaid |= {"rows"} if self.rows == "photos" else set()
        return json.dumps(self.model_dump(mode="json", exclude=unsaid), indent=1, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check `folder`/manifest.json; the other files are not looked at.

    Raises:
        GalleryMissing: no such folder, or no manifest in it (a build that did not finish has none).
        GalleryDamaged: the manifest is not one.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise GalleryMissing(f"There is no folder {folder}. Check the path, or build a gallery into it.")
    if not path.is_file():
        raise GalleryMissing(
            f"{folder} holds no {NAME}, so it is not a whole gallery: its build or copy did not finish. "
            "Build it again, or copy the whole folder."
        )
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise GalleryDamaged(f"{path} is too large to be a manifest. Build the gallery again.")
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise GalleryDamaged(f"{path} cannot be used ({problem}). Build or copy the gallery again.") from None
    except OSError as error:
        raise GalleryDamaged(f"{path} cannot be read ({error.strerror}). Check the folder's permissions.") from None


def describe_file(path: Path) -> File:
    """Size and SHA-256 of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return File(bytes=path.stat().st_size, sha256=digest)


def check_files(folder: Path, manifest: Manifest, *, checksums: bool) -> None:
    """Check that every file is there with the manifest's size and, if asked, its SHA-256.

    Raises:
        GalleryDamaged: one is not.
    """
    for name, expected in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise GalleryDamaged(f"{file} is missing. Copy the whole gallery again, or build it again.")
        if file.stat().st_size != expected.bytes or (checksums and describe_file(file) != expected):
            raise GalleryDamaged(
                f"{file} is not the file the manifest names. Copy the gallery again, or build it again."
            )
