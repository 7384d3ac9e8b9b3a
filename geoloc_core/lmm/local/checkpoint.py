"""Where an image-text-to-text model lies on this machine and whether it can be used. Free of torch and transformers.

A model is a folder in the layout of transformers' `save_pretrained`, or the hub name of one in the Hugging Face cache.
Nothing here touches the network, and nothing that could run code is let through: no pickled weights, no code of the
model's own, no kernels from elsewhere.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from geoloc_core.encoders.checkpoints import cache_folder
from geoloc_core.status import Availability

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
FETCH_PREFIX = "llava:"
_MOST_JSON_BYTES = 50_000_000
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json")
_FLOATS = {"F64", "F32", "F16", "BF16"}
_FOREIGN = {"attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation"}


@dataclass(frozen=True)
class Found:
    """What there is of a model.

    Attributes:
        state: whether it can be loaded.
        folder: where its files lie; None if there is none.
        config: its `config.json`, empty if it cannot be read.
        floats: numbers in its weights that can be loaded in another number type.
        other_bytes: bytes of its weights that cannot.
        stamp: differs after the files were exchanged.
    """

    state: Availability
    folder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    floats: int = 0
    other_bytes: int = 0
    stamp: tuple[Any, ...] = ()

    @property
    def model_type(self) -> str:
        """The architecture's name in transformers."""
        return str(self.config.get("model_type", ""))


class _Unusable(Exception):
    """Holds the reason and the remedy."""


def find(model: str) -> Found:
    """Look at a model's files: a few milliseconds, whatever their size."""
    folder, config = None, {}
    again = _remedy(model)
    try:
        folder = _folder(model)
        config = _config(folder, again)
        _check_code(config)
        _check_processor(folder, again)
        files = _weight_files(folder, again)
        contents = [_contents(file, stat.st_size, stat.st_mtime_ns) for file in files if (stat := file.stat())]
        if broken := [file.name for file, content in zip(files, contents, strict=True) if content is None]:
            raise _Unusable(f"The weight file {broken[0]} of {model} is damaged or cut short.", again)
    except _Unusable as problem:
        return Found(Availability(False, *problem.args), folder, config)
    except OSError as error:
        return Found(Availability(False, f"The files of {model} cannot be read: {error}.", again), folder, config)
    sizes = [content for content in contents if content]
    stamp = (str(folder), *sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir() if file.is_file()))
    state = Availability(True, f"weights in {folder}")
    return Found(state, folder, config, sum(s[0] for s in sizes), sum(s[1] for s in sizes), stamp)


def models_here() -> tuple[str, ...]:
    """Hub names of the models in the Hugging Face cache that can be used, sorted."""
    names = (path.name.removeprefix("models--").replace("--", "/", 1) for path in cache_folder().glob("models--*"))
    return tuple(sorted(name for name in names if HUB_NAME.fullmatch(name) and find(name).state))


def is_folder(model: str) -> bool:
    """Whether a model's name is meant as a folder rather than as a hub name."""
    return model.startswith((".", "/", "~", "\\")) or (model != "" and Path(model).is_dir())


def _remedy(model: str) -> str:
    if is_folder(model):
        return "Save it again with save_pretrained (model and processor), or give another folder."
    if not HUB_NAME.fullmatch(model):
        return "Give a hub name such as llava-hf/llava-1.5-7b-hf, or a folder."
    return f"Run `python -m geoloc_core fetch {FETCH_PREFIX}{model}`, or give a folder that holds the model."


def _folder(model: str) -> Path:
    if is_folder(model):
        folder = Path(model).expanduser().absolute()
        if not (folder / "config.json").is_file():
            raise _Unusable(f"There is no model in {folder}: it holds no config.json.", _remedy(model))
        return folder
    if not HUB_NAME.fullmatch(model):
        raise _Unusable(f"{model!r} is neither a folder nor the name of a model at the hub.", _remedy(model))
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json", cache_dir=cache_folder())
    if not isinstance(found, str) or not Path(found).is_file():
        raise _Unusable(f"The weights of {model} are not on this machine.", _remedy(model))
    return Path(found).parent


