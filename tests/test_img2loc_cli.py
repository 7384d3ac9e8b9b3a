"""`python -m geoloc_core locate --predictor img2loc` against a real server on loopback."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from geoloc_core.__main__ import main
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from tests.conftest import make_photo
from tests.lmm_server import GOOD, PROSE, REFUSAL, LmmServer, fail, say, silence
from tests.loopback_hub import LoopbackHub

KEY = "sk-not-a-real-key-0123456789"
PARIS = (48.8584, 2.2945)


@pytest.fixture
def run(
    small_gallery: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """`python -m geoloc_core locate --predictor img2loc` in this process: exit status, stdout, stderr."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()

    def call(photo: Path, server: LmmServer, *more: object) -> tuple[int, str, str]:
        model = ("--predictor", "img2loc", "--lmm", "openai", "--model", "tiny-vision", "--base-url", server.url)
        status = main(["locate", str(photo), "--gallery", str(small_gallery), *model, *map(str, more)])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def secret_photo(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "holiday at aunt Agatha.jpg", 5, (42.5, 2.0))


def test_the_command_line_says_where_the_photo_goes_and_what_came_back(run: Callable, secret_photo: Path):
    with LmmServer(say(GOOD)) as server:
        status, out, err = run(secret_photo, server)
    assert status == 0, err
    assert out.splitlines()[0].startswith("Paris") or "Paris" in out
    assert "48.85840, 2.29450" in out and "the model's claim: Paris, France" in out and "km off" in out
    assert f"goes to 127.0.0.1:{server.server_port}: 1 image of " in err
    assert err.index("goes to") < err.index("Asking tiny-vision")


def test_nothing_private_is_sent_and_the_key_only_in_its_header(run: Callable, secret_photo: Path):
    with LmmServer(say(GOOD)) as server:
        status, out, err = run(secret_photo, server, "--json", "--thumbnails", 2, "--samples", 2, "--places")
    assert status == 0, err
    assert server.asked
    for request in server.requests:
        assert request.headers.pop("authorization") == f"Bearer {KEY}"
        everything = " ".join([request.path, *request.headers.values(), request.body.decode()])
        assert KEY not in everything and "Agatha" not in everything and "aunt" not in everything
        for image in request.images:
            assert image.startswith(b"\xff\xd8") and b"Exif" not in image and b"GPS" not in image
    assert len(server.asked[0].images) == 3
    assert KEY not in out + err and "Agatha" not in out


def test_json_holds_the_whole_account_but_no_picture(run: Callable, secret_photo: Path):
    with LmmServer(say(GOOD)) as server:
        status, out, _ = run(secret_photo, server, "--json")
    asked = json.loads(out)["asked"]
    exchange = asked["exchanges"][0]
    assert status == 0 and asked["destination"] == f"127.0.0.1:{server.server_port}"
    assert exchange["prompt"] == server.asked[0].prompt
    assert exchange["replies"][0]["text"] == GOOD
    assert exchange["replies"][0]["reading"]["location"] == list(PARIS)
    assert exchange["usage"] == {"prompt_tokens": 1000, "completion_tokens": 50}
    assert base64.b64encode(server.asked[0].images[0])[:40].decode() not in out and "Agatha" not in out


def test_show_prompt_prints_exactly_what_would_be_sent_and_sends_nothing(run: Callable, secret_photo: Path):
    with LmmServer(say(GOOD)) as server:
        status, shown, err = run(secret_photo, server, "--show-prompt", "--near-count", 3, "--similarity")
        assert (status, server.requests) == (0, []) and "Nothing has been sent" in err
        run(secret_photo, server, "--near-count", 3, "--similarity")
    assert shown == server.asked[0].prompt + "\n"


@pytest.mark.parametrize(
    ("how", "near", "far"),
    [(("--no-retrieval",), 0, 0), (("--near-count", 4, "--far-count", 0), 4, 0), (("--near-count", 0), 0, 16)],
)
def test_ablations(run: Callable, secret_photo: Path, how: tuple[object, ...], near: int, far: int):
    with LmmServer(say(PROSE)) as server:
        status, out, err = run(secret_photo, server, "--json", *how)
    record = json.loads(out)
    assert (status, len(record["nearest"]), len(record["farthest"])) == (0, near, far), err
    assert len(re.findall(r"^\d+\. ", server.asked[0].prompt, re.MULTILINE)) == near + far
    assert (record["gallery"] is None) == (near + far == 0)


def test_a_refusal_is_no_answer_with_its_reason_and_words(run: Callable, secret_photo: Path):
    with LmmServer(say(REFUSAL + "\x1b[2J\x9b31m\u202e")) as server:
        status, out, err = run(secret_photo, server, "--json")
    document = json.loads(out)
    assert status == 1 and document["answer"] is None and document["problem"] and REFUSAL in document["replies"][0]
    assert "no answer: " in err and REFUSAL in err
    assert not set(err) & {"\x1b", "\x9b", "\u202e"}
    assert document["asked"]["exchanges"][0]["replies"][0]["reading"]["location"] is None


