"""Downloads against a hub on loopback: whole, resumed, cancelled, refused, wrong, and a hub that is dead."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from dataclasses import replace

import pytest

from geoloc_core import hub
from geoloc_core.encoders.checkpoints import HubWeights, Preprocess, encoder_id
from geoloc_core.errors import DownloadCancelled, HubError, HubUnreachable, WeightsMissing
from geoloc_core.settings import settings
from tests.loopback_hub import LoopbackHub
from tests.tiny_clip import own_home

pytestmark = pytest.mark.usefixtures("own_home")
__all__ = ["own_home"]
DATA = random.Random(0).randbytes(6_000_000)
WEIGHTS = HubWeights("Tiny", "test", "org/tiny", Preprocess())


@pytest.fixture
def server(own_home, monkeypatch):
    server = LoopbackHub({"org/tiny/open_clip_model.safetensors": DATA, "org/old/open_clip_pytorch_model.bin": DATA})
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("GEOLOC_HUB_TIMEOUT_S", "1.5")
    settings.cache_clear()
    yield server
    server.close()


def fetch(weights=WEIGHTS, cancel=None):
    steps = []
    return hub.fetch(weights, lambda done, total: steps.append((done, total)), cancel), steps


def test_a_file_arrives_whole_with_progress_and_is_found_without_the_hub(server):
    with pytest.raises(WeightsMissing):
        WEIGHTS.weights()
    path, steps = fetch()
    assert path.read_bytes() == DATA and path.resolve().name == hashlib.sha256(DATA).hexdigest()
    assert steps == sorted(steps) and steps[-1] == (len(DATA), len(DATA)) and len(steps) > 3
    server.close()
    assert WEIGHTS.weights() == path and path.resolve().name[:12] in encoder_id(WEIGHTS)
    assert not list(path.resolve().parent.glob("*geoloc-part"))


def test_a_second_fetch_downloads_nothing(server):
    first, _ = fetch()
    second, steps = fetch()
    assert first == second and len(server.ranges) == 1 and steps == [(len(DATA), len(DATA))]


def test_a_repository_with_only_the_older_file_name_is_fetched(server):
    path, _ = fetch(replace(WEIGHTS, repo="org/old"))
    assert path.name == "open_clip_pytorch_model.bin" and path.read_bytes() == DATA


@pytest.mark.parametrize("failure", ["cut", "stall"])
def test_a_broken_download_goes_on_where_it_stopped(server, failure):
    server.behaviour = failure
    with pytest.raises(HubUnreachable, match="go on"):
        fetch()
    server.behaviour = ""
    path, steps = fetch()
    assert path.read_bytes() == DATA
    assert server.ranges[0] == 0 and server.ranges[1] >= len(DATA) // 3 and steps[0][0] > server.ranges[1]


def test_a_server_that_cannot_resume_sends_the_file_again(server):
    server.behaviour = "cut"
    with pytest.raises(HubUnreachable):
        fetch()
    server.behaviour = "whole"
    assert fetch()[0].read_bytes() == DATA


def test_wrong_bytes_are_thrown_away(server):
    server.behaviour = "wrong"
    with pytest.raises(HubError, match="not the file"):
        fetch()
    with pytest.raises(WeightsMissing):
        WEIGHTS.weights()
    server.behaviour = ""
    assert fetch()[0].read_bytes() == DATA and server.ranges == [0, 0]


def test_too_few_bytes_are_no_file(server):
    server.behaviour = "short"
    with pytest.raises(HubUnreachable, match="early"):
        fetch()
    with pytest.raises(WeightsMissing):
        WEIGHTS.weights()


def test_cancelling_keeps_what_arrived(server):
    server.behaviour = "slow"
    stop = threading.Event()
    with pytest.raises(DownloadCancelled):
        hub.fetch(WEIGHTS, lambda done, total: stop.set() if done > 2_000_000 else None, stop)
    assert fetch()[0].read_bytes() == DATA and server.ranges[1] > 2_000_000


@pytest.mark.parametrize(
    ("weights", "behaviour", "text"),
    [
        (replace(WEIGHTS, repo="org/none"), "", "org/none"),
        (replace(WEIGHTS, files=("nothing.safetensors",)), "", "nothing.safetensors"),
        (WEIGHTS, "refuse", "refuses"),
    ],
)
def test_what_the_hub_does_not_give_is_one_clear_sentence(server, weights, behaviour, text):
    server.behaviour = behaviour
    with pytest.raises(HubError, match=text) as caught:
        fetch(weights)
    assert not isinstance(caught.value, HubUnreachable) and "\n" not in str(caught.value)


def test_a_full_disk_is_said_before_the_download(server, monkeypatch):
    monkeypatch.setattr(hub, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(HubError, match="HF_HUB_CACHE"):
        fetch()
    assert server.ranges == []


def test_two_downloads_of_one_file_do_not_mix(server):
    server.behaviour = "slow"
    begun, results = threading.Event(), []
    thread = threading.Thread(target=lambda: results.append(hub.fetch(WEIGHTS, lambda *_: begun.set())))
    thread.start()
    assert begun.wait(5)
    with pytest.raises(HubError, match="Another download"):
        fetch()
    thread.join()
    assert results[0].read_bytes() == DATA


@pytest.mark.parametrize("death", ["hang", "broken", "closed", "deaf", "name"])
def test_a_dead_hub_is_recognised_in_time(server, monkeypatch, death):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    if death == "closed":
        server.close()
    elif death == "deaf":  # takes connections, never reads
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
    elif death == "name":  # a resolver that hangs knows no timeout

        def hang(*_args, **_kwargs):
            time.sleep(3)
            raise socket.gaierror("late")

        monkeypatch.setenv("HF_ENDPOINT", "http://localhost:1")
        monkeypatch.setattr(socket, "getaddrinfo", hang)
    else:
        server.behaviour = death
    start = time.perf_counter()
    state = hub.reachable()
    assert time.perf_counter() - start < 1.5 + 0.5
    assert not state and "HF_ENDPOINT" in state.remedy
    with pytest.raises(HubUnreachable):
        fetch()
    listener.close()


def test_offline_mode_asks_nobody(server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in hub.reachable().reason
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        fetch()
    assert server.requests == 0


def test_a_living_hub_is_reachable(server):
    assert hub.reachable() and server.requests == 1
