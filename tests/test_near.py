"""The near index: chosen with a reason, measured against the exact answer at both ends, published whole or not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest

from geoloc_core.errors import EncoderMismatch, GalleryDamaged, GalleryError, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import NAME, describe_file, read_manifest
from geoloc_core.gallery.near import Near, Vectors, family
from geoloc_core.gallery.search import two_ended
from geoloc_core.paths import ROOT
from index_builder.gallery.index_choice import EXACT, choose_index, index_bytes, ram_needed
from index_builder.gallery.near import build_near, remove_near
from index_builder.gallery.publish import writing
from index_builder.gallery.recall import exact_ends, recall_far, recall_near
from tests.make_vectors import photo_like, write_gallery

COUNT, DIM, K = 5000, 64, 16
FAST = {"queries": 200, "k": K}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other in a loop are slow beside other tests."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("near") / "plain"
    write_gallery(folder, photo_like(COUNT, DIM, block=2000))
    return folder


@pytest.fixture(scope="module")
def outliers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("near") / "outliers"
    write_gallery(folder, photo_like(COUNT, DIM, outliers=0.005, block=2000))
    return folder


@pytest.fixture
def gallery(plain: Path, tmp_path: Path) -> Path:
    return shutil.copytree(plain, tmp_path / "gallery")


def all_vectors(folder: Path) -> np.ndarray:
    return np.concatenate([block for _, block in Vectors.open(folder, read_manifest(folder)).blocks(999)])


def edit_near(folder: Path, **changes: object) -> None:
    record = json.loads((folder / NAME).read_text())
    record["near"] |= changes
    (folder / NAME).write_text(json.dumps(record))


def near_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if "near" in path.name}


@pytest.mark.parametrize("key", ["HNSW16_SQfp16", "IVF64,SQfp16", "IVF64,SQ8"])
@pytest.mark.parametrize("source", ["plain", "outliers"])
def test_finds_what_the_manifest_says_it_finds(
    key: str, source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On other queries than those it was measured on, counted here in the plainest way."""
    folder = shutil.copytree(request.getfixturevalue(source), tmp_path / "gallery")
    facts = build_near(folder, key=key, **FAST).near
    assert facts == read_manifest(folder).near
    assert facts.recall_near >= 0.95
    near, vectors = Near.open(folder, read_manifest(folder)), all_vectors(folder)
    found = []
    for row in np.random.default_rng(9).choice(COUNT, 200, replace=False):
        exact = two_ended([vectors], vectors[row], K + 1).nearest
        hits = near.search(vectors[row], K + 1)
        assert hits.similarity == pytest.approx(vectors[hits.rows] @ vectors[row], abs=1e-6)
        assert (np.diff(hits.similarity) <= 0).all()
        found.append(len(set(hits.rows) & set(exact.rows) - {row}) / K)
    assert np.mean(found) == pytest.approx(facts.recall_near, abs=0.04)


def test_far_recall_shows_the_failure(outliers: Path, plain: Path, tmp_path: Path) -> None:
    """Rows off the cone are the farthest of many, and lie in cells or corners of the graph that -q does not visit."""
    recalls = {}
    for source in (outliers, plain):
        folder = shutil.copytree(source, tmp_path / source.name)
        recalls[source.name] = build_near(folder, key="IVF64,SQfp16", **FAST).near
    assert recalls["outliers"].recall_near >= 0.95
    assert recalls["outliers"].recall_far < recalls["outliers"].recall_near - 0.1
    assert recalls["plain"].recall_far > recalls["outliers"].recall_far + 0.1
    assert not hasattr(Near, "farthest")


@pytest.mark.parametrize("rows", [1, 2, 40, 300])
def test_exact_ends_against_a_full_sort(rows: int) -> None:
    """With every vector twice, so that ties at the edge count for whoever finds them."""
    values = np.concatenate([next(photo_like(150, 8)), next(photo_like(150, 8))])[:rows]
    vectors, k = Vectors([values[:100], values[100:]]), min(5, rows)
    asked = np.arange(0, rows, 7)
    exact = exact_ends(vectors, asked, k)
    scores = values.astype(np.float32) @ values.astype(np.float32).T
    for at, row in enumerate(asked):
        others = np.sort(np.delete(scores[row], row))
        if len(others) >= k:
            assert exact.near[at] == pytest.approx(others[-k], abs=1e-6)
            assert exact.far[at] == pytest.approx(others[k - 1], abs=1e-6)


