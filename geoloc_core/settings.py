"""One typed settings object: environment over TOML file over defaults.

Every field can be set by `GEOLOC_<FIELD>` or in a TOML file, which is `GEOLOC_CONFIG` if that is set, else
`geoloc.toml` in the working folder, else `geoloc.toml` in the user's configuration folder.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from geoloc_core.errors import SettingsError


class Settings(BaseSettings):
    """What a user may change without touching code."""

    model_config = SettingsConfigDict(env_prefix="GEOLOC_", extra="ignore", frozen=True)

    galleries: Path = Field(
        default_factory=lambda: user_data_path("geoloc") / "galleries",
        description="Folder whose sub-folders are galleries the app offers",
    )
    checkpoints: Path = Field(
        default_factory=lambda: user_data_path("geoloc") / "checkpoints",
        description="Folder with local checkpoints: encoders as open_clip saves them, and models trained here",
    )
    gallery: str | None = Field(None, description="Name or path of the gallery to start with")
    max_photo_bytes: int = Field(20_000_000, ge=1_000, description="Largest photo accepted, in bytes")
    max_photo_pixels: int = Field(64_000_000, ge=1_000, le=178_000_000, description="Largest photo accepted, in pixels")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where encoders run")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field("auto", description="Encoders' number type")
    batch_size: int = Field(0, ge=0, description="Photos a forward pass; 0 chooses by device")
    neighbours: int = Field(16, ge=1, le=256, description="Neighbours shown at each end (paper: 16)")
    search_backend: Literal["files", "codes", "lance"] = Field(
        "files",
        description="What searches a gallery's vectors: its files, also through 8-bit codes in memory, or LanceDB",
    )
    lance_uri: str | None = Field(None, description="LanceDB database with a table for each gallery, a folder or URL")
    readers: str = Field(
        "auto",
        max_length=200,
        description="Readers of text in photos, separated by commas; `auto`: rapid, and tesseract if it is here",
    )
    scenes: str = Field(
        "auto",
        max_length=500,
        description="Scene classifier, such as `places365:resnet50` or `zero-shot:clip-l14`; `auto`: the best one here",
    )
    segmenter: str = Field(
        "auto",
        min_length=1,
        max_length=300,
        description="Segmenter of photos: a name, hub name or folder; `auto`: the largest SegFormer here",
    )
    tile_source: str | None = Field(
        None,
        max_length=2_000,
        description="Map tiles for the tile hierarchy: a preset, file, folder or URL, see [map tiles](tiles.md)",
    )
    tile_key: SecretStr | None = Field(None, description="Key of their server, for `{key}` in its URL; never shown")
    tile_cache: Path = Field(
        default_factory=lambda: user_cache_path("geoloc") / "tiles.sqlite",
        description="File that keeps the tiles that servers sent",
    )
    tile_cache_bytes: int = Field(2_000_000_000, ge=0, description="Most bytes of tiles kept")
    tile_store: Path = Field(
        default_factory=lambda: user_data_path("geoloc") / "tile-embeddings",
        description="Folder with the embeddings of tiles",
    )
    hub_timeout_s: float = Field(3.0, gt=0, le=60, description="Seconds before the model hub counts as unreachable")
    lmm: Literal["", "openai", "llava"] = Field("", description="Back end of the multimodal model that img2loc asks")
    lmm_model: str = Field("", max_length=300, description="Which model: its server's name for it, hub name or folder")
    lmm_base_url: str = Field(
        "https://api.openai.com/v1", description="OpenAI-compatible server; on the page no other gets the host's key"
    )
    lmm_timeout_s: float = Field(60.0, gt=0, le=3600, description="Seconds to wait for a reply to begin or go on")
    lmm_photo_side: int = Field(1024, ge=64, le=4096, description="Longest side in pixels of the photo sent to a model")
    lmm_cap: float | None = Field(1.0, ge=0, description="US$ a session may spend on models; `inf` for no cap")
    lmm_price_in: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="US$ per million tokens read; by default as known of the model"
    )
    lmm_price_out: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="US$ per million tokens written, likewise"
    )

    @field_validator("galleries", "checkpoints", "tile_cache", "tile_store", mode="after")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("lmm_cap", mode="after")
    @classmethod
    def _no_cap(cls, cap: float | None) -> float | None:
        return None if cap == float("inf") else cap

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, TOML file."""
        file = config_file()
        return (
            init_settings,
            env_settings,
            *([TomlConfigSettingsSource(settings_cls, file)] if file else []),
        )


def config_file() -> Path | None:
    """The TOML file that is read, or None.

    Raises:
        SettingsError: `GEOLOC_CONFIG` names a file that does not exist.
    """
    if named := os.environ.get("GEOLOC_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"GEOLOC_CONFIG names {path}, which is not a file. Correct it or unset it.")
        return path
    for path in (Path("geoloc.toml"), user_config_path("geoloc") / "geoloc.toml"):
        if path.is_file():
            return path
    return None


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        SettingsError: a value cannot be used, or the file is not TOML.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The setting {name} cannot be used: {first['msg']}. "
            f"Correct GEOLOC_{name.upper()} or {name} in geoloc.toml."
        ) from None
    except ValueError as error:
        raise SettingsError(f"{config_file()} is not a TOML file ({error}). Correct it or remove it.") from None
