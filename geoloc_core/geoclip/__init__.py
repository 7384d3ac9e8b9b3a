"""GeoCLIP: places and photos in one space, so that bare coordinates can be searched with a photo.

Source: Vivanco Cepeda, Nayak and Shah, "GeoCLIP: Clip-Inspired Alignment between Locations and Images for Effective
Worldwide Geo-localization", NeurIPS 2023. Importing this package needs no torch.
"""

from __future__ import annotations

from geoloc_core.geoclip.config import PUBLISHED, Config
from geoloc_core.geoclip.opened import GeoClip, open_geoclip
from geoloc_core.geoclip.weights import save

__all__ = ["PUBLISHED", "Config", "GeoClip", "open_geoclip", "save"]
