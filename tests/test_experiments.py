"""Comparisons of systems: rows done once and gone on with, tables, the figure, splits by walk, a real tiny row."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from geoloc_core.__main__ import _parser as core_parser
from geoloc_core.errors import GeolocError, SourceError
from geoloc_core.geo import Floats
from geoloc_core.paths import ROOT
from geoloc_core.segmentation import Labels
from geoloc_core.status import Availability
from geoloc_core.translocator import Inputs
from index_builder.__main__ import _parser as builder_parser
from index_builder.__main__ import main
from index_builder.cells.build import Limits
from index_builder.experiments.compare import compare
from index_builder.experiments.data import grouped, split_by_group
from index_builder.experiments.figure import curves_svg
from index_builder.experiments.networks import Asked, network, row_of
from index_builder.experiments.report import write_report
from index_builder.experiments.retrieval import ceiling, constant, knn
from index_builder.experiments.systems import Budget, Data, Epoch, Row, Shape, System, Trained
from index_builder.translocator.train import cells_for
from tests.tiny_sets import make_set


class FakeSet:
    """Places without photos, with what a comparison asks of a training set."""

    def __init__(self, places: np.ndarray, seed: str) -> None:
        self.places, self.ids = places, [f"{seed}{i}" for i in range(len(places))]
        self.manifest = SimpleNamespace(id=seed, source="", licence="", synthetic=True)

    def __len__(self) -> int:
        return len(self.places)


def some_data(seed: int = 0, groups: Sequence[str] | None = None) -> Data:
    rng = np.random.default_rng(seed)
    centres = rng.uniform((-50, -150), (60, 150), (12, 2))
    sets = [
        FakeSet(centres[rng.integers(12, size=n)] + rng.normal(0, 0.5, (n, 2)), f"{seed}-{n}") for n in (300, 40, 60)
    ]
    train, validation, test = cast(Any, sets)
    return Data(train, validation, test, cells_for(train, Limits((80, 40, 20), least=2)), groups)


@dataclass
class Calls:
    """Counts what was trained and asked; a fake system guesses `km` degrees off the truth."""

    trained: list[str]
    asked: list[str]
    fail_at: str = ""

    def row(self, key: str, off: float, system: str = "", against: tuple[str, ...] = ()) -> Row:
        def learn(_data: Data, budget: Budget, folder: Path) -> Trained:
            assert folder.is_dir()
            self.trained.append(system or key)
            curve = tuple(Epoch(number=i, loss=3 / i, validation={"a_mean": 10.0 * i}) for i in (1, 2, budget.epochs))
            return Trained(parameters=1234, seconds=7, curve=curve, said=f"of {key}")

        def answer(data: Data, _budget: Budget, _folder: Path) -> Floats:
            self.asked.append(key)
            if key == self.fail_at:
                raise KeyboardInterrupt
            guesses = data.test.places + np.array([off, 0])
            guesses[0] = np.nan
            return guesses

        return Row(key, f"Row <{key}>", System(system or key, learn), answer, against)

    def rows(self) -> list[Row]:
        return [
            constant(),
            self.row("base", 5.0),
            self.row("better", 0.01, against=("base", "nobody")),
            self.row("star", 0.001, system="better", against=("better",)),
        ]


def quiet(_text: str) -> None: ...


def test_a_comparison_that_was_stopped_goes_on_and_does_nothing_twice(tmp_path: Path):
    data, calls = some_data(), Calls([], [], fail_at="star")
    with pytest.raises(KeyboardInterrupt):
        compare(data, Budget(), calls.rows(), tmp_path, quiet)
    assert calls.trained == ["base", "better"]
    calls.fail_at = ""
    said: list[str] = []
    done = compare(data, Budget(), calls.rows(), tmp_path, said.append)
    assert calls.trained == ["base", "better"], "rows of one system share what it learned"
    assert calls.asked == ["base", "better", "star", "star"]
    assert said == ["4 of 4: Row <star>"]
    assert compare(data, Budget(), calls.rows(), tmp_path, said.append) == done
    assert len(calls.asked) == 4 and len(said) == 1
    assert not list(tmp_path.rglob(".*.partial"))


def test_a_folder_of_another_comparison_is_refused(tmp_path: Path):
    calls = Calls([], [])
    compare(some_data(), Budget(), calls.rows()[:1], tmp_path, quiet)
    with pytest.raises(GeolocError, match=r"other budget\. Choose another --out"):
        compare(some_data(), Budget(epochs=7), calls.rows()[:1], tmp_path, quiet)
    with pytest.raises(GeolocError, match="other train, validation, test, partition"):
        compare(some_data(1), Budget(), calls.rows()[:1], tmp_path, quiet)
    (tmp_path / "rows" / "constant.json").write_text("{")
    with pytest.raises(GeolocError, match="Remove it"):
        compare(some_data(), Budget(), calls.rows()[:1], tmp_path, quiet)


def test_the_report_tells_accuracy_differences_and_costs(tmp_path: Path):
    data = some_data(groups=[f"walk {i % 9}" for i in range(60)])
    rows = Calls([], []).rows()
    text = write_report(data, Budget(), rows, compare(data, Budget(), rows, tmp_path, quiet), tmp_path)
    assert "300 photos to train on, 40 to choose on, 60 to test" in text and "9 groups resampled whole" in text
    tables = text.split("\n\n")
    shares = {line.split(" | ")[0].strip("| "): line for part in tables[1:4] for line in part.splitlines()}
    assert re.search(r"\| 98\.3 \(\d+\.\d to 100\.0\)", shares["Row <better>"]), "one photo of 60 has no answer"
    assert "Row <better> against Row <base>" in shares and "Row <star> against Row <better>" in shares
    assert "**+98.3** (" in shares["Row <better> against Row <base>"]
    assert "| Row <base> | 1,234 | 7 | " in text
    assert (tmp_path / "results.md").read_text() == text
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["key"] for row in results["rows"]] == ["constant", "base", "better", "star"]
    assert results["rows"][0]["median_km"] is None and results["rows"][1]["groups"] == 9
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert set(curves) == {"Row <base>"}, "equal curves are drawn once"
    ElementTree.parse(tmp_path / "curves.svg")


def test_the_figure_has_a_line_a_system_in_each_panel():
    curve = [Epoch(number=i, loss=6 - i, validation={"a_750": 7.5 * i}) for i in range(1, 7)]
    picture = curves_svg({"A & B": curve, "C": curve[:1], "D": [Epoch(number=1, loss=2.0)]}, "a_750")
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    lines = [line.attrib["points"].split() for line in root.iter(f"{space}polyline")]
    assert [len(line) for line in lines] == [6, 1, 1, 6, 1, 0]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights), "a loss that falls is drawn falling"
    words = [text.text for text in root.iter(f"{space}text")]
    assert "A & B" in words and "prefers-color-scheme:dark" in picture
    ElementTree.fromstring(curves_svg({}, "a_750"))


def test_a_split_by_walk_shares_no_walk():
    groups = [f"walk {i // 7 % 13}" for i in range(400)]
    split = split_by_group(groups, seed=3)
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(400))
    walks = [{groups[row] for row in part} for part in parts]
    assert not walks[0] & walks[1] | walks[0] & walks[2] | walks[1] & walks[2]
    assert 0.6 < len(split.train) / 400 < 0.8 and all(len(part) for part in parts)
    again, other = split_by_group(groups, 3), split_by_group(groups, 4)
    assert again.test.tolist() == split.test.tolist() != other.test.tolist()
    with pytest.raises(SourceError, match="--group"):
        split_by_group(["a", "b", "b"], 1)


class PaintedSegmenter:
    """Says what the first photo's map says of every photo, and remembers what it was shown."""

    def __init__(self, labels: Labels) -> None:
        self.labels, self.shown = labels, []
        self.loaded = False

    def availability(self) -> Availability:
        return Availability(True, "painted")

    def load(self) -> None:
        self.loaded = True

    def segment(self, images: list[Image.Image]) -> list[Labels]:
        assert self.loaded
        self.shown += images
        return [self.labels for _ in images]


