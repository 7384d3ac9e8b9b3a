"""What counts as an image-text-to-text model on this machine. Free of torch and transformers."""

from __future__ import annotations

from geoloc_core import pretrained
from geoloc_core.pretrained import PROCESSORS, Found, Kind, is_folder

__all__ = ["FETCH_PREFIX", "TABLE", "Found", "find", "is_folder", "models_here"]

FETCH_PREFIX = "llava:"
TABLE = "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json")
_KIND = Kind(
    table=TABLE,
    called="an image-text-to-text model",
    does="one that answers about images",
    example="llava-hf/llava-1.5-7b-hf",
    fetch=FETCH_PREFIX,
    parts=(("image processor", PROCESSORS), ("tokenizer", _TOKENIZERS)),
)


def find(model: str) -> Found:
    """Look at a model's files: a few milliseconds, whatever their size."""
    return pretrained.find(model, _KIND)


def models_here() -> tuple[str, ...]:
    """Hub names of the models in the Hugging Face cache that can be used, sorted."""
    return pretrained.models_here(_KIND)
