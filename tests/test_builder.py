"""`python -m index_builder build`, run as a person runs it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from index_builder.__main__ import main
from index_builder.build import work_folder
from index_builder.sources import Item, Skipped, open_source
from tests.building import run, start
from tests.conftest import make_photo


def build(*arguments: object) -> int:
    return main(["build", *map(str, arguments), "--encoder", "im2gps"])


def test_the_summary_names_what_was_skipped_and_why(photo_folder: Path, tmp_path: Path, capsys):
    assert build(photo_folder, "--out", tmp_path / "g") == 0
    said = capsys.readouterr().err
    assert "read 27, embedded 24" in said
    for reason in ("no GPS position (such as 'nowhere.jpg')", "unreadable or damaged photo", "not a photo by its name"):
        assert reason in said


def test_vectors_are_unit_rows_in_float16(small_gallery: Path):
    vectors = np.load(small_gallery / "vectors-00000.npy")
    assert vectors.dtype == np.float16
    assert np.linalg.norm(vectors.astype(np.float32), axis=1) == pytest.approx(1, abs=2e-3)


def test_manifest_says_how_it_was_made_without_paths(small_gallery: Path, photo_folder: Path):
    manifest = Gallery.open(small_gallery).manifest
    assert manifest.title == "Small"
    assert manifest.command == f"python -m index_builder build {photo_folder.name} --encoder im2gps"
    assert str(photo_folder.parent) not in manifest.to_json()


def test_thumbnails_carry_no_metadata(small_gallery: Path):
    thumbnail = Gallery.open(small_gallery).thumbnail(0)
    assert b"Exif" not in thumbnail
    assert b"GPS" not in thumbnail


def test_csv_keeps_its_columns(tmp_path: Path):
    for i in range(3):
        make_photo(tmp_path / "images" / f"{i}.jpg", i)
    (tmp_path / "list.csv").write_text(
        "\ufeffPhoto;Latitude;LNG;author;note\n0.jpg;41,5;2\n0.jpg;41.5;2.5;Ana;a, b\n1.jpg;-33.9;151.2;Bo;\n"
        "2.jpg;91;0;;\ngone.jpg;1;1;;\n",
        encoding="utf-8",
    )
    assert build(tmp_path / "list.csv", "--images", tmp_path / "images", "--out", tmp_path / "g") == 0
    gallery = Gallery.open(tmp_path / "g")
    assert len(gallery) == 2
    row = gallery.row(0)
    assert row == {
        "id": "0.jpg",
        "author": "Ana",
        "note": "a, b",
        "taken_at": None,
        "content_hash": row["content_hash"],
    }
    assert gallery.coordinates[1] == pytest.approx((-33.9, 151.2))


def test_csv_rows_that_cannot_be_used_are_told(tmp_path: Path):
    table = tmp_path / "list.csv"
    table.write_text("file,lat,lon\na.jpg,1,2\nb.jpg,x,2\n,1,2\nc.jpg,nan,0\nd.jpg,10,200\n")
    entries = list(open_source("table", table).entries())
    assert [type(entry) for entry in entries] == [Item, Skipped, Skipped, Skipped, Item]
    assert entries[4].location == (10, -160)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "file,lat\nx,1\n"])
def test_csv_without_the_columns_says_which(tmp_path: Path, text: str):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(GeolocError, match="no column for"):
        list(open_source("table", tmp_path / "list.csv").entries())


def test_a_table_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "list.csv").write_bytes("file,lat,lon\nStraße.jpg,1,2\n".encode("latin-1"))
    with pytest.raises(GeolocError, match="UTF-8"):
        list(open_source("table", tmp_path / "list.csv").entries())


def test_nothing_is_overwritten_unasked(small_gallery: Path, photo_folder: Path, tmp_path: Path, capsys):
    assert build(photo_folder, "--out", small_gallery) == 2
    assert "--overwrite" in capsys.readouterr().err
    keep = tmp_path / "papers"
    keep.mkdir()
    (keep / "thesis.txt").write_text("ten years")
    assert build(photo_folder, "--out", keep, "--overwrite") == 2
    assert (keep / "thesis.txt").read_text() == "ten years"


def test_overwrite_replaces_a_gallery(photo_folder: Path, tmp_path: Path):
    assert build(photo_folder / "a", "--out", tmp_path / "g") == 0
    assert build(photo_folder, "--out", tmp_path / "g", "--overwrite") == 0
    assert len(Gallery.open(tmp_path / "g")) == 24
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".work")] == ["g"]


@pytest.mark.parametrize("source", ["missing", "file.jpg", "empty"])
def test_unusable_sources_leave_nothing_behind(tmp_path: Path, source: str, capsys):
    (tmp_path / "empty").mkdir()
    make_photo(tmp_path / "file.jpg", 0)
    assert build(tmp_path / source, "--out", tmp_path / "g") == 2
    assert "error:" in capsys.readouterr().err
    assert not (tmp_path / "g").exists()


def test_weights_that_are_not_there_give_the_remedy(photo_folder: Path, tmp_path: Path, capsys):
    assert main(["build", str(photo_folder), "--out", str(tmp_path / "g"), "--encoder", "clip-l14"]) == 2
    assert "fetch clip-l14" in capsys.readouterr().err
    assert main(["build", str(photo_folder), "--out", str(tmp_path / "g"), "--encoder", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def is_begun(work: Path) -> bool:
    """Whether a shard is there; its folder may be made or cleared at the very moment."""
    try:
        return any(path.suffix == ".parquet" for path in (work / "embeddings").iterdir())
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_build_leaves_the_old_gallery_whole_and_goes_on(
    photo_folder: Path, tmp_path: Path, how: signal.Signals
):
    out = tmp_path / "g"
    assert build(photo_folder / "a", "--out", out) == 0
    many = tmp_path / "many"
    for i in range(400):
        make_photo(many / f"{i}.jpg", i, (10, 10), size=(640, 480))
    flags = ("--overwrite", "--encoder", "im2gps", "--shard-rows", 40)
    process = start("build", many, "--out", out, *flags)
    deadline = time.monotonic() + 60
    while not is_begun(work_folder(out)) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, how)
    said = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert len(Gallery.open(out)) == 12
    if how == signal.SIGINT:
        assert "What is done is kept" in said
    said = run("build", many, "--out", out, *flags)
    assert "going on: " in said
    assert len(Gallery.open(out)) == 400
    assert not work_folder(out).exists()


def test_without_an_encoder_the_best_one_here_is_taken_and_said(photo_folder: Path, tmp_path: Path, capsys):
    assert main(["build", str(photo_folder / "a"), "--out", str(tmp_path / "g")]) == 0
    assert "encoder: im2gps (no learned encoder's weights are on this machine" in capsys.readouterr().err
    assert Gallery.open(tmp_path / "g").manifest.encoder.name == "im2gps"
