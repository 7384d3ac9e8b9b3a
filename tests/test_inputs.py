"""Training sets: what is written is read back, at random and in order; damage and other settings are refused."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoloc_core.errors import InputsError
from index_builder.atlas import draw
from index_builder.inputs import TrainingSet
from index_builder.inputs.dataset import split
from index_builder.inputs.manifest import Segmentation, part_name, read_manifest
from index_builder.inputs.parts import LONGEST, Row, decoded, fitted, to_jpeg, to_png
from index_builder.inputs.writing import About, open_set
from index_builder.starter import SIZE
from tests.building import children, run, start

SIDE = 32
SIZES = (8, 0, 12)
ABOUT = About(SIDE, "made for a test", "CC0", "none", segmentation=Segmentation(name="blocks", id="1"), scenes="chance")


def make_row(number: int) -> Row:
    rng = np.random.default_rng(number)
    size = (40 + number, 50)
    labels = np.kron(rng.integers(0, 150, (5, 4)), np.ones((10, 10))).astype(np.uint8)[:, : 40 + number]
    photo = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8)).resize(size)
    scene = number % 365
    columns = {"walk": f"w{number % 3}"} | ({"note": "odd"} if number % 2 else {})
    jpeg = to_jpeg(fitted(photo, SIDE))
    return Row(f"r{number}", number - 10.5, number * 2.25, jpeg, to_png(labels, size, SIDE), (1, 15, scene), columns)


@pytest.fixture
def rows() -> list[Row]:
    return [make_row(number) for number in range(sum(SIZES))]


@pytest.fixture
def folder(rows: list[Row], tmp_path: Path) -> Path:
    source = iter(rows)
    with open_set(tmp_path / "set", {"side": "32"}) as writer:
        for number, count in enumerate(SIZES):
            writer.write(number, [next(source) for _ in range(count)], str(number))
        writer.publish(len(SIZES), ABOUT)
    return tmp_path / "set"


def test_round_trip(folder: Path, rows: list[Row]):
    photos = TrainingSet.open(folder)
    assert len(photos) == photos.manifest.count == len(rows)
    assert photos.ids == [row.id for row in rows]
    assert photos.places.tolist() == [[row.lat, row.lon] for row in rows]
    assert photos.column("walk") == [row.columns["walk"] for row in rows]
    assert photos.column("note") == [row.columns.get("note", "") for row in rows]
    assert photos.scenes(365).tolist() == [row.scenes[2] for row in rows]
    assert set(photos.scenes(3)) == {1}
    for number, row in enumerate(rows):
        photo, labels = photos.photo(number), photos.labels(number)
        assert photo.mode == "RGB" and (photo.height, photo.width) == labels.shape and min(labels.shape) == SIDE
        assert photo.tobytes() == Image.open(io.BytesIO(row.photo)).convert("RGB").tobytes()
        assert np.array_equal(labels, np.asarray(Image.open(io.BytesIO(row.labels))))
    assert photos.manifest.segmentation.name == "blocks" and photos.manifest.id.startswith("inputs/sha256-")
    photos.verify()
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", *map(part_name, range(3))]


def test_random_access_by_threads_and_copies(folder: Path):
    photos = TrainingSet.open(folder)
    order = np.random.default_rng(1).permutation(len(photos)).repeat(3)
    inside = [photos.photo(row).tobytes() for row in range(len(photos))]
    fresh = TrainingSet.open(folder)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda row: fresh.photo(row).tobytes(), order)) == [inside[row] for row in order]
    copy = deepcopy(photos.subset([9, 3]))  # as another process gets it
    assert copy.ids == ["r9", "r3"] and copy.photo(1).tobytes() == inside[3]
    assert copy.subset([1]).places.tolist() == [photos.places[3].tolist()]
    kept, held = split(photos, "walk", ["w1"])
    assert len(kept) + len(held) == len(photos) and set(held.column("walk")) == {"w1"}
    with pytest.raises(IndexError):
        photos.subset([len(photos)])


def test_no_maps_and_no_such_column(tmp_path: Path):
    with open_set(tmp_path / "set", {}) as writer:
        writer.write(0, [Row("a", 1.0, 2.0, make_row(1).photo)], "0")
        writer.publish(1, ABOUT)
    photos = TrainingSet.open(tmp_path / "set")
    assert photos.scenes(16).tolist() == [-1]
    with pytest.raises(InputsError, match="no segmentation maps"):
        photos.labels(0)
    with pytest.raises(InputsError, match=r"no column 'walk'.*Choose"):
        photos.column("walk")


@pytest.mark.parametrize("damage", ["cut", "other part", "no file", "not arrow"])
def test_damaged_part_is_refused(folder: Path, damage: str):
    part = folder / part_name(2)
    match damage:
        case "cut":
            part.write_bytes(part.read_bytes()[:-2000])
        case "other part":
            part.write_bytes((folder / part_name(0)).read_bytes())
        case "no file":
            part.unlink()
        case "not arrow":
            part.write_bytes(os.urandom(part.stat().st_size))
    photos = TrainingSet.open(folder)
    photos.photo(0)
    with pytest.raises(InputsError, match="damaged"):
        photos.photo(10)
    with pytest.raises(InputsError, match="damaged"):
        photos.verify()


def test_changed_bytes_are_found_by_verify_and_never_crash(folder: Path):
    part, rng = folder / part_name(0), np.random.default_rng(2)
    whole = part.read_bytes()
    for at in rng.integers(0, len(whole), 60):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        photos = TrainingSet.open(folder)
        with pytest.raises(InputsError, match="content changed"):
            photos.verify()
        try:
            for row in range(8):
                photos.photo(row), photos.labels(row)
        except InputsError:
            continue


def test_pictures_that_are_none(folder: Path):
    for data in (b"", b"\xff\xd8\xff", make_row(1).labels, b"GIF89a"):
        with pytest.raises(InputsError, match="damaged"):
            decoded(data, "JPEG", folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 21}, "count its own"),
        ({"format": "geoloc-gallery"}, "format"),
        ({"side": 0}, "side"),
        ({"more": 1}, "more"),
    ],
)
def test_manifests_that_lie(folder: Path, change: dict, message: str):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputsError, match=message):
        TrainingSet.open(folder)


def test_unfinished_or_other_folders(folder: Path, tmp_path: Path):
    other = {"side": "64"}
    with pytest.raises(InputsError, match=r"other settings: side: 32, now 64.*--restart"), open_set(folder, other):
        pass
    mine, new = tmp_path / "mine", tmp_path / "new"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(InputsError, match="left alone"), open_set(mine, {}):
        pass
    with open_set(new, {}), pytest.raises(InputsError, match="Another process"), open_set(new, {}):
        pass
    with pytest.raises(InputsError, match="no finished training set"):
        TrainingSet.open(new)
    with open_set(folder, other, restart=True) as writer:
        assert not writer.published and not list(folder.glob("part-*"))


@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(16, 64))
def test_photo_and_map_are_fitted_alike(width: int, height: int, side: int):
    photo = fitted(Image.new("RGB", (width, height)), side)
    png = to_png(np.zeros((height // 7 + 1, width // 5 + 1), np.uint8), (width, height), side)
    labels = Image.open(io.BytesIO(png))
    assert photo.size == labels.size and min(photo.size) == side and max(photo.size) <= LONGEST * side


def test_what_is_kept_of_a_panorama():
    wide = np.zeros((20, 200, 3), np.uint8)
    wide[:, 60:140] = 255  # the middle 4:1
    assert np.asarray(fitted(Image.fromarray(wide), 20)).min() == 255
    png = to_png(wide[::2, ::2, 0].copy(), (200, 20), 20)
    assert np.asarray(Image.open(io.BytesIO(png))).min() == 255


def test_atlas_set_holds_what_is_drawn(tmp_path: Path):
    out = tmp_path / "atlas"
    flags = ("--photos", 6, "--split", "test", "--side", SIDE)
    run("atlas-inputs", out, *flags)
    assert "made already" in run("atlas-inputs", out, *flags)
    photos = TrainingSet.open(out)
    place = photos.places[4]
    drawn = draw(*place, seed=1, index=30_000_004, size=SIZE)
    wanted = Image.fromarray(drawn.labels).resize((43, 32), Image.Resampling.NEAREST)
    assert np.array_equal(photos.labels(4), np.asarray(wanted))
    small = np.asarray(drawn.image.resize((43, 32), Image.Resampling.BICUBIC), float)
    assert np.abs(np.asarray(photos.photo(4), float) - small).mean() < 6
    assert photos.column("kind")[4] == drawn.scene and photos.column("country")[4] == drawn.country
    assert (photos.scenes(3)[4] == 2) == (drawn.setting == "urban")
    assert photos.manifest.synthetic and photos.manifest.segmentation.name == "Atlas"


def test_killed_drawing_goes_on_to_the_same_bytes(tmp_path: Path):
    flags = ("--photos", 60, "--split", "validation", "--side", SIDE, "--shard-rows", 10)
    run("atlas-inputs", tmp_path / "whole", *flags)
    out = tmp_path / "killed"
    process = start("atlas-inputs", out, *flags)
    while not list(out.glob("part-*.arrow")) and process.poll() is None:
        time.sleep(0.005)
    drawers = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    while any(Path(f"/proc/{pid}").exists() for pid in drawers):
        time.sleep(0.05)  # they notice by themselves, or the test times out
    assert not (out / "manifest.json").exists() and len(list(out.glob("part-*.arrow"))) < 6
    assert "going on" in run("atlas-inputs", out, *flags)
    for number in range(6):
        assert (out / part_name(number)).read_bytes() == (tmp_path / "whole" / part_name(number)).read_bytes()
    assert read_manifest(out).id == read_manifest(tmp_path / "whole").id
