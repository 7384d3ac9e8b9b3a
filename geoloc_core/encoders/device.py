"""Where and in which number type an encoder runs: each choice with its reason. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

from geoloc_core.errors import EncoderError
from geoloc_core.settings import settings
from geoloc_core.status import Choice

_BATCH = {"cuda": 64, "mps": 16, "cpu": 16}
_MOST, _SHARE = 256, 0.5  # photos a batch on a GPU, and the part of its free memory they may take
_TRIED = 8  # photos of the forward pass that is measured


def choose_device() -> Choice:
    """`cuda`, `mps` or `cpu`: the settings' device, else the fastest there is.

    Raises:
        EncoderError: the settings ask for a device this machine does not have.
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    asked = settings().device
    if asked == "auto":
        if present["cuda"]:
            return Choice("cuda", f"the GPU {torch.cuda.get_device_name()} is the fastest device here")
        if present["mps"]:
            return Choice("mps", "Apple's GPU is faster than the CPU")
        return Choice("cpu", "there is no GPU here")
    if not present[asked]:
        raise EncoderError(
            f"The setting device asks for {asked}, which torch {torch.__version__} does not find on this machine. "
            "Set GEOLOC_DEVICE=auto, or install a torch made for it."
        )
    return Choice(asked, "set by GEOLOC_DEVICE or geoloc.toml")


def choose_dtype(device: str) -> Choice:
    """`float32`, `float16` or `bfloat16` for a device."""
    import torch

    asked = settings().dtype
    if asked != "auto":
        return Choice(asked, "set by GEOLOC_DTYPE or geoloc.toml")
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice("bfloat16", "twice as fast as float32 on this GPU, with float32's range")
        return Choice("float16", "twice as fast as float32; this GPU has no bfloat16")
    if device == "mps":
        return Choice("float16", "twice as fast as float32 on Apple's GPU")
    able = torch.cpu.get_capabilities()
    if unit := next((name for name in ("amx_bf16", "avx512_bf16") if able.get(name)), None):
        return Choice("bfloat16", f"this CPU multiplies it in hardware ({unit}): about twice as fast as float32")
    return Choice("float32", "16-bit numbers are 3 to 4 times slower on a CPU that does not multiply them in hardware")


def choose_batch(device: str, measure: Callable[[int], int] | None = None) -> Choice:
    """Photos a forward pass.

    Args:
        device: as `choose_device` says.
        measure: bytes that a forward pass of so many photos takes on the device; asked on a GPU only.
    """
    asked = settings().batch_size
    if asked:
        return Choice(str(asked), "set by GEOLOC_BATCH_SIZE or geoloc.toml")
    if device != "cuda" or measure is None:
        return Choice(str(_BATCH[device]), f"enough to keep a {device} busy")
    import torch

    return batch_for(torch.cuda.mem_get_info()[0], measure(_TRIED) / _TRIED)


def batch_for(free: int, each: float) -> Choice:
    """The largest power of two up to 256 whose photos take less than half of a GPU's `free` bytes, at `each` bytes."""
    fits = max(1, int(free * _SHARE / max(each, 1)))
    batch = min(_MOST, 1 << (fits.bit_length() - 1))
    why = "more makes it no faster" if batch == _MOST else f"half of the GPU's {free / 1e9:.1f} GB that are free"
    return Choice(str(batch), f"{why}, at {each / 1e6:.1f} MB a photo")
