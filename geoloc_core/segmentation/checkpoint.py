"""What counts as a segmenter on this machine, and what its maps depend on. Free of torch and transformers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geoloc_core.encoders.checkpoints import weights_sha256
from geoloc_core.errors import ModelError
from geoloc_core.pretrained import Found, Kind, find
from geoloc_core.segmentation.ade20k import CLASSES, names
from geoloc_core.segmentation.base import MAP_SIDE

FETCH_PREFIX = "segmenter:"
OTHER = "Choose a model trained on ADE20K, such as segformer-b0."
_PROCESSOR = "preprocessor_config.json"
_KIND = Kind(
    table="MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES",
    called="a semantic segmentation model",
    does="one that labels pixels",
    example="nvidia/segformer-b0-finetuned-ade-512-512",
    fetch=FETCH_PREFIX,
    parts=(("image processor", (_PROCESSOR,)),),
    pickled=True,  # as some of the SegFormers are published
)
_PREPARED = (
    "size", "crop_size", "do_center_crop", "resample", "do_rescale", "rescale_factor", "do_normalize", "image_mean",
    "image_std", "do_flip_channel_order",
)  # fmt: skip
_MOST_BYTES = 1_000_000


def look(name: str, model: str, again: str = "") -> Found:
    """A segmenter's files, whole and of ADE20K's classes; milliseconds, but for `identity`, which reads the weights.

    Args:
        name: what the segmenter is called.
        model: a folder or a hub name.
        again: what to do if it is not whole; by default, to fetch or save it.

    Raises:
        ModelError: it is not here or not whole, or has other classes.
    """
    found = find(model, _KIND, again)
    if not found.state:
        raise ModelError(f"{found.state.reason} {found.state.remedy}")
    _check_classes(name, found.config)
    return found


def identity(found: Found) -> str:
    """`ARCHITECTURE/sha256-…/pre-…`: equal ones label a photo alike, up to rounding."""
    assert found.folder
    each = [weights_sha256(file) for file in found.weights]
    digest = each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()
    pins = json.dumps([_prepared(found.folder / _PROCESSOR), MAP_SIDE], sort_keys=True)
    return f"{found.model_type}/sha256-{digest[:12]}/pre-{hashlib.sha256(pins.encode()).hexdigest()[:8]}"


def _prepared(file: Path) -> dict[str, Any]:
    """How photos are prepared, as far as it changes what the model sees."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        said = json.loads(file.read_text(encoding="utf-8"))
        return {key: said.get(key) for key in _PREPARED}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{file} describes no image processor ({error}). Fetch or save it again.") from None


def _check_classes(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model whose classes are not ADE20K's 150, in their order, as far as it says."""
    said = config.get("id2label")
    labels = {str(key): str(value) for key, value in said.items()} if isinstance(said, Mapping) else {}
    if set(labels) != {str(number) for number in range(CLASSES)}:
        count = len(labels) or "other"
        raise ModelError(f"{name} tells {count} classes apart, not ADE20K's {CLASSES}. {OTHER}")
    words = [set(re.split(r"\s*[,;]\s*", labels[str(number)].strip().lower())) for number in range(CLASSES)]
    unnamed = all(labels[str(number)] == f"LABEL_{number}" for number in range(CLASSES))
    agreeing = sum(known in own for known, own in zip(names(), words, strict=True))
    if not unnamed and agreeing < CLASSES / 2:
        raise ModelError(f"{name} has {CLASSES} classes that are not ADE20K's. {OTHER}")
