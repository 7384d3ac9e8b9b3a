"""The training engine: the same numbers as a plain loop, in parts, after stops, and its refusals."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import CheckpointMisfit, Diverged, ModelError
from index_builder.training import Recipe, Running, Said, Stepped, read_metrics, run, shuffled
from index_builder.training.order import shares
from index_builder.training.precision import choose
from index_builder.training.schedule import optimiser, rate
from tests.toy_task import BATCH, COUNT, RECIPE, Toy, network, plain_loop

QUICK = Running(workers=0, log_every=1, tensorboard=False, device="cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def losses(folder):
    return [row["loss"] for row in read_metrics(folder) if row["kind"] == "step"]


def figures(folder):
    """All rows but for what is measured in seconds."""
    timed = ("seconds", "photos_per_s", "left_s")
    return [{name: value for name, value in row.items() if name not in timed} for row in read_metrics(folder)]


def test_it_is_a_plain_loop(tmp_path):
    wanted, net = plain_loop()
    task = Toy()
    result = run(task, RECIPE, tmp_path, running=QUICK)
    assert losses(tmp_path) == wanted
    for own, other in zip(task.network.parameters(), net.parameters(), strict=True):
        assert torch.equal(own, other)
    assert (result.epochs, result.steps, result.stopped_early) == (3, 18, False)
    assert np.mean(wanted[-6:]) < 0.75 * wanted[0]


@pytest.mark.parametrize("micro", [1, 3, 5])
def test_accumulating_is_the_large_batch(tmp_path, micro):
    task = Toy()
    run(task, RECIPE, tmp_path, running=replace(QUICK, micro_batch=micro))
    assert max(task.sizes) <= micro
    np.testing.assert_allclose(losses(tmp_path), plain_loop()[0], rtol=1e-5)


def test_what_is_indivisible_stays_whole(tmp_path):
    task = Toy(divisible=False)
    run(task, RECIPE, tmp_path, running=replace(QUICK, micro_batch=2))
    assert set(task.sizes) == {BATCH}


def test_workers_change_nothing(tmp_path):
    run(Toy(), RECIPE, tmp_path, running=replace(QUICK, workers=2, micro_batch=4))
    np.testing.assert_allclose(losses(tmp_path), plain_loop()[0], rtol=1e-5)


def test_rows_of_the_metrics_are_means(tmp_path):
    run(Toy(), RECIPE, tmp_path, running=replace(QUICK, log_every=3))
    wanted = np.array(plain_loop()[0])
    np.testing.assert_allclose(losses(tmp_path), wanted.reshape(-1, 3).mean(axis=1), rtol=1e-6)
    epochs = [row["loss"] for row in read_metrics(tmp_path) if row["kind"] == "epoch"]
    np.testing.assert_allclose(epochs, wanted.reshape(3, -1).mean(axis=1), rtol=1e-6)


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine():
    recipe = Recipe(epochs=10, learning_rate=0.4, warmup=2, final=0.1)
    assert [rate(recipe, step, 4) for step in (0, 3, 7)] == pytest.approx([0.05, 0.2, 0.4])
    assert rate(recipe, 8, 4) == pytest.approx(0.4)
    assert rate(recipe, 24, 4) == pytest.approx(0.4 * (0.1 + 0.9 / 2))
    assert rate(recipe, 39, 4) == pytest.approx(0.04 + 0.36 * (1 + math.cos(math.pi * 31 / 32)) / 2)
    assert rate(Recipe(epochs=1, warmup=0, learning_rate=0.4), 0, 4) == pytest.approx(0.4)


def test_vectors_do_not_decay():
    made = optimiser(network(), RECIPE)
    decays = {group["weight_decay"]: [p.ndim for p in group["params"]] for group in made.param_groups}
    assert decays == {0.1: [2, 2], 0.0: [1, 1, 1, 1]}
    assert isinstance(optimiser(network(), Recipe(optimiser="sgd")), torch.optim.SGD)
    with pytest.raises(ModelError, match="nothing to learn"):
        optimiser(network().requires_grad_(False), RECIPE)


@given(st.integers(1, 70), st.integers(1, 5), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_shares_are_all_rows_once_in_as_many_parts(count, processes, micro):
    rows = np.arange(count) + 100
    if count < processes:
        with pytest.raises(ModelError, match="cannot be shared"):
            shares(rows, processes, micro)
        return
    found = shares(rows, processes, micro)
    assert len(found) == processes and len({len(parts) for parts in found}) == 1
    assert Counter(int(row) for parts in found for part in parts for row in part) == Counter(rows.tolist())
    assert all(len(part) > 0 for parts in found for part in parts)
    assert not micro or max(len(part) for parts in found for part in parts) <= max(micro, 2 if processes > 1 else 1)


def test_an_epoch_has_every_row_once_in_its_own_order():
    epochs = [np.concatenate(shuffled(range(50, 90), 8, 1, epoch)).tolist() for epoch in (0, 1, 0)]
    assert sorted(epochs[0]) == list(range(50, 90)) and epochs[0] == epochs[2] != epochs[1]
    with pytest.raises(ModelError, match="fewer than a batch"):
        shuffled(range(5), 8, 1, 0)


class Crash(Exception):
    pass


def at(step, what):
    """Calls `what` when that many steps are done."""

    def on_event(event):
        if isinstance(event, Stepped) and event.step == step:
            what()

    return on_event


def crash():
    raise Crash


@pytest.mark.parametrize("log_every", [1, 4])
def test_a_run_goes_on_as_if_nothing_had_happened(tmp_path, log_every):
    how = replace(QUICK, save_every=5, log_every=log_every, micro_batch=3)
    run(Toy(dropout=0.3), RECIPE, tmp_path / "calm", running=how)
    for step in (4, 8, 12, 16):
        with pytest.raises(Crash):
            run(Toy(dropout=0.3), RECIPE, tmp_path / "rough", running=how, on_event=at(step, crash))
    run(Toy(dropout=0.3), RECIPE, tmp_path / "rough", running=how)
    assert figures(tmp_path / "rough") == figures(tmp_path / "calm")


def test_momentum_is_gone_on_with_too(tmp_path):
    recipe, how = RECIPE.model_copy(update={"optimiser": "sgd"}), replace(QUICK, save_every=2)
    run(Toy(), recipe, tmp_path / "calm", running=how)
    with pytest.raises(Crash):
        run(Toy(), recipe, tmp_path / "rough", running=how, on_event=at(9, crash))
    run(Toy(), recipe, tmp_path / "rough", running=how)
    assert figures(tmp_path / "rough") == figures(tmp_path / "calm")


@pytest.mark.parametrize("step", [3, COUNT // BATCH])
def test_ctrl_c_saves_and_no_epoch_loses_its_validation(tmp_path, step):
    run(Toy(), RECIPE, tmp_path / "calm", running=QUICK)
    stop = at(step, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run(Toy(), RECIPE, tmp_path / "rough", running=replace(QUICK, save_every=0), on_event=stop)
    said = []
    run(Toy(), RECIPE, tmp_path / "rough", running=QUICK, on_event=said.append)
    assert Said(f"Going on after step {step}.") in said
    assert figures(tmp_path / "rough") == figures(tmp_path / "calm")


def test_a_complete_run_is_told_again_without_a_step(tmp_path):
    first = run(Toy(), RECIPE, tmp_path, running=QUICK)
    task = Toy()
    assert run(task, RECIPE, tmp_path, running=QUICK) == first
    assert not task.sizes


def states(folder):
    return sorted((folder / "state").glob("*.safetensors"))


def test_a_damaged_state_is_passed_over(tmp_path):
    run(Toy(), RECIPE, tmp_path / "calm", running=QUICK)
    with pytest.raises(Crash):
        run(Toy(), RECIPE, tmp_path / "rough", running=replace(QUICK, save_every=4), on_event=at(9, crash))
    last = states(tmp_path / "rough")[-1]
    data = bytearray(last.read_bytes())
    data[-3] ^= 1
    last.write_bytes(data)
    said = []
    run(Toy(), RECIPE, tmp_path / "rough", running=QUICK, on_event=said.append)
    assert any(isinstance(event, Said) and "is damaged" in event.text for event in said)
    assert figures(tmp_path / "rough") == figures(tmp_path / "calm")


def test_damaged_states_alone_are_refused_until_restart(tmp_path):
    run(Toy(), RECIPE, tmp_path, running=QUICK)
    assert len(states(tmp_path)) == 2
    for state in states(tmp_path):
        state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(CheckpointMisfit, match="--restart"):
        run(Toy(), RECIPE, tmp_path, running=QUICK)
    assert run(Toy(), RECIPE, tmp_path, running=QUICK, resume=False).steps == 18


def test_other_settings_or_data_are_refused_by_name(tmp_path):
    run(Toy(), RECIPE, tmp_path, running=QUICK)
    with pytest.raises(ModelError, match=r"learning_rate was 0.01, is 0.02; seed was 3, is 4.*--restart"):
        run(Toy(), RECIPE.model_copy(update={"learning_rate": 0.02, "seed": 4}), tmp_path, running=QUICK)
    other = Toy()
    other.facts = lambda: {"count": 7}
    with pytest.raises(ModelError, match=r"count was 48, is 7"):
        run(other, RECIPE, tmp_path, running=QUICK)


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    with pytest.raises(Diverged, match="--learning-rate"):
        run(Toy(spoil=8), RECIPE, tmp_path, running=replace(QUICK, log_every=7, save_every=1))
    assert [state.name[:15] for state in states(tmp_path)] == ["state-000000007", "state-000000008"]


def test_the_best_is_kept_and_patience_ends(tmp_path):
    task = Toy()
    task.scores = [3.0, 1.0, 2.0, math.nan, 0.5]
    result = run(task, RECIPE.model_copy(update={"epochs": 5, "patience": 2}), tmp_path, running=QUICK)
    assert (result.epochs, result.best_epoch, result.best, result.stopped_early) == (4, 2, 1.0, True)
    assert task.published == [{"loss": 3.0}, {"loss": 1.0}]
    assert (result.published / "model.txt").read_text() == "{'loss': 1.0}"
    with pytest.raises(ModelError, match="no figure 'a_25'"):
        run(Toy(), RECIPE.model_copy(update={"best": "a_25"}), tmp_path / "other", running=QUICK)


def test_it_works_without_tensorboard_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = []
    run(Toy(), RECIPE, tmp_path, running=replace(QUICK, tensorboard=True), on_event=said.append)
    assert any(isinstance(event, Said) and "TensorBoard is not installed" in event.text for event in said)
    assert len(losses(tmp_path)) == 18


def test_two_runs_in_one_folder_are_refused(tmp_path):
    def again():
        with pytest.raises(ModelError, match="Another run"):
            run(Toy(), RECIPE, tmp_path, running=QUICK)
        raise Crash

    with pytest.raises(Crash):
        run(Toy(), RECIPE, tmp_path, running=QUICK, on_event=at(2, again))


def test_precision_has_a_reason_and_float16_needs_a_gpu(tmp_path):
    assert choose("auto", "cpu").value == "no" and choose("auto", "cpu").reason
    assert choose("bf16", "cpu").value == "bf16"
    with pytest.raises(ModelError, match="needs a GPU"):
        run(Toy(), RECIPE.model_copy(update={"precision": "fp16"}), tmp_path, running=QUICK)
    run(Toy(), RECIPE.model_copy(update={"precision": "bf16"}), tmp_path, running=QUICK)
    np.testing.assert_allclose(losses(tmp_path), plain_loop()[0], rtol=0.1)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    assert recipe["recipe"]["precision"] == "bf16"
