"""Where the weights of an open_clip model lie on this machine, and the facts that pin its embeddings. Free of torch.

Weights come from the Hugging Face cache, where `geoloc_core.hub` puts them, or from a folder in the layout open_clip
saves: `open_clip_config.json` beside `open_clip_model.safetensors`. Nothing here touches the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from geoloc_core.errors import EncoderError, WeightsMissing
from geoloc_core.settings import settings

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_MOST_CONFIG_BYTES = 1_000_000


def cache_folder() -> Path:
    """The Hugging Face cache: `HF_HUB_CACHE`, `HF_HOME`/hub, else its default."""
    from huggingface_hub import constants

    if own := os.environ.get("HF_HUB_CACHE"):
        return Path(own).expanduser()
    home = os.environ.get("HF_HOME")
    return Path(home).expanduser() / "hub" if home else Path(constants.HF_HUB_CACHE)


@dataclass(frozen=True)
class Preprocess:
    """How a photo becomes the model's input; the fields and defaults of open_clip's `PreprocessCfg`."""

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def from_open_clip(cls, config: Mapping[str, Any]) -> Preprocess:
        """From open_clip's dictionary, whose size may be one number and whose lists stand for tuples."""
        known = {k: config[k] for k in cls.__dataclass_fields__ if config.get(k) is not None}
        for name, count in (("size", 2), ("mean", 3), ("std", 3)):
            if name in known:
                value = known[name]
                known[name] = tuple(value) if isinstance(value, list | tuple) else (value,) * count
        return cls(**known)


class Source(Protocol):
    """A checkpoint, whether or not it is on this machine."""

    @property
    def label(self) -> str:
        """Short name for messages and for the encoder's id."""
        ...

    @property
    def preprocess(self) -> Preprocess:
        """How photos are prepared.

        Raises:
            EncoderError: the checkpoint's own description cannot be read.
        """
        ...

    @property
    def dim(self) -> int:
        """Numbers an embedding, as the model's description says.

        Raises:
            EncoderError: the description cannot be read.
        """
        ...

    def weights(self) -> Path:
        """The weight file.

        Raises:
            WeightsMissing: it is not on this machine.
        """
        ...

    def architecture(self) -> tuple[str, dict[str, Any]]:
        """The name and the keyword arguments that make `open_clip.create_model` build this model."""
        ...

    def pins(self) -> dict[str, Any]:
        """What, besides the weights, decides the embeddings."""
        ...


@dataclass(frozen=True)
class HubWeights:
    """A pretrained pair of open_clip and where the hub keeps it: what open_clip would say, without importing it."""

    model: str
    tag: str
    repo: str
    preprocess: Preprocess
    quick_gelu: bool = False
    files: tuple[str, ...] = (WEIGHTS, "open_clip_pytorch_model.bin")
    revision: str = "main"
    fetch_as: str = ""

    @property
    def label(self) -> str:
        """`MODEL/TAG`."""
        return f"{self.model}/{self.tag}"

    @property
    def name(self) -> str:
        """What `fetch` and `create` call it, which is also its folder's name under `settings().checkpoints`."""
        return self.fetch_as or f"open_clip:{self.label}"

    @property
    def dim(self) -> int:
        """As open_clip, which is imported, describes the model."""
        import open_clip

        return int((open_clip.get_model_config(self.model) or {})["embed_dim"])

    def weights(self) -> Path:
        """The weight file, from `settings().checkpoints` or the Hugging Face cache.

        Raises:
            WeightsMissing: it is in neither.
        """
        from huggingface_hub import try_to_load_from_cache

        for file in self.files:
            if (own := self._folder / file).is_file():
                return own
            found = try_to_load_from_cache(self.repo, file, cache_dir=cache_folder(), revision=self.revision)
            if isinstance(found, str) and Path(found).is_file():
                return Path(found)
        raise WeightsMissing(
            f"The weights of {self.label} are not on this machine. Run `python -m geoloc_core fetch {self.name}`, "
            f"or put {self.files[0]} of {self.repo} into {self._folder}."
        )

    @property
    def _folder(self) -> Path:
        return settings().checkpoints / self.name.replace("open_clip:", "").replace("/", "--")

    def architecture(self) -> tuple[str, dict[str, Any]]:
        """As open_clip builds the pair, with the QuickGELU the weights were trained with."""
        return self.model, {"force_quick_gelu": self.quick_gelu, "force_preprocess_cfg": asdict(self.preprocess)}

    def pins(self) -> dict[str, Any]:
        """Preprocessing and QuickGELU; the model's name, in the label, says the rest."""
        return {"preprocess": asdict(self.preprocess), "quick_gelu": self.quick_gelu}


