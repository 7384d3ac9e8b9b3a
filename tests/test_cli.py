"""`python -m geoloc_core` in its own process, as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from geoloc_core.paths import ROOT


def run(*arguments: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "geoloc_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, **kwargs)  # type: ignore[call-overload]


def test_locate_prints_place_coordinates_and_radius(small_gallery: Path, photo_folder: Path):
    done = run("locate", photo_folder / "a" / "05.jpg", "--gallery", small_gallery)
    assert done.returncode == 0, done.stderr
    place, coordinates, radius, truth = done.stdout.splitlines()
    lat, lon = map(float, coordinates.split(","))
    assert -90 <= lat <= 90
    assert -180 <= lon < 180
    assert place
    assert "km: 90% of the distribution (uncalibrated)" in radius
    assert "the photo says" in truth
    assert "asked for by path" in done.stderr


@pytest.mark.parametrize("form", ["json", "geojson"])
def test_locate_json_is_all_that_stdout_holds(small_gallery: Path, photo_folder: Path, form: str):
    done = run("locate", photo_folder / "a" / "05.jpg", "--gallery", small_gallery, f"--{form}", "--neighbours", 3)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    if form == "json":
        assert [n["rank"] for n in record["nearest"]] == [1, 2, 3]
        assert record["nearest"][0]["id"] == "a/05.jpg"


def test_bad_input_gives_a_message_and_no_traceback(small_gallery: Path, photo_folder: Path, tmp_path: Path):
    empty = tmp_path / "empty.jpg"
    empty.touch()
    for arguments in (
        ("locate", photo_folder / "notes.txt", "--gallery", small_gallery),
        ("locate", photo_folder / "damaged.jpg", "--gallery", small_gallery),
        ("locate", tmp_path / "gone.jpg", "--gallery", small_gallery),
        ("locate", tmp_path, "--gallery", small_gallery),
        ("locate", empty, "--gallery", small_gallery),
        ("locate", photo_folder / "a" / "05.jpg", "--gallery", "atlantis"),
        ("locate", photo_folder / "a" / "05.jpg", "--gallery", tmp_path),
        ("fetch", "nonsense"),
    ):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.splitlines()[-1].startswith("error: ")
        assert "Traceback" not in done.stderr
        assert not done.stdout


def test_galleries_are_listed():
    done = run("galleries")
    assert done.returncode == 0
    assert "starter" in done.stdout


def test_fetch_without_a_name_lists_the_presets():
    done = run("fetch")
    assert done.returncode == 0
    assert {"clip-l14", "siglip2", "mobileclip2"} <= {line.split()[0] for line in done.stdout.splitlines()}


def test_locate_searches_within_limits_and_says_so(small_gallery: Path, photo_folder: Path):
    photo = photo_folder / "a" / "05.jpg"
    limits = ("--near", "45,7", "--within", 400, "--without-id", "b/10.jpg", "--all", "--no-antihubs")
    done = run("locate", photo, "--gallery", small_gallery, "--json", *limits)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    ids = {n["id"] for n in record["nearest"]}
    assert len(ids) == record["search"]["photos"] < 10
    assert not ids & {"a/05.jpg", "b/10.jpg"}
    assert record["search"]["limit"] == "within 400 km of 45, 7, without the id b/10.jpg"
    said = run("locate", photo, "--gallery", small_gallery, "--box=44,-180,90,180")
    assert "limited: in the box" in said.stdout


def test_limits_that_cannot_be_used_give_a_message(small_gallery: Path, photo_folder: Path):
    for limits in (
        ("--country", "Atlantis"),
        ("--country", "NZ"),
        ("--near", "45,7"),
        ("--near", "x,7", "--within", 5),
        ("--box", "1,2,3"),
        ("--without-author", "Ann"),
    ):
        done = run("locate", photo_folder / "a" / "05.jpg", "--gallery", small_gallery, *limits)
        assert done.returncode == 2, limits
        assert done.stderr.splitlines()[-1].startswith("error: ")
        assert not done.stdout
