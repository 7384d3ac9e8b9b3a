"""A model's weights into memory, once per process: one model at a time, one question at a time."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from geoloc_core.encoders.device import choose_device, choose_dtype
from geoloc_core.errors import EncoderError, LmmCancelled, LmmError
from geoloc_core.lmm.base import Watch
from geoloc_core.lmm.local.checkpoint import Found
from geoloc_core.machine import available_memory
from geoloc_core.status import Availability, Choice

_LOG = logging.getLogger(__name__)
_SPARE = 1.05  # memory beside the weights, at least
_FOUR_BIT_BYTES = 0.6  # a number, with its scale and the layers that stay in 16 bits
_KEPT = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
_INSTALL = "Run `python -m pip install -r requirements-llava.txt`, or switch 4-bit off."


@dataclass(frozen=True)
class Wanted:
    """What to load, and how."""

    model: str
    device: str = "auto"
    dtype: str = "auto"
    four_bit: bool = False


@dataclass(frozen=True)
class Loaded:
    """A model in memory, its processor, and what was chosen for it."""

    model: Any
    processor: Any
    choices: Mapping[str, Choice]

    @property
    def ends(self) -> set[int]:
        """The tokens that end a reply."""
        ends = self.model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends} - {None}


_turn = threading.Lock()
_held: list[tuple[Any, Loaded]] = []  # at most one


@contextmanager
def turn(watch: Watch) -> Iterator[None]:
    """Wait until no other question is being answered.

    Raises:
        LmmCancelled: the user stopped waiting.
    """
    if not _turn.acquire(blocking=False):
        watch.on_wait("Another question is being answered on this machine; this one comes next.")
        while not _turn.acquire(timeout=0.1):
            check_cancelled(watch)
    try:
        check_cancelled(watch)
        yield
    finally:
        _turn.release()


def check_cancelled(watch: Watch) -> None:
    """Raises LmmCancelled if the user stopped the question."""
    if watch.cancelled.is_set():
        raise LmmCancelled("The question was stopped. Ask again to start it anew.")


def load(wanted: Wanted, found: Found, watch: Watch) -> Loaded:
    """The model in memory; to be called in one's `turn`. Another model that was there is let go.

    Raises:
        LmmError: the weights are damaged, do not fit, or the device asked for is missing.
    """
    key = (wanted, found.stamp)
    if _held and _held[0][0] == key:
        return _held[0][1]
    release()
    choices = _choose(wanted)
    _check_memory(wanted, found, choices)
    watch.on_wait(f"{wanted.model} is being loaded into memory, which can take minutes.")
    loaded = _load(wanted, found, choices)
    _LOG.info("%s: %s", wanted.model, ", ".join(f"{name} {choice}" for name, choice in choices.items()))
    _held.append((key, loaded))
    return loaded


def held(wanted: Wanted) -> Loaded | None:
    """The model if it is in memory."""
    return next((loaded for (what, _), loaded in _held if what == wanted), None)


def release() -> None:
    """Let go of the model in memory, so that its memory is free."""
    import gc

    if _held:
        _held.clear()
        gc.collect()
        free_gpu()


def free_gpu() -> None:
    """Give torch's spare GPU memory back."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def four_bit_state() -> Availability:
    """Whether 4-bit numbers could be used, as far as can be said without importing torch."""
    if missing := [name for name in ("bitsandbytes", "accelerate") if not importlib.util.find_spec(name)]:
        return Availability(False, f"4-bit numbers need {' and '.join(missing)}, not installed here.", _INSTALL)
    return Availability(True, "bitsandbytes is installed")


def _choose(wanted: Wanted) -> dict[str, Choice]:
    import torch

    try:
        device = choose_device() if wanted.device == "auto" else Choice(wanted.device, "asked for")
        dtype = choose_dtype(device.value) if wanted.dtype == "auto" else Choice(wanted.dtype, "asked for")
    except EncoderError as error:
        raise LmmError(str(error)) from None
    if device.value.partition(":")[0] == "cuda" and not torch.cuda.is_available():
        raise LmmError(f"torch {torch.__version__} finds no GPU for the device {device.value}. Choose auto or cpu.")
    if not wanted.four_bit:
        return {"device": device, "dtype": dtype}
    state = four_bit_state()
    if not state:
        raise LmmError(f"{state.reason} {state.remedy}")
    if device.value.partition(":")[0] != "cuda":
        raise LmmError(f"4-bit numbers need an NVIDIA GPU, not {device.value}. Switch 4-bit off.")
    return {"device": device, "dtype": dtype, "weights": Choice("4-bit", "asked for")}


def _check_memory(wanted: Wanted, found: Found, choices: Mapping[str, Choice]) -> None:
    """Refuse before the system would end the process."""
    import torch

    device, dtype = choices["device"].value, choices["dtype"].value
    each = _FOUR_BIT_BYTES if wanted.four_bit else getattr(torch, dtype).itemsize
    need = (found.floats * each + found.other_bytes) * _SPARE
    free = torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else available_memory()
    if free is not None and need > free:
        kind = choices.get("weights", choices["dtype"]).value
        raise LmmError(
            f"{wanted.model} needs {need / 1e9:.1f} GB in {kind}, and {device} has {free / 1e9:.1f} GB free. "
            "Choose a smaller model, 4-bit numbers on a GPU, or another device."
        )


def _load(wanted: Wanted, found: Found, choices: Mapping[str, Choice]) -> Loaded:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder, device, dtype = str(found.folder), choices["device"].value, getattr(torch, choices["dtype"].value)
    auto: Any = AutoModelForImageTextToText
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    try:
        processor = AutoProcessor.from_pretrained(folder, **safe)
        if wanted.four_bit:
            options |= {"quantization_config": _four_bit(dtype), "device_map": {"": device}}
        model, report = auto.from_pretrained(folder, **safe, **options)
        if lacking := sorted(report["missing_keys"]):  # else transformers would go on with random numbers there
            raise ValueError(f"{len(lacking)} of its weights are missing, such as {lacking[0]}")
        if not callable(getattr(processor, "apply_chat_template", None)) or not hasattr(processor, "tokenizer"):
            raise TypeError("its processor takes no images with text")
        model = model if wanted.four_bit else model.to(device)
    except torch.OutOfMemoryError:
        release()
        raise LmmError(
            f"{wanted.model} does not fit into {device}'s memory. Choose a smaller model, 4-bit numbers, or the CPU."
        ) from None
    except Exception as error:
        raise LmmError(f"{wanted.model} cannot be loaded: {gist(error)}. Fetch or save it again.") from error
    _tame(model, processor.tokenizer)
    return Loaded(model.eval().requires_grad_(False), processor, choices)


def _four_bit(dtype: Any) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _tame(model: Any, tokenizer: Any) -> None:
    """Keep the tokens of the model's own generation settings only: its beams, limits and penalties would disturb ours.

    Qwen2-VL's, for example, draw the same reply every time and make digits that stand in the prompt less likely.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    kept = {name: value for name in _KEPT if (value := getattr(own, name, None)) is not None}
    kept.setdefault("eos_token_id", tokenizer.eos_token_id)
    ends = kept["eos_token_id"]
    kept.setdefault("pad_token_id", tokenizer.pad_token_id or (ends[0] if isinstance(ends, list) else ends))
    model.generation_config = GenerationConfig(**kept)


def gist(error: Exception) -> str:
    """An error of torch or transformers in one line, short enough for a person."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2]) if lines else type(error).__name__)[:250].rstrip(". ")
