"""Galleries of locations: made whole, listed as what they are, and near in embedding what is near on Earth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from geoloc_core.errors import EncoderMismatch, GalleryDamaged, GeolocError, SourceError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.borders import on_land
from geoloc_core.gallery.catalogue import STARTER, default_gallery, find_galleries
from geoloc_core.gallery.manifest import NAME, EncoderRef, Shard, read_manifest
from geoloc_core.geo import EARTH_RADIUS_KM, distance_km
from geoloc_core.geoclip import Config, open_geoclip, save
from geoloc_core.geoclip.model import GeoClipModel
from geoloc_core.settings import Settings
from index_builder.__main__ import main
from index_builder.adding import AppendOptions, append_source
from index_builder.embedding.listing import SourceAsked
from index_builder.gallery.append import append
from index_builder.gallery.info import info
from index_builder.gallery.publish import Provenance
from index_builder.gallery.verify import verify
from index_builder.geoclip.coordinates import REPEATED_ID, SAME_PLACE, from_table, grid, packaged
from index_builder.geoclip.gallery import build_locations
from tests.make_embeddings import rows, unit, write_pair
from tests.make_gallery import write_gallery

LAND_KM2 = 148.9e6  # the Earth's land surface, with lakes
REFERENCE = EncoderRef(id="geoclip/sha256-0", name="geoclip")
CITIES = {
    "Paris": (48.857, 2.352), "London": (51.507, -0.128), "Oslo": (59.914, 10.752), "Athens": (37.984, 23.728),
    "Istanbul": (41.01, 28.98), "Moscow": (55.756, 37.617), "Reykjavik": (64.147, -21.943), "Cairo": (30.044, 31.236),
    "Nairobi": (-1.292, 36.822), "Cape Town": (-33.925, 18.42), "Delhi": (28.614, 77.209), "Bangkok": (13.756, 100.5),
    "Singapore": (1.352, 103.820), "Beijing": (39.904, 116.407), "Tokyo": (35.676, 139.650), "Kyoto": (35.012, 135.768),
    "Sydney": (-33.869, 151.209), "New York": (40.713, -74.006), "San Francisco": (37.775, -122.419),
    "Toronto": (43.653, -79.383), "Mexico City": (19.433, -99.133), "Lima": (-12.046, -77.043),
    "Rio de Janeiro": (-22.907, -43.173), "Buenos Aires": (-34.604, -58.382),
}  # fmt: skip


class Spheres:
    """A location encoder without weights: the point of the unit sphere."""

    def encode_locations(self, coordinates):
        lat, lon = np.radians(coordinates).T
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], 1).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    config = Config(
        title="tiny", base="starter", features=8, image_hidden=8, dim=16, frequencies=8, hidden=16, synthetic=True
    )
    return save(tmp_path_factory.mktemp("geoclip") / "tiny", GeoClipModel(config), config)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = "id,LAT,LON a,41.9,2.8 b,41.9,2.8 c,95,0 a,10,20 d,x,1 e,0,180 f,0,-180 g,-33.9,151.2"
    (tmp_path / "places.csv").write_text("\n".join(lines.split()) + "\n")
    return tmp_path / "places.csv"


@given(st.floats(60, 1500))
@hypothesis_settings(max_examples=15, deadline=None)
def test_a_grid_has_one_point_for_each_square(km: float):
    points = grid(km).points
    squares = LAND_KM2 / km**2
    assert abs(len(points) - squares) < 0.03 * squares + 4 * squares**0.5
    assert on_land(points).all()
    if len(points) > 1:
        some = points[:: max(1, len(points) // 50)]
        gaps = np.sort(distance_km(some[:, None], points), axis=1)[:, 1]
        assert gaps.min() > 0.5 * km


def test_a_grid_leaves_no_land_out():
    points = grid(100).points
    inland = [(48, 10), (5, 20), (60, 100), (40, -100), (-10, -55), (-25, 135), (72, -40), (-80, 90), (64, -18)]
    assert distance_km(np.array(inland)[:, None], points).min(axis=1).max() < 100
    assert distance_km((30, -40), points).min() > 500


@pytest.mark.parametrize("km", [0, -3, 1, 4000, float("nan")])
def test_a_spacing_that_cannot_be_is_refused(km: float):
    with pytest.raises(GeolocError, match="Choose from 5 to 2,000 km"):
        grid(km)


def test_a_table_gives_each_place_once(table: Path):
    found = from_table(table)
    assert found.ids == ("a", "e", "g")
    assert found.points == pytest.approx(np.array([(41.9, 2.8), (0, -180), (-33.9, 151.2)]))
    assert [(one.id, one.reason) for one in found.unused] == [
        ("b", SAME_PLACE),
        ("c", "no usable coordinates"),
        ("a", REPEATED_ID),
        ("d", "no usable coordinates"),
        ("f", SAME_PLACE),
    ]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "lat,lon\n", "lat,lon\n95,0\nx,y\n"])
def test_a_table_without_places_is_refused(tmp_path: Path, text: str):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SourceError):
        from_table(tmp_path / "t.csv")


def test_the_package_holds_a_hundred_thousand():
    found = packaged()
    assert len(found.points) + len(found.unused) == 100_000
    assert len(np.unique(found.points, axis=0)) == len(found.points) == 94_123
    assert found.licence == "MIT"


def test_the_command_makes_a_whole_gallery(model: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / "galleries" / "places"
    words = ["geoclip", "--from", str(table), "--model", str(model), "--licence", "CC0 1.0", str(out)]
    assert main(words) == 0
    assert "3 locations, encoded in" in capsys.readouterr().out
    about, gallery = read_manifest(out), Gallery.open(out)
    assert (about.rows, about.dim, about.synthetic, about.licence) == ("locations", 16, True, "CC0 1.0")
    assert about.encoder == EncoderRef(id=open_geoclip(str(model)).id, name=f"geoclip:{model}")
    assert about.reasons == {"no usable coordinates": 2, SAME_PLACE: 2, REPEATED_ID: 1}
    assert str(tmp_path) not in about.command
    expected = open_geoclip(str(model)).encode_locations(gallery.coordinates)
    assert gallery.vectors(np.arange(3)) == pytest.approx(expected, abs=1e-3)
    assert gallery.nearest(expected[2], 1).rows[0] == 2
    assert verify(out).ok
    assert "3 locations, encoder geoclip:" in info(out)
    before = (out / NAME).stat().st_mtime_ns
    assert main(words) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (out / NAME).stat().st_mtime_ns == before


def test_another_gallery_is_replaced_only_when_told(model: Path, table: Path, tmp_path: Path):
    out, words = tmp_path / "g", ["--model", str(model), str(tmp_path / "g")]
    assert main(["geoclip", "--from", str(table), *words]) == 0
    assert main(["geoclip", "--grid", "1500", *words]) != 0
    assert len(Gallery.open(out)) == 3
    assert main(["geoclip", "--grid", "1500", "--overwrite", *words]) == 0
    assert len(Gallery.open(out)) > 40
    (tmp_path / "notes").mkdir()
    assert main(["geoclip", "--grid", "1500", "--model", str(model), str(tmp_path / "notes")]) != 0


def test_it_is_listed_as_locations_and_never_the_default(tmp_path: Path):
    build_locations(grid(1000), Spheres(), REFERENCE, tmp_path / "g" / "places", Provenance(title="Everywhere"))
    config = Settings(galleries=tmp_path / "g")
    listed = find_galleries(config)
    assert listed[0].locations
    assert not listed[0].bare
    assert listed[0].summary.endswith("locations, geoclip: Everywhere")
    assert default_gallery(listed, config)[0].path == STARTER


def test_a_build_that_fails_leaves_nothing(tmp_path: Path):
    class Broken:
        def encode_locations(self, coordinates):
            return np.full((len(coordinates), 4), np.nan, np.float32)

    with pytest.raises(GeolocError, match="no numbers"):
        build_locations(grid(1000), Broken(), REFERENCE, tmp_path / "g", Provenance(title=""))
    assert list(tmp_path.iterdir()) == []


def test_the_same_places_give_the_same_bytes_in_blocks_and_with_progress(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    for name in ("a", "b"):
        build_locations(
            grid(110), Spheres(), REFERENCE, tmp_path / name, Provenance(title=""),
            on_progress=lambda done, total: seen.append((done, total)),
        )  # fmt: skip
    a, b = read_manifest(tmp_path / "a"), read_manifest(tmp_path / "b")
    assert (a.files, a.recipe) == (b.files, b.recipe)
    assert seen[-1] == (a.count, a.count)
    assert len(seen) == 4


def test_no_photo_is_added_to_locations(tmp_path: Path):
    build_locations(grid(1500), Spheres(), REFERENCE, tmp_path / "g", Provenance(title=""))
    write_pair(tmp_path / "photos", "a", unit(3), rows(3, 500))
    with pytest.raises(EncoderMismatch, match="no photo can be added"):
        append(tmp_path / "g", tmp_path / "photos", Provenance(title=""))
    asked = SourceAsked(path=tmp_path / "photos")
    with pytest.raises(EncoderMismatch, match="no photo can be added"):
        append_source(AppendOptions(tmp_path / "g", asked, Provenance(title="")))


def test_the_manifest_is_read_as_hostile(tmp_path: Path):
    photos = write_gallery(tmp_path / "photos", count=30)
    assert "rows" not in json.loads((photos / NAME).read_text())
    assert not read_manifest(photos).of_locations
    build_locations(grid(1500), Spheres(), REFERENCE, tmp_path / "g", Provenance(title=""))
    for folder, value in ((tmp_path / "g", "pictures"), (tmp_path / "g", None), (photos, "locations")):
        text = json.loads((folder / NAME).read_text()) | {"rows": value}
        (folder / NAME).write_text(json.dumps(text))
        with pytest.raises(GalleryDamaged):
            read_manifest(folder)
    assert Shard(rows="r.parquet", count=1).thumbnails is None


def test_near_a_citys_embedding_lie_the_places_near_the_city():
    """The package's real location weights over every 50th of its coordinates and those within 30 km of the cities."""
    cities, places = np.array(list(CITIES.values())), packaged().points
    close = (distance_km(cities[:, None], places[None, ::3]) < 30).any(axis=0)
    chosen = np.unique(np.concatenate([places[::3][close][::3], places[::50]]), axis=0)
    encoder = open_geoclip("geoclip")
    similarity = encoder.encode_locations(cities) @ encoder.encode_locations(chosen).T
    for name, place, row in zip(CITIES, cities, similarity, strict=True):
        away = distance_km(place, chosen)
        found, best = away[np.argsort(-row)[:5]], np.sort(away)[:5]
        assert np.median(found) < np.median(best) + 1, name
        assert found[0] < 25, name


def test_land_is_looked_up_without_the_app():
    script = "import index_builder.geoclip.coordinates as c, sys; assert not {'torch', 'streamlit'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert on_land(np.array([(48.85, 2.35), (30.0, -40.0)])).tolist() == [True, False]
    assert 4 * np.pi * EARTH_RADIUS_KM**2 == pytest.approx(510.07e6, rel=1e-3)
