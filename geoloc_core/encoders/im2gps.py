"""The hand-crafted descriptor of Im2GPS, which needs no download: tiny image, joint Lab histogram, gist.

Source: Hays and Efros, "IM2GPS: estimating geographic information from a single image", CVPR 2008, section 3. The
features are the paper's kinds with fewer numbers, so that a gallery stays small: the tiny image's colour is coarser
than its lightness, and the histogram has 4 x 8 x 8 bins where the paper has 4 x 14 x 14. Textons, line features and
geometric context are left out. The inner product of two rows stands in for the paper's summed distances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoloc_core.encoders.base import Embeddings, Features, Prepared
from geoloc_core.status import Availability, Choice

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 128  # pixels the photo is squashed to
_LIGHT, _COLOUR = 16, 8  # sides of the tiny image, for L and for a, b
_BINS = (4, 8, 8)  # of L, a, b
_CHROMA = 64.0  # a and b beyond this fall into the last bin
_GIST_GRID, _ORIENTATIONS = 4, 6
_WAVELENGTHS = (4.0, 8.0, 16.0, 32.0)  # of the Gabor filters, in pixels
_BORDER = 16  # reflected pixels around the photo, so that its edges do not wrap round
_WEIGHTS = (1.0, 1.0, 1.0)  # of tiny image, histogram, gist; every block has length 1 before

# sRGB (D65) to CIE XYZ, rows divided by the white point
_XYZ = np.array([[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07217], [0.01933, 0.11919, 0.95030]])
_TO_XYZ = (_XYZ / _XYZ.sum(axis=1, keepdims=True)).astype(np.float32)


class Im2Gps:
    """Always available; 1,024 numbers a photo: 384 tiny image, 256 histogram, 384 gist."""

    name = "im2gps"
    id = "im2gps/1/lab16.8-hist4.8.8-gabor4x6-grid4"  # change the version with any parameter above
    licence = "Apache-2.0"
    side, dim, batch = _SIDE, 1024, 64

    @property
    def root(self) -> Im2Gps:
        """Itself."""
        return self

    @property
    def choices(self) -> Mapping[str, Choice]:
        """Where it runs: numpy on the CPU."""
        return {"device": Choice("cpu", "im2gps is a few small matrix products")}

    def availability(self) -> Availability:
        """Always available."""
        return Availability(True, "im2gps needs no weights")

    def load(self) -> None:
        """Prepare the filters."""
        _filters()

    def prepare(self, image: Image) -> Prepared:
        """The whole descriptor, (1024,) float32: there is no device to wait for."""
        return describe(_lab(image))

    def features(self, prepared: Sequence[Prepared]) -> Features:
        """(n, 1024) float32, the descriptors, which have unit length already."""
        return np.array(prepared, dtype=np.float32).reshape(-1, self.dim)

    def finish(self, features: Features) -> Embeddings:
        """The same."""
        return features

    def embed(self, prepared: Sequence[Prepared]) -> Embeddings:
        """(n, 1024) float32 with unit rows, from n descriptors."""
        return self.features(prepared)

    def encode(self, images: Sequence[Image]) -> Embeddings:
        """(n, 1024) float32 with unit rows, from n images of any size and mode."""
        return self.embed([self.prepare(image) for image in images])


def describe(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(128, 128, 3) Lab to the (1024,) unit descriptor."""
    blocks = (_tiny_image(lab), _histogram(lab), _gist(lab[..., 0]))
    return _unit(np.concatenate([weight * _unit(block) for weight, block in zip(_WEIGHTS, blocks, strict=True)]))


def _lab(image: Image) -> NDArray[np.float32]:
    """The image squashed to (128, 128, 3) CIE Lab, L in 0..100."""
    colours = image if image.mode == "RGB" else image.convert("RGB")  # convert would copy all pixels of a large photo
    small = colours.resize((_SIDE, _SIDE), resample=4, reducing_gap=2.0)  # 4 is a box filter: area means
    linear = _linear()[np.asarray(small)]
    ratio = linear @ _TO_XYZ.T
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


@cache
def _linear() -> NDArray[np.float32]:
    """(256,) linear light of an sRGB byte."""
    s = np.arange(256) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _tiny_image(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """16 x 16 lightness around mid-grey and 8 x 8 a and b, (384,)."""
    light = _block_means(lab[..., :1], _LIGHT) - 50
    return np.concatenate([light.ravel(), _block_means(lab[..., 1:], _COLOUR).ravel() * 2])  # 4 times fewer numbers


def _histogram(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Joint histogram of L, a, b (256,), as roots of the shares: inner products are Bhattacharyya coefficients."""
    low, high = np.array([0, -_CHROMA, -_CHROMA]), np.array([100, _CHROMA, _CHROMA])
    bins = ((lab - low) / (high - low) * _BINS).astype(np.intp).clip(0, np.array(_BINS) - 1)
    flat = np.ravel_multi_index(tuple(np.moveaxis(bins, -1, 0)), _BINS)
    return np.sqrt(np.bincount(flat.ravel(), minlength=int(np.prod(_BINS))) / flat.size).astype(np.float32)


def _gist(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energy of 4 x 6 Gabor filters in 4 x 4 cells, (384,), around its mean: contrast alone makes no likeness."""
    spectrum = np.fft.fft2(np.pad(light - light.mean(), _BORDER, mode="reflect"))
    energy = np.abs(np.fft.ifft2(spectrum * _filters()))[:, _BORDER:-_BORDER, _BORDER:-_BORDER]
    cells = _block_means(np.moveaxis(energy, 0, -1), _GIST_GRID)
    level = np.sqrt(cells)  # a photo's few strong edges would drown the rest
    return (level - level.mean()).ravel()


@cache
def _filters() -> NDArray[np.float32]:
    """(24, 160, 160) transfer functions of complex Gabor filters, an octave apart, without response to a flat area."""
    side = _SIDE + 2 * _BORDER
    v, u = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    radius[0, 0] = 1.0
    bank = []
    for wavelength in _WAVELENGTHS:
        ring = np.exp(-(np.log2(radius * wavelength) ** 2) / (2 * 0.5**2))  # log-Gabor: half an octave wide
        for k in range(_ORIENTATIONS):
            away = np.angle(np.exp(1j * (angle - np.pi * k / _ORIENTATIONS)))
            bank.append(ring * np.exp(-(away**2) / (2 * (np.pi / _ORIENTATIONS / 1.5) ** 2)))
    out = np.array(bank, dtype=np.float32)
    out[:, 0, 0] = 0
    return out


def _block_means(planes: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """(128, 128, c) to the (grid, grid, c) means of its cells."""
    cell = _SIDE // grid
    return planes.reshape(grid, cell, grid, cell, -1).mean(axis=(1, 3))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1; zeros stay zeros, as the gist of a photo without any edge."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else np.zeros_like(vector)
