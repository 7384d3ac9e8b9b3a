"""What a sign stands before: a brick, plaster or shuttered wall, or open country; nothing on it can be read."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
_WALLS = ((176, 152, 128), (206, 196, 178), (150, 148, 146), (188, 120, 92), (222, 206, 164), (132, 144, 150))
_FIELDS = ((98, 124, 66), (150, 140, 92), (120, 128, 84), (196, 176, 130))


def backdrop(size: Size, rng: Random, outdoors: bool) -> NDArray[np.float32]:
    """(h, w, 3) colours, 0 to 255: open country, or a wall."""
    dice = np.random.Generator(np.random.PCG64(rng.getrandbits(60)))
    draw = _country if outdoors else rng.choices((_bricks, _plaster, _slats), (2, 3, 1))[0]
    return draw(size, rng, dice)


def clouds(size: Size, cells: int, dice: np.random.Generator) -> NDArray[np.float32]:
    """(h, w) smooth noise, about -1 to 1."""
    small = dice.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def _tinted(colour: tuple[int, int, int], shade: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array(colour, np.float32) * shade[..., None]


def _plaster(size: Size, rng: Random, dice: np.random.Generator) -> NDArray[np.float32]:
    shade = 1 + 0.05 * clouds(size, 6, dice) + 0.03 * clouds(size, 180, dice)
    wall = _tinted(rng.choice(_WALLS), shade)
    w, h = size
    for _ in range(rng.randrange(3)):  # windows
        x, y, across, up = rng.randrange(w), rng.randrange(h), rng.randrange(90, 220), rng.randrange(120, 300)
        wall[y : y + up, x : x + across] = 225
        wall[y + 8 : y + up - 8, x + 8 : x + across - 8] = _tinted((62, 78, 92), shade)[
            y + 8 : y + up - 8, x + 8 : x + across - 8
        ]
    return _pavement(wall, rng, dice)


def _bricks(size: Size, rng: Random, dice: np.random.Generator) -> NDArray[np.float32]:
    w, h = size
    tall = rng.randrange(14, 30)
    ys, xs = np.mgrid[0:h, 0:w]
    row = ys // tall
    column = (xs + (row % 2) * tall) // (2 * tall)
    tone = dice.standard_normal((h // tall + 2, w // tall + 2))[row, column].astype(np.float32)
    shade = 0.9 + 0.07 * tone + 0.03 * clouds(size, 160, dice)
    wall = _tinted(rng.choice(((158, 84, 62), (176, 110, 80), (196, 178, 150), (128, 92, 80))), shade)
    mortar = (ys % tall < 2) | ((xs + (row % 2) * tall) % (2 * tall) < 2)
    wall[mortar] = 186
    return _pavement(wall, rng, dice)


def _slats(size: Size, rng: Random, dice: np.random.Generator) -> NDArray[np.float32]:
    pitch = rng.randrange(16, 40)
    ys = np.mgrid[0 : size[1], 0 : size[0]][0]
    shade = 0.85 + 0.25 * ((ys % pitch) / pitch).astype(np.float32) + 0.03 * clouds(size, 120, dice)
    return _tinted(rng.choice(((150, 156, 160), (116, 132, 118), (96, 108, 132), (140, 112, 84))), shade)


def _pavement(wall: NDArray[np.float32], rng: Random, dice: np.random.Generator) -> NDArray[np.float32]:
    h, w = wall.shape[:2]
    top = round(h * rng.uniform(0.82, 1.1))
    if top < h:
        wall[top:] = _tinted((132, 130, 128), 1 + 0.06 * clouds((w, h - top), 40, dice))
    return wall


def _country(size: Size, rng: Random, dice: np.random.Generator) -> NDArray[np.float32]:
    w, h = size
    skyline = h * rng.uniform(0.45, 0.7)
    ridge = skyline - h * 0.1 * np.abs(clouds((w, 1), 5, dice)[0])
    ys = np.arange(h, dtype=np.float32)[:, None]
    down = np.clip(ys / skyline, 0, 1)[..., None]
    sky = np.array((112, 156, 206), np.float32) * (1 - down) + np.array((214, 224, 232), np.float32) * down
    scene = np.broadcast_to(sky, (h, w, 3)) * (1 + 0.05 * clouds(size, 5, dice))[..., None]
    land = _tinted(rng.choice(_FIELDS), 0.9 + 0.1 * clouds(size, 90, dice) + 0.06 * clouds(size, 12, dice))
    scene = np.where((ys > ridge[None, :])[..., None], land, scene)
    middle, half = w * rng.uniform(0.3, 0.7), (ys - skyline) * rng.uniform(0.6, 1.1)
    road = (np.abs(np.arange(w)[None, :] - middle) < half) & (ys > skyline + 4)
    return np.where(road[..., None], _tinted((104, 104, 108), 1 + 0.05 * clouds(size, 120, dice)), scene)
