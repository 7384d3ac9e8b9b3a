"""Training map encoders: the loss, what is learned and published, several processes, runs that are killed."""

from __future__ import annotations

import math
import multiprocessing
import random
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from geoloc_core.encoders import create
from geoloc_core.errors import InputsError, ModelError, TileSourceError
from geoloc_core.status import Availability
from geoloc_core.tiles import encoders
from geoloc_core.tiles.encoders import open_tiles
from geoloc_core.tiles.encoders.card import read_card
from geoloc_core.tiles.encoders.network import Tail
from geoloc_core.tiles.picture import read_tile
from geoloc_core.tiles.sources.drawn import Drawn
from geoloc_core.tiles.tile import Tile, tile_at, world
from index_builder.tiles.contrast import contrast
from index_builder.tiles.pairs import Batches, Pairs, halves
from index_builder.tiles.photos import embed_photos
from index_builder.tiles.pictures import BLANK, gather
from index_builder.tiles.tokens import Tokens
from index_builder.tiles.train import train
from index_builder.training import Step, read_metrics
from tests.tiles_child import ABOUT, AIMS, QUICK, RECIPE, asked, draw, make_photos, several, shared_batch, work
from tests.tiny_clip import own_home
from tests.tiny_tiles import png, save_base, small_picture

__all__ = ["own_home"]

SLOW_START_S = 120


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    make_photos(folder / "train", 240, 0)
    make_photos(folder / "validation", 60, 1)
    save_base(folder)
    return folder


@pytest.fixture(autouse=True)
def base(own_home, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("GEOLOC_DEVICE", "cpu")
    monkeypatch.setattr(encoders, "_opened", {})
    save_base(own_home)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("both", [False, True])
def test_the_loss_is_a_plain_loop_that_passes_over_false_negatives(both):
    photos, seen, weight, kinds = shared_batch()
    tiles = F.normalize(seen @ weight, dim=-1).detach()
    p, t, k = photos.double().numpy(), tiles.double().numpy(), kinds.tolist()
    wanted = []
    for i in range(len(p)):
        others = [j for j in range(len(p)) if j == i or k[j] != k[i]]
        one = -math.log(math.exp(5 * p[i] @ t[i]) / sum(math.exp(5 * p[i] @ t[j]) for j in others))
        back = -math.log(math.exp(5 * p[i] @ t[i]) / sum(math.exp(5 * p[j] @ t[i]) for j in others))
        wanted.append((one + back) / 2 if both else one)
    np.testing.assert_allclose(contrast(photos, tiles, kinds, 5.0, both=both).numpy(), wanted, rtol=1e-5)
    assert contrast(photos, tiles, torch.zeros(7, dtype=torch.long), 5.0).tolist() == [0.0] * 7


def test_several_processes_have_the_gradient_of_one(tmp_path):
    photos, seen, weight, kinds = shared_batch()
    loss = contrast(photos, F.normalize(seen @ weight, dim=-1), kinds, 5.0, both=True).mean()
    loss.backward()
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["tests.tiles_child"])
    files = [tmp_path / f"{rank}.pt" for rank in range(2)]
    children = [fork.Process(target=several, args=(tmp_path / "meeting", i, 2, file)) for i, file in enumerate(files)]
    for child in children:
        child.start()
    for child in children:
        child.join(SLOW_START_S)
        assert child.exitcode == 0
    parts = [torch.load(file, weights_only=True) for file in files]
    torch.testing.assert_close(sum(part["gradient"] for part in parts), weight.grad, rtol=1e-5, atol=1e-6)
    assert sum(part["loss"] for part in parts).item() == pytest.approx(loss.item(), rel=1e-5)


def test_it_learns_and_the_family_opens(sets, tmp_path):
    made = train(asked(sets), RECIPE.model_copy(update={"epochs": 6}), tmp_path / "run", running=QUICK)
    for zoom in (6, 4):
        rows = read_metrics(tmp_path / "run" / f"zoom-{zoom}")
        losses = [row["loss"] for row in rows if row["kind"] == "epoch"]
        assert losses[-1] < losses[0] and losses[-1] < 0.9 * math.log(AIMS.batch)
        told = {name.removeprefix(f"zoom{zoom}_"): value for name, value in made.card.metrics.items()}
        assert told["recall_16"] > told["untuned_recall_16"] + 0.2
        assert told["recall_16"] > 1.5 * told["chance_16"]
        assert told["loss"] < told["untuned_loss"]
    opened, picture = open_tiles(str(tmp_path / "run" / "best")), read_tile(draw(tile_at(10, 10, 4))).image
    assert opened.zooms == (4, 6) and opened.synthetic and "whoever drew" in opened.card.tiles
    best = read_card(tmp_path / "run" / "zoom-4" / "best")
    assert best.metrics["recall_16"] == made.card.metrics["zoom4_recall_16"]
    assert opened.encode(4, [picture]).shape == (1, 24)
    assert np.abs(opened.encode(4, [picture]) - opened.encode(6, [picture])).max() > 1e-3
    silent = asked(sets, source=Drawn(lambda tile: pytest.fail("was got already"), "colours", ABOUT, (0, 16)))
    again = train(silent, RECIPE.model_copy(update={"epochs": 6}), tmp_path / "run", running=QUICK)
    assert again.card == made.card and "zoom" in str(again)