def _json(file: Path, again: str) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MOST_JSON_BYTES:
            raise ValueError("too large")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _Unusable(f"{file} is no JSON file ({str(error)[:100]}).", again) from None
    if not isinstance(content, dict):
        raise _Unusable(f"{file} is no JSON object.", again)
    return content


def _config(folder: Path, again: str) -> dict[str, Any]:
    """The model's description, of an architecture that turns images and text into text."""
    config = _json(folder / "config.json", again)
    kind, known = str(config.get("model_type")), _architectures()
    if known and kind not in known:
        if "auto_map" in config:
            raise _Unusable(
                f"{folder.name} ({kind}) needs program code of its own, which Geoloc never runs.",
                "Choose a model that transformers knows by itself, such as llava-hf/llava-1.5-7b-hf.",
            )
        raise _Unusable(
            f"{folder.name} is a {kind} model, not one that answers about images.",
            "Choose an image-text-to-text model, such as llava-hf/llava-1.5-7b-hf.",
        )
    return config


@cache
def _architectures() -> frozenset[str]:
    """What `AutoModelForImageTextToText` loads, read from its source, as importing it takes seconds."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or not spec.origin:
        return frozenset()
    source = Path(spec.origin).parent / "models" / "auto" / "modeling_auto.py"
    text = source.read_text(encoding="utf-8") if source.is_file() else ""
    table = re.search(r"^MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = (.*?)^\)", text, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r'\(\s*"([^"]+)",', table[1])) if table else frozenset()


def _check_code(config: Mapping[str, Any]) -> None:
    """Refuse a description that would bring in code, or weights by another door."""
    for key, value in _items(config):
        if (key in _FOREIGN and re.search(r"[/\\:]", str(value))) or key == "transformers_weights":
            raise _Unusable(
                f"The model's config.json asks for {key} {str(value)[:80]}, which is not its own.",
                f"Remove {key} from config.json if you trust the model, or choose another.",
            )


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """All keys with their values, however deep."""
    if isinstance(value, Mapping):
        yield from value.items()
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _items(part)


def _check_processor(folder: Path, again: str) -> None:
    for what, names in (("image processor", _PROCESSORS), ("tokenizer", _TOKENIZERS)):
        if not any((folder / name).is_file() for name in names):
            raise _Unusable(f"{folder} holds no {what} ({' or '.join(names[:2])}).", again)


def _weight_files(folder: Path, again: str) -> list[Path]:
    """The safetensors files, all there; the one-file layout goes first, as in transformers."""
    if (single := folder / "model.safetensors").is_file():
        return [single]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        if any(next(folder.glob(pattern), None) for pattern in _PICKLES):
            raise _Unusable(
                f"{folder} holds its weights as pickles only, which can run code and are never opened.",
                "Choose a model with safetensors, or convert it where you trust it (save_pretrained writes them).",
            )
        raise _Unusable(f"{folder} holds no weights (model.safetensors).", again)
    table = _json(index, again).get("weight_map")
    names = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
    if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise _Unusable(f"{index} does not list the weight files.", again)
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise _Unusable(f"{len(missing)} of {len(names)} weight files are missing ({missing[0]}).", again)
    return [folder / name for name in names]


@cache
def _contents(file: Path, size: int, mtime_ns: int) -> tuple[int, int] | None:
    """(floating-point numbers, bytes of anything else) of a safetensors file by its header; None if it is not whole."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > min(size, _MOST_JSON_BYTES):
                return None
            header = json.loads(stream.read(length))
        floats, other, end = 0, 0, 0
        for name, tensor in header.items():
            if name != "__metadata__":
                first, last = tensor["data_offsets"]
                end = max(end, last)
                if tensor["dtype"] in _FLOATS:
                    floats += math.prod(tensor["shape"])
                else:
                    other += last - first
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return (floats, other) if end and 8 + length + end == size else None
