"""Builds that are killed at random moments end in the gallery that an undisturbed build gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.building import assert_same, children, content, kill, run, source_with_bad_photos, start

ROUNDS = 20
PHOTOS = 2000
FLAGS = ("--encoder", "im2gps", "--shard-rows", 50, "--thumbnail-side", 48)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_with_bad_photos(tmp_path_factory.mktemp("source") / "photos", PHOTOS)


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "gallery"
    run("build", source, "--out", out, *FLAGS)
    vectors, rows, unused = content(out)
    assert len(vectors) == rows.num_rows == PHOTOS * 97 // 100
    assert unused.num_rows == PHOTOS * 3 // 100
    return out


def test_killing_the_run(source: Path, undisturbed: Path, tmp_path: Path):
    """SIGKILL of the whole run, its workers left to notice it by themselves."""
    chance = random.Random(1)
    out, kills, builds = tmp_path / "gallery", 0, 0
    while kills < ROUNDS:
        process = start("build", source, "--out", out, *FLAGS)
        try:
            process.communicate(timeout=chance.uniform(0.3, 4.0))
            assert process.returncode == 0
            assert_same(out, undisturbed)
            builds += 1
            out = tmp_path / f"gallery-{builds}"
        except subprocess.TimeoutExpired:
            orphans = children(process.pid)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            _all_gone(orphans)
    run("build", source, "--out", out, *FLAGS)
    assert_same(out, undisturbed)


def test_killing_workers(source: Path, undisturbed: Path, tmp_path: Path):
    """SIGKILL of one of two workers at a time; the run goes on with a new one, or can be run again."""
    chance = random.Random(2)
    out, kills, builds = tmp_path / "gallery", 0, 0
    while kills < ROUNDS:
        process = start("build", source, "--out", out, "--processes", 2, *FLAGS)
        while process.poll() is None and kills < ROUNDS:
            time.sleep(chance.uniform(0.2, 2.0))
            workers = [pid for pid in children(process.pid) if _is_worker(pid)]
            if workers:
                kills += kill(chance.choice(workers))
        said = process.communicate()[0]
        if process.returncode == 0:
            assert_same(out, undisturbed)
            builds += 1
            out = tmp_path / f"gallery-{builds}"
        else:
            assert "Workers die" in said, said[-2000:]
    if not out.exists():
        run("build", source, "--out", out, "--processes", 2, *FLAGS)
        assert_same(out, undisturbed)


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _all_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() and _is_worker(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlives the run that was killed"
        time.sleep(0.02)
