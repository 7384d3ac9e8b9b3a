"""A walk down the tiles as plain JSON types, and as lines for a terminal."""

from __future__ import annotations

from typing import Any

from geoloc_core.tiles.tile import Tile, bounds, centre
from geoloc_core.tiles.walked import Rung, Step, Walk

_LISTED, _DIGITS = 20, 6


def walk_record(walk: Walk) -> dict[str, Any]:
    """How it was done, the way to the answer, what each zoom took, and the likeliest tiles of the last."""
    how = walk.how
    return {
        "k": how.k,
        "paths": how.by,
        "temperature": how.temperature,
        "region": how.region and list(how.region),
        "beside": [[round(lat, _DIGITS), round(lon, _DIGITS)] for lat, lon in how.beside],
        "ended": walk.ended.name.lower(),
        "reached": walk.rungs[-1].zoom,
        "said": str(walk),
        "tiles": {
            "opened": walk.opened,
            "compared": walk.compared,
            "failed": walk.failed,
            **walk.counts,
            "troubles": dict(walk.troubles),
        },
        "path": [_step(step) for step in walk.best],
        "zooms": [_rung(rung) for rung in walk.rungs],
        "likeliest": [{**_tile(tile), "weight": round(weight, 6)} for tile, weight in walk.leaves[:_LISTED]],
    }


def rectangles(walk: Walk) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The likeliest tiles of the last zoom as GeoJSON geometries, with their properties."""
    drawn = []
    for tile in walk_record(walk)["likeliest"]:
        south, west, north, east = tile["bounds"]
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        drawn.append(({"type": "Polygon", "coordinates": [ring]}, tile))
    return drawn


def in_words(walk: Walk) -> str:
    """The walk in a sentence or two, and its path."""
    lines = [str(walk)]
    for step in walk.best:
        score = "not compared" if step.score is None else f"{step.score:.3f}, no. {step.rank} of {step.of:,}"
        lines.append(f"  zoom {step.tile.z:2} tile {step.tile.x}, {step.tile.y}: {score}")
    return "\n".join(lines)


def _step(step: Step) -> dict[str, Any]:
    score = None if step.score is None else round(step.score, 6)
    return {**_tile(step.tile), "score": score, "rank": step.rank, "of": step.of}


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "zoom": rung.zoom,
        "opened": len(rung.tiles),
        "kept": len(rung.kept),
        "failed": rung.failed,
        "blank": int(rung.scored.blank.sum()),
        "seconds": round(rung.seconds, 4),
        **rung.scored.counts,
    }


def _tile(tile: Tile) -> dict[str, Any]:
    """A tile with its middle, and its edges (south, west, north, east) in degrees."""
    lat, lon = centre(tile)
    box = [round(edge, _DIGITS) for edge in bounds(tile)]
    return {
        "zoom": tile.z,
        "x": tile.x,
        "y": tile.y,
        "lat": round(lat, _DIGITS),
        "lon": round(lon, _DIGITS),
        "bounds": box,
    }
