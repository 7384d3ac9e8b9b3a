"""Every command of docs/building.md and docs/sharing.md runs, on small data with the layouts that the page names."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.gallery import Gallery
from geoloc_core.paths import ROOT
from tests import make_sources
from tests.conftest import make_photo
from tests.loopback_datasets import TOKEN, LoopbackDatasets, Repository

BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """The page's commands in order, as words, without comments."""
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in lines if words]


def for_ray(words: list[str]) -> bool:
    """Whether a command is for a Ray cluster."""
    return words[0] == "ray" or "--ray-address" in words or any(word.startswith("RAY_") for word in words)


@pytest.fixture
def hub() -> Iterator[LoopbackDatasets]:
    server = LoopbackDatasets()
    yield server
    server.close()


def serve_folder(hub: LoopbackDatasets, name: str, folder: Path) -> None:
    """Put a folder's files into a repository of the hub, and away from the disk."""
    hub.repos[name] = Repository(private=False)
    files = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    hub.repos[name].commit("main", files)
    hub.storage |= {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    shutil.rmtree(folder)


@pytest.fixture
def place(tmp_path: Path, hub: LoopbackDatasets) -> Path:
    """A folder with everything that the page's commands name."""
    for i in range(6):
        make_photo(tmp_path / "PHOTOS" / f"{i}.jpg", i, (i + 1, i))
        make_photo(tmp_path / "MORE_PHOTOS" / f"{i}.jpg", i + 4, (i + 1, i))
        make_photo(tmp_path / "list" / f"{i}.jpg", i)
    (tmp_path / "PHOTOS" / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    rows = "".join(f"list/{i}.jpg,{i},{i}\n" for i in range(6))
    (tmp_path / "list.csv").write_text("file,breite,laenge\n" + rows)
    (tmp_path / "places.csv").write_text("LAT,LON\n41.9,2.8\n-33.9,151.2\n")
    make_sources.make_mp16(tmp_path / "mp16", 12, "split-tar")
    serve_folder(hub, "Jia-py/MP16-Pro", tmp_path / "mp16")
    make_sources.make_osv5m(tmp_path / "osv5m", 8)
    serve_folder(hub, "osv5m/osv5m", tmp_path / "osv5m")
    for name in ("im2gps", "im2gps3k", "yfcc4k"):
        made = tmp_path / name
        make_sources.make_benchmark(made, name, 5)
        shutil.copy(made / f"{name}_places365.csv", tmp_path)
    make_sources.make_webdataset(tmp_path / "shards", 6)
    _make_embeddings(tmp_path / "EMBEDDINGS")
    return tmp_path


def _make_embeddings(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from geoloc_core.encoders import create

    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "part-0.npy", rng.standard_normal((9, create("im2gps").dim)).astype(np.float32))
    table = {"id": [str(i) for i in range(9)], "lat": np.linspace(-40, 40, 9), "lon": np.linspace(-90, 90, 9)}
    pq.write_table(pa.table(table), folder / "part-0.parquet")


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Run a command of the page in `folder`, with an encoder that needs no download."""
    words = ["im2gps" if word == "clip-l14" else word for word in words]
    program = {"python": sys.executable}.get(words[0], str(BIN / words[0]))
    done = subprocess.run(
        [program, *words[1:]],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-3000:]}"
    return done.stdout


def test_the_recipes_for_building(place: Path, hub: LoopbackDatasets):
    known = {"list.csv", "WORK", "EMBEDDINGS"}
    for words in commands("building.md"):
        if for_ray(words):
            continue  # in test_crash_ray, beside the other tests that start and stop Ray
        if "--out" in words:
            out = place / words[words.index("--out") + 1]
            if out.exists() and known & set(words):  # the page shows other ways to the same gallery
                shutil.rmtree(out)
            if "--processes" in words:
                shutil.rmtree(out)
        run(words, place, HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
    mp16 = Gallery.open(place / "galleries" / "mp16").manifest
    assert mp16.count == 12
    assert [table.table for table in mp16.excluded] == [
        f"{name}_places365.csv" for name in ("im2gps3k", "yfcc4k", "im2gps")
    ]
    assert len(Gallery.open(place / "galleries" / "osv5m")) == 8
    assert len(Gallery.open(place / "galleries" / "im2gps3k")) == 5
    assert len(Gallery.open(place / "galleries" / "web")) == 6
    assert Gallery.open(place / "PLACES").manifest.encoder is None