def test_half_a_surrogate_pair_in_a_reply_breaks_nothing(run: Callable, secret_photo: Path):
    for text in (
        '{"latitude": 1, "longitude": 2, "place": "\\ud800 \\u001b[2J"}',
        '{"latitude": null, "place": "\\udfff"}',
    ):
        with LmmServer(say(text)) as server:
            for form in ("--json", "--kml", "--no-retrieval"):
                status, out, err = run(secret_photo, server, form)
                assert status in (0, 1)
                assert not set(out + err) & {"\x1b"}


def test_without_json_an_unanswered_question_prints_nothing(run: Callable, secret_photo: Path):
    with LmmServer(say("")) as server:
        status, out, err = run(secret_photo, server)
    assert (status, out) == (1, "") and "no answer: " in err


def test_a_wrong_key_or_prompt_or_no_model_gives_a_message(run: Callable, secret_photo: Path, tmp_path: Path):
    (tmp_path / "p.txt").write_text("Where? {nearest}")
    with LmmServer(fail(401, f"Incorrect API key provided: {KEY}")) as server:
        status, out, err = run(secret_photo, server)
        assert (status, out) == (2, "") and err.splitlines()[-1].startswith("error: ") and KEY not in err
        assert len(server.requests) == 1
        status, out, err = run(secret_photo, server, "--prompt", tmp_path / "p.txt")
        assert status == 2 and "{nearest}" in err
        status, out, err = run(secret_photo, server, "--samples", 0)
        assert status == 2 and "samples" in err
        status, out, err = run(secret_photo, server, "--cap", "nan")
        assert status == 2 and "cap" in err
        status, out, err = run(secret_photo, server, "--predictor", "knn")
        assert status == 2 and "--predictor img2loc" in err
        assert len(server.requests) == 1


def test_img2loc_without_a_model_says_how_to_name_one(small_gallery: Path, secret_photo: Path, capsys):
    assert main(["locate", str(secret_photo), "--gallery", str(small_gallery), "--predictor", "img2loc"]) == 2
    assert "--lmm" in capsys.readouterr().err


def test_kept_replies_are_not_asked_for_again(run: Callable, secret_photo: Path, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with LmmServer(say(GOOD)) as server:
        first = run(secret_photo, server, "--cache-replies", "--json")
        again = run(secret_photo, server, "--cache-replies", "--json")
    assert len(server.asked) == 1
    assert json.loads(first[1])["prediction"] == json.loads(again[1])["prediction"]
    assert json.loads(again[1])["asked"]["exchanges"][0]["cached"] is True


def test_ctrl_c_stops_the_question_at_once(small_gallery: Path, secret_photo: Path):
    with LmmServer(silence(60)) as server:
        command = [sys.executable, "-m", "geoloc_core", "locate", str(secret_photo), "--gallery", str(small_gallery)]
        model = ["--predictor", "img2loc", "--lmm", "openai", "--model", "tiny-vision", "--base-url", server.url]
        started = subprocess.Popen(
            [*command, *model], cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores Ctrl-C
        )  # fmt: skip
        try:
            for _ in range(600):
                if server.asked or started.poll() is not None:
                    break
                time.sleep(0.05)
            assert server.asked
            started.send_signal(signal.SIGINT)
            out, err = started.communicate(timeout=15)
        finally:
            started.kill()
    assert (started.returncode, out) == (130, "") and err.endswith("Stopped.\n") and "Traceback" not in err


def test_a_model_on_this_machine_is_asked_through_the_same_door(
    small_gallery: Path, secret_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from tests.make_llava import save_llava

    folder = save_llava(tmp_path / "tiny", reply="48.8566, 2.3522", max_position_embeddings=4096)
    capsys.readouterr()
    model = ("--predictor", "img2loc", "--lmm", "llava", "--model", str(folder), "--max-tokens", "40")
    status = main(["locate", str(secret_photo), "--gallery", str(small_gallery), *model])
    out, err = capsys.readouterr()
    assert status == 0, err
    assert out.startswith("Paris") and "48.85660, 2.35220" in out
    assert "The photo stays on this machine" in err and "Asking tiny on this machine" in err
    assert "model's device: " in err


def test_fetch_gets_a_model_by_its_hub_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    hub = LoopbackHub({"me/tiny/config.json": b"{}", "me/tiny/model.safetensors": bytes(1000)})
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    try:
        assert main(["fetch", "llava:me/tiny"]) == 0
        folder = Path(capsys.readouterr().out.strip())
        assert (folder / "model.safetensors").read_bytes() == bytes(1000) and (folder / "config.json").is_file()
        assert main(["fetch", "llava:me/none"]) == 2
    finally:
        hub.close()
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
