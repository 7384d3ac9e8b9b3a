"""Both ends equal plain float64 brute force, whatever the vectors, the kernel, the mask and the number of askers."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoloc_core.errors import GalleryDamaged
from geoloc_core.gallery import Gallery, kernels
from geoloc_core.gallery.card import Card, choose_card
from geoloc_core.gallery.codes import Codes, choose_codes
from geoloc_core.gallery.kernels import CompiledKernel, Kernel, NumpyKernel, fast_kernel, slack
from geoloc_core.gallery.scan import Scan
from geoloc_core.gallery.search import Search, TwoEnded
from geoloc_core.gallery.vectors import Vectors
from geoloc_core.paths import ROOT
from tests.make_vectors import photo_like, write_gallery

DIM = 48
KERNELS = ("numpy", "compiled", "codes", "card")  # the last as on a GPU, by the same code on the processor


def clusters(rng: np.random.Generator, count: int) -> np.ndarray:
    """Copies of few directions with little noise, stored together: scores are nearly tied."""
    centres = rng.standard_normal((7, DIM)) / DIM**0.5
    return (
        np.sort(rng.integers(0, 7, count))[:, None] * 0
        + centres[np.sort(rng.integers(0, 7, count))]
        + (rng.standard_normal((count, DIM)) * 2e-4)
    )


DRAWN = {
    "power law": lambda rng, n: np.concatenate(list(photo_like(n, DIM, seed=int(rng.integers(99))))),
    "outliers": lambda rng, n: np.concatenate(list(photo_like(n, DIM, seed=int(rng.integers(99)), outliers=0.005))),
    "clusters": clusters,
    "all ties": lambda rng, n: np.tile(rng.standard_normal(DIM) / 7, (n, 1)),
    "duplicates": lambda rng, n: rng.standard_normal((n // 9 + 1, DIM))[rng.integers(0, n // 9 + 1, n)] / 7,
    "zero rows": lambda rng, n: rng.standard_normal((n, DIM)) / 7 * (rng.random((n, 1)) < 0.5),
    "all zero": lambda rng, n: np.zeros((n, DIM)),
    "any length": lambda rng, n: rng.standard_normal((n, DIM)) * np.exp(rng.uniform(-9, 9, (n, 1))),
    "rising": lambda rng, n: np.linspace(-1, 1, n)[:, None] * rng.standard_normal(DIM) / 7,
}


def compiled() -> Kernel:
    kernel = fast_kernel()
    assert isinstance(kernel, CompiledKernel), kernel.choice
    return kernel


def open_vectors(rows: np.ndarray, kernel: str, shards: int = 3) -> Vectors:
    opened = Vectors([part for part in np.array_split(rows, shards) if len(part)])
    opened._scan = Scan(opened._shards, NumpyKernel() if kernel == "numpy" else compiled())
    if kernel in ("codes", "card"):
        opened.search([Search(np.ones(rows.shape[1]), 1)])
        codes = kernel == "codes"
        opened._copy = (
            Codes(opened._shards, opened._scan) if codes else Card(opened._shards, "cpu", opened._scan.longest)
        )
    return opened


def check(found: TwoEnded, rows: np.ndarray, query: np.ndarray, k: int, allowed: np.ndarray | None = None) -> None:
    """Sort everything in float64."""
    numbers = np.arange(len(rows)) if allowed is None else np.flatnonzero(allowed)
    scores = np.vecdot(rows.astype(np.float64), query.astype(np.float64))[numbers]
    for hits, sign in ((found.nearest, -1), (found.farthest, 1)):
        order = np.lexsort((numbers, sign * scores))[:k]
        assert list(hits.rows) == list(numbers[order])
        assert np.array_equal(hits.similarity, scores[order].astype(np.float32))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("drawn", DRAWN)
def test_both_ends_equal_brute_force(drawn: str, kernel: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernels, "_TASK_ROWS", 300)
    rng = np.random.default_rng(4)
    rows = DRAWN[drawn](rng, 3_000).astype(np.float16)
    opened = open_vectors(rows, kernel)
    masks = [None, rng.random(3_000) < 0.3, np.arange(3_000) == 1_234, np.zeros(3_000, bool), np.ones(3_000, bool)]
    for query in (rows[5].astype(np.float32), rng.standard_normal(DIM).astype(np.float32) * 1e4):
        for k in (1, 16, 5_000):
            for allowed in masks:
                check(opened.search([Search(query, k, allowed)])[0], rows, query, k, allowed)


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float16, st.tuples(st.integers(1, 60), st.just(6)), elements=st.floats(-100, 100, width=16)),
    arrays(np.float32, 6, elements=st.sampled_from([0.0, 1.0, -1.0, 0.5, 3.0, 2.0**-20, 2.0**90])),
    st.integers(1, 70),
    st.sampled_from(KERNELS),
    st.integers(1, 8),
)
def test_anything_equals_brute_force(rows: np.ndarray, query: np.ndarray, k: int, kernel: str, askers: int):
    opened = open_vectors(rows, kernel)
    for _ in range(2):
        for found in opened.search([Search(query, k)] * 1 + [Search(query, k) for _ in range(askers - 1)]):
            check(found, rows, query, k)


@pytest.mark.parametrize("queries", [1, 3, 7])
@pytest.mark.parametrize("scale", [1e-6, 1, 60])
def test_scores_stay_within_their_slack(scale: float, queries: int):
    """Also for sums that cancel, where a kernel that summed in float16 would fail."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4_000, 768))
    rows[:2_000, 384:] = -rows[:2_000, :384]
    rows = (rows * scale).astype(np.float16)
    pattern = rng.standard_normal(384)
    query = Search(np.concatenate([pattern, pattern]), 1).scaled
    exact = rows.astype(np.float64) @ query
    largest = np.linalg.norm(rows.astype(np.float64), axis=1).max()
    single = query.astype(np.float32)[None].repeat(queries, 0)
    for kernel in (NumpyKernel(), compiled()):
        scores = kernel.score([rows[:1_000], rows[1_000:]], single, np.ones(4_000, bool))
        assert np.abs(scores - exact).max() <= slack(query, single[0]) * max(largest, 1)
        assert kernel.most_squared([rows]) ** 0.5 == pytest.approx(largest, rel=1e-4)