def test_real_rows_learn_and_the_control_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photos = make_set(tmp_path / "set", 96)
    data = grouped(photos, "id", Limits((60, 40, 24), least=3), seed=2)
    assert not set(data.train.ids) & set(data.test.ids) and len(data.groups or ()) == len(data.test)
    shape = Shape(image_size=32, patch=8, width=24, depth=2, heads=2)
    budget = Budget(epochs=3, batch=4, rate=3e-3, shape=shape, inputs=Inputs(resize=36, crops=5))
    painted = PaintedSegmenter(photos.labels(0))
    monkeypatch.setattr("geoloc_core.segmentation.names.open_segmenter", lambda name: painted)
    mff = network("mff")
    rows = [
        constant(),
        ceiling(),
        knn("im2gps", "kNN"),
        row_of("mff", "MFF", mff, against=("constant",)),
        row_of("star", "f*", mff, Asked(star=True)),
        row_of("maps", "other maps", mff, Asked(segmenter="painted")),
        row_of("isns", "ISNs, f*", network("isns"), Asked(star=True)),
        row_of("control", "control", network("mff", shuffled=True)),
    ]
    torch.set_num_threads(1)
    done = {row.key: row for row in compare(data, budget, rows, tmp_path / "out", quiet)}
    within = {key: (row.answers.errors(data.test.places) <= 750).mean(axis=0) for key, row in done.items()}
    assert within["mff"] > within["constant"][3] + 0.2 and within["star"] > within["constant"][3] + 0.2
    assert within["ceiling"] >= max(within["mff"], within["star"], within["isns"])
    assert within["control"] < within["mff"] - 0.2
    assert within["knn-im2gps"] > within["constant"][3] + 0.2
    assert len(painted.shown) == len(data.test)
    assert painted.shown[2].tobytes() == data.test.photo(2).tobytes(), "the test photos are segmented, in order"
    learned = done["mff"].trained
    assert learned == done["star"].trained and [epoch.number for epoch in learned.curve] == [1, 2, 3]
    assert learned.curve[-1].loss < learned.curve[0].loss and learned.curve[-1].validation["a_mean"] > 20
    text = write_report(data, budget, rows, list(done.values()), tmp_path / "out")
    assert "MFF against best constant guess" in text and f"{learned.parameters:,}" in text


def test_the_command_runs_the_rows_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make_set(tmp_path / "set", 80)
    words = ["experiment", "photos", str(tmp_path / "set"), "--group", "id", "--out", str(tmp_path / "out"), "--max"]
    words += ["40", "20", "10", "--min", "1"]
    assert main([*words, "--only", "constant", "nonesuch"]) == 2
    assert "no row nonesuch. Choose from constant, " in capsys.readouterr().err
    assert main([*words, "--only", "constant", "ceiling"]) == 0
    assert "| perfect classifier of these cells |" in capsys.readouterr().out
    assert main([*words, "--epochs", "0"]) == 2
    assert "epochs" in capsys.readouterr().err


def test_each_command_of_the_page_is_one():
    page = (ROOT / "docs" / "translocator.md").read_text(encoding="utf-8")
    text = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", "")
    commands = [shlex.split(line, comments=True) for line in text.splitlines()]
    parsers = {"index_builder": builder_parser(), "geoloc_core": core_parser()}
    for python, option, module, *words in commands:
        assert (python, option) == ("python", "-m")
        parsers[module].parse_args(words)  # exits if there is no such option
    assert {words[3] for words in commands} == {"inputs", "cells", "train", "locate", "atlas-inputs", "experiment"}
