"""Training sets from sources: hostile photos are counted, labels fit photos, and a killed run goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from geoloc_core.errors import InputsError
from geoloc_core.exif import exif_with_gps
from geoloc_core.status import Availability, Choice
from index_builder.embedding.listing import SourceAsked
from index_builder.inputs import TrainingSet
from index_builder.inputs.labelling import OF_SOURCE, Labeller
from index_builder.inputs.manifest import part_name, read_manifest
from index_builder.inputs.source import InputsOptions, make_inputs
from tests.building import run, source_with_bad_photos, start
from tests.conftest import make_photo
from tests.make_sources import make_mp16

SIDE = 32


class Thresholds:
    """A segmenter of two classes, bright and dark, whose maps are half the size of its photos."""

    name, id, choices = "thresholds", "thresholds/1", {"device": Choice("cpu", "a test")}

    def availability(self) -> Availability:
        return Availability(True, "always")

    def load(self) -> None:
        pass

    def segment(self, images: list[Image.Image]) -> list[np.ndarray]:
        return [(np.asarray(image.convert("L"))[::2, ::2] > 127).astype(np.uint8) * 5 for image in images]


class Greenest:
    """A scene classifier that says 205 of green photos, else 0."""

    name, id = "greenest", "greenest/1"
    encoder = None

    def availability(self) -> Availability:
        return Availability(True, "always")

    def load(self) -> None:
        pass

    def scenes(self, images: Sequence[Image.Image], embeddings: object = None) -> np.ndarray:
        said = np.zeros((len(images), 365))
        for row, image in zip(said, images, strict=True):
            row[205 if np.asarray(image).mean((0, 1)).argmax() == 1 else 0] = 1
        return said


def options(source: Path, out: Path, **more: object) -> InputsOptions:
    labeller = Labeller(Thresholds(), Greenest())
    return InputsOptions(**{"source": SourceAsked(source), "out": out, "side": SIDE, "labeller": labeller} | more)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(12):
        make_photo(folder / f"{number:02d}.jpg", number, (number + 1, -number), size=(80 + 10 * number, 60))
    (folder / "03.jpg").write_bytes((folder / "03.jpg").read_bytes()[:400])
    (folder / "05.jpg").write_bytes(b"")
    (folder / "06.jpg").write_text("<html>")
    make_photo(folder / "08.jpg", 8, None)
    make_photo(folder / "10.jpg", 10, (10, -10), size=(4, 4))
    turned = Image.new("RGB", (90, 60))
    turned.paste((255, 255, 255), (0, 0, 45, 60))  # upright: the upper half is bright
    exif = Image.Exif()
    exif.load(exif_with_gps(11, -11))
    exif[0x0112] = 6
    turned.save(folder / "11.jpg", exif=exif)
    return folder


def test_photos_maps_and_scenes(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    manifest = make_inputs(options(source, tmp_path / "set"))
    photos = TrainingSet.open(tmp_path / "set")
    assert photos.ids == [f"{number:02d}.jpg" for number in (0, 1, 2, 4, 7, 9, 11)]
    assert photos.places.tolist()[1] == pytest.approx([2, -1])
    for number in range(len(photos)):
        photo, labels = photos.photo(number), photos.labels(number)
        assert (photo.height, photo.width) == labels.shape and min(labels.shape) == SIDE
        assert set(np.unique(labels)) <= {0, 5}
        bright = np.asarray(photo.convert("L"), int) - 127
        sure = np.abs(bright) > 40
        assert ((labels == 5) == (bright > 0))[sure].mean() > 0.97
        assert photos.scenes(365)[number] in (0, 205)
    upright = photos.labels(6)
    assert upright.shape == (48, 32) and upright[:22].min() == 5 and upright[26:].max() == 0
    assert manifest.segmentation.id == "thresholds/1" and "greenest" in manifest.scenes
    outcomes = {row["id"]: row["reason"] for row in pq.read_table(tmp_path / "set" / "outcomes.parquet").to_pylist()}
    assert outcomes == {
        "03.jpg": "unreadable or damaged photo",
        "05.jpg": "empty file",
        "06.jpg": "unreadable or damaged photo",
        "08.jpg": "no GPS position",
        "10.jpg": "too small",
    }
    said = capfd.readouterr().err
    assert "read 12, kept 7" in said and "not used 2: unreadable or damaged photo" in said


def test_failed_photos_again_and_changed_settings(source: Path, tmp_path: Path):
    out = tmp_path / "set"
    before = make_inputs(options(source, out))
    assert make_inputs(options(source, out)).created == before.created  # nothing was done
    make_photo(source / "05.jpg", 5, (5, -5))
    with pytest.raises(InputsError, match=r"side: 32, now 48"):
        make_inputs(options(source, out, side=48))
    assert make_inputs(options(source, out)).count == 7
    assert make_inputs(options(source, out, retry_failed=True)).count == 8
    make_photo(source / "00.jpg", 50, (1, 1))
    with pytest.raises(InputsError, match=r"1 photos changed.*'00.jpg'.*--redo-changed"):
        make_inputs(options(source, out))
    assert TrainingSet.open(out).manifest.count == 8
    first = TrainingSet.open(out).photo(0).tobytes()
    make_inputs(options(source, out, redo_changed=True))
    assert TrainingSet.open(out).photo(0).tobytes() != first
    assert make_inputs(options(source, out, side=48, restart=True)).side == 48


def test_scenes_of_the_source(tmp_path: Path):
    made = make_mp16(tmp_path / "mp16", 6)
    make_inputs(options(tmp_path / "mp16", tmp_path / "set", labeller=Labeller(None, OF_SOURCE)))
    photos = TrainingSet.open(tmp_path / "set")
    numbers = [list(made).index(Path(name).stem) for name in photos.ids]
    assert sorted(numbers) == list(range(6))
    assert photos.scenes(3).tolist() == [k % 3 for k in numbers]
    assert photos.scenes(365).tolist() == numbers
    assert photos.column("author") == [f"{k % 5}@N00" for k in numbers]
    with pytest.raises(InputsError, match="S3_Label"):
        folder = tmp_path / "one"
        make_photo(folder / "a.jpg", 1, (1, 1))
        make_inputs(options(folder, tmp_path / "other", labeller=Labeller(None, OF_SOURCE)))


def test_nothing_usable(tmp_path: Path):
    make_photo(tmp_path / "photos" / "a.jpg", 1, None)
    with pytest.raises(InputsError, match="No photo could be used"):
        make_inputs(options(tmp_path / "photos", tmp_path / "set"))
    with pytest.raises(InputsError, match="no finished"):
        TrainingSet.open(tmp_path / "set")


def test_killed_runs_go_on_to_the_same_bytes(tmp_path: Path):
    photos = source_with_bad_photos(tmp_path / "photos", 120)
    flags = ("--side", SIDE, "--segmenter", "none", "--scenes", "none", "--shard-rows", 12)
    whole, out = tmp_path / "whole", tmp_path / "killed"
    run("inputs", photos, "--out", whole, *flags)
    process = start("inputs", photos, "--out", out, *flags)
    while len(list(out.glob("part-*.arrow"))) < 2 and process.poll() is None:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "manifest.json").exists() and len(list(out.glob("part-*.arrow"))) < 10
    assert "going on" in run("inputs", photos, "--out", out, *flags)
    for name in [*(part_name(number) for number in range(10)), "outcomes.parquet"]:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert read_manifest(out).id == read_manifest(whole).id and read_manifest(out).count == 116
