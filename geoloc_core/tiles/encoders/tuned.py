"""Published map encoders: the photo encoder's trunk and, for each zoom, a tail. Importing this needs no torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.encoders.base import Embeddings, Prepared
from geoloc_core.errors import CheckpointMisfit, CheckpointMissing, EncoderMismatch, GeolocError
from geoloc_core.status import Availability
from geoloc_core.tiles.encoders.card import Card, read_card
from geoloc_core.tiles.encoders.family import TileEncoders

if TYPE_CHECKING:
    import torch

    from geoloc_core.encoders.open_clip import OpenClip
    from geoloc_core.tiles.encoders.network import Tail, Trunk

_TRAIN = "Train some with `python -m index_builder train tiles`."


class Tuned(TileEncoders):
    """Map encoders that `checkpoint.save` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        self._lock = threading.Lock()
        self._loaded: tuple[Card, OpenClip] | None = None
        self._trunk: Trunk
        self._tails: dict[int, Tail]

    @property
    def card(self) -> Card:
        """What it is: as loaded, else as the folder says now.

        Raises:
            CheckpointMissing: there is none in the folder.
            CheckpointMisfit: it cannot be used.
        """
        return self._loaded[0] if self._loaded else read_card(self.folder)

    @property
    def title(self) -> str:
        """The card's."""
        return self.card.title

    @property
    def base(self) -> OpenClip:
        """The encoder that the card names.

        Raises:
            CheckpointMissing: there is no card.
            CheckpointMisfit: it cannot be used, or names an encoder that is not on this machine.
        """
        return self._loaded[1] if self._loaded else _base(self.card)

    @property
    def id(self) -> str:
        """The card's."""
        return self.card.id

    @property
    def zooms(self) -> tuple[int, ...]:
        """The card's."""
        return self.card.zooms

    @property
    def synthetic(self) -> bool:
        """As the card says."""
        return self.card.synthetic

    def availability(self) -> Availability:
        """Whether card, weights and base are on this machine."""
        try:
            card = self.card
            if not (self.folder / card.weights).is_file():
                return Availability(False, f"There is no {card.weights} in {self.folder}.", _TRAIN)
            base = _base(card).availability()
        except CheckpointMissing as error:
            return Availability(False, Availability.lacking(error).reason, _TRAIN)
        except GeolocError as error:
            return Availability.lacking(error)
        return Availability(True, f"{card.title} is on this machine") if base else base

    def load(self) -> None:
        """Read the weights; only the first call does.

        Raises:
            CheckpointMissing: the folder lacks card or weights.
            CheckpointMisfit: one of them is damaged, or they do not belong together, or their base is not here.
            ModelError: the base is no network that can be shared.
            EncoderError: the base's weights cannot be used.
        """
        with self._lock:
            if self._loaded:
                return
            from geoloc_core.tiles.encoders.checkpoint import load
            from geoloc_core.tiles.encoders.network import Tail, Trunk

            card = read_card(self.folder)
            base = _base(card)
            self._trunk = Trunk(base.tower, card.blocks).eval()
            self._tails = load(self.folder, card, Tail(base.tower, card.blocks).eval().requires_grad_(False))
            self._loaded = card, base

    def _pass(self, zooms: tuple[int, ...], prepared: Sequence[Prepared]) -> Embeddings:
        self.load()

        def forward(pixels: torch.Tensor) -> torch.Tensor:
            import torch

            tokens = self._trunk(pixels)
            return torch.stack([self._tails[zoom](tokens) for zoom in zooms], dim=1)

        seen = self.base.through(forward, prepared)
        return self.base.finish(seen.reshape(-1, seen.shape[-1])).reshape(seen.shape)


def _base(card: Card) -> OpenClip:
    """The encoder that a card names, if it is here.

    Raises:
        CheckpointMisfit: it is not, or cannot be shared.
        WeightsMissing: it is known, but its weights are not on this machine.
    """
    from geoloc_core.encoders import for_id
    from geoloc_core.encoders.open_clip import OpenClip

    try:
        base = for_id(card.base, card.base_name)
    except EncoderMismatch:
        raise CheckpointMisfit(
            f"{card.title} stands on the encoder {card.base}, which is not on this machine. Put its checkpoint into a "
            "folder of the settings' checkpoints."
        ) from None
    if not isinstance(base, OpenClip):
        raise CheckpointMisfit(f"{card.title} stands on {base.name}, whose network cannot be shared. Train it again.")
    return base
