"""Exports are well formed, say what the page says, and stay text whatever a gallery holds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from geopy.distance import geodesic

from geoloc_core.answer import Answer
from geoloc_core.export import EXPORTS, links, to_geojson, to_json, to_kml
from geoloc_core.gallery import Gallery
from geoloc_core.locate import locate
from geoloc_core.photo import open_photo

HOSTILE = "</name><script>alert(1)</script>{{7*7}}\x00\x1b]]>\U0001f4a5"
KML = {"k": "http://www.opengis.net/kml/2.2"}


@pytest.fixture(scope="module")
def answer(small_gallery: Path, photo_folder: Path) -> Answer:
    return locate(open_photo(photo_folder / "a" / "05.jpg"), Gallery.open(small_gallery), shown=5)


def test_a_gallery_photo_finds_itself_first(answer: Answer):
    first = answer.nearest[0].neighbour
    assert first.id == "a/05.jpg"
    assert first.similarity == pytest.approx(1, abs=2e-3)
    assert [n.neighbour.rank for n in answer.nearest] == [1, 2, 3, 4, 5]
    assert answer.farthest[0].neighbour.similarity <= answer.nearest[-1].neighbour.similarity


def test_the_truth_comes_from_exif_and_stays_apart(answer: Answer):
    assert (answer.truth.lat, answer.truth.lon) == pytest.approx((42.5, 2), abs=1e-4)
    assert answer.truth.source == "exif"
    assert answer.truth.error_km == pytest.approx(geodesic((answer.lat, answer.lon), (42.5, 2)).km, abs=0.05)
    assert answer.truth.scale in ("street", "city", "region", "country", "continent", "none")


def test_json_holds_the_answer(answer: Answer):
    record = json.loads(to_json(answer))
    assert record["prediction"]["lat"] == pytest.approx(answer.lat, abs=1e-6)
    assert record["prediction"]["calibrated"] is False
    assert len(record["nearest"]) == len(record["farthest"]) == 5
    assert set(record["seconds"]) >= {"encode", "search", "predict"}


def test_geojson_positions_are_lon_lat(answer: Answer):
    collection = json.loads(to_geojson(answer))
    first = collection["features"][0]
    assert first["properties"]["kind"] == "prediction"
    assert first["geometry"]["coordinates"] == pytest.approx([answer.lon, answer.lat], abs=1e-6)


def test_kml_parses_and_has_all_points(answer: Answer):
    root = ET.fromstring(to_kml(answer))
    kinds = [name.text for name in root.findall(".//k:Folder/k:name", KML)]
    assert kinds[:2] == ["prediction", "truth"]
    assert len(root.findall(".//k:Point", KML)) == len(json.loads(to_geojson(answer))["features"])


@pytest.mark.parametrize("name", EXPORTS)
def test_hostile_names_stay_text(answer: Answer, name: str):
    seen = answer.nearest[0]
    bad = replace(seen.neighbour, id=HOSTILE, columns={"author": HOSTILE, "licence": HOSTILE})
    text = EXPORTS[name][0](replace(answer, nearest=(replace(seen, neighbour=bad),), gallery_title=HOSTILE))
    text.encode("utf-8")
    if name == "kml":
        assert ET.fromstring(text).find(".//k:script", KML) is None
        assert "<script" not in text
    else:
        json.loads(text)


def test_links_hold_the_coordinates():
    for url in links(-12.5, 130.25).values():
        assert url.startswith("https://")
        assert "-12.5" in url
        assert "130.25" in url
