"""Galleries of bare locations: made from tables, opened, listed, and never offered for photos."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from geoloc_core.__main__ import main
from geoloc_core.errors import EncoderMismatch, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER, default_gallery, find_galleries, readiness
from geoloc_core.paths import ROOT
from geoloc_core.settings import Settings, settings
from index_builder.gallery.append import append
from index_builder.gallery.index import index, locations
from index_builder.gallery.info import info
from index_builder.gallery.publish import Provenance
from index_builder.gallery.verify import verify
from tests.conftest import make_photo
from tests.make_embeddings import outcomes, rows, unit, write_pair, write_shard

ABOUT = Provenance(title="Places")


@pytest.fixture
def places(tmp_path: Path) -> Path:
    pq.write_table(pa.table(rows(50, name=["x"] * 50)), tmp_path / "places.parquet")
    locations(tmp_path / "places.parquet", tmp_path / "galleries" / "places", ABOUT)
    return tmp_path / "galleries" / "places"


def test_a_table_becomes_a_gallery_without_vectors(places: Path):
    gallery = Gallery.open(places)
    assert verify(places).ok
    assert (gallery.manifest.encoder, gallery.manifest.dim, len(gallery)) == (None, 0, 50)
    assert gallery.coordinates[3] == pytest.approx((3 * 0.37 - 85, 3 * 0.71 - 180))
    assert gallery.row(3) == {"id": "photo-000003", "name": "x"}
    assert "50 bare locations" in info(places)
    with pytest.raises(EncoderMismatch, match=r"location encoders.*Choose a gallery of photos"):
        gallery.nearest(unit(1)[0], 3)


def test_a_csv_of_coordinates_alone_numbers_its_rows(tmp_path: Path):
    (tmp_path / "coordinates.csv").write_text("LAT,LON\n41.9,2.8\n-33.9,151.2\nx,3\n10,200\n95,0\n")
    report = locations(tmp_path / "coordinates.csv", tmp_path / "g", ABOUT)
    gallery = Gallery.open(tmp_path / "g")
    assert report.reasons == {"no usable coordinates": 2}
    assert [gallery.row(row)["id"] for row in range(3)] == ["0000000", "0000001", "0000003"]
    assert gallery.coordinates[2] == pytest.approx((10, -160))


def test_codes_in_a_csv_stay_text(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,lat,lon,code\n007,1,2,0123\n008,3,4,NA\n")
    locations(tmp_path / "t.csv", tmp_path / "g", ABOUT)
    gallery = Gallery.open(tmp_path / "g")
    assert [gallery.row(row) for row in (0, 1)] == [{"id": "007", "code": "0123"}, {"id": "008", "code": "NA"}]


def test_a_work_folder_of_places_gives_one_too(tmp_path: Path):
    write_shard(tmp_path / "w", 0, rows(4, **outcomes("oofo")), None, encoder=None)
    report = index(tmp_path / "w", tmp_path / "g", ABOUT)
    assert report.rows == 3
    assert Gallery.open(tmp_path / "g").manifest.encoder is None


def test_places_are_added_to_places_only(places: Path, tmp_path: Path):
    (tmp_path / "more.csv").write_text("id,lat,lon\nnew,1,2\nphoto-000001,1,2\n")
    assert append(places, tmp_path / "more.csv", ABOUT).rows == 1
    assert len(Gallery.open(places)) == 51
    assert verify(places).ok
    write_pair(tmp_path / "photos", "a", unit(3), rows(3, 500))
    write_shard(tmp_path / "w", 0, rows(4, **outcomes("oooo")), unit(4))
    index(tmp_path / "w", tmp_path / "g", ABOUT)
    (tmp_path / "tables").mkdir()
    pq.write_table(pa.table(rows(3, 900)), tmp_path / "tables" / "a.parquet")
    with pytest.raises(EncoderMismatch, match="holds photos"):
        append(tmp_path / "g", tmp_path / "tables", ABOUT)


@pytest.mark.parametrize(
    ("text", "words"), [("", "again|column"), ("a,b\n1,2\n", "no column for lat"), ("lat,lon\n", "No entry")]
)
def test_tables_without_places_are_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(GeolocError, match=words):
        locations(tmp_path / "t.csv", tmp_path / "g", ABOUT)
    with pytest.raises(GeolocError, match="no table of places"):
        locations(tmp_path / "nothing", tmp_path / "g", ABOUT)


def test_it_is_listed_and_never_the_default(places: Path):
    config = Settings(galleries=places.parent)
    listed = find_galleries(config)
    assert listed[0].bare
    assert not readiness(listed[0])
    assert default_gallery(listed, config)[0].path == STARTER
    assert default_gallery(listed, Settings(galleries=places.parent, gallery="places"))[0].path == STARTER


def test_the_command_line_and_the_app_say_what_it_is_for(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("GEOLOC_GALLERIES", str(places.parent))
    settings.cache_clear()
    assert main(["galleries"]) == 0
    assert "50 bare locations, for location encoders: Places" in capsys.readouterr().out
    photo = make_photo(tmp_path / "p.jpg", 1)
    assert main(["locate", str(photo), "--gallery", "places"]) == 2
    assert "location encoders such as GeoCLIP's" in capsys.readouterr().err
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not any("Places" in option for option in at.selectbox(key="gallery").options)
    at.switch_page("pages/galleries.py").run()
    assert not at.exception
    assert any("Photos cannot be compared with it" in caption.value for caption in at.caption)
