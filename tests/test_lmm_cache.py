"""Replies kept in files: which questions are identical, what a file holds, and files that somebody else wrote."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from geoloc_core.lmm.backends.openai import OpenAi
from geoloc_core.lmm.base import Ask, Usage, Watch
from geoloc_core.lmm.cache import Cached
from tests import lmm_server as server_says
from tests.lmm_server import GOOD, PROSE, LmmServer, say

KEY = "sk-proj-0123456789abcdefSECRET"
ASK = Ask("A PROMPT of mine", (b"\xff\xd8PHOTO",), schema={"type": "object"}, temperature=0.5)


@pytest.fixture
def server() -> Iterator[LmmServer]:
    with LmmServer(say(GOOD, PROSE)) as running:
        yield running


@pytest.fixture
def cached(server: LmmServer, tmp_path: Path) -> Cached:
    return Cached(OpenAi("m", base_url=server.url, key=SecretStr(KEY), backoff_s=0.01), tmp_path / "replies")


def only_file(cached: Cached) -> Path:
    (path,) = cached.folder.iterdir()
    return path


def test_an_identical_question_is_not_sent_again(cached: Cached, server: LmmServer):
    first = cached.ask(ASK, Watch())
    shown: list[tuple[int, str]] = []
    again = cached.ask(replace(ASK), Watch(lambda number, piece: shown.append((number, piece))))
    assert len(server.asked) == 1 and shown == [(0, GOOD)]
    assert not first.cached and again.cached and again.usage == Usage(0, 0)
    assert (again.replies, again.model, again.notes) == (first.replies, first.model, first.notes)


def test_any_difference_makes_another_question(cached: Cached, server: LmmServer, tmp_path: Path):
    others = [
        replace(ASK, prompt="A PROMPT of mine "),
        replace(ASK, images=(b"\xff\xd8PHOTo",)),
        replace(ASK, images=(*ASK.images, b"")),
        replace(ASK, samples=2),
        replace(ASK, schema=None),
        replace(ASK, schema={"type": "array"}),
        replace(ASK, temperature=None),
        replace(ASK, temperature=0.0),
        replace(ASK, max_tokens=999),
    ]
    keys = [cached.key(ask) for ask in (ASK, *others)]
    for model, url in (
        ("n", server.url),
        ("m", f"http://localhost:{server.server_port}/v1"),
        ("m", "https://a.example"),
    ):
        keys.append(Cached(OpenAi(model, base_url=url), tmp_path).key(ASK))
    assert len(set(keys)) == len(keys)
    assert Cached(OpenAi("m", base_url=server.url), tmp_path).key(ASK) == keys[0]


def test_a_file_holds_replies_only_and_is_its_owners(cached: Cached):
    cached.ask(ASK, Watch())
    path = only_file(cached)
    data = path.read_bytes()
    assert GOOD.encode() in json.loads(data)["replies"][0]["text"].encode()
    for secret in (KEY, "SECRET", "PROMPT", "PHOTO", "127.0.0.1", "Bearer"):
        assert secret.encode() not in data and secret not in path.name
    assert KEY not in repr(cached)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(cached.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "step",
    [say("48", finish="length"), say("", finish="content_filter"), say("", refusal="no"), say("a", finish="odd")],
)
def test_only_finished_replies_are_kept(step: server_says.Step, tmp_path: Path):
    with LmmServer(step) as server:
        cached = Cached(OpenAi("m", base_url=server.url), tmp_path / "replies")
        assert not cached.ask(ASK, Watch()).cached and not cached.ask(ASK, Watch()).cached
        assert len(server.asked) == 2 and cached.size() == 0


def test_too_few_replies_are_not_kept(tmp_path: Path):
    with LmmServer(say("a", most=1), server_says.fail(401)) as server:
        cached = Cached(OpenAi("m", base_url=server.url), tmp_path / "replies")
        assert len(cached.ask(replace(ASK, samples=2), Watch()).replies) == 1 and cached.size() == 0


HOSTILE = {
    "empty": b"",
    "no JSON": b"{oops",
    "deep": b"[" * 100_000,
    "no UTF-8": b"\xff\xfe",
    "wrong types": b'{"replies":[{"text":1}],"model":"m","seconds":0}',
    "no replies": b'{"replies":[],"model":"m","seconds":0}',
    "too many": b'{"replies":[{"text":"a"},{"text":"b"}],"model":"m","seconds":0}',
    "unfinished": b'{"replies":[{"text":"a","finish":"length"}],"model":"m","seconds":0}',
    "no number": b'{"replies":[{"text":"a","logprob":NaN}],"model":"m","seconds":0}',
    "too long": b'{"replies":[{"text":"' + b"x" * 9_000_000 + b'"}],"model":"m","seconds":0}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_damaged_files_are_ignored_and_replaced(data: bytes, cached: Cached, server: LmmServer):
    cached.ask(ASK, Watch())
    path = only_file(cached)
    path.write_bytes(data)
    assert not cached.ask(ASK, Watch()).cached and len(server.asked) == 2
    assert cached.ask(ASK, Watch()).cached and len(server.asked) == 2


def test_a_folder_in_the_place_of_a_file_is_ignored(cached: Cached, server: LmmServer):
    (cached.folder / f"{cached.key(ASK)}.json").mkdir(parents=True)
    said = cached.ask(ASK, Watch())
    assert said.replies[0].text == GOOD and "could not be kept" in said.notes[-1]
    assert [path.suffix for path in cached.folder.iterdir()] == [".json"]


def test_a_place_that_cannot_be_written_loses_no_reply(server: LmmServer, tmp_path: Path):
    (tmp_path / "file").write_text("")
    said = Cached(OpenAi("m", base_url=server.url), tmp_path / "file" / "replies").ask(ASK, Watch())
    assert said.replies[0].text == GOOD and "could not be kept" in said.notes[-1]


def test_the_ones_used_longest_ago_go_first(cached: Cached):
    for i in range(4):
        cached.ask(replace(ASK, max_tokens=i + 1), Watch())
        os.utime(cached.folder / f"{cached.key(replace(ASK, max_tokens=i + 1))}.json", (i + 1, i + 1))
    one = cached.size() // 4
    assert cached.ask(replace(ASK, max_tokens=1), Watch()).cached
    cached.most_bytes = 3 * one + one // 2
    cached.ask(replace(ASK, max_tokens=9), Watch())
    kept = {i for i in range(1, 10) if (cached.folder / f"{cached.key(replace(ASK, max_tokens=i))}.json").exists()}
    assert kept == {1, 4, 9}
    cached.most_bytes = 10
    cached.ask(replace(ASK, max_tokens=8), Watch())
    assert not (cached.folder / f"{cached.key(replace(ASK, max_tokens=8))}.json").exists()


def test_clearing_leaves_what_is_not_ours(cached: Cached, server: LmmServer):
    assert cached.clear() == cached.size() == 0
    cached.ask(ASK, Watch())
    (cached.folder / "mine.json").write_text("{}")
    assert cached.size() > 0 and cached.clear() == 1
    assert only_file(cached).name == "mine.json" and not cached.ask(ASK, Watch()).cached


def test_many_may_keep_the_same_reply_at_once(cached: Cached):
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: cached.ask(ASK, Watch()), range(16)))
    assert {one.replies[0].text for one in said} == {GOOD} and only_file(cached).suffix == ".json"


def test_it_stands_for_the_model(cached: Cached, server: LmmServer):
    assert (cached.name, cached.model, cached.destination) == ("openai", "m", server.destination)
    assert cached.availability() and cached.capabilities.samples