def test_recall_is_one_for_the_exact_index_and_none_for_a_wrong_one(plain: Path) -> None:
    vectors = Vectors.open(plain, read_manifest(plain))
    exact = exact_ends(vectors, np.arange(0, COUNT, 50), K)
    for values, want in ((all_vectors(plain), 1.0), (np.roll(all_vectors(plain), 1, axis=0), 0.0)):
        index = faiss.IndexFlatIP(DIM)
        index.add(values)
        assert recall_near(Near(index, vectors), exact) == pytest.approx(want, abs=0.02)
        assert recall_far(Near(index, vectors), exact) == pytest.approx(want, abs=0.1)


@pytest.mark.parametrize(
    ("count", "memory", "key"),
    [
        (1e3, 4e9, EXACT),
        (1e5, 4e9, EXACT),
        (1e6, 16e9, EXACT),
        (4.72e6, 32e9, "HNSW32_SQfp16"),
        (4.72e6, 16e9, "IVF8192,SQfp16"),
        (4.72e6, 8e9, "IVF8192,SQ8"),
        (4.72e6, 4e9, EXACT),
        (1e8, 512e9, "IVF32768_HNSW32,SQfp16"),
        (1e8, 128e9, "IVF32768_HNSW32,SQ8"),
        (1e8, 16e9, EXACT),
    ],
)
def test_the_choice_and_its_reason(count: float, memory: float, key: str) -> None:
    choice = choose_index(int(count), 768, int(memory))
    assert choice.value == key
    assert "exact search takes about" in choice.reason
    assert ("farthest stays exact" in choice.reason) == (key != EXACT)
    assert len(choice.reason) < 500


def test_without_farthest_an_index_pays_sooner() -> None:
    assert choose_index(1_000_000, 768, 16 * 10**9, farthest_needed=False).value == "HNSW32_SQfp16"
    assert choose_index(1_000_000, 768, 3_500_000_000, farthest_needed=False).value == "IVF4096,SQfp16"


@pytest.mark.parametrize("key", ["", "Flat", "PQ16", "IVF0x10,Flat", "HNSW32,PQ8", "IDMap,Flat", "auto "])
def test_unknown_keys_are_refused(gallery: Path, key: str) -> None:
    with pytest.raises(GalleryError, match="Use one like"):
        build_near(gallery, key=key)


def test_small_galleries_need_none(gallery: Path) -> None:
    before = (gallery / NAME).read_bytes()
    built = build_near(gallery)
    assert built.near is None
    assert built.choice.value == EXACT
    assert (gallery / NAME).read_bytes() == before


def test_what_is_there_is_kept_and_replaced_and_removed(gallery: Path) -> None:
    before = (gallery / NAME).read_bytes()
    first = build_near(gallery, key="SQ8", **FAST).near
    assert build_near(gallery, key="SQ8", **FAST).near == first
    assert build_near(gallery, **FAST).near == first
    assert near_files(gallery) == {first.file}
    second = build_near(gallery, key="SQfp16", **FAST).near
    assert near_files(gallery) == {second.file}
    assert len(Gallery.open(gallery, verify=True)) == COUNT
    assert remove_near(gallery)
    assert not remove_near(gallery)
    assert near_files(gallery) == set()
    assert (gallery / NAME).read_bytes() == before


def test_a_damaged_index_is_built_again(gallery: Path) -> None:
    size = (gallery / build_near(gallery, key="SQ8", **FAST).near.file).stat().st_size
    for damage in (lambda file: file.write_bytes(b"\0" * size), lambda file: os.truncate(file, 99), Path.unlink):
        file = gallery / read_manifest(gallery).near.file
        damage(file)
        assert build_near(gallery, **FAST, key="SQ8").near.recall_near == 1
        Near.open(gallery, read_manifest(gallery))
    assert len(near_files(gallery)) == 1