@pytest.mark.parametrize("drawn", ["power law", "clusters"])
def test_few_rows_need_a_second_look(drawn: str, monkeypatch: pytest.MonkeyPatch):
    rows = DRAWN[drawn](np.random.default_rng(1), 50_000).astype(np.float16)
    opened = open_vectors(rows, "compiled", 1)
    opened.search([Search(rows[0], 1)])
    looked: list[int] = []
    monkeypatch.setattr(opened, "take", lambda wanted: (looked.append(len(wanted)), rows[wanted])[1])
    opened.search([Search(rows[77], 16)])
    assert sum(looked) < (40 if drawn == "power law" else 2_000)


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_queries_and_one_agree(kernel: str):
    rows = DRAWN["outliers"](np.random.default_rng(2), 9_000).astype(np.float16)
    opened = open_vectors(rows, kernel)
    queries = rows[::30].astype(np.float32)
    for query, found in zip(queries, opened.search([Search(query, 5) for query in queries]), strict=True):
        check(found, rows, query, 5)


def test_askers_at_once_share_a_pass_and_get_their_own_answers(monkeypatch: pytest.MonkeyPatch):
    rows = DRAWN["power law"](np.random.default_rng(3), 20_000).astype(np.float16)
    opened = open_vectors(rows, "compiled")
    passes: list[int] = []
    ready = threading.Event()
    through = opened._pass

    def slow(searches: list[Search]) -> None:
        passes.append(len(searches))
        ready.wait(20)
        through(searches)

    monkeypatch.setattr(opened, "_pass", slow)
    found: dict[int, TwoEnded] = {}

    def ask(number: int) -> None:
        found[number] = opened.search([Search(rows[number], number + 1)])[0]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    while len(opened._waiting) + sum(passes) < 16:
        threading.Event().wait(0.01)
    ready.set()
    for thread in threads:
        thread.join(20)
    assert len(passes) == 2
    assert sum(passes) == 16
    for number, one in found.items():
        check(one, rows, rows[number], number + 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", ["numpy", "compiled"])  # copies are made of measured rows only
def test_vectors_that_are_not_finite_are_refused_each_time(kernel: str, bad: float):
    rows = np.ones((900, DIM), np.float16)
    rows[700, 3] = bad
    opened = open_vectors(rows, kernel)
    for _ in range(2):
        with pytest.raises(GalleryDamaged, match="not finite"):
            opened.search([Search(np.ones(DIM), 2)])


def test_a_gallery_answers_with_masks_and_batches_and_says_how(tmp_path: Path):
    write_gallery(tmp_path / "drawn", photo_like(2_000, DIM, block=600))
    gallery = Gallery.open(tmp_path / "drawn")
    rows = np.concatenate(list(photo_like(2_000, DIM, block=600)))
    allowed = np.arange(2_000) % 7 == 0
    for query, found in zip(rows[:9], gallery.two_ended_batch(rows[:9], 4, allowed), strict=True):
        check(found, rows, query, 4, allowed)
    check(gallery.two_ended(rows[3], 4), rows, rows[3], 4)
    assert "NumPy" in str(gallery.search_choice)
    assert gallery.two_ended_batch(rows[:0], 4) == []
    for wrong in (allowed[1:], allowed.astype(int)):
        with pytest.raises(ValueError, match="one boolean"):
            gallery.nearest(rows[0], 4, wrong)


def test_a_search_loads_no_torch_and_a_small_one_compiles_nothing(tmp_path: Path):
    write_gallery(tmp_path / "drawn", photo_like(500, DIM))
    code = (
        "import sys, numpy as np; from geoloc_core.gallery import Gallery; "
        f"g = Gallery.open({str(tmp_path / 'drawn')!r}); q = np.ones({DIM}); a = g.nearest(q, 3); b = g.nearest(q, 3); "
        "assert list(a.rows) == list(b.rows) and 'numba' not in sys.modules, g.search_choice; "
        "import geoloc_core.gallery.vectors as v; v.WORTH_COMPILING = v.WORTH_A_COPY = 0; h = Gallery.open(g.path); "
        "assert list(h.nearest(q, 3).rows) == list(a.rows) and 'compiled' in str(h.search_choice); "
        "assert 'torch' not in sys.modules and h._vectors._settler is None; import torch; h.nearest(q, 3); "
        "h._vectors._settler.join(); assert 'no GPU' in str(h.search_choice) or 'on the GPU' in str(h.search_choice)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda patch: patch.setitem(sys.modules, "numba", None), "cannot be loaded"),
        (lambda patch: patch.setattr("llvmlite.binding.get_host_cpu_features", dict), "does not convert"),
        (lambda patch: patch.setattr("numba.config.CPU_NAME", "generic"), "another processor"),
    ],
)
def test_where_nothing_can_be_compiled_numpy_searches_and_says_why(
    broken: Callable[[pytest.MonkeyPatch], None], reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    broken(monkeypatch)
    kernel = fast_kernel.__wrapped__()
    assert isinstance(kernel, NumpyKernel)
    assert reason in str(kernel.choice)


def test_codes_are_made_when_they_fit_and_can_be_compiled(monkeypatch: pytest.MonkeyPatch):
    rows = np.ones((50, DIM), np.float16)
    assert choose_codes(Scan([rows], compiled()), 1_000_000)[0] == "memory"
    assert choose_codes(Scan([rows], NumpyKernel("there is no numba")), 1_000_000) == ("", "there is no numba")
    monkeypatch.setattr("geoloc_core.gallery.codes.available_memory", lambda: 1_000_000_000)
    assert choose_codes(Scan([rows], compiled()), 2_000_000_000) == (
        "",
        "1.0 GB of memory are free, the codes need 1.2 GB",
    )


@pytest.mark.parametrize("scale", [1e-6, 1, 60])
def test_scores_lie_between_what_the_codes_say(scale: float):
    """Also for rows far beyond the scales, whose codes are cut off."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4_000, 96)) * np.geomspace(1e-3, 1, 96) + np.linspace(-1, 1, 96)
    rows[::100] *= 50
    rows = (rows * scale).astype(np.float16)
    opened = open_vectors(rows, "codes")
    for query in rng.standard_normal((5, 96)):
        search = Search(query, 1)
        seen: list[tuple] = []
        search.add = lambda *bounds, seen=seen: seen.append(bounds)  # type: ignore[method-assign]
        opened._copy.show([search])
        low, high, _, slack = seen[0]
        exact = rows.astype(np.float64) @ search.scaled
        assert np.all(low - slack <= exact)
        assert np.all(exact <= high + slack)
        usual = np.arange(len(rows)) % 100 > 0
        assert np.median((high - low)[usual]) < 0.3 * exact[usual].std()


def test_a_card_is_taken_when_the_vectors_fit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_card(1) == ("", "there is no CUDA device")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (10_000_000_000, 0))
    assert choose_card(7_000_000_000)[0] == "cuda"
    assert choose_card(9_000_000_000) == ("", "the GPU has 10.0 GB free, the vectors need 11.2 GB")
