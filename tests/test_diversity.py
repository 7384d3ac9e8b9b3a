"""Collapsing against a plain walk down the whole ranking; anti-hubs that were put there are found, and only those."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geoloc_core.gallery import Gallery, Hits
from geoloc_core.gallery.diversity import ALIKE, antihubs, distinct, same_shot
from geoloc_core.gallery.filters import Where
from geoloc_core.gallery.manifest import NAME, EncoderRef, Manifest, Shard, describe_file
from geoloc_core.gallery.scope import Scope

TEN = "2020-01-01T10:00:00"
SPOT = {"lat": 48.0, "lon": 2.0}


def gallery_of(folder: Path, vectors: np.ndarray, columns: dict[str, list]) -> Gallery:
    folder.mkdir()
    np.save(folder / "v.npy", (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16))
    pq.write_table(pa.table({"id": [f"p{i}" for i in range(len(vectors))], **columns}), folder / "r.parquet")
    manifest = Manifest(
        title="Drawn",
        encoder=EncoderRef(id="im2gps/1", name="im2gps"),
        dim=vectors.shape[1],
        count=len(vectors),
        shards=(Shard(vectors="v.npy", rows="r.parquet", count=len(vectors)),),
        files={name: describe_file(folder / name) for name in ("v.npy", "r.parquet")},
        created="2026-01-01T00:00:00Z",
    )
    (folder / NAME).write_text(manifest.to_json())
    return Gallery.open(folder)


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """300 photos in 60 bursts of uneven size: twins by vector, by author, place and time, and by content."""
    rng = np.random.default_rng(0)
    burst = np.minimum(rng.geometric(0.06, 300), 60)
    centre = rng.normal(size=(61, 16))
    kind = rng.integers(0, 4, 300)  # 0: alike by vector, 1: by author and spot, 2: by content, 3: alone
    vectors = centre[burst] + rng.normal(size=(300, 16)) * np.where(kind == 0, 0.03, 0.7)[:, None]
    place = np.column_stack([rng.uniform(-60, 60, 61), rng.uniform(-170, 170, 61)])
    at = place[burst] + np.where(kind == 3, rng.normal(0, 1, 300), rng.normal(0, 1e-4, 300))[:, None]
    columns = {
        "lat": list(at[:, 0]),
        "lon": list(at[:, 1]),
        "author": [None if i % 7 == 0 else ("Ann", "Ben")[i % 2] for i in range(300)],
        "content_hash": [f"{burst[i]:032x}" if kind[i] == 2 else None for i in range(300)],
        "taken_at": [
            None if i % 5 == 0 else f"2020-01-01T10:{rng.integers(0, 4):02d}:00" for i in range(300)
        ],
    }  # fmt: skip
    return gallery_of(tmp_path_factory.mktemp("diverse") / "g", vectors, columns)


def plain(gallery: Gallery, ranking: np.ndarray, k: int) -> tuple[list[int], list[int]]:
    """Walk down the whole ranking."""
    stored = gallery.vectors(np.arange(len(gallery))).astype(np.float64)
    facts = [
        {**gallery.row(row), **dict(zip(("lat", "lon"), gallery.coordinates[row], strict=True))}
        for row in range(len(gallery))
    ]
    kept: list[int] = []
    counts: list[int] = []
    for row in ranking:
        alike = [i for i, one in enumerate(kept) if stored[one] @ stored[row] >= ALIKE]
        alike += [i for i, one in enumerate(kept) if same_shot(facts[one], facts[row])]
        if alike:
            counts[alike[0]] += 1
        elif len(kept) == k:
            break
        else:
            kept.append(int(row))
            counts.append(1)
    return kept, counts


@pytest.mark.parametrize("k", [1, 5, 16, 300])
def test_the_whole_ranking_collapsed(bursts: Gallery, k: int):
    for query in np.random.default_rng(k).normal(size=(3, 16)).astype(np.float32):
        scoped = Scope().open(bursts)
        first = scoped.search(query, k)
        near, far = scoped.shown(query, first, k)
        whole = bursts.two_ended(query, len(bursts))
        for shown, ranking in ((near, whole.nearest.rows), (far, whole.farthest.rows)):
            assert ([one.row for one in shown], [one.stands_for for one in shown]) == plain(bursts, ranking, k)
            assert [one.rank for one in shown] == list(range(1, len(shown) + 1))


def test_it_collapses_within_limits_and_only_if_asked(bursts: Gallery):
    query = np.random.default_rng(8).normal(size=16).astype(np.float32)
    where = Where(without_authors=frozenset({"Ann"}))
    scoped = Scope(where).open(bursts)
    near, _ = scoped.shown(query, scoped.search(query, 16), 16)
    whole = bursts.two_ended(query, len(bursts), where.allowed(bursts))
    assert [one.row for one in near] == plain(bursts, whole.nearest.rows, 16)[0]
    assert max(one.stands_for for one in near) > 1
    every = Scope(where, distinct=False).open(bursts)
    near, _ = every.shown(query, every.search(query, 16), 16)
    assert [one.row for one in near] == list(whole.nearest.rows[:16])
    assert {one.stands_for for one in near} == {1}


def test_without_more_the_hits_given_are_all(bursts: Gallery):
    hits = bursts.nearest(np.ones(16), 40)
    found = distinct(Hits(hits.rows, hits.similarity), bursts, 40)
    assert found.stands_for.sum() == 40 > len(found.hits.rows)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ({"author": "Ann"}, {"author": "Ann"}, True),
        ({"author": "Ann"}, {"author": "Ben"}, False),
        ({"author": "Ann"}, {}, False),
        ({}, {}, False),
        ({"taken_at": TEN}, {"taken_at": "2020-01-01T10:00:59"}, True),
        ({"author": "Ann", "taken_at": TEN}, {"author": "Ben", "taken_at": TEN}, False),
        ({"author": "Ann", "taken_at": TEN}, {"author": "Ann", "taken_at": "2020-01-01T10:01:01"}, False),
        ({"author": "Ann", "taken_at": f"{TEN}Z"}, {"author": "Ann", "taken_at": "2020-01-01T11:00:00"}, True),
        ({"author": "Ann", "taken_at": "yesterday"}, {"author": "Ann", "taken_at": "2020-01-01"}, True),
        ({"author": "Ann"}, {"author": "Ann", "lat": 48.001}, False),
        ({"content_hash": "ab"}, {"content_hash": "ab", "lat": -10.0}, True),
        ({"content_hash": None}, {"content_hash": None}, False),
    ],
)  # fmt: skip
def test_what_makes_a_burst(a: dict, b: dict, same: bool):
    assert same_shot({**SPOT, **a}, {**SPOT, **b}) is same_shot({**SPOT, **b}, {**SPOT, **a}) is same


@pytest.fixture(scope="module")
def blanks(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """1,000 photos about a common direction, and three blanks opposite to it."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1000, 32))
    vectors[:, 0] += 6
    vectors[[10, 500, 990]] *= -1
    return gallery_of(
        tmp_path_factory.mktemp("blanks") / "g", vectors, {"lat": list(rng.uniform(-60, 60, 1000)), "lon": [0.0] * 1000}
    )