@dataclass(frozen=True)
class LocalFolder:
    """A folder in the layout open_clip saves. Only safetensors are read: a pickle could run code."""

    path: Path

    label = "local"

    @property
    def preprocess(self) -> Preprocess:
        """From the folder's configuration; the image size is the vision tower's, as open_clip has it.

        Raises:
            EncoderError: the configuration cannot be read.
        """
        config = self._config()
        size = config["model_cfg"]["vision_cfg"].get("image_size", 224)
        try:
            return Preprocess.from_open_clip({**config.get("preprocess_cfg", {}), "size": size})
        except (TypeError, AttributeError):
            raise EncoderError(f"The preprocess_cfg of {self.path / CONFIG} is unusable. Save it again.") from None

    @property
    def dim(self) -> int:
        """From the folder's configuration.

        Raises:
            EncoderError: the configuration cannot be read or does not say.
        """
        try:
            return int(self._config()["model_cfg"]["embed_dim"])
        except (KeyError, TypeError, ValueError):
            raise EncoderError(f"The embed_dim of {self.path / CONFIG} is unusable. Save it again.") from None

    def weights(self) -> Path:
        """The safetensors file.

        Raises:
            WeightsMissing: the folder or one of its two files is missing.
        """
        for file in (CONFIG, WEIGHTS):
            if not (self.path / file).is_file():
                raise WeightsMissing(
                    f"There is no {file} in {self.path}. Give a folder that holds {CONFIG} and {WEIGHTS}."
                )
        return self.path / WEIGHTS

    def architecture(self) -> tuple[str, dict[str, Any]]:
        """Through open_clip's own door for folders."""
        return f"local-dir:{self.path}", {}

    def pins(self) -> dict[str, Any]:
        """Preprocessing and the vision tower's architecture, wherever the folder lies."""
        model = self._config()["model_cfg"]
        shape = {"vision_cfg": model["vision_cfg"], "quick_gelu": bool(model.get("quick_gelu", False))}
        return {"preprocess": asdict(self.preprocess), **shape}

    def _config(self) -> dict[str, Any]:
        file = self.path / CONFIG
        try:
            if file.stat().st_size > _MOST_CONFIG_BYTES:
                raise ValueError("too large")
            config = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(config["model_cfg"]["vision_cfg"], dict):
                raise TypeError("vision_cfg is no object")
        except FileNotFoundError:
            raise WeightsMissing(f"There is no {CONFIG} in {self.path}. Give a folder that open_clip saved.") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise EncoderError(f"{file} is no configuration of open_clip ({error}). Save it again.") from None
        return config


def encoder_id(source: Source) -> str:
    """`open_clip/LABEL/sha256-…/pre-…`: equal ids give equal embeddings, up to rounding.

    Raises:
        WeightsMissing: the weights are not on this machine.
        EncoderError: the checkpoint's description cannot be read.
    """
    digest = weights_sha256(source.weights())
    pins = hashlib.sha256(json.dumps(source.pins(), sort_keys=True).encode()).hexdigest()
    return f"open_clip/{source.label}/sha256-{digest[:12]}/pre-{pins[:8]}"


def weights_sha256(file: Path) -> str:
    """SHA-256 of a weight file. In the Hugging Face cache the blob's own name says it; else the file is read once."""
    real = file.resolve()
    if real.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", real.name):
        return real.name
    stat = real.stat()
    return _hash(str(real), stat.st_size, stat.st_mtime_ns)


@cache
def _hash(path: str, size: int, mtime_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