def test_sizes_are_foretold(gallery: Path) -> None:
    for key in ("HNSW8_SQfp16", "HNSW8", "IVF64,SQ8", "IVF64,Flat", "SQ8"):
        facts = build_near(gallery, key=key, queries=50).near
        assert index_bytes(key, COUNT, DIM) == pytest.approx((gallery / facts.file).stat().st_size, rel=0.05)
        assert ram_needed(key, COUNT, DIM) > index_bytes(key, COUNT, DIM)
    assert family("IVF64,SQ8") == "IVF"


def test_too_little_memory_or_too_few_rows_are_refused(gallery: Path) -> None:
    with pytest.raises(GeolocError, match=r"takes about 5\d\d MB of memory and 100 MB are free.*--index IVF256,SQ8"):
        build_near(gallery, key="HNSW32", ram_bytes=10**8)
    with pytest.raises(GeolocError, match="too few"):
        build_near(gallery, key="IVF8192,SQ8")
    assert near_files(gallery) == set()


def test_rows_added_later_are_noticed(gallery: Path) -> None:
    build_near(gallery, key="SQ8", **FAST)
    record = json.loads((gallery / NAME).read_text())
    record["shards"].append(record["shards"][0])
    record["count"] += record["shards"][0]["count"]
    (gallery / NAME).write_text(json.dumps(record))
    with pytest.raises(GalleryError, match=r"covers 5,000 of 7,000 rows.*Build it with"):
        Near.open(gallery, read_manifest(gallery))
    assert build_near(gallery, key="SQ8", **FAST).near.rows == 7000
    assert len(Near.open(gallery, read_manifest(gallery)).search(np.ones(DIM, np.float32), 5).rows) == 5


def test_no_index_and_wrong_queries(gallery: Path) -> None:
    with pytest.raises(GalleryError, match="no near index"):
        Near.open(gallery, read_manifest(gallery))
    build_near(gallery, key="SQ8", **FAST)
    near = Near.open(gallery, read_manifest(gallery))
    with pytest.raises(EncoderMismatch, match="Encode"):
        near.search(np.ones(3, np.float32), 5)
    for query, k in ((np.full(DIM, np.nan, np.float32), 5), (np.ones(DIM, np.float32), 0)):
        with pytest.raises(ValueError, match="finite"):
            near.search(query, k)
    assert len(near.search(np.ones(DIM, np.float32), 10**6).rows) == COUNT


def test_changed_bytes_never_reach_faiss(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = gallery / build_near(gallery, key="SQ8", **FAST).near.file
    whole = file.read_bytes()
    monkeypatch.setattr(faiss, "read_index", lambda *_: pytest.fail("FAISS was given the file"))
    for changed in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", whole + b"x"):
        file.write_bytes(changed)
        with pytest.raises(GalleryDamaged, match="not the file the manifest names"):
            Near.open(gallery, read_manifest(gallery))
    file.unlink()
    with pytest.raises(GalleryDamaged, match="cannot be read"):
        Near.open(gallery, read_manifest(gallery))


def foreign(key: str, count: int = COUNT, dim: int = DIM, metric: int = faiss.METRIC_INNER_PRODUCT) -> faiss.Index:
    values = np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32)
    index = faiss.index_factory(dim, key, metric)
    index.train(values)
    index.add(values)
    return index


