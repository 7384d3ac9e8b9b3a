"""A photo with signs: boards set before a backdrop at an angle, lit, and taken with a camera that is not the best.

What is true is kept beside the picture: each line, how tall its letters are, and whether the picture's edge cuts it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from index_builder.atlas.writing.backdrop import backdrop, clouds
from index_builder.atlas.writing.boards import LETTER, Board, paint
from index_builder.atlas.writing.places import SignPlace, sign_places
from index_builder.atlas.writing.texts import sign_texts

VERSION = 1  # of what is drawn: raise it with any change, so that nothing read from older photos is kept
SIZE = (1024, 768)
BLANK = 0.08  # of the photos have no sign at all
LEGIBLE_PX = 10.0
_CUT, _POSTS, _OUTDOORS, _COARSE = 0.06, 0.1, 0.33, 0.3
_SMALLEST, _LARGEST = 9.0, 60.0  # pixels of a board's largest letters, as far as there is room


@dataclass(frozen=True)
class DrawnLine:
    """A line as it is on the photo.

    Attributes:
        text: what it says.
        language: or "".
        kind: of the sign.
        height: of its capitals, in pixels.
        whole: no edge of the photo cuts its sign.
        misled: it speaks of another place.
    """

    text: str
    language: str
    kind: str
    height: float
    whole: bool
    misled: bool


@dataclass(frozen=True)
class SignPhoto:
    """A drawn photo: `jpeg` as a camera would give it, and what is true of it."""

    jpeg: bytes
    place: SignPlace
    lines: tuple[DrawnLine, ...]

    @property
    def image(self) -> Image.Image:
        """RGB, decoded."""
        return Image.open(io.BytesIO(self.jpeg)).convert("RGB")

    @property
    def letters(self) -> int:
        """Letters tall enough to read, on signs that are whole."""
        return sum(c.isalpha() for line in self.lines if line.whole and line.height >= LEGIBLE_PX for c in line.text)


def sign_photos(n: int, seed: int, split: str) -> Iterator[SignPhoto]:
    """`n` photos, each at another place; see `sign_places`."""
    for i, place in enumerate(sign_places(n, seed, split)):
        yield draw_signs(place, Random(f"{seed}/{split}/{i}"))


def draw_signs(place: SignPlace, rng: Random, *, blank: bool | None = None) -> SignPhoto:
    """A photo of some signs at a place.

    Args:
        place: where.
        rng: decides the rest.
        blank: without any sign; by default a share of `BLANK`.
    """
    texts = [] if (rng.random() < BLANK if blank is None else blank) else sign_texts(place, rng)
    outdoors = rng.random() < _OUTDOORS
    picture = Image.fromarray(np.clip(backdrop(SIZE, rng, outdoors), 0, 255).astype(np.uint8))
    lines: list[DrawnLine] = []
    for board, cell in zip((paint(text, place.iso2, rng) for text in texts), _cells(len(texts), rng), strict=True):
        lines += _mount(picture, board, cell, outdoors, rng)
    return SignPhoto(_taken(picture, rng), place, tuple(lines))


def _cells(n: int, rng: Random) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, w, h) side by side and one above the other, at random."""
    w, h = SIZE
    columns = 1 if n == 1 else rng.choice((1, 2)) if n == 2 else 2
    rows = -(-n // columns)
    boxes = [(i % columns * w // columns, i // columns * h // rows, w // columns, h // rows) for i in range(n)]
    rng.shuffle(boxes)
    return boxes


def _mount(
    picture: Image.Image, board: Board, cell: tuple[int, int, int, int], outdoors: bool, rng: Random
) -> list[DrawnLine]:
    """Set a board into a cell, seen a little from the side; out of doors it stands on posts."""
    x, y, w, h = cell
    most = min(w * 0.94 / board.image.width, h * 0.9 / board.image.height, _LARGEST / (0.72 * LETTER))
    least = min(most, _SMALLEST / (0.72 * LETTER))
    scale = most * (least / most) ** (rng.random() ** 1.6)
    bw, bh = board.image.width * scale, board.image.height * scale
    left, top = x + rng.random() * (w - bw), y + rng.random() * (h - bh)
    whole = rng.random() >= _CUT
    if not whole:
        left = -bw * rng.uniform(0.2, 0.6) if rng.random() < 0.5 else SIZE[0] - bw * rng.uniform(0.4, 0.8)
    if outdoors or rng.random() < _POSTS:
        _post(picture, left, top, bw, bh)
    _paste(picture, board.image, _corners(left, top, bw, bh, rng), rng)
    text = board.text
    return [
        DrawnLine(line, text.language, text.kind, round(height * scale, 1), whole, text.misled)
        for line, height in zip(text.lines, board.heights, strict=True)
    ]


def _corners(left: float, top: float, w: float, h: float, rng: Random) -> NDArray[np.float64]:
    """(4, 2) pixels of a board's corners: turned, and nearer at one end."""
    near, lean = rng.gauss(0, 0.13), rng.gauss(0, 0.035)
    x, y = np.array([0, w, w, 0]), np.array([0, 0, h, h])
    depth = 1 + near * (x / w - 0.5)
    ys = (y - h / 2) * depth + h / 2 + lean * (x - w / 2)
    xs = x - lean * (y - h / 2)
    return np.column_stack([xs + left, ys + top])


def _paste(picture: Image.Image, board: Image.Image, corners: NDArray[np.float64], rng: Random) -> None:
    box = (*np.floor(corners.min(0)).astype(int) - 2, *np.ceil(corners.max(0)).astype(int) + 2)
    size = (int(box[2] - box[0]), int(box[3] - box[1]))
    shrunk = max(1.0, min(board.width / size[0], board.height / size[1]))
    smaller = (max(2, round(board.width / shrunk)), max(2, round(board.height / shrunk)))
    board = board.resize(smaller, Image.Resampling.BOX)
    source = np.array([(0, 0), (board.width, 0), (board.width, board.height), (0, board.height)], float)
    seen = board.transform(
        size, Image.Transform.PERSPECTIVE, _perspective(corners - box[:2], source), Image.Resampling.BICUBIC
    )
    shade = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(size)
    dark = Image.new("RGBA", size, (0, 0, 0, 255))
    alpha = seen.getchannel(3)
    seen = Image.composite(dark, seen, shade.point(lambda v: v * 0.22))
    seen.putalpha(alpha)
    picture.paste(seen, (int(box[0]), int(box[1])), seen)


def _perspective(to: NDArray[np.float64], source: NDArray[np.float64]) -> tuple[float, ...]:
    """The eight numbers by which Pillow finds the source (4, 2) of the picture's points `to` (4, 2)."""
    rows, right = [], []
    for (x, y), (u, v) in zip(to, source, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        right += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(right)).tolist())


def _post(picture: Image.Image, left: float, top: float, w: float, h: float) -> None:
    for share in (0.2, 0.8) if w > 300 else (0.5,):
        x = int(left + share * w)
        picture.paste((128, 132, 136), (x - 5, int(top + h / 2), x + 5, SIZE[1]))


def _taken(picture: Image.Image, rng: Random) -> bytes:
    """Light, haze, blur, noise and JPEG."""
    dice = np.random.Generator(np.random.PCG64(rng.getrandbits(60)))
    light = rng.uniform(0.55, 1.15) + 0.06 * clouds(SIZE, 3, dice)
    tint = np.array((1 + rng.gauss(0, 0.05), 1, 1 + rng.gauss(0, 0.05)))
    if rng.random() < _COARSE:
        share = rng.uniform(0.45, 0.8)
        small = picture.resize((round(SIZE[0] * share), round(SIZE[1] * share)), Image.Resampling.BILINEAR)
        picture = small.resize(SIZE, Image.Resampling.BICUBIC)
    picture = picture.filter(ImageFilter.GaussianBlur(abs(rng.gauss(0, 0.9))))
    pixels = np.asarray(picture, np.float32) * light[..., None] * tint
    pixels += dice.standard_normal(pixels.shape, np.float32) * rng.uniform(0, 14)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=rng.randrange(35, 93))
    return out.getvalue()