def test_each_zoom_begins_with_the_finer_one(sets, tmp_path):
    still = RECIPE.model_copy(update={"epochs": 1, "learning_rate": 1e-12})
    made = train(asked(sets), RECIPE.model_copy(update={"epochs": 1}), tmp_path / "run", running=QUICK)
    for name, finer in (("run/zoom-4", "run/zoom-6"), ("run/zoom-6", None)):
        facts = (tmp_path / name / "recipe.json").read_text()
        assert (read_card(tmp_path / finer / "best").sha256 if finer else '"first_weights": ""') in facts
    with pytest.raises(ModelError, match="first_weights"):
        (tmp_path / "run" / "zoom-6").rename(tmp_path / "gone")
        train(asked(sets, (4,)), RECIPE.model_copy(update={"epochs": 1}), tmp_path / "run", running=QUICK)
    once_more = train(asked(sets), still, tmp_path / "run", running=QUICK, resume=False)
    assert once_more.card.sha256 != made.card.sha256


def test_a_run_killed_again_and_again_learns_the_same(sets, tmp_path):
    """SIGKILL after a random number of steps, in either zoom: all figures and weights are equal to the last bit."""
    wanted = work(sets, tmp_path / "calm")
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["tests.tiles_child"])
    dice, kills = random.Random(3), 0

    def rows():
        return sum(len(file.read_bytes().splitlines()) for file in (tmp_path / "rough").glob("zoom-*/metrics.jsonl"))

    while True:
        until, deadline = rows() + dice.randint(8, 16), time.monotonic() + SLOW_START_S
        child = fork.Process(target=work, args=(sets, tmp_path / "rough"))
        child.start()
        while child.is_alive() and time.monotonic() < deadline:
            if kills < 3 and rows() >= until:
                child.kill()
                break
            time.sleep(0.005)
        child.join(SLOW_START_S)
        if child.exitcode == 0:
            break
        assert child.exitcode == -9
        kills += 1
    assert kills >= 2
    assert read_card(tmp_path / "rough" / "best") == wanted.card
    timed = ("seconds", "photos_per_s", "left_s")
    for zoom in ("zoom-6", "zoom-4"):
        calm, rough = (
            [{k: v for k, v in row.items() if k not in timed} for row in read_metrics(tmp_path / name / zoom)]
            for name in ("calm", "rough")
        )
        assert calm == rough


def test_what_cannot_be_seen_is_left_out_and_told(tmp_path):
    tiles = [*world(2), *world(2)]

    def drawn(tile):
        if tile.x == 0:
            return None
        return png(small_picture(5 if tile.y == 0 else tile.x * 10 + tile.y)) if tile.x < 3 else _plain()

    got = gather(Drawn(drawn, "some", ABOUT), 2, tiles, tmp_path)
    assert dict(got.lacking) == {"not there": 4, BLANK: 4} and len(got.pictures) == 7
    by_tile = dict(zip(tiles, got.kinds.tolist(), strict=True))
    assert by_tile[Tile(0, 1, 2)] == by_tile[Tile(3, 1, 2)] == -1 and by_tile[Tile(1, 0, 2)] == by_tile[Tile(2, 0, 2)]
    picture = got.pictures.image(by_tile[Tile(2, 3, 2)])
    assert np.array_equal(np.asarray(picture), np.asarray(read_tile(png(small_picture(23))).image))
    assert (got.kinds[:16] == got.kinds[16:]).all()


def _plain():
    from PIL import Image

    return png(Image.new("RGB", (16, 16), "navy"))


def test_gathering_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("index_builder.tiles.pictures._PART", 100)
    seen, down = [], [True]

    def drawn(tile):
        seen.append(tile)
        return None if down[0] and tile.y >= 8 else draw(tile)

    class Failing(Drawn):
        def availability(self):
            return Availability(not (down[0] and len(seen) > 128), "It is down.")

    tiles, source = world(4), Failing(drawn, "some", ABOUT)
    with pytest.raises(TileSourceError, match="It is down"):
        gather(source, 4, tiles, tmp_path)
    down[0], before = False, len(seen)
    got = gather(source, 4, tiles, tmp_path)
    assert before == 200 and len(seen) - before == 156 and (got.kinds >= 0).all()
    whole = gather(Drawn(draw, "some", ABOUT), 4, tiles, tmp_path / "whole")
    assert whole.digest == got.digest and (whole.kinds == got.kinds).all()


