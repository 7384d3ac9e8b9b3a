"""Every back end gives what plain float64 brute force gives, at both ends, and says what it lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from geoloc_core.errors import GalleryDamaged, GalleryMissing, SettingsError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.search import TwoEnded, two_ended
from geoloc_core.settings import settings
from tests.make_vectors import photo_like, write_gallery

BACKENDS = {"files": "NumPy", "codes": "8-bit codes", "lance": "LanceDB"}
DIM = 48


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def drawn(kind: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    if kind == "power":
        return np.concatenate(list(photo_like(6000, DIM)))
    if kind == "outliers":
        return np.concatenate(list(photo_like(6000, DIM, outliers=0.005)))
    if kind == "clusters":
        return unit(np.repeat(rng.normal(size=(20, DIM)), 300, axis=0) + rng.normal(size=(6000, DIM)) * 1e-3)
    if kind == "duplicates":
        return np.repeat(unit(rng.normal(size=(3, DIM))), 2000, axis=0)[rng.permutation(6000)]
    if kind == "ties":
        return (rng.integers(-1, 2, (6000, DIM)) / 8).astype(np.float16)
    return unit(rng.normal(size=(7, DIM)))  # fewer than asked for


KINDS = ("power", "outliers", "clusters", "duplicates", "ties", "few")


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    pytest.importorskip("lancedb")
    from index_builder.gallery.lance import to_lance

    vectors = drawn(request.param)
    folder = tmp_path_factory.mktemp("backends") / request.param
    write_gallery(folder, (vectors[at : at + 2500] for at in range(0, len(vectors), 2500)))
    to_lance(folder)
    return folder, vectors


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    def choose(backend: str, uri: str | None = None) -> None:
        monkeypatch.setenv("GEOLOC_SEARCH_BACKEND", backend)
        if uri:
            monkeypatch.setenv("GEOLOC_LANCE_URI", uri)
        settings.cache_clear()

    return choose


def plain(vectors: np.ndarray, query: np.ndarray, k: int, mask: np.ndarray | None) -> tuple[list, list]:
    rows = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask)
    found = two_ended([vectors[rows]], query, k)
    return list(rows[found.nearest.rows]), list(rows[found.farthest.rows])


def masks(n: int) -> list[np.ndarray | None]:
    rng = np.random.default_rng(1)
    one = np.zeros(n, bool)
    one[n // 2] = True
    return [None, np.zeros(n, bool), one, rng.random(n) < 0.05, rng.random(n) < 0.9, np.arange(n) < n - 3]


def assert_same(found: TwoEnded, wanted: tuple[list, list], vectors: np.ndarray, query: np.ndarray) -> None:
    for hits, rows in zip((found.nearest, found.farthest), wanted, strict=True):
        assert list(hits.rows) == rows
        exact = np.vecdot(vectors[rows].astype(np.float64), query.astype(np.float64))
        assert np.array_equal(hits.similarity, exact.astype(np.float32))


@pytest.mark.parametrize("backend", BACKENDS)
def test_equals_brute_force(made: tuple[Path, np.ndarray], use, backend: str, monkeypatch: pytest.MonkeyPatch):
    folder, vectors = made
    use(backend)
    if backend == "codes":
        monkeypatch.setattr("geoloc_core.gallery.vectors.WORTH_COMPILING", 0)
        monkeypatch.setattr("geoloc_core.gallery.vectors.WORTH_A_COPY", 0)
    gallery = Gallery.open(folder)
    gallery.nearest(np.ones(DIM), 1)
    if backend == "codes":
        gallery._vectors._settler.join()
    assert BACKENDS[backend] in gallery.search_choice.value
    queries = [vectors[0].astype(np.float32), *np.random.default_rng(5).normal(size=(2, DIM)).astype(np.float32)]
    for query in queries:
        for mask in masks(len(vectors)):
            for k in (1, 16):
                assert_same(gallery.two_ended(query, k, mask), plain(vectors, query, k, mask), vectors, query)
    for query, found in zip(queries, gallery.two_ended_batch(np.stack(queries), 5), strict=True):
        assert_same(found, plain(vectors, query, 5, None), vectors, query)


def test_a_database_elsewhere_a_missing_table_and_one_of_another_gallery(tmp_path: Path, use):
    pytest.importorskip("lancedb")
    from index_builder.gallery.lance import to_lance

    write_gallery(tmp_path / "one" / "g", photo_like(300, DIM))
    write_gallery(tmp_path / "two" / "g", photo_like(300, DIM, seed=9))
    uri = str(tmp_path / "database")
    use("lance", uri)
    with pytest.raises(GalleryMissing, match="python -m index_builder lance"):
        Gallery.open(tmp_path / "one" / "g")
    assert to_lance(tmp_path / "one" / "g", uri).rows == 300
    assert len(Gallery.open(tmp_path / "one" / "g").nearest(np.ones(DIM), 3).rows) == 3
    with pytest.raises(GalleryDamaged, match="other vectors"):
        Gallery.open(tmp_path / "two" / "g")
    to_lance(tmp_path / "two" / "g", uri)
    Gallery.open(tmp_path / "two" / "g")
    with pytest.raises(GalleryDamaged, match="other vectors"):
        Gallery.open(tmp_path / "one" / "g")


def test_an_export_that_dies_leaves_the_table_as_it_was(tmp_path: Path, use):
    pytest.importorskip("lancedb")
    from index_builder.gallery.lance import to_lance

    def die(_done: int, _all: int) -> None:
        raise RuntimeError("stop")

    write_gallery(tmp_path / "g", photo_like(300, DIM))
    use("lance")
    with pytest.raises(Exception, match="stop"):
        to_lance(tmp_path / "g", on_progress=die)
    with pytest.raises(GalleryMissing):
        Gallery.open(tmp_path / "g")
    to_lance(tmp_path / "g")
    with pytest.raises(Exception, match="stop"):
        to_lance(tmp_path / "g", on_progress=die)
    assert len(Gallery.open(tmp_path / "g").nearest(np.ones(DIM), 3).rows) == 3


def test_a_missing_package_is_named(tmp_path: Path, use, monkeypatch: pytest.MonkeyPatch):
    write_gallery(tmp_path / "g", photo_like(30, DIM))
    use("lance")
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(SettingsError, match=r"pip install -r requirements-lance\.txt"):
        Gallery.open(tmp_path / "g")
