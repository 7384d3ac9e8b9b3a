"""Where a model in transformers' layout lies on this machine, and whether it can be used. Free of torch, transformers.

A model is a folder in the layout of `save_pretrained`, or the hub name of one in the Hugging Face cache. Nothing here
touches the network, and nothing that could run code is let through: no code of the model's own, no kernels from
elsewhere, and no pickled weights but where a kind of model allows them, which are then only opened as tensors.
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
_MOST_JSON_BYTES = 50_000_000
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
PICKLED = "pytorch_model.bin"
_FLOATS = {"F64", "F32", "F16", "BF16"}
_FOREIGN = {"attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation"}


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        table: the list of transformers' `modeling_auto.py` that names its architectures.
        called: what it is called, such as "an image-text-to-text model".
        does: what it does, such as "one that answers about images".
        example: a hub name.
        fetch: what stands before a hub name for `python -m geoloc_core fetch`.
        parts: what belongs to a model beside its weights, each with the names of the files that may hold it.
        pickled: whether weights may lie in pytorch_model.bin, where there are no safetensors.
    """

    table: str
    called: str
    does: str
    example: str
    fetch: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    pickled: bool = False


@dataclass(frozen=True)
class Found:
    """What there is of a model.

    Attributes:
        state: whether it can be loaded.
        folder: where its files lie; None if there is none.
        config: its `config.json`, empty if it cannot be read.
        weights: the files of its weights.
        floats: numbers in its safetensors that can be loaded in another number type.
        other_bytes: bytes of its weights that cannot.
        stamp: differs after the files were exchanged.
    """

    state: Availability
    folder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    weights: tuple[Path, ...] = ()
    floats: int = 0
    other_bytes: int = 0
    stamp: tuple[Any, ...] = ()

    @property
    def model_type(self) -> str:
        """The architecture's name in transformers."""
        return str(self.config.get("model_type", ""))


class _Unusable(Exception):
    """Holds the reason and the remedy."""


def find(model: str, kind: Kind, again: str = "") -> Found:
    """Look at a model's files: a few milliseconds, whatever their size.

    Args:
        model: a folder or a hub name.
        kind: what it has to be.
        again: what to do if it is not here or not whole; by default, to fetch or save it.
    """
    folder, config = None, {}
    again = again or _remedy(model, kind)
    try:
        folder = _folder(model, again)
        config = _config(folder, kind, again)
        _check_code(config)
        _check_parts(folder, kind, again)
        files = _weight_files(folder, kind, again)
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
    floats, other = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    return Found(state, folder, config, tuple(files), floats, other, stamp)


def models_here(kind: Kind) -> tuple[str, ...]:
    """Hub names of the models of a kind in the Hugging Face cache that can be used, sorted."""
    names = (path.name.removeprefix("models--").replace("--", "/", 1) for path in cache_folder().glob("models--*"))
    return tuple(sorted(name for name in names if HUB_NAME.fullmatch(name) and find(name, kind).state))


def is_folder(model: str) -> bool:
    """Whether a model's name is meant as a folder rather than as a hub name."""
    return model.startswith((".", "/", "~", "\\")) or (model != "" and Path(model).is_dir())


def _remedy(model: str, kind: Kind) -> str:
    if is_folder(model):
        return "Save it again with save_pretrained (model and processor), or give another folder."
    if not HUB_NAME.fullmatch(model):
        return f"Give a hub name such as {kind.example}, or a folder."
    return f"Run `python -m geoloc_core fetch {kind.fetch}{model}`, or give a folder that holds the model."


def _folder(model: str, again: str) -> Path:
    if is_folder(model):
        folder = Path(model).expanduser().absolute()
        if not (folder / "config.json").is_file():
            raise _Unusable(f"There is no model in {folder}: it holds no config.json.", again)
        return folder
    if not HUB_NAME.fullmatch(model):
        raise _Unusable(f"{model!r} is neither a folder nor the name of a model at the hub.", again)
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json", cache_dir=cache_folder())
    if not isinstance(found, str) or not Path(found).is_file():
        raise _Unusable(f"The weights of {model} are not on this machine.", again)
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


def _config(folder: Path, kind: Kind, again: str) -> dict[str, Any]:
    """The model's description, of an architecture of that kind."""
    config = _json(folder / "config.json", again)
    said, known = str(config.get("model_type")), architectures(kind.table)
    if known and said not in known:
        if "auto_map" in config:
            raise _Unusable(
                f"{folder.name} ({said}) needs program code of its own, which Geoloc never runs.",
                f"Choose a model that transformers knows by itself, such as {kind.example}.",
            )
        raise _Unusable(
            f"{folder.name} is a {said} model, not {kind.does}.",
            f"Choose {kind.called}, such as {kind.example}.",
        )
    return config


@cache
def architectures(table: str) -> frozenset[str]:
    """The model types in a list of `modeling_auto.py`, read from the source, as importing it takes seconds."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or not spec.origin:
        return frozenset()
    source = Path(spec.origin).parent / "models" / "auto" / "modeling_auto.py"
    text = source.read_text(encoding="utf-8") if source.is_file() else ""
    listed = re.search(rf"^{table} = (.*?)^\)", text, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r'\(\s*"([^"]+)",', listed[1])) if listed else frozenset()


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


def _check_parts(folder: Path, kind: Kind, again: str) -> None:
    for what, names in kind.parts:
        if not any((folder / name).is_file() for name in names):
            raise _Unusable(f"{folder} holds no {what} ({' or '.join(names[:2])}).", again)


def _weight_files(folder: Path, kind: Kind, again: str) -> list[Path]:
    """The weight files, all there; safetensors before pickles and one file before several, as in transformers."""
    if (single := folder / "model.safetensors").is_file():
        return [single]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        if kind.pickled and (pickled := folder / PICKLED).is_file():
            return [pickled]
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
    """(floating-point numbers, bytes of anything else) of a safetensors file by its header; None if it is not whole.

    Of any other file only that there is something in it.
    """
    if file.name == PICKLED:
        return (0, 0) if size else None
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
