"""Map encoders on disk: a folder with card.json and one safetensors of all zooms' tails. Imports torch.

The weights' name holds their digest, and the card, which names them, is replaced last. Names within are `zoom16.` and
what `Tail` calls its own; numbers may be 16 or 32 bits wide. Weights of the trunk are the photo encoder's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch

from geoloc_core.errors import CheckpointMisfit, CheckpointMissing
from geoloc_core.files import replacing
from geoloc_core.tiles.encoders.card import CARD, Card
from geoloc_core.tiles.encoders.network import Tail
from geoloc_core.translocator.checkpoint import Tensors, check_fit, header_of, read_safetensors, shapes_of

_AGAIN = "Train or fetch it again"


def save(folder: Path, tails: Mapping[int, Tail], card: Card, dtype: torch.dtype | None = torch.float16) -> Card:
    """Write map encoders so that `open_tiles` answers with them.

    Args:
        folder: made if it is not there; a family in it is replaced.
        tails: of each zoom.
        card: their description, whose `zooms`, `blocks`, `weights` and `sha256` are filled in.
        dtype: what numbers are rounded to; with None they stay as they are.

    Raises:
        OSError: the disk is full or may not be written; what the folder held is whole.
    """
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    data = to_bytes(
        {
            f"zoom{zoom}.{key}": (value.detach().cpu().to(dtype) if dtype else value.detach().cpu()).contiguous()
            for zoom, tail in tails.items()
            for key, value in tail.state_dict().items()
        }
    )
    digest = hashlib.sha256(data).hexdigest()
    card = card.model_copy(
        update={
            "zooms": tuple(sorted(tails)),
            "blocks": len(next(iter(tails.values())).blocks),
            "weights": f"tails-{digest[:16]}.safetensors",
            "sha256": digest,
        }
    )
    for name, content in ((card.weights, data), (CARD, card.to_json().encode())):
        with replacing(folder / name) as stream:
            stream.write(content)
    for old in folder.glob("tails-*.safetensors"):
        if old.name != card.weights:
            with suppress(OSError):  # some systems keep a file that is open; it does no harm
                old.unlink()
    return card


def load(folder: Path, card: Card, tail: Tail) -> dict[int, Tail]:
    """The tails of a saved family by zoom, each of the device, number type and mode of `tail`.

    Args:
        folder: that the card was read from.
        card: it.
        tail: the photo encoder's own.

    Raises:
        CheckpointMissing: the weights are not there.
        CheckpointMisfit: they are damaged, or not those that the card or the photo encoder ask for.
    """
    from copy import deepcopy

    tensors = _read(folder, card, shapes_of(tail))
    tails = dict[int, Tail]()
    for zoom in card.zooms:
        tails[zoom] = deepcopy(tail)
        tails[zoom].load_state_dict({key: tensors[f"zoom{zoom}.{key}"] for key in tail.state_dict()})
    return tails


def _read(folder: Path, card: Card, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    file = folder / card.weights
    if not file.is_file():
        raise CheckpointMissing(f"There is no {card.weights} in {folder}. {_AGAIN}.")
    with file.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != card.sha256:
            raise CheckpointMisfit(f"{file} is not the file that {CARD} was written for. {_AGAIN}.")
    wanted = {f"zoom{zoom}.{key}": shape for zoom in card.zooms for key, shape in shapes.items()}
    check_fit(wanted, header_of(file), str(file))
    tensors = read_safetensors(file)
    if wrong := [key for key, value in tensors.items() if not value.float().isfinite().all()]:
        raise CheckpointMisfit(f"{file} holds values that are no numbers, such as in {wrong[0]}. {_AGAIN}.")
    return tensors
