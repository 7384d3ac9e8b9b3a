"""Text to where GeoCLIP's places are: CLIP's text tower, then the small network that photos go through.

CLIP trains both towers into one space, and GeoCLIP's network takes what either gives before it is brought to unit
length (Vivanco Cepeda et al. 2023, on queries in words). The tower lies in the checkpoint that the image side uses;
only its own tensors are read, 0.5 of the 1.7 GB of ViT-L/14.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.encoders.base import Embeddings, Encoder, Features
from geoloc_core.encoders.checkpoints import Source
from geoloc_core.encoders.device import choose_device
from geoloc_core.encoders.geoclip import GeoClipEncoder
from geoloc_core.encoders.open_clip import OpenClip, first_line, no_false_alarm
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.status import Availability

if TYPE_CHECKING:
    import torch

PROMPTS = ("{}", "a photo of {}.")
NEUTRAL = "something"
_VOCABULARY = 49_408  # of CLIP's byte-pair encoding, with which open_clip ships
_EMBEDDING = ("token_embedding.weight", "text.token_embedding.weight")
_NO_IMAGE = {"image_size": 8, "layers": 1, "width": 8, "head_width": 8, "patch_size": 8}
_REMEDY = "Choose a gallery of locations made with GeoCLIP itself; `python -m geoloc_core fetch geoclip` gets its CLIP."

_opened: dict[GeoClipEncoder, TextSide] = {}
_opening = threading.Lock()


def text_side(encoder: Encoder) -> TextSide:
    """The text side of a GeoCLIP; the same object every time, so that a process loads one. Reads nothing yet.

    Raises:
        EncoderError: the encoder is no GeoCLIP.
    """
    if not isinstance(encoder, GeoClipEncoder):
        raise EncoderError(f"{encoder.name} is no GeoCLIP, so places cannot be compared with it. {_REMEDY}")
    with _opening:
        return _opened.setdefault(encoder, TextSide(encoder))


class TextSide:
    """Text into the space of one GeoCLIP; safe to share between threads. Use `text_side`."""

    def __init__(self, encoder: GeoClipEncoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._tower: torch.nn.Module | None = None
        self._tokenize: Callable[[list[str]], torch.Tensor] | None = None
        self._neutral: Embeddings | None = None

    def availability(self) -> Availability:
        """Whether GeoCLIP, its CLIP and a text tower that knows English are on this machine. Imports no torch."""
        if not (ready := self._encoder.availability()):
            return ready
        try:
            _check(self._source())
        except GeolocError as error:
            return Availability.lacking(error)
        return Availability(True, f"{ready.reason}, with its text tower")

    @property
    def id(self) -> str:
        """The GeoCLIP's."""
        return self._encoder.id

    def load(self) -> None:
        """Read the text tower and GeoCLIP's network; only the first call does.

        Raises:
            WeightsMissing: they are not on this machine.
            EncoderError: they cannot be used, or the checkpoint has no text tower.
        """
        with self._lock:
            if self._tower is None:
                from open_clip.tokenizer import SimpleTokenizer

                source = self._source()
                _check(source)
                tensors = _read_text_tower(source.weights())
                self._tokenize = SimpleTokenizer(context_length=len(tensors["positional_embedding"]))
                self._tower = _build(source, tensors)
        self._encoder.model.load()

    def features(self, texts: Sequence[str]) -> Features:
        """(n, f) float32 of any length, from n >= 1 texts; what CLIP's tower has no room for (75 tokens) is cut off.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        import torch

        self.load()
        assert self._tower is not None and self._tokenize is not None
        tokens = self._tokenize(list(texts))
        with torch.inference_mode():
            return self._tower(tokens.to(next(self._tower.parameters()).device)).float().cpu().numpy()

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """(n, d) float32 unit rows, from n >= 1 texts.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        return self._encoder.model.project(self.features(texts))

    def describe(self, text: str) -> Embeddings:
        """(d,) float32 of length 1: the mean of the text in each of `PROMPTS`, as CLIP's authors average prompts.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        mean = self.encode([prompt.replace("{}", text) for prompt in PROMPTS]).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    @property
    def neutral(self) -> Embeddings:
        """(d,) float32 of length 1: the same prompts with nothing said, for `heat` to compare with."""
        if self._neutral is None:
            self._neutral = self.describe(NEUTRAL)
        return self._neutral

    def _source(self) -> Source:
        root = self._encoder.root
        if not isinstance(root, OpenClip):
            raise EncoderError(f"The encoder {root.name} has no text tower. {_REMEDY}")
        return root.source


def _check(source: Source) -> None:
    """Refuse a checkpoint whose text tower is missing or a stub, by the header of its file.

    Raises:
        WeightsMissing: there is no checkpoint.
        EncoderError: it has no tower for CLIP's vocabulary.
    """
    from safetensors import SafetensorError, safe_open

    file = source.weights()
    if file.suffix != ".safetensors":
        return  # only reading the whole of it would tell
    try:
        with safe_open(file, framework="np") as opened:
            names = [name for name in _EMBEDDING if name in opened.keys()]  # noqa: SIM118
            words = opened.get_slice(names[0]).get_shape()[0] if names else 0
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"{file} cannot be read as weights ({error}). Fetch or save it again.") from error
    if words != _VOCABULARY:
        raise EncoderError(f"The image encoder under this GeoCLIP never learned to read text. {_REMEDY}")


def _read_text_tower(weights: Path) -> dict[str, torch.Tensor]:
    """The text tower's tensors of a checkpoint, named as in open_clip's `TextTransformer`. Never unpickles objects.

    Raises:
        EncoderError: they cannot be read, or there are none.
    """
    from open_clip.factory import load_state_dict
    from open_clip.model import convert_to_custom_text_state_dict
    from safetensors import safe_open

    try:
        if weights.suffix == ".safetensors":
            with safe_open(weights, framework="pt") as file:
                names = [name for name in file.keys() if not name.startswith("visual.")]  # noqa: SIM118
                tensors = {name: file.get_tensor(name) for name in names}
        else:
            tensors = load_state_dict(str(weights), weights_only=True)
    except Exception as error:  # torch and safetensors raise whatever they stumble over
        raise EncoderError(f"{weights} cannot be read as weights ({first_line(error)}). Fetch it again.") from error
    named = convert_to_custom_text_state_dict(tensors)
    tower = {name.removeprefix("text."): value for name, value in named.items() if name.startswith("text.")}
    if len(tower.get("token_embedding.weight", ())) != _VOCABULARY or "positional_embedding" not in tower:
        raise EncoderError(f"{weights} holds no text tower for CLIP's vocabulary. {_REMEDY}")
    return tower


def _build(source: Source, tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The tower in float32, beside which open_clip makes an image tower of a few numbers, soon forgotten."""
    import open_clip

    name, options = source.architecture()
    try:
        with no_false_alarm():
            made = open_clip.create_model(
                name, load_weights=False, force_custom_text=True, device="cpu", vision_cfg=dict(_NO_IMAGE), **options
            ).text
        made.load_state_dict({key: value.float() for key, value in tensors.items()})
    except Exception as error:  # open_clip raises whatever its towers do
        raise EncoderError(
            f"{source.label}'s text tower cannot be loaded ({first_line(error)}). Fetch or save it again."
        ) from error
    return made.eval().requires_grad_(False).to(choose_device().value)