def test_antihubs_are_found_with_their_share(blanks: Gallery):
    found = antihubs(blanks, k=3)
    assert {hub.row for hub in found} == {10, 500, 990}
    assert all(hub.share > 0.9 for hub in found)
    assert "of 256 photos" in str(found[0])
    again = Gallery.open(blanks.path)
    assert antihubs(again, k=3) == found and antihubs(again, k=3) is antihubs(again, k=3)


def test_a_small_gallery_has_no_antihubs(tmp_path: Path):
    vectors = np.random.default_rng(1).normal(size=(40, 8))
    assert antihubs(gallery_of(tmp_path / "g", vectors, {"lat": [0.0] * 40, "lon": [0.0] * 40})) == ()


def test_antihubs_are_left_out_of_the_farthest_alone(blanks: Gallery):
    scoped = Scope(antihubs=False).open(blanks)
    hubs = {hub.row for hub in antihubs(blanks)}
    assert {10, 500, 990} <= hubs == scoped.hubs
    for query in blanks.vectors(np.array([3, 10])).astype(np.float32):
        ends, every = scoped.search(query, 16), blanks.two_ended(query, len(blanks))
        assert list(ends.nearest.rows) == list(every.nearest.rows[:16])
        assert list(ends.farthest.rows) == [row for row in every.farthest.rows if row not in hubs][:16]
