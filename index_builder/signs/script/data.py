"""The drawn lines as arrays: what the network is trained on, and the sets it is judged by."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoloc_core.signs.shape import HIGH, NONE, WIDTHS
from index_builder.signs.script import nothing
from index_builder.signs.script.lines import Drawn, Painter

log = logging.getLogger(__name__)

NONE_SHARE, DIGITS_SHARE = 0.14, 0.04
CHUNK = 400


def draw(painter: Painter, script: str, rng: Random, height: int | None = None) -> Drawn:
    """One line of a script, or of `NONE`: a pattern or a number."""
    if script != NONE:
        return painter.line(script, rng, height)
    digits = rng.random() < DIGITS_SHARE / (DIGITS_SHARE + NONE_SHARE)
    return painter.digits(rng, height) if digits else nothing.crop(rng, _photos())


def training_set(
    painter: Painter, classes: Sequence[str], count: int, seed: int, workers: int
) -> tuple[dict[int, NDArray[np.uint8]], dict[int, NDArray[np.float32]]]:
    """About `count` lines by width, (n, 32, width), and the shares of their letters, (n, classes)."""
    global _painter
    _painter = painter
    pixels: dict[int, list[NDArray[np.uint8]]] = {width: [] for width in WIDTHS}
    shares: dict[int, list[NDArray[np.float32]]] = {width: [] for width in WIDTHS}
    jobs = [(classes, seed, number) for number in range(count // CHUNK)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for number, lines in enumerate(pool.imap(_chunk, jobs)):
            for line, share in lines:
                pixels[line.shape[1]].append(line)
                shares[line.shape[1]].append(share)
            if number % 10 == 9:
                log.info("%d of %d lines drawn", (number + 1) * CHUNK, count)
    return (
        {width: np.stack(found) for width, found in pixels.items()},
        {width: np.stack(found) for width, found in shares.items()},
    )


def piece(image: Image.Image, rng: Random) -> NDArray[np.uint8]:
    """A window of a line as the network sees it, not yet normalised; of a long line a part anywhere."""
    wide = image.width * HIGH / image.height
    width = min(WIDTHS, key=lambda w: abs(np.log(w / wide)))
    box = (0.0, 0.0, float(image.width), float(image.height))
    if wide > 1.25 * width:
        part = width * image.height / HIGH
        left = rng.uniform(0, image.width - part)
        box = (left, 0.0, left + part, float(image.height))
    return np.asarray(image.resize((width, HIGH), Image.Resampling.BILINEAR, box))


_painter: Painter


def _chunk(job: tuple[Sequence[str], int, int]) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    classes, seed, number = job
    rng = Random(seed * 1_000_003 + number)
    return list(_lines(classes, rng))


def _lines(classes: Sequence[str], rng: Random) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    scripts = [name for name in classes if name != NONE]
    for _ in range(CHUNK):
        script = NONE if rng.random() < NONE_SHARE + DIGITS_SHARE else rng.choice(scripts)
        drawn = draw(_painter, script, rng)
        share = np.array([drawn.shares.get(name, 0.0) for name in classes], np.float32)
        yield piece(drawn.image, rng), share


@cache
def _photos() -> list[Image.Image]:
    """Drawn landscapes without signs, in grey."""
    from index_builder.atlas.painter import draw as draw_photo
    from index_builder.atlas.scenes import SCENES, URBAN
    from index_builder.atlas.world import sample_places

    scenes = sorted(set(SCENES) - URBAN)
    places = enumerate(sample_places(24, 7, "train"))
    return [draw_photo(*p, seed=7, index=i, scene=scenes[i % len(scenes)]).image.convert("L") for i, p in places]
