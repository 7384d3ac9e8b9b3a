"""Training TransLocator's family: what is learned and published, and runs that are killed or shared by processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from geoloc_core.errors import ModelError
from geoloc_core.translocator.checkpoint import load
from geoloc_core.translocator.losses import loss
from geoloc_core.translocator.opened import TransLocator
from index_builder.training import Recipe, Step, read_metrics
from index_builder.training.checkpointing import checkpoint_blocks
from index_builder.translocator.augment import Augment
from index_builder.translocator.evaluate import tell
from index_builder.translocator.train import from_model, start_from, train, untrained
from tests import training_child
from tests.tiny_sets import make_set
from tests.training_child import QUICK, RECIPE, SIZES, task

SLOW_START_S = 120


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    make_set(folder / "train", 64, seed=0)
    make_set(folder / "validation", 24, seed=1)
    return folder


def figures(folder):
    timed = ("seconds", "photos_per_s", "left_s")
    return [{name: value for name, value in row.items() if name not in timed} for row in read_metrics(folder)]


def test_parts_of_a_batch_add_up_to_its_loss(sets):
    """Though some photos have no cell and others no scene: equation 8's means are over those of the whole batch."""
    made = task(sets)
    made.network.eval()
    rows = made.batches(0)[0]
    step = Step(0, 0, np.arange(16))  # with photos in no cell, which training itself leaves out
    whole = made.batch(step.rows, step)
    assert (whole["cells"] == -1).any() and (whole["scenes"] == -1).any() and len(rows) == 8
    with torch.no_grad():
        outputs = made.network(whole["rgb"], whole["seg"])
        wanted = loss(outputs, whole["cells"], whole["scenes"], made.weights)
        parts = [made.loss(made.network, made.batch(part, step)) for part in np.array_split(step.rows, 5)]
    assert sum(part.total for part in parts).item() == pytest.approx(wanted.total.item(), rel=1e-5)
    assert sum(part.parts["scene"] for part in parts).item() == pytest.approx(wanted.scene.item(), rel=1e-5)
    assert list(parts[0].parts) == ["coarse", "middle", "fine", "scene"]


@pytest.mark.parametrize("name", ["vit-mt", "seg", "planet", "isns"])
def test_each_kind_of_network_is_trained_and_published(sets, tmp_path, name):
    recipe = RECIPE.model_copy(update={"epochs": 1, "warmup": 0.0})
    result = train(task(sets, name), recipe, tmp_path, running=replace(QUICK, micro_batch=4))
    card, network = load(result.published)
    assert card.metrics["crops"] == 1 and card.synthetic and card.config == network.config
    assert ("fstar_a_25" in card.metrics) == (name != "planet")
    assert (card.inputs.segmentation == "painted") == (name == "seg")
    assert (card.inputs.scenes == "painted") == (name in ("vit-mt", "isns"))


def test_the_published_model_says_what_was_measured(sets, tmp_path):
    made = task(sets, "vit-base", inputs=training_child.Inputs(resize=36, crops=5))
    result = train(made, RECIPE, tmp_path, running=QUICK)
    opened = TransLocator(result.published)
    told = tell(load(result.published)[1], made.validation, made.partition, opened.card.inputs, workers=0)
    for row in (0, 5, 11):
        said = opened.classify(made.validation.photo(row))
        best = said.level.points[said.probabilities.argmax()]
        np.testing.assert_allclose(told.places[row], best)
    epochs = [row for row in read_metrics(tmp_path) if row["kind"] == "epoch"]
    assert max(row["metrics"]["a_mean"] for row in epochs) == epochs[result.best_epoch - 1]["metrics"]["a_mean"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == [
        "best",
        "metrics.jsonl",
        "recipe.json",
        "state",
    ]


def test_it_learns_and_from_shuffled_labels_it_does_not(sets, tmp_path):
    """Four cities by colour, of which one seventh of the photos lies elsewhere: chance is about a quarter."""
    recipe = RECIPE.model_copy(update={"epochs": 14})
    reached = {}
    for shuffled in (False, True):
        made = task(sets, "vit-base", shuffle_labels=shuffled, augment=Augment.none())
        reached[shuffled] = train(made, recipe, tmp_path / str(shuffled), running=QUICK).metrics
        card = load(tmp_path / str(shuffled) / "best")[0]
        assert ("at random" in card.data) == shuffled
    assert reached[False]["a_200"] >= 0.75
    assert reached[True]["a_200"] <= 0.5
    assert reached[True]["loss"] > 2 * reached[False]["loss"]


def test_shuffling_deals_the_same_labels_and_leaves_kinds(sets):
    plain, dealt = task(sets, "isns"), task(sets, "isns", shuffle_labels=True)
    own, other = plain.data.labels, dealt.data.labels
    assert np.array_equal(own.usable, other.usable) and np.array_equal(own.kinds, other.kinds)
    assert not np.array_equal(own.cells, other.cells)
    assert sorted(own.cells[own.usable].tolist()) == sorted(other.cells[own.usable].tolist())


@pytest.mark.parametrize(("name", "sizes"), [("mff", SIZES), ("resnet101", {"image_size": 32})])
def test_checkpointing_keeps_less_and_learns_the_same(sets, name, sizes):
    gradients = []
    for again in (False, True):
        torch.manual_seed(3)
        made = untrained(training_child.variant(name, (3, 3, 3), **sizes), 1).train()
        if again:
            assert checkpoint_blocks(made) == len(made.branches)
        images = [torch.randn(4, 3, 32, 32) for _ in made.branches]
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, kept=kept: kept.append(x.numel()) or x, lambda x: x):
            total = sum(level.square().sum() for level in made(*images).cells)
        total.backward()
        gradients.append((sum(kept), {key: p.grad for key, p in made.named_parameters() if p.grad is not None}))
    (much, wanted), (less, found) = gradients
    assert less < 0.7 * much and found.keys() == wanted.keys()
    assert all(torch.allclose(found[key], wanted[key], rtol=1e-4, atol=1e-6) for key in wanted)


