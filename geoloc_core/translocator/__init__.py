"""TransLocator and its family: a photo, and its segmentation map, to probabilities of geo-cells.

Source: Pramanick et al., "Where in the World is this Image? Transformer-based Geo-localization in the Wild", ECCV 2022.
Importing this package needs no torch.
"""

from __future__ import annotations

from geoloc_core.translocator.card import Card, Inputs, read_card
from geoloc_core.translocator.config import LEVELS, SCENE_KINDS, VARIANTS, Config, variant

__all__ = ["LEVELS", "SCENE_KINDS", "VARIANTS", "Card", "Config", "Inputs", "read_card", "variant"]
