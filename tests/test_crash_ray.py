"""The Ray engine gives the local engine's gallery, whatever dies: actors, the run, a node of the cluster."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoloc_core.gallery import Gallery
from geoloc_core.paths import ROOT
from tests import make_sources
from tests.building import assert_same, kill, run, source_with_bad_photos, start
from tests.test_recipes import commands, for_ray
from tests.test_recipes import run as run_recipe

ROUNDS = 20
FLAGS = ("--encoder", "im2gps", "--shard-rows", 50, "--thumbnail-side", 48)
ACTOR = b"ray::_Actor"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_with_bad_photos(tmp_path_factory.mktemp("source") / "photos", 2000)


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the local engine."""
    out = tmp_path_factory.mktemp("undisturbed") / "gallery"
    run("build", source, "--out", out, *FLAGS)
    return out


@pytest.fixture(autouse=True)
def as_on_a_fresh_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray keeps a token in the home folder, and reports its use unless told not to."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def cluster() -> Iterator[subprocess.Popen[str]]:
    """A running cluster of two nodes; its first line is its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ray_cluster"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.communicate("end\n", timeout=60)


def test_a_cluster_of_two_nodes_survives_the_death_of_one(
    cluster: subprocess.Popen[str], source: Path, undisturbed: Path, tmp_path: Path
):
    address = cluster.stdout.readline().strip()
    build = start("build", source, "--out", tmp_path / "gallery", "--ray-address", address, "--processes", 3, *FLAGS)
    _wait_for_shards(tmp_path, 4)
    cluster.stdin.write("kill\n")
    cluster.stdin.flush()
    assert cluster.stdout.readline().strip() == "killed"
    assert build.poll() is None, "the build was done before the node died"
    said = build.communicate(timeout=240)[0]
    assert build.returncode == 0, said[-3000:]
    assert "its shards go to another" in said
    assert_same(tmp_path / "gallery", undisturbed)


def test_killing_actors(source: Path, undisturbed: Path, tmp_path: Path):
    """SIGKILL of an actor at random moments, 20 times, in as many builds as that takes."""
    chance = random.Random(3)
    kills, builds = 0, 0
    out = tmp_path / "gallery-0"
    while kills < ROUNDS:
        build = start("build", source, "--out", out, "--engine", "ray", "--processes", 2, *FLAGS)
        while build.poll() is None and kills < ROUNDS:
            time.sleep(chance.uniform(0.2, 2.5))
            if actors := _actors():
                kills += kill(chance.choice(actors))
        said = build.communicate(timeout=240)[0]
        if build.returncode == 0:
            assert_same(out, undisturbed)
            builds += 1
            out = tmp_path / f"gallery-{builds}"
        else:
            assert "die" in said, said[-3000:]
    if not out.exists() and builds == 0:
        run("build", source, "--out", out, "--engine", "ray", *FLAGS)
        assert_same(out, undisturbed)


def _wait_for_shards(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(list(folder.glob(".gallery.work/embeddings/*.parquet"))) < count:
        assert time.monotonic() < deadline, "no shard is done"
        time.sleep(0.05)


def _actors() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes().startswith(ACTOR):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_the_recipe_for_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commands of docs/building.md for a Ray cluster, its nodes on this machine."""
    make_sources.make_mp16(tmp_path / "mp16", 12, "split-tar")
    recipe = [words for words in commands("building.md") if for_ray(words)]
    assert [words[0] for words in recipe] == ["export", "ray", "ray", "python"]
    for setting in recipe[0][1:]:
        monkeypatch.setenv(*setting.split("="))
    head = "127.0.0.1:6399"
    try:
        for words in recipe[1:]:
            here = [word.replace("HEAD:6379", head).replace("--port=6379", "--port=6399") for word in words]
            run_recipe(here, tmp_path)
    finally:
        run_recipe(["ray", "stop", "--force"], tmp_path)
    assert len(Gallery.open(tmp_path / "galleries" / "mp16")) == 12
