"""Estimates against OpenAI's published examples, and a spending cap that questions asked together cannot exceed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoloc_core.errors import LmmBusy, LmmError, LmmRefused
from geoloc_core.lmm.base import Ask, Reply, Said, Usage
from geoloc_core.lmm.cost import FREE, Budget, Estimate, Price, cost_of, estimate, is_local, price_of, tiles

GPT_4O = Price(2.5, 10)


def jpeg(width: int, height: int) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (width, height)).save(stream, "JPEG", quality=10)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((1024, 1024), 765),
        ((2048, 4096), 1105),
        ((4096, 2048), 1105),
        ((512, 512), 255),
        ((64, 64), 255),
        ((513, 400), 425),
    ],
)
def test_image_tokens_follow_the_published_rule(size: tuple[int, int], tokens: int):
    read = estimate(Ask("", (jpeg(*size),)), GPT_4O).prompt_tokens - estimate(Ask("", ()), GPT_4O).prompt_tokens
    assert read == tokens


def test_bytes_that_are_no_image_count_as_a_large_one():
    assert tiles(b"nonsense") == tiles(b"") == 6


def test_an_estimate_covers_all_replies_at_full_length():
    ask = Ask("x" * 4_000, (jpeg(1024, 1024),), samples=5, max_tokens=200, schema={"type": "object"})
    expected = estimate(ask, GPT_4O)
    assert 1_765 < expected.prompt_tokens < 1_820 and expected.completion_tokens == 1_000
    assert expected.tokens == expected.prompt_tokens + 1_000
    assert expected.cost == pytest.approx((expected.prompt_tokens * 2.5 + 1_000 * 10) / 1e6)
    assert estimate(ask, GPT_4O, requests=5).prompt_tokens == 5 * expected.prompt_tokens
    assert estimate(ask, None).cost is None and estimate(ask, FREE).cost == 0
    assert "about" in str(expected) and "US$ 0.0" in str(expected)
    assert "not known" in str(estimate(ask, None)) and "no charge" in str(estimate(ask, FREE))


def test_prices_are_known_only_where_they_apply():
    assert price_of("gpt-4o", "api.openai.com") == price_of("gpt-4o-2024-08-06", "api.openai.com:443") == GPT_4O
    assert price_of("gpt-4o-mini", "api.openai.com") != GPT_4O
    assert price_of("gpt-4o", "elsewhere.example") is None and price_of("gpt-4omg", "api.openai.com") is None
    assert price_of("gpt-4o", "api.openai.com.evil.example") is None


@pytest.mark.parametrize(
    "place", ["this machine", "localhost:11434", "127.0.0.1:1", "[::1]:8", "192.168.0.7", "nas.local"]
)
def test_machines_of_ones_own_are_free(place: str):
    assert is_local(place) and price_of("gpt-4o", place) == FREE


@pytest.mark.parametrize(
    "place", ["api.openai.com", "8.8.8.8:80", "localhost.example.com", "[2001:4860::1]:8", "10.example"]
)
def test_others_are_not(place: str):
    assert not is_local(place)


def test_what_it_did_cost():
    said = Said((Reply("a"),), "m", 1.0, Usage(1_000_000, 100_000))
    assert cost_of(said, GPT_4O) == pytest.approx(3.5)
    assert cost_of(said, None) is None and cost_of(Said((), "m", 1.0), GPT_4O) is None
    assert cost_of(Said((), "m", 1.0), FREE) == 0 and cost_of(Said((), "m", 0.0, cached=True), None) == 0


class TestBudget:
    ONE = Estimate(1, 1, 0.4)

    def test_what_does_not_fit_is_refused_before_anything_is_sent(self):
        budget = Budget(1.0)
        budget.spend(0.7)
        for enter in (budget.check, lambda expected: budget.holding(expected).__enter__()):
            with pytest.raises(LmmRefused, match=r"US\$ 0\.3000.*Nothing was sent\. Raise the cap"):
                enter(self.ONE)
        assert budget.left == pytest.approx(0.3)

    def test_the_true_cost_replaces_the_estimate(self):
        budget = Budget(1.0)
        with budget.holding(self.ONE) as pay:
            assert budget.left == pytest.approx(0.6)
            pay(0.1)
        assert budget.spent == pytest.approx(0.1) and budget.left == pytest.approx(0.9)
        with budget.holding(self.ONE) as pay:
            pay(None)
        assert budget.spent == pytest.approx(0.5)

    def test_failure_is_not_charged(self):
        budget = Budget(1.0)
        with pytest.raises(LmmBusy), budget.holding(self.ONE):
            raise LmmBusy
        assert budget.spent == 0 and budget.left == 1.0

    def test_a_cap_needs_a_price(self):
        unknown = Estimate(1, 1, None)
        with pytest.raises(LmmRefused, match="lmm_price_in"):
            Budget(5.0).check(unknown)
        Budget(None).check(unknown)
        assert Budget(None).left is None
        Budget(0.0).check(Estimate(1, 1, 0.0))

    @pytest.mark.parametrize("cap", [-1.0, float("nan"), float("inf")])
    def test_a_cap_is_a_number(self, cap: float):
        with pytest.raises(LmmError, match="US dollars"):
            Budget(cap)

    def test_questions_asked_together_cannot_exceed_it(self):
        budget, gate, done = Budget(1.0), threading.Barrier(16), []

        def ask(_: int) -> None:
            gate.wait()
            try:
                with budget.holding(self.ONE) as pay:
                    done.append(budget.left)
                    release.wait(5)
                    pay(0.4)
            except LmmRefused:
                refused.release()

        release, refused = threading.Event(), threading.Semaphore(0)
        with ThreadPoolExecutor(16) as pool:
            work = [pool.submit(ask, i) for i in range(16)]
            assert all(refused.acquire(timeout=5) for _ in range(14))
            release.set()
            for one in work:
                one.result()
        assert len(done) == 2 and budget.spent == pytest.approx(0.8)

    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0, 1)), max_size=20))
    def test_never_more_is_set_aside_than_the_cap(self, asks: list[tuple[float, bool, float]]):
        budget = Budget(2.0)
        for expected, fails, share in asks:
            try:
                with budget.holding(Estimate(0, 0, expected)) as pay:
                    if fails:
                        raise LmmBusy
                    pay(expected * share)
            except LmmError:
                pass
            assert budget.spent <= 2.0 + 1e-9
            assert budget.left == pytest.approx(max(0.0, 2.0 - budget.spent))