def test_photos_are_embedded_once(sets, tmp_path, monkeypatch):
    photos, encoder = make_photos(tmp_path / "set", 20, 5), create("base")
    rows = embed_photos(encoder, photos, tmp_path / "kept")
    np.testing.assert_allclose(rows, encoder.encode([photos.photo(i) for i in range(20)]), atol=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(type(encoder), "embed", lambda *_: pytest.fail("was embedded already"))
        assert np.array_equal(embed_photos(encoder, photos, tmp_path / "kept"), rows)
    file = next((tmp_path / "kept").glob("*/00000.npy"))
    file.write_bytes(file.read_bytes()[:50])
    assert np.array_equal(embed_photos(encoder, photos, tmp_path / "kept"), rows)
    monkeypatch.setattr(encoder, "side", 64)
    with pytest.raises(InputsError, match="--side 64"):
        embed_photos(encoder, photos, tmp_path / "kept")


def test_tokens_are_the_same_kept_or_not(tmp_path):
    got, encoder = gather(Drawn(draw, "some", ABOUT), 3, world(3)[:9], tmp_path), create("base")
    kept, fresh = (Tokens(encoder, 2, got.pictures, most) for most in (10**9, 0))
    numbers = np.array([3, 0, 3])
    assert kept.keeps and not fresh.keeps and kept.of(numbers).shape == (3, 17, 32)
    torch.testing.assert_close(kept.of(numbers), fresh.of(numbers), rtol=1e-5, atol=1e-5)
    tower = encoder.tower
    pixels = encoder._scale([encoder.prepare(got.pictures.image(3))], torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(Tail(tower, 2)(kept.of(numbers[:1])), tower(pixels), rtol=1e-4, atol=1e-5)


def test_squares_depend_on_epoch_and_row_alone(tmp_path):
    got, encoder = gather(Drawn(draw, "some", ABOUT), 3, world(3)[:4], tmp_path), create("base")
    pairs = Pairs(np.zeros((4, 24), np.float16), got.kinds)
    whole, crops = (Batches(pairs, got.pictures, encoder.source.preprocess, crop) for crop in (1.0, 0.5))
    step, later = Step(0, 0, range(4)), Step(9, 1, range(4))
    batch = whole.batch([1, 2], step)
    assert batch["photos"].shape == (4, 24) and batch["own"].tolist() == [1, 2]
    assert np.array_equal(batch["pixels"][0].numpy(), encoder.prepare(got.pictures.image(1)))
    assert torch.equal(crops.batch([1, 2], step)["pixels"][1], crops.batch([2], step)["pixels"][0])
    assert not torch.equal(crops.batch([1], step)["pixels"], crops.batch([1], later)["pixels"])


def test_pixels_train_as_tokens_do(sets, tmp_path):
    short = RECIPE.model_copy(update={"epochs": 1})
    found = [
        train(asked(sets, (4,), token_bytes=most), short, tmp_path / str(most), running=QUICK).card.metrics[
            "zoom4_loss"
        ]
        for most in (0, 10**9)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_the_command_line(sets, tmp_path, capsys):
    from index_builder.__main__ import main

    for tile in world(3):
        path = tmp_path / "tiles" / "3" / str(tile.x) / f"{tile.y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw(tile))
    arguments = (
        f"train tiles --data {sets}/train --hold-out walk --source {tmp_path}/tiles --encoder base --zooms 3 "
        f"--epochs 1 --batch 16 --workers 0 --no-tensorboard --log-every 100 --device cpu --out {tmp_path}/run"
    ).split()
    assert main(arguments) == 0
    assert "recall@16" in capsys.readouterr().out and read_card(tmp_path / "run" / "best").zooms == (3,)
    assert main([*arguments, "--zooms", "4"]) != 0 and "zooms 3 to 3" in capsys.readouterr().err


def test_halves_keep_walks_whole(sets):
    photos = asked(sets).training
    one, other = halves(photos, "walk", 1)
    assert not set(one.column("walk")) & set(other.column("walk")) and len(one) + len(other) == len(photos)
    assert abs(len(one) - len(other)) <= len(photos) / 3
    with pytest.raises(InputsError, match="same lat"):
        halves(photos.subset([0]), "lat", 1)


def test_a_zoom_that_shows_nothing_is_refused(sets, tmp_path):
    with pytest.raises(ModelError, match="No training photo lies in a tile of zoom 4"):
        train(asked(sets, (4,), source=Drawn(lambda tile: None, "none", ABOUT)), RECIPE, tmp_path, running=QUICK)
