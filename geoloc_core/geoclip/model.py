"""GeoCLIP's two sides as torch modules, of any size; parameters are named as in the package `geoclip`. Imports torch.

Source: Vivanco Cepeda et al. (2023), section 3: the location encoder (equal-earth projection, random Fourier features
at several scales, one network each, summed) and the small network over frozen CLIP features.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from geoloc_core.geoclip.config import Config

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796  # Savric, Patterson and Jenny (2018), equation 1
_SCALE = 66.50336 / 180  # the authors' factor; the plane's x then reaches from -1 to 1
_HALF_ROOT3 = math.sqrt(3) / 2


def equal_earth(coordinates: torch.Tensor) -> torch.Tensor:
    """(n, 2) degrees (lat, lon) to the (n, 2) plane (x, y) on which GeoCLIP's frequencies live, in the same dtype."""
    lat, lon = torch.deg2rad(coordinates).unbind(-1)
    theta = torch.asin(_HALF_ROOT3 * torch.sin(lat))
    slope = 9 * _A4 * theta**8 + 7 * _A3 * theta**6 + 3 * _A2 * theta**2 + _A1
    x = lon * torch.cos(theta) / (_HALF_ROOT3 * slope)
    y = _A4 * theta**9 + _A3 * theta**7 + _A2 * theta**3 + _A1 * theta
    return torch.stack((x, y), dim=-1) * _SCALE


class FourierFeatures(nn.Module):
    """(n, 2) to the (n, 2 `count`) cosines and sines of frequencies drawn once from a normal distribution."""

    def __init__(self, sigma: float, count: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.randn(count, 2) * sigma, requires_grad=False)

    def forward(self, plane: torch.Tensor) -> torch.Tensor:
        """Gamma of the paper's equation 2."""
        phase = 2 * math.pi * plane @ self.b.T
        return torch.cat((torch.cos(phase), torch.sin(phase)), dim=-1)


class Capsule(nn.Module):
    """One scale of the location encoder."""

    def __init__(self, sigma: float, config: Config) -> None:
        super().__init__()
        layers: list[nn.Module] = [FourierFeatures(sigma, config.frequencies)]
        for width in (2 * config.frequencies, config.hidden, config.hidden):
            layers += [nn.Linear(width, config.hidden), nn.ReLU()]
        self.capsule = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(config.hidden, config.dim))

    def forward(self, plane: torch.Tensor) -> torch.Tensor:
        """(n, 2) plane to (n, dim)."""
        return self.head(self.capsule(plane))


class LocationEncoder(nn.Module):
    """Degrees to the shared space, not of unit length."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        for i, sigma in enumerate(config.sigmas):
            self.add_module(f"LocEnc{i}", Capsule(sigma, config))

    def on_plane(self, plane: torch.Tensor) -> torch.Tensor:
        """(n, 2) of `equal_earth` to (n, dim)."""
        return torch.stack([capsule(plane) for capsule in self.children()]).sum(dim=0)

    def forward(self, coordinates: torch.Tensor) -> torch.Tensor:
        """(n, 2) degrees (lat, lon) to (n, dim)."""
        plane = equal_earth(coordinates)
        return self.on_plane(plane.to(next(self.parameters()).dtype))


class GeoClipModel(nn.Module):
    """Both sides and the learned temperature."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.location_encoder = LocationEncoder(config)
        mlp = nn.Sequential(
            nn.Linear(config.features, config.image_hidden), nn.ReLU(), nn.Linear(config.image_hidden, config.dim)
        )
        self.image_encoder = nn.ModuleDict({"mlp": mlp})
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def image(self, features: torch.Tensor) -> torch.Tensor:
        """(n, features) of the base encoder, not brought to unit length, to (n, dim)."""
        return self.image_encoder["mlp"](features)

    def forward(self, features: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
        """(n, m) logits of n photos' features against m places (lat, lon) in degrees: scaled cosines."""
        image = nn.functional.normalize(self.image(features), dim=-1)
        place = nn.functional.normalize(self.location_encoder(coordinates), dim=-1)
        return self.logit_scale.exp() * image @ place.T