def with_wrong_rows() -> faiss.Index:
    values = np.random.default_rng(0).standard_normal((COUNT, DIM), dtype=np.float32)
    index = faiss.index_factory(DIM, "IVF8,SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(values)
    index.add_with_ids(values, np.arange(COUNT) + COUNT)
    return index


def swap_index(folder: Path, data: bytes) -> None:
    """Another file in the index's place, with the manifest made to agree, as someone who lies on purpose would."""
    record = json.loads((folder / NAME).read_text())
    name = record["near"]["file"]
    (folder / name).write_bytes(data)
    record["files"][name] = describe_file(folder / name).model_dump()
    (folder / NAME).write_text(json.dumps(record))


@pytest.mark.parametrize(
    "index",
    [
        foreign("IVF8,SQ8", count=COUNT - 1),
        foreign("IVF8,SQ8", dim=DIM - 1),
        foreign("IVF8,SQ8", metric=faiss.METRIC_L2),
        foreign("HNSW8_SQ8"),
        foreign("PCA16,Flat"),
    ],
)
def test_a_foreign_index_is_refused(gallery: Path, index: faiss.Index) -> None:
    build_near(gallery, key="IVF8,SQ8", **FAST)
    swap_index(gallery, faiss.serialize_index(index).tobytes())
    with pytest.raises(GalleryDamaged, match="Rebuild it"):
        Near.open(gallery, read_manifest(gallery))


def test_rows_the_gallery_lacks_and_no_index_at_all(gallery: Path) -> None:
    build_near(gallery, key="IVF8,SQ8", **FAST)
    swap_index(gallery, faiss.serialize_index(with_wrong_rows()).tobytes())
    with pytest.raises(GalleryDamaged, match="rows that the gallery does not have"):
        Near.open(gallery, read_manifest(gallery)).search(np.ones(DIM, np.float32), 3)
    swap_index(gallery, b"not an index of FAISS, whatever the manifest says")
    with pytest.raises(GalleryDamaged, match="no FAISS index"):
        Near.open(gallery, read_manifest(gallery))
    edit_near(gallery, key="PQ8")
    with pytest.raises(GalleryError):
        Near.open(gallery, read_manifest(gallery))


_CHILD = """
import os, resource, signal, sys
from pathlib import Path
import faiss
import index_builder.gallery.near as near

folder, moment = Path(sys.argv[1]), sys.argv[2]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(stage, done, total):
    if stage.startswith(moment):
        die()

def half(index, name, write=faiss.write_index):
    write(index, name)
    os.truncate(name, 1000)
    die()

if moment == "writing":
    faiss.write_index = half
if moment == "manifest":
    near._replace_manifest = die
if moment == "full disk":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
near.build_near(folder, key="IVF16,SQ8", queries=50, progress=progress)
"""


def build_in_child(folder: Path, moment: str) -> subprocess.CompletedProcess[str]:
    child = [sys.executable, "-c", _CHILD, str(folder), moment]
    return subprocess.run(child, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("moment", ["training", "adding", "effort", "writing", "manifest"])
def test_a_killed_build_leaves_the_gallery_as_it_was(gallery: Path, moment: str) -> None:
    old = build_near(gallery, key="SQ8", **FAST).near
    before = (gallery / NAME).read_bytes()
    assert build_in_child(gallery, moment).returncode == -signal.SIGKILL
    assert (gallery / NAME).read_bytes() == before
    assert len(Gallery.open(gallery, verify=True)) == COUNT
    Near.open(gallery, read_manifest(gallery)).search(np.ones(DIM, np.float32), 3)
    assert (near_files(gallery) != {old.file}) == (moment in ("writing", "manifest"))
    new = build_near(gallery, key="IVF16,SQ8", **FAST).near
    assert near_files(gallery) == {new.file}


def test_a_full_disk_ends_in_a_clear_error(gallery: Path) -> None:
    before = (gallery / NAME).read_bytes()
    done = build_in_child(gallery, "full disk")
    assert done.returncode == 1
    assert "could not be written" in done.stderr.splitlines()[-1]
    assert (gallery / NAME).read_bytes() == before
    assert near_files(gallery) == set()


def test_one_at_a_time(gallery: Path) -> None:
    with writing(gallery), pytest.raises(GeolocError, match="Another process"):
        build_near(gallery, key="SQ8", **FAST)


def test_nearest_asks_it_only_when_told_to(gallery: Path) -> None:
    build_near(gallery, key="HNSW16_SQfp16", **FAST)
    opened, query = Gallery.open(gallery), all_vectors(gallery)[7].astype(np.float32)
    exact, quick = opened.nearest(query, 50), opened.nearest(query, 50, approximate=True)
    own = Near.open(gallery, opened.manifest).search(query, 50)
    assert np.array_equal(quick.rows, own.rows)
    assert not np.array_equal(quick.rows, exact.rows)  # it misses some of fifty
    odd = np.arange(COUNT) % 2 == 1
    assert (opened.nearest(query, 50, odd, approximate=True).rows % 2 == 1).all()
    remove_near(gallery)
    assert np.array_equal(Gallery.open(gallery).nearest(query, 50, approximate=True).rows, exact.rows)
