"""LLaVA and any other image-text-to-text model of transformers, on this machine, which no photo leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from geoloc_core.errors import LmmError, LmmRefused
from geoloc_core.lmm.base import Ask, Capabilities, Reply, Said, Usage, Watch
from geoloc_core.lmm.local.checkpoint import find, is_folder, models_here
from geoloc_core.lmm.local.loading import (
    Loaded,
    Wanted,
    check_cancelled,
    four_bit_state,
    free_gpu,
    gist,
    held,
    load,
    turn,
)
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

_ONE_IMAGE = {
    "blip",
    "blip-2",
    "fuyu",
    "git",
    "instructblip",
    "kosmos-2",
    "llava",
    "llava_next",
    "paligemma",
    "vipllava",
}
_MOST_IMAGES = 16
_TOGETHER = 8  # replies written at once
_TEMPERATURE = 0.7
_LEAST_TOKENS = 64  # a reply needs this much room to be worth a try
_DEVICES, _DTYPES = ("auto", "cpu", "cuda", "mps"), ("auto", "float32", "float16", "bfloat16")
_SMALLER = "Ask for fewer neighbours, thumbnails or samples, or for a smaller photo"


class Llava:
    """A model on this machine; satisfies `geoloc_core.lmm.base.Lmm`.

    Weights are loaded at the first question and shared by the process, which holds one such model at a time and
    answers one question at a time.

    Args:
        model: its hub name, if it is in the Hugging Face cache, or a folder that `save_pretrained` wrote.
        device: "auto", "cpu", "cuda" or "mps"; "auto" chooses as the encoders do.
        dtype: "auto", "float32", "float16" or "bfloat16".
        four_bit: weights in 4 bits (NF4), which needs an NVIDIA GPU and requirements-llava.txt.

    Raises:
        LmmError: there is no such device or number type.
    """

    name = "llava"
    destination = "this machine"

    def __init__(self, model: str, *, device: str = "auto", dtype: str = "auto", four_bit: bool = False) -> None:
        for what, value, known in (("device", device, _DEVICES), ("number type", dtype, _DTYPES)):
            if value not in known:
                raise LmmError(f"There is no {what} {value!r}. Choose one of {', '.join(known)}.")
        self.model = model
        self._wanted = Wanted(model, device, dtype, four_bit)

    @staticmethod
    def models() -> tuple[str, ...]:
        """Hub names of the models that are on this machine."""
        return models_here()

    @property
    def capabilities(self) -> Capabilities:
        """One image for models that were trained on single images; no schema; everything else."""
        images = 1 if find(self.model).model_type in _ONE_IMAGE else _MOST_IMAGES
        return Capabilities(structured=False, samples=True, images=images, logprobs=True, streams=True)

    @property
    def choices(self) -> Mapping[str, Choice]:
        """`device`, `dtype` and, in 4 bits, `weights`, with their reasons, while the model is in memory."""
        loaded = held(self._wanted)
        return dict(loaded.choices) if loaded else {}

    def availability(self) -> Availability:
        """Whether the model's files are here and whole. Imports neither torch nor transformers, asks no network."""
        state = find(self.model).state
        return four_bit_state() if state and self._wanted.four_bit else state

    def ask(self, ask: Ask, watch: Watch) -> Said:
        """Answer on this machine. One reply without temperature is the likeliest text; several are drawn.

        Raises:
            LmmRefused: too many images, a prompt beyond the model's context, or one that would control the chat.
            LmmError: the model is not here, is damaged, does not fit into memory, or failed.
            LmmCancelled: `watch.cancelled` was set.
        """
        found = find(self.model)
        if not found.state:
            raise LmmError(f"{found.state.reason} {found.state.remedy}")
        if len(ask.images) > (most := self.capabilities.images):
            raise LmmRefused(
                f"{self.model} takes {most} image{'s' * (most > 1)}, not {len(ask.images)}. Switch thumbnails off."
            )
        images = [_decoded(image) for image in ask.images]
        with turn(watch):
            loaded = load(self._wanted, found, watch)
            check_cancelled(watch)
            return self._answer(loaded, ask, images, watch)

    def _answer(self, loaded: Loaded, ask: Ask, images: list[Image], watch: Watch) -> Said:
        import torch

        from geoloc_core.lmm.local.chat import inputs_for

        start = time.monotonic()
        try:
            inputs = inputs_for(loaded.processor, ask.prompt, images).to(loaded.model.device, loaded.model.dtype)
            length = inputs["input_ids"].shape[1]
            options, count, notes = _sampling(ask)
            options["max_new_tokens"] = room = self._room(loaded, length, ask.max_tokens)
            if room < ask.max_tokens:
                notes.append(f"Replies end after {room} tokens: the model's context holds no more.")
            replies: list[Reply] = []
            written = 0
            while len(replies) < count:
                options["num_return_sequences"] = min(_TOGETHER, count - len(replies))
                some, tokens = _write(loaded, inputs, options, len(replies), watch)
                check_cancelled(watch)
                replies += some
                written += tokens
        except LmmError:
            raise
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                free_gpu()
                where = loaded.choices["device"].value
                raise LmmError(f"The question does not fit into {where}'s memory. {_SMALLER}.") from None
            raise LmmError(f"{self.model} failed: {gist(error)}. Try again, or choose another model.") from error
        name = self.model.rstrip("/\\").replace("\\", "/").rpartition("/")[2] if is_folder(self.model) else self.model
        return Said(tuple(replies), name, time.monotonic() - start, Usage(length, written), tuple(notes))

    def _room(self, loaded: Loaded, length: int, wanted: int) -> int:
        """Tokens that a reply may have after a prompt of `length`."""
        limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)
        room = min(wanted, limit - length) if isinstance(limit, int) else wanted
        if room < min(wanted, _LEAST_TOKENS):
            raise LmmRefused(
                f"The prompt has {length} tokens with its images, and {self.model} holds {limit} with the reply. "
                f"{_SMALLER}."
            )
        return room


def _sampling(ask: Ask) -> tuple[dict[str, Any], int, list[str]]:
    """Options for `generate`, how many replies to write, and what is done otherwise than asked."""
    notes = ["The reply is free text: a local model is not held to a JSON schema."] if ask.schema else []
    temperature = ask.temperature
    if temperature is None and ask.samples > 1:
        temperature = _TEMPERATURE
    if temperature:
        return {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}, ask.samples, notes
    if ask.samples > 1:
        notes.append("At temperature 0 all replies are the same, so one was written.")
    return {"do_sample": False}, 1, notes


def _write(
    loaded: Loaded, inputs: Any, options: Mapping[str, Any], first: int, watch: Watch
) -> tuple[list[Reply], int]:
    """Replies written at once, numbered from `first`, and their tokens in all."""
    from transformers import LogitsProcessorList, StoppingCriteriaList

    from geoloc_core.lmm.local.writing import Certainty, Stopper, Stream

    certainty = Certainty()
    stream = Stream(loaded.processor.tokenizer, loaded.ends, first, watch.on_text)
    sequences = loaded.model.generate(
        **inputs,
        **options,
        streamer=stream,
        stopping_criteria=StoppingCriteriaList([Stopper(watch.cancelled)]),
        logits_processor=LogitsProcessorList([certainty]),
    )
    return stream.replies(certainty.finish(sequences))


def _decoded(image: bytes) -> Image:
    from PIL import Image

    try:
        return Image.open(BytesIO(image)).convert("RGB")
    except Exception as error:
        raise LmmError(f"An image of the prompt cannot be decoded: {gist(error)}. Choose another photo.") from None
