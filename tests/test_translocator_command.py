"""`python -m geoloc_core locate PHOTO --predictor translocator`: words, JSON, options that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoloc_core.__main__ import main
from geoloc_core.gallery import Gallery
from geoloc_core.settings import settings
from geoloc_core.translocator import Card, variant
from geoloc_core.translocator.publish import publish
from index_builder.cells.build import Limits, build
from tests.make_translocator import small_translocator
from tests.published_translocator import INPUTS, published
from tests.small_translocator import SIZES, drawn


@pytest.fixture
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GEOLOC_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("GEOLOC_DTYPE", "float32")
    settings.cache_clear()
    return tmp_path


def locate(capsys, photo: Path, *options: object) -> tuple[int, str, str]:
    status = main(["locate", str(photo), "--predictor", "translocator", *map(str, options)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_it_prints_place_cells_and_scene_and_why(checkpoints, photo_folder, capsys):
    small_translocator(checkpoints, "drawn-model")
    status, out, err = locate(capsys, photo_folder / "a" / "05.jpg", "--model", "drawn-model")
    lines = out.splitlines()
    assert status == 0, err
    assert "km: 90% of the distribution (uncalibrated)" in lines[2]
    assert any(line.startswith("fine cells, ") for line in lines) and any(line.startswith("scene: ") for line in lines)
    assert any("rests on the photo" in line for line in lines)
    assert lines[-1] == "The model learned from drawn photos: this answer means nothing for a real photo."
    for word in (
        "model: drawn-model (asked for)",
        "segmenter: segmenter-starter",
        "crops: 1",
        "device: ",
        "partition: ",
    ):
        assert word in err
    assert "gallery" not in err.split("partition")[0]


def test_json_and_options(checkpoints, photo_folder, capsys):
    published(checkpoints / "real", "vit-base")
    photo = photo_folder / "a" / "05.jpg"
    status, out, err = locate(capsys, photo, "--crops", 1, "--f-star", "--json")
    assert status == 0, err
    record = json.loads(out)
    assert record["cells"]["by"] == "f*" and record["synthetic"] is False and record["gallery"] is None
    assert record["model"]["choices"]["crops"]["value"] == "1"
    assert "the first model on this machine that was trained on real photos" in err
    best = record["cells"]["top"][0]
    assert (record["prediction"]["lat"], record["prediction"]["lon"]) == pytest.approx((best["lat"], best["lon"]))
    _, text, _ = locate(capsys, photo, "--geojson", "--model", checkpoints / "real")
    assert sum(feature["properties"]["kind"] == "cell" for feature in json.loads(text)["features"]) == 20


def test_refined_it_names_photos_of_the_gallery(checkpoints, photo_folder, small_gallery, capsys):
    partition = build(Gallery.open(small_gallery).coordinates, Limits((24, 12, 6), least=1)).partition
    config = variant("vit-base", partition.sizes, **SIZES)
    card = Card(title="Small", config=config, partition=partition.id, inputs=INPUTS)
    publish(checkpoints / "own", drawn(config), card, partition)
    photo, wanted = photo_folder / "a" / "05.jpg", ("--model", "own", "--refine", "--gallery", small_gallery)
    status, out, err = locate(capsys, photo, *wanted, "--json")
    record = json.loads(out)
    assert status == 0 and record["cells"]["refined"] and "vote for the place" in err
    assert 0 < len(record["nearest"]) <= record["search"]["photos"] < record["search"]["total"]
    assert record["gallery"]["title"] == "Small"
    assert record["cells"]["top"][0]["token"] in record["search"]["limit"]
    _, out, _ = locate(capsys, photo, *wanted)
    assert "The search was limited: inside the cell" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--gallery", "starter"), "only with --refine"),
        (("--model", "atlantis"), "Train one"),
        (("--correct", "a=b"), "Only signs"),
    ],
)
def test_what_does_not_go_together_is_refused(options, words, photo_folder, capsys):
    status, out, err = locate(capsys, photo_folder / "a" / "05.jpg", *options)
    assert status == 2 and not out and words in err and err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("option", [("--crops", "5"), ("--f-star",), ("--refine",), ("--segmenter", "x")])
def test_its_options_are_for_no_other_predictor(option, photo_folder, capsys):
    assert main(["locate", str(photo_folder / "a" / "05.jpg"), *option]) == 2
    assert "Only translocator" in capsys.readouterr().err
