"""An answer as JSON, GeoJSON (RFC 7946) and KML 2.2, and as links to maps elsewhere.

Names come from galleries and are hostile: they pass through the writers' own escaping and nothing else.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from geoloc_core import __version__
from geoloc_core.answer import Answer, SeenNeighbour
from geoloc_core.lmm.record import account_record
from geoloc_core.signs.record import signs_record
from geoloc_core.tiles.record import rectangles, walk_record
from geoloc_core.translocator.record import classified_record, polygons

_KML = "http://www.opengis.net/kml/2.2"


def as_record(answer: Answer) -> dict[str, Any]:
    """The answer as plain JSON types. It holds nothing of the photo: no name, no pixels, no EXIF but the truth."""
    truth = answer.truth
    return {
        "software": f"geoloc {__version__}",
        "prediction": {
            "lat": round(answer.lat, 6),
            "lon": round(answer.lon, 6),
            "place": str(answer.place),
            "country_code": answer.place.country_code,
            "radius_km": round(answer.radius_km, 3),
            "mass": answer.mass,
            "calibrated": answer.calibrated,
        },
        "candidates": [
            {"lat": round(c.lat, 6), "lon": round(c.lon, 6), "mass": round(c.mass, 4), "place": str(c.place)}
            for c in answer.candidates
        ],
        "truth": truth
        and {
            "lat": truth.lat,
            "lon": truth.lon,
            "place": str(truth.place),
            "source": truth.source,
            "error_km": round(truth.error_km, 3),
            "within": truth.scale,
        },
        "search": answer.prediction.searched and asdict(answer.prediction.searched),
        "nearest": [_neighbour(seen) for seen in answer.nearest],
        "farthest": [_neighbour(seen) for seen in answer.farthest],
        "model": {
            "predictor": answer.prediction.predictor,
            "name": answer.prediction.model,
            "encoder": answer.encoder_id if answer.retrieved else None,
            "choices": {key: {"value": c.value, "reason": c.reason} for key, c in answer.choices.items()},
        },
        "synthetic": answer.synthetic,
        "gallery": _gallery(answer) if answer.retrieved else None,
        "signs": answer.prediction.signs and signs_record(answer.prediction.signs),
        "cells": answer.prediction.classified and classified_record(answer.prediction.classified),
        "tiles": answer.prediction.walked and walk_record(answer.prediction.walked),
        "asked": answer.prediction.account and account_record(answer.prediction.account),
        "seconds": {key: round(value, 4) for key, value in answer.prediction.seconds.items()},
    }


def to_json(answer: Answer) -> str:
    """The whole answer."""
    return json.dumps(as_record(answer), indent=2, ensure_ascii=False) + "\n"


def to_geojson(answer: Answer) -> str:
    """Points for prediction, candidates, neighbours and truth, and the likeliest cells or tiles; in (lon, lat)."""
    features = [
        _feature(kind, {"type": "Point", "coordinates": [lon, lat]}, properties)
        for kind, lat, lon, properties in _points(answer)
    ]
    if answer.prediction.classified:
        features += [_feature("cell", *drawn) for drawn in polygons(answer.prediction.classified)]
    if answer.prediction.walked:
        features += [_feature("tile", *drawn) for drawn in rectangles(answer.prediction.walked)]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1, ensure_ascii=False) + "\n"


def to_kml(answer: Answer) -> str:
    """The same points in folders by kind, for Google Earth and its kin."""
    ET.register_namespace("", _KML)
    root = ET.Element(f"{{{_KML}}}kml")
    document = _child(root, "Document")
    _child(document, "name", "Geoloc answer")
    folders: dict[str, ET.Element] = {}
    for kind, lat, lon, properties in _points(answer):
        if kind not in folders:
            folders[kind] = _child(document, "Folder")
            _child(folders[kind], "name", kind)
        mark = _child(folders[kind], "Placemark")
        _child(mark, "name", str(properties.get("place") or kind))
        _child(mark, "description", "\n".join(f"{key}: {value}" for key, value in properties.items()))
        _child(_child(mark, "Point"), "coordinates", f"{lon:.6f},{lat:.6f},0")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


EXPORTS: dict[str, tuple[Callable[[Answer], str], str]] = {
    "json": (to_json, "application/json"),
    "geojson": (to_geojson, "application/geo+json"),
    "kml": (to_kml, "application/vnd.google-earth.kml+xml"),
}


def links(lat: float, lon: float, zoom: int = 10) -> dict[str, str]:
    """Pages elsewhere that show a place. Opening one tells its owner which place is looked at."""
    at = f"{lat:.6f},{lon:.6f}"
    return {
        "OpenStreetMap": f"https://www.openstreetmap.org/?mlat={lat:.6f}&mlon={lon:.6f}#map={zoom}/{lat:.6f}/{lon:.6f}",
        "Google Maps": f"https://www.google.com/maps/search/?api=1&query={at}",
        "Street View": f"https://www.google.com/maps/@?api=1&map_action=pano&viewpoint={at}",
    }


def _gallery(answer: Answer) -> dict[str, Any]:
    return {
        "name": answer.gallery_name,
        "title": answer.gallery_title,
        "photos": answer.gallery_size,
        "source": answer.gallery_source,
        "licence": answer.gallery_licence,
        "synthetic": answer.gallery_synthetic,
    }


def _neighbour(seen: SeenNeighbour) -> dict[str, Any]:
    near = seen.neighbour
    return {
        "rank": near.rank,
        "id": near.id,
        "lat": round(near.lat, 6),
        "lon": round(near.lon, 6),
        "similarity": round(near.similarity, 5),
        "stands_for": near.stands_for,
        "place": str(seen.place),
        "distance_to_prediction_km": round(seen.distance_km, 2),
        **{key: near.columns[key] for key in ("author", "licence") if near.columns.get(key)},
    }


def _points(answer: Answer) -> list[tuple[str, float, float, dict[str, Any]]]:
    record = as_record(answer)
    groups = {
        "prediction": [record["prediction"]],
        "truth": [record["truth"]] if record["truth"] else [],
        "candidate": record["candidates"][1:],
        "nearest": record["nearest"],
        "farthest": record["farthest"],
    }
    return [
        (
            kind,
            item["lat"],
            item["lon"],
            {key: value for key, value in item.items() if key not in ("lat", "lon")},
        )
        for kind, items in groups.items()
        for item in items
    ]


def _feature(kind: str, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind, **properties}}


def _child(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    """A sub-element; characters that XML 1.0 cannot hold become U+FFFD."""
    element = ET.SubElement(parent, f"{{{_KML}}}{tag}")
    if text is not None:
        element.text = "".join(c if c in "\t\n" or " " <= c <= "\ud7ff" or c >= "\ue000" else "\ufffd" for c in text)
    return element