def test_both_branches_begin_with_a_trained_one(sets, tmp_path):
    recipe = RECIPE.model_copy(update={"epochs": 1, "warmup": 0.0})
    train(task(sets, "vit-mt", batch_size=32), recipe, tmp_path, running=QUICK)
    started = from_model(tmp_path)
    network = untrained(training_child.variant("mff", (3, 3, 3), **SIZES), 2)
    assert start_from(network, started.file).branches == ("rgb", "seg")
    wanted = load(tmp_path / "best")[1].branches["rgb"].state_dict()
    for name in ("rgb", "seg"):
        assert all(torch.equal(value, wanted[key]) for key, value in network.branches[name].state_dict().items())
    assert started.id != from_model(started.file.with_name("cells.parquet")).id


def test_what_a_set_lacks_is_said(tmp_path):
    make_set(tmp_path / "train", 40, maps=False, scenes=False)
    make_set(tmp_path / "validation", 10, seed=1, maps=False, scenes=False)
    with pytest.raises(ModelError, match=r"no segmentation maps.*vit-mt"):
        task(tmp_path, "mff")
    with pytest.raises(ModelError, match="no scene labels"):
        task(tmp_path, "vit-mt")


def test_a_run_killed_again_and_again_learns_the_same(sets, tmp_path):
    """SIGKILL after a random number of steps: all losses and figures are bit-equal to an undisturbed run's."""
    training_child.work(sets, tmp_path / "calm", 3)
    wanted = figures(tmp_path / "calm")
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["tests.training_child"])
    metrics, dice, kills = tmp_path / "rough" / "metrics.jsonl", random.Random(8), 0
    while True:
        before = len(metrics.read_bytes().splitlines()) if metrics.exists() else 0
        child = fork.Process(target=training_child.work, args=(sets, tmp_path / "rough", 3))
        child.start()
        until, deadline = before + dice.randint(2, 6), time.monotonic() + SLOW_START_S
        while child.is_alive() and time.monotonic() < deadline:
            if kills < 4 and metrics.exists() and len(metrics.read_bytes().splitlines()) >= until:
                child.kill()
                break
            time.sleep(0.005)
        child.join(SLOW_START_S)
        if child.exitcode == 0:
            break
        assert child.exitcode == -9
        kills += 1
    assert kills >= 3
    assert figures(tmp_path / "rough") == wanted
    digests = {load(tmp_path / name / "best")[0].sha256 for name in ("calm", "rough")}
    assert len(digests) == 1


def test_two_processes_learn_what_one_does(sets, tmp_path):
    """By torchrun and the command line; sums of floats in another order differ by less than 1e-4 of themselves."""
    arguments = (
        f"train translocator --data {sets}/train --validation {sets}/validation --variant scene-3 --image-size 32 "
        "--backbone vit_tiny_patch16_224 --width 16 --depth 2 --heads 2 --patch 16 --resize 32 --crops 1 --epochs 2 "
        "--max-photos 60 40 20 --min-photos 4 --batch 16 --micro-batch 5 --workers 0 --log-every 1 --no-tensorboard"
    ).split()
    from index_builder.__main__ import main

    assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two = [*torchrun, "-m", "index_builder", *arguments, "--out", str(tmp_path / "two")]
    done = subprocess.run(two, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    one, other = figures(tmp_path / "one"), figures(tmp_path / "two")
    assert [row["kind"] for row in one] == [row["kind"] for row in other]
    for mine, theirs in zip(one, other, strict=True):
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-4)
        assert theirs["parts"] == pytest.approx(mine["parts"], rel=1e-4)
    assert done.stdout.count("was the best") == 1
    recipes = [json.loads((tmp_path / name / "recipe.json").read_text()) for name in ("one", "two")]
    assert recipes[0] == recipes[1] and Recipe(**recipes[0]["recipe"]).epochs == 2
