"""What a classifier of geo-cells said, as plain JSON types, as polygons, and as lines for a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np

from geoloc_core.geo import Floats
from geoloc_core.translocator.said import Classified

LISTED, _TOLD, _SCENES = 20, 5, 3
_DIGITS = 6  # of a degree: a tenth of a metre


def top_cells(classified: Classified, count: int = LISTED) -> list[dict[str, Any]]:
    """The likeliest cells: S2 token, class, probability, mean place, and box (south, west, north, east in degrees)."""
    level, order = classified.level, np.argsort(-classified.probabilities, kind="stable")[:count]
    return [
        {
            "token": level.tokens[cell],
            "class": int(cell),
            "probability": round(float(classified.probabilities[cell]), 6),
            "lat": round(float(level.points[cell, 0]), _DIGITS),
            "lon": round(float(level.points[cell, 1]), _DIGITS),
            "bounds": [round(edge, _DIGITS) for edge in level.bounds(int(cell))],
            "photos": int(level.counts[cell]),
        }
        for cell in order
    ]


def classified_record(classified: Classified) -> dict[str, Any]:
    """The likeliest cells, the scene, and what the answer rests on."""
    scene, attention = classified.scene, classified.attention
    return {
        "level": classified.level.name,
        "cells": len(classified.level),
        "by": classified.by,
        "top": top_cells(classified),
        "scene": scene
        and {"by": scene.by, "top": [{"name": name, "probability": round(p, 4)} for name, p in scene.top()]},
        "attention": attention and {"photo": round(attention[0], 4), "segmentation": round(attention[1], 4)},
        "refined": classified.refined,
    }


def polygons(classified: Classified) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The likeliest cells as GeoJSON geometries, cut at the antimeridian as RFC 7946 wants, with their properties."""
    level = classified.level
    return [(_polygon(level.outline(cell["class"])), cell) for cell in top_cells(classified)]


def in_words(classified: Classified) -> str:
    """The likeliest cells, the scene, and how much the answer rests on the photo and on its segmentation map."""
    how = {"f*": "f*: each cell's probability times its ancestors'"}.get(classified.by, f"{classified.by} cells")
    said = [f"{how}, {len(classified.level):,} of them"]
    said += [
        f"  {cell['probability']:.1%} {cell['token']} around {cell['lat']:.3f}, {cell['lon']:.3f}"
        for cell in top_cells(classified, _TOLD)
    ]
    if classified.scene:
        said.append("scene: " + ", ".join(f"{name} {p:.0%}" for name, p in classified.scene.top(_SCENES)))
    if classified.attention:
        photo, segmentation = classified.attention
        said.append(f"rests on the photo {photo:.0%}, on its segmentation {segmentation:.0%}")
    return "\n".join(said)


def _polygon(line: Floats) -> dict[str, Any]:
    from shapely import affinity, union_all
    from shapely.geometry import MultiPolygon, Polygon, box, mapping
    from shapely.geometry.polygon import orient

    whole, world = Polygon(line[:, ::-1]), box(-180, -90, 180, 90)
    parts = [affinity.translate(whole, turn).intersection(world) for turn in (-360, 0, 360)]
    drawn = union_all([piece for part in parts for piece in getattr(part, "geoms", [part]) if piece.area > 0])
    rounded = [orient(Polygon(np.round(piece.exterior.coords, _DIGITS))) for piece in getattr(drawn, "geoms", [drawn])]
    return dict(mapping(rounded[0] if len(rounded) == 1 else MultiPolygon(rounded)))
