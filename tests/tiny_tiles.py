"""Small map encoders as they are published, and tiles to show them: for tests."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from geoloc_core.encoders.checkpoints import encoder_id
from geoloc_core.encoders.presets import local_checkpoint
from geoloc_core.tiles.encoders.card import Card
from geoloc_core.tiles.picture import SIDE, read_tile
from geoloc_core.tiles.sources.base import About
from geoloc_core.tiles.sources.drawn import Drawn
from geoloc_core.tiles.tile import Tile
from tests.tiny_clip import VISION, save_checkpoint

if TYPE_CHECKING:
    import torch

    from geoloc_core.tiles.encoders.network import Tail

ABOUT = About("Drawn for a test")


def save_base(home: Path, **vision: object) -> Path:
    """A CLIP of four blocks where `create("base")` finds it."""
    return save_checkpoint(home / "checkpoints" / "base", vision_cfg={**VISION, "layers": 4, **vision})


def publish_tiny(
    home: Path,
    name: str = "tiny",
    zooms: Iterable[int] = (4, 5, 6),
    dtype: torch.dtype | None = None,
    synthetic: bool = False,
) -> dict[int, Tail]:
    """A family over `save_base` whose tails have random weights of their own; the tails that were saved."""
    import open_clip
    import torch

    from geoloc_core.tiles.encoders.checkpoint import save
    from geoloc_core.tiles.encoders.network import Tail

    base = home / "checkpoints" / "base"
    tower, tails = open_clip.create_model(f"local-dir:{base}").visual, {}
    for zoom in zooms:
        torch.manual_seed(zoom)
        tails[zoom] = Tail(tower, 2).eval()
        for value in tails[zoom].parameters():
            value.data += 0.05 * torch.randn_like(value)
    card = Card(title="Tiny", base=encoder_id(local_checkpoint(base)), base_name="base", synthetic=synthetic)
    save(home / "checkpoints" / name, tails, card, dtype)
    return tails


def small_picture(seed: int) -> Image.Image:
    """16 x 16 random colours: a tile's reader brings it to its size."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((16, 16), Image.Resampling.BILINEAR)


def png(image: Image.Image) -> bytes:
    """As a file."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def picture(seed: int) -> Image.Image:
    """The same as a tile's reader sees it."""
    image = read_tile(png(small_picture(seed))).image
    assert image is not None and image.size == (SIDE, SIDE)
    return image


def number(tile: Tile) -> int:
    """Which picture a tile shows: a quarter of all the same one."""
    return 0 if tile.x % 4 == 0 else 1 + tile.z * 10_000 + tile.y * 100 + tile.x


def source(blank: Iterable[Tile] = (), missing: Iterable[Tile] = (), seen: list[Tile] | None = None) -> Drawn:
    """Tiles drawn on demand; what was asked for is added to `seen`."""
    blanks, gone = set(blank), set(missing)

    def draw(tile: Tile) -> bytes | None:
        if seen is not None:
            seen.append(tile)
        if tile in gone:
            return None
        return png(Image.new("RGB", (16, 16), "navy") if tile in blanks else small_picture(number(tile)))

    return Drawn(draw, "test", ABOUT, (0, 16))
