"""`python -m index_builder cells`: from a table, a gallery, a source, and from cells that others published."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.cells import Partition
from geoloc_core.gallery import Gallery
from index_builder.__main__ import main
from tests.make_cells import of_tokens, photos, small_partition, write_published
from tests.make_sources import make_mp16

SMALL = ["--max", "120", "50", "20", "--min", "3"]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "places.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["IMG_ID", "LAT", "LON"])
        writer.writerows([i, repr(lat), repr(lon)] for i, (lat, lon) in enumerate(photos().tolist()))
        writer.writerows([["bad", "95", "0"], ["worse", "x", "1"]])
    return path


def test_a_table_of_published_coordinates_states_its_cells(table, tmp_path, capsys):
    """What anybody with MP-16's table runs to see 3,298, 7,202 and 12,893."""
    out = tmp_path / "cells.parquet"
    assert main(["cells", "--table", str(table), "--out", str(out), *SMALL]) == 0
    made, said = Partition.open(out), capsys.readouterr().out
    coarse, middle, fine = made.sizes
    assert f"{coarse:,} coarse, {middle:,} middle, {fine:,} fine cells of 2,000 photos" in said
    assert "2 not used: no usable coordinates" in said and made.id in said
    assert made.id == small_partition().id
    about = made.about
    assert (about.title, about.photos, about.most, about.least) == ("places", 2_000, (120, 50, 20), 3)
    assert about.command == "python -m index_builder cells --table places.csv", "no folder of this machine"


def test_one_level_as_planet_has(table, tmp_path):
    out = tmp_path / "one.parquet"
    assert (
        main(["cells", "--table", str(table), "--out", str(out), "--max", "50", "--min", "3", "--depths", "4", "9"])
        == 0
    )
    made = Partition.open(out)
    assert made.levels == ("fine",) and made.level("fine").depths.min() >= 4 and made.level("fine").depths.max() <= 9


def test_a_gallery(small_gallery, tmp_path):
    out = tmp_path / "g.parquet"
    assert main(["cells", "--gallery", str(small_gallery), "--out", str(out), "--max", "4", "--min", "0"]) == 0
    made, gallery = Partition.open(out), Gallery.open(small_gallery)
    assert made.about.title == "Small" and made.about.photos == len(gallery)
    assert (made.assign(gallery.coordinates) >= 0).all()


def test_a_source_with_its_test_photos_kept_out(tmp_path, capsys):
    places = make_mp16(tmp_path / "mp16", 12)
    out = tmp_path / "s.parquet"
    command = ["cells", "--source", str(tmp_path / "mp16"), "--out", str(out), "--max", "5", "--min", "0"]
    assert main(command) == 0
    made = Partition.open(out)
    assert made.about.photos == 12 and made.level("fine").counts.sum() == 12
    points = np.array([place for _, place in places.values()])
    assert (made.assign(points) >= 0).all()
    with (tmp_path / "test.csv").open("w") as stream:
        stream.write("IMG_ID\n" + next(iter(places)) + "\n")
    assert main([*command, "--overwrite", "--exclude", str(tmp_path / "test.csv"), "--exclude-ids-only"]) == 0
    assert Partition.open(out).about.photos == 11
    assert "1 not used: excluded" in capsys.readouterr().out


def test_photos_that_only_their_exif_places_need_a_gallery_first(photo_folder, tmp_path, capsys):
    assert main(["cells", "--source", str(photo_folder), "--out", str(tmp_path / "x.parquet")]) == 2
    assert "EXIF only" in (said := capsys.readouterr().err) and "--gallery" in said


def test_published_cells_are_taken_over_or_refused(tmp_path, capsys):
    parts = small_partition().parts
    files = [str(write_published(part, tmp_path / f"{part.name}.csv")) for part in parts]
    out = tmp_path / "taken.parquet"
    assert main(["cells", "--published", *files, "--out", str(out)]) == 0
    assert Partition.open(out).id == small_partition().id
    assert f"{len(parts[0]):,} coarse" in capsys.readouterr().out
    damaged = write_published(of_tokens(), tmp_path / "copy.csv", spreadsheet=True)
    assert main(["cells", "--published", str(damaged), "--out", str(tmp_path / "no.parquet")]) == 2
    assert "3 of 6 cells" in capsys.readouterr().err and not (tmp_path / "no.parquet").exists()


def test_nothing_is_overwritten_unasked(table, tmp_path, capsys):
    out = tmp_path / "cells.parquet"
    out.write_text("mine")
    assert main(["cells", "--table", str(table), "--out", str(out), *SMALL]) == 2
    assert out.read_text() == "mine" and "--overwrite" in capsys.readouterr().err
    assert main(["cells", "--table", str(table), "--out", str(out), *SMALL, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min", "5000"], "Lower --min"),
        (["--max", "10", "20"], "smaller than the one before"),
        (["--depths", "5", "31"], "0 to 30"),
        (["--max", "1000", "--min", "900"], "Lower --min"),
    ],
)
def test_limits_that_cannot_be_met(table, tmp_path, capsys, arguments, said):
    assert main(["cells", "--table", str(table), "--out", str(tmp_path / "x.parquet"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_is_none(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert main(["cells", "--table", str(tmp_path / "t.csv"), "--out", str(tmp_path / "x.parquet")]) == 2
    assert "no column for lat" in capsys.readouterr().err
    (tmp_path / "t.csv").write_text("lat,lon\nx,2\n")
    assert main(["cells", "--table", str(tmp_path / "t.csv"), "--out", str(tmp_path / "x.parquet")]) == 2
    assert "1: no usable coordinates" in capsys.readouterr().err
