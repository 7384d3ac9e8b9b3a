"""The text tower beside an open_clip image tower. Imports open_clip and torch when it loads.

Only the text tower's own tensors are read, 0.5 of the 1.7 GB of ViT-L/14, and they are kept in float32.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.encoders.base import Encoder, Features
from geoloc_core.encoders.checkpoints import Source
from geoloc_core.encoders.device import choose_device
from geoloc_core.encoders.open_clip import OpenClip, first_line, no_false_alarm
from geoloc_core.errors import EncoderError, GeolocError
from geoloc_core.status import Availability

if TYPE_CHECKING:
    import torch

_VOCABULARY = 49_408  # of CLIP's byte-pair encoding, with which open_clip ships
_EMBEDDING = ("token_embedding.weight", "text.token_embedding.weight")
_NO_IMAGE = {"image_size": 8, "layers": 1, "width": 8, "head_width": 8, "patch_size": 8}
_TEXTS = 64  # a forward pass
_MOST_SCALE = 100.0  # what CLIP's authors limit the scale of similarities to (Radford et al. 2021, section 2.5)


class TextTower:
    """Text to features beside those of an encoder's photos; safe to share between threads.

    Args:
        encoder: an encoder of open_clip, or one that builds on it.
        remedy: what to do where it has no text tower.
        room: tokens that a text may have. In a causal tower, as CLIP's is, fewer cost less and change no answer to a
            text that fits; others keep all of theirs.
    """

    def __init__(self, encoder: Encoder, remedy: str, room: int = 77) -> None:
        self._encoder, self._remedy, self._room = encoder, remedy, room
        self._lock = threading.Lock()
        self._module: torch.nn.Module | None = None
        self._tokenize: Callable[[list[str]], torch.Tensor] | None = None
        self._scale = _MOST_SCALE

    def availability(self) -> Availability:
        """Whether the encoder and a text tower that knows English are on this machine. Imports no torch."""
        if not (ready := self._encoder.availability()):
            return ready
        try:
            self._check()
        except GeolocError as error:
            return Availability.lacking(error)
        return Availability(True, f"{ready.reason}, with its text tower")

    def load(self) -> None:
        """Read the tower; only the first call does.

        Raises:
            WeightsMissing: it is not on this machine.
            EncoderError: it cannot be used, or the checkpoint has none.
        """
        with self._lock:
            if self._module is None:
                from open_clip.tokenizer import SimpleTokenizer

                self._check()
                tensors, self._scale = self._read()
                module, room = _build(self.source, tensors), len(tensors["positional_embedding"])
                mask = getattr(module, "attn_mask", None)
                if mask is not None and getattr(module, "cls_emb", None) is None:
                    room = min(self._room, room)
                    module.attn_mask = mask[:room, :room]
                self._tokenize = SimpleTokenizer(context_length=room)
                self._module = module

    def features(self, texts: Sequence[str]) -> Features:
        """(n, f) float32 of any length, from n >= 1 texts; what the tower has no room for is cut off.

        Raises:
            WeightsMissing: the weights are not on this machine.
            EncoderError: they cannot be used.
        """
        import torch

        self.load()
        assert self._module is not None and self._tokenize is not None
        device, said = next(self._module.parameters()).device, list(texts)
        with torch.inference_mode():
            made = [
                self._module(self._tokenize(said[at : at + _TEXTS]).to(device)).float().cpu()
                for at in range(0, len(said), _TEXTS)
            ]
        return np.concatenate([part.numpy() for part in made])

    @property
    def scale(self) -> float:
        """What the checkpoint multiplies similarities with before the softmax; known once loaded."""
        return self._scale

    @property
    def source(self) -> Source:
        """The checkpoint that the tower lies in.

        Raises:
            EncoderError: the encoder is none of open_clip.
        """
        root = self._encoder.root
        if not isinstance(root, OpenClip):
            raise EncoderError(f"The encoder {root.name} has no text tower. {self._remedy}")
        return root.source

    def _check(self) -> None:
        """Refuse a checkpoint whose text tower is missing or a stub, by the header of its file.

        Raises:
            WeightsMissing: there is no checkpoint.
            EncoderError: it has no tower for CLIP's vocabulary.
        """
        from safetensors import SafetensorError, safe_open

        file = self.source.weights()
        if file.suffix != ".safetensors":
            return  # only reading the whole of it would tell
        try:
            with safe_open(file, framework="np") as opened:
                names = [name for name in _EMBEDDING if name in opened.keys()]  # noqa: SIM118
                words = opened.get_slice(names[0]).get_shape()[0] if names else 0
        except (OSError, SafetensorError) as error:
            raise EncoderError(f"{file} cannot be read as weights ({error}). Fetch or save it again.") from error
        if words != _VOCABULARY:
            raise EncoderError(f"The encoder {self._encoder.root.name} never learned to read text. {self._remedy}")

    def _read(self) -> tuple[dict[str, torch.Tensor], float]:
        """The tower's tensors, named as in open_clip's `TextTransformer`, and the scale. Never unpickles objects.

        Raises:
            EncoderError: they cannot be read, or there are none.
        """
        from open_clip.model import convert_to_custom_text_state_dict

        weights = self.source.weights()
        named = convert_to_custom_text_state_dict(_without_image(weights))
        tower = {name.removeprefix("text."): value for name, value in named.items() if name.startswith("text.")}
        if len(tower.get("token_embedding.weight", ())) != _VOCABULARY or "positional_embedding" not in tower:
            raise EncoderError(f"{weights} holds no text tower for CLIP's vocabulary. {self._remedy}")
        log_scale = float(named["logit_scale"].float().mean()) if "logit_scale" in named else math.inf
        return tower, min(math.exp(min(log_scale, 5.0)), _MOST_SCALE)


def _without_image(weights: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, without the image tower's where the format allows.

    Raises:
        EncoderError: they cannot be read.
    """
    from open_clip.factory import load_state_dict
    from safetensors import safe_open

    try:
        if weights.suffix != ".safetensors":
            return load_state_dict(str(weights), weights_only=True)
        with safe_open(weights, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith("visual.")]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}
    except Exception as error:  # torch and safetensors raise whatever they stumble over
        raise EncoderError(f"{weights} cannot be read as weights ({first_line(error)}). Fetch it again.") from error


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
