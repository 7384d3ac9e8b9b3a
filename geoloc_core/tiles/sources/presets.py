"""Servers whose terms, as read on 2026-11-21, allow what Geoloc does: fetch, keep, embed and train on their tiles.

What is left out, and why, stands in docs/tiles.md. Terms change: read them before a large download.
"""

from __future__ import annotations

from dataclasses import dataclass

from geoloc_core.tiles.cache import TileCache
from geoloc_core.tiles.sources.base import About
from geoloc_core.tiles.sources.xyz import Xyz

TERMS_READ = "2026-11-21"


@dataclass(frozen=True)
class Preset:
    """A server ready to use.

    Attributes:
        template: of `Xyz`.
        about: whose it is.
        zooms: (least, most) at the imagery's own resolution.
        covers: the area, for a person.
        rate: requests a second that we allow ourselves.
    """

    template: str
    about: About
    zooms: tuple[int, int]
    covers: str
    rate: float = 4.0

    def source(self, cache: TileCache | None = None) -> Xyz:
        """The source."""
        return Xyz(self.template, self.about, zooms=self.zooms, rate=self.rate, cache=cache)


_GIBS = "https://gibs.earthdata.nasa.gov/wmts/epsg3857/best"
_GIBS_ABOUT = (
    "NASA Global Imagery Browse Services (GIBS), part of NASA's ESDIS",
    "public domain (NASA)",
    "Open without a key; more than a million tiles a day are to be announced 48 hours before.",
    "https://nasa-gibs.github.io/gibs-api-docs/",
)

PRESETS: dict[str, Preset] = {
    "gibs-bluemarble": Preset(
        f"{_GIBS}/BlueMarble_NextGeneration/default/GoogleMapsCompatible_Level8/{{z}}/{{y}}/{{x}}.jpeg",
        About("Blue Marble Next Generation", *_GIBS_ABOUT),
        (1, 8),
        "the world, 500 m a pixel",
        rate=8.0,
    ),
    "gibs-blackmarble": Preset(
        f"{_GIBS}/VIIRS_Black_Marble/default/2016-01-01/GoogleMapsCompatible_Level8/{{z}}/{{y}}/{{x}}.png",
        About("Black Marble 2016: the Earth at night (VIIRS)", *_GIBS_ABOUT),
        (1, 8),
        "the world at night, 500 m a pixel",
        rate=8.0,
    ),
    "s2cloudless-2016": Preset(
        "https://tiles.maps.eox.at/wmts/1.0.0/s2cloudless_3857/default/g/{z}/{y}/{x}.jpg",
        About(
            "Sentinel-2 cloudless 2016",
            "EOxCloudless https://cloudless.eox.at by EOX IT Services GmbH (Contains modified Copernicus Sentinel data "
            "2016)",
            "CC BY 4.0 (2016 only; later years CC BY-NC-SA 4.0)",
            "Without a key; no limit is published: ask EOX before fetching whole zooms, or buy their files.",
            "https://cloudless.eox.at/documentation/license",
        ),
        (0, 14),
        "land, 10 m a pixel",
        rate=2.0,
    ),
    "usgs-imagery": Preset(
        "https://basemap.nationalmap.gov/arcgis/rest/services/USGSImageryOnly/MapServer/tile/{z}/{y}/{x}",
        About(
            "USGS The National Map: imagery",
            "USGS The National Map: Orthoimagery",
            "public domain (USGS)",
            "Without a key; credit is asked for.",
            "https://www.usgs.gov/information-policies-and-instructions/copyrights-and-credits",
        ),
        (0, 16),
        "United States, 1 m a pixel; the world coarsely",
    ),
    "ign-ortho": Preset(
        "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=ORTHOIMAGERY.ORTHOPHOTOS&STYLE=normal"
        "&TILEMATRIXSET=PM&FORMAT=image/jpeg&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}",
        About(
            "BD ORTHO (IGN, Géoplateforme)",
            "IGN-F/Géoportail",
            "Licence Ouverte 2.0 (Etalab)",
            "Without a key; tiled images have no limit of requests, other services of the platform have.",
            "https://geoservices.ign.fr/node/1551",
        ),
        (0, 19),
        "France with its overseas parts, 20 cm a pixel",
    ),
    "basemap-at-ortho": Preset(
        "https://mapsneu.wien.gv.at/basemap/bmaporthofoto30cm/normal/google3857/{z}/{y}/{x}.jpeg",
        About(
            "basemap.at orthophoto",
            "Datenquelle: basemap.at",
            "CC BY 4.0",
            "Without a key.",
            "https://basemap.at/",
        ),
        (0, 19),
        "Austria, 30 cm a pixel",
    ),
}
