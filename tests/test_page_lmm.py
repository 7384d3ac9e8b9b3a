"""Asking a model on the Locate page, without a browser: what is sent, when, to whom, and what every reply becomes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from geoloc_core.gallery.catalogue import STARTER
from geoloc_core.lmm.prompt import DEFAULT_TEMPLATE
from geoloc_core.paths import ROOT
from geoloc_core.settings import settings
from pages.parts.lmm import asking
from tests.app_driver import add_gallery, assert_located, good_photo, locate, said, until, upload
from tests.lmm_server import GOOD, INJECTION, PROSE, REFUSAL, LmmServer, Step, busy, fail, say, silence, trickle

KEY = "sk-visitors-own-secret"
MACHINE_KEY = "sk-machines-own-secret"


@pytest.fixture(autouse=True)
def nobody_elses_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


def visit(monkeypatch: pytest.MonkeyPatch, gallery: Path, url: str = "", model: str = "tiny-vision") -> AppTest:
    """A session whose machine is set up for a server, with the panel on and a photo in."""
    if url:
        monkeypatch.setenv("GEOLOC_LMM_BASE_URL", url)
        monkeypatch.setenv("GEOLOC_LMM_MODEL", model)
    add_gallery(gallery)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.toggle(key="lmm_on").set_value(True).run()
    return upload(at, good_photo())


def send(at: AppTest) -> AppTest:
    assert not at.button(key="lmm_send").disabled, words(at)
    return at.button(key="lmm_send").click().run()


def name_model(at: AppTest) -> None:
    """Choose from the server's list; AppTest cannot type into a select box."""
    at.button(key="lmm_list").click().run()
    next(box for box in at.selectbox if str(box.key).startswith("lmm_model")).set_value("tiny-vision").run()


def settle(at: AppTest) -> AppTest:
    until(at, lambda: at.session_state["work"].asking is None)
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    """Everything on the page that is text, as it was given to Streamlit."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "code", "text")
    return "\n".join(str(element.value) for kind in kinds for element in at.get(kind))


def code(at: AppTest) -> str:
    return "\n".join(element.value for element in at.code)


def test_nothing_is_sent_but_by_the_button_that_says_where(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        assert "127" in at.button(key="lmm_send").label and str(server.server_port) in at.button(key="lmm_send").label
        locate(at)
        assert_located(at)
        at.selectbox(key="lmm_server").set_value("vLLM").run()
        assert not server.requests
        at.selectbox(key="lmm_server").set_value("Set up on this machine").run()
        settle(send(at))
        assert len(server.asked) == 1
    assert_located(at)
    assert "France" in at.title[0].value and "says the model" in words(at)
    assert "a claim, not evidence" in words(at) and "the tower" in words(at)
    assert server.asked[0].images[0][:2] == b"\xff\xd8" and b"Exif" not in server.asked[0].images[0]
    assert server.asked[0].prompt in code(at)


def test_the_list_of_models_comes_on_request(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url, model="")
        assert at.button(key="lmm_send").disabled and not server.requests
        at.button(key="lmm_list").click().run()
        assert [request.path for request in server.requests] == ["/v1/models"]
        model = next(box for box in at.selectbox if box.key.startswith("lmm_model"))
        assert list(model.options) == ["big-vision", "tiny-vision"]
        model.set_value("big-vision").run()
        settle(send(at))
    assert server.asked[0].json["model"] == "big-vision"


@pytest.mark.parametrize("text", [REFUSAL, "", INJECTION, '{"latitude": 0, "longitude": null}'])
def test_a_reply_without_a_place_is_shown_with_what_retrieval_says(monkeypatch, small_gallery, text):
    with LmmServer(say(text)) as server:
        at = settle(send(visit(monkeypatch, small_gallery, server.url)))
    assert at.title[0].value == "The model names no place"
    assert "by retrieval alone" in words(at) and len(at.get("component_instance")) == 3
    assert (text or "(empty)") in [element.value for element in at.code]
    assert at.session_state["work"].answer.prediction.predictor == "knn"
    assert at.session_state["work"].answer.truth.error_km > 0
    assert "ask" not in at.session_state["work"].answer.prediction.seconds
    locate(at)
    assert_located(at)
    assert "no place" not in words(at)


FAULTS: dict[str, tuple[tuple[Step, ...], str]] = {
    "bad key": ((fail(401, "Incorrect API key provided."),), "Check the key"),
    "no such model": ((fail(404, "The model does not exist."),), "list of models"),
    "too large": ((fail(413),), "smaller photo"),
    "silent": ((silence(),), "allow a longer time"),
    "asks to wait an hour": ((fail(429, "later", Retry_After=3600),), "Ask again then"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_server_that_will_not_is_told_with_what_to_do(monkeypatch, small_gallery, kind):
    script, remedy = FAULTS[kind]
    monkeypatch.setenv("GEOLOC_LMM_TIMEOUT_S", "1")
    with LmmServer(*script) as server:
        at = settle(send(visit(monkeypatch, small_gallery, server.url)))
    assert remedy in said(at).replace("\\", "")
    locate(at)
    assert_located(at)


def test_a_server_that_is_not_there(monkeypatch, small_gallery):
    at = visit(monkeypatch, small_gallery, "http://127.0.0.1:9/v1")
    at.button(key="lmm_list").click().run()
    assert "cannot be reached" in said(at) and not at.exception


def test_waiting_is_told_and_stopping_stops(monkeypatch, small_gallery):
    with LmmServer(busy(30)) as server:
        at = send(visit(monkeypatch, small_gallery, server.url))
        until(at, lambda: "Trying again in" in said(at))
        began = time.monotonic()
        at.button(key="lmm_stop").click().run()
        settle(at)
        assert time.monotonic() - began < 5
    assert "Stopped" in words(at) and not at.error
    locate(at)
    assert_located(at)


@pytest.mark.parametrize("act", ["another photo", "no photo", "locate"])
def test_taking_up_something_else_stops_the_question(monkeypatch, small_gallery, act):
    with LmmServer(trickle()) as server:
        at = send(visit(monkeypatch, small_gallery, server.url))
        until(at, lambda: "x x" in code(at))
        assert server.open == 1
        if act == "locate":
            locate(at)
        elif act == "no photo":
            at.file_uploader[0].set_value(None)
            at.run()
        else:
            upload(at, good_photo(), "other.jpg")
        until(at, lambda: server.open == 0)
        at.run()
    assert at.session_state["work"].asking is None and not at.exception
    assert bool(at.get("component_instance")) == (act == "locate")


def test_a_question_nobody_watches_ends(monkeypatch, small_gallery):
    monkeypatch.setattr(asking, "_UNWATCHED_S", 0.5)
    with LmmServer(trickle()) as server:
        at = send(visit(monkeypatch, small_gallery, server.url))
        end = time.monotonic() + 10
        while not at.session_state["work"].asking.ended.is_set():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert server.open == 0 or time.sleep(0.5) or server.open == 0


def test_a_mistake_in_the_prompt_is_told_and_sends_nothing(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        at.text_area(key="lmm_prompt").set_value("Where? {place} {near").run()
        assert "Line 1" in said(at) and at.button(key="lmm_send").disabled
        at.text_area(key="lmm_prompt").set_value("Where?\n\nNear: {near}").run()
        assert not at.warning and not at.button(key="lmm_send").disabled
        settle(send(at))
        assert server.asked[0].prompt.startswith("Where?\n\nNear: 1. ")
        at.button(key="lmm_prompt_reset").click().run()
        assert at.text_area(key="lmm_prompt").value == DEFAULT_TEMPLATE


@pytest.mark.parametrize(("ends", "maps"), [("both", 3), ("near", 2), ("far", 2), ("none", 1)])
def test_ablations(monkeypatch, small_gallery, ends, maps):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        next(g for g in at.get("button_group") if str(g.key).startswith("lmm_ends")).set_value(ends).run()
        settle(send(at))
    prompt = server.asked[0].prompt
    assert ("to look most like it" in prompt) == (ends in ("both", "near"))
    assert ("look least like it" in prompt) == (ends in ("both", "far"))
    assert len(at.get("component_instance")) == maps and not at.exception


@pytest.mark.skipif(not (STARTER / "manifest.json").is_file(), reason="the starter gallery is not there")
def test_drawn_neighbours_are_kept_from_real_photos(monkeypatch):
    with LmmServer() as server:
        monkeypatch.setenv("GEOLOC_LMM_BASE_URL", server.url)
        monkeypatch.setenv("GEOLOC_LMM_MODEL", "m")
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        at.toggle(key="lmm_on").set_value(True).run()
        upload(at, good_photo())
        assert "drawn photos" in words(at)
        settle(send(at))
        assert "look most like it" not in server.asked[0].prompt
        at.button(key="try-0").click().run()
        settle(send(at))
        assert "to look most like it" in server.asked[1].prompt


def test_a_visitors_key_goes_to_its_server_alone_and_is_nowhere_on_the_page(monkeypatch, small_gallery):
    with LmmServer() as server, LmmServer() as other:
        at = visit(monkeypatch, small_gallery, server.url)
        next(f for f in at.text_input if f.key.startswith("lmm_key")).set_value(KEY).run()
        assert "is set" in words(at) and not any(f.key.startswith("lmm_key") for f in at.text_input)
        settle(send(at))
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
        at.selectbox(key="lmm_server").set_value("Another server").run()
        at.text_input(key="lmm_address").set_value(other.url).run()
        name_model(at)
        settle(send(at))
        assert "authorization" not in other.requests[0].headers
        assert "authorization" not in other.asked[0].headers
        at.selectbox(key="lmm_server").set_value("Set up on this machine").run()
        seen = at.session_state["work"].answer
        at.button(key="lmm_key_off").click().run()
        settle(send(at))
        assert "authorization" not in server.asked[1].headers
    assert KEY not in words(at) and KEY not in repr(at.session_state) and KEY not in repr(seen)
    assert all(KEY.encode() not in request.body for request in [*server.requests, *other.requests])


def test_the_machines_key_goes_to_the_server_in_its_settings_alone(monkeypatch, small_gallery):
    monkeypatch.setenv("OPENAI_API_KEY", MACHINE_KEY)
    with LmmServer() as own, LmmServer() as visitors:
        at = visit(monkeypatch, small_gallery, own.url)
        cap = next(field for field in at.number_input if str(field.key).startswith("lmm_cap"))
        assert cap.max == settings().lmm_cap and "lmm_price_read" not in [field.key for field in at.number_input]
        settle(send(at))
        at.selectbox(key="lmm_server").set_value("Another server").run()
        at.text_input(key="lmm_address").set_value(visitors.url).run()
        name_model(at)
        settle(send(at))
    assert own.asked[0].headers["authorization"] == f"Bearer {MACHINE_KEY}"
    assert len(visitors.requests) == 2 and not any("authorization" in r.headers for r in visitors.requests)
    assert MACHINE_KEY not in words(at)


def test_no_model_at_hand_says_how_to_get_one(monkeypatch, small_gallery, caplog):
    monkeypatch.setenv("GEOLOC_LMM_MODEL", "gpt-4o")
    add_gallery(small_gallery)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    panel = words(at)
    assert "API key" in panel and "ollama" in panel and "LLaVA" in panel and "retrieval alone" in panel
    at.toggle(key="lmm_on").set_value(True).run()
    upload(at, good_photo())
    assert "needs a key" in words(at) and at.button(key="lmm_send").disabled
    at.radio(key="lmm_back_end").set_value("llava").run()
    assert "Name a model" in words(at) and at.button(key="lmm_send").disabled
    locate(at)
    assert_located(at)
    assert "secrets" not in caplog.text and not at.exception


def test_a_local_model_that_is_not_there_says_how_to_fetch_it(monkeypatch, small_gallery):
    monkeypatch.setenv("GEOLOC_LMM", "llava")
    monkeypatch.setenv("GEOLOC_LMM_MODEL", "llava-hf/llava-1.5-7b-hf")
    at = visit(monkeypatch, small_gallery)
    assert at.button(key="lmm_send").label == "Ask the model on this machine" and at.button(key="lmm_send").disabled
    assert "fetch llava:llava-hf/llava-1.5-7b-hf" in words(at).replace("\\", "")


def test_spending_is_capped_and_counted(monkeypatch, small_gallery):
    monkeypatch.setenv("GEOLOC_LMM_PRICE_IN", "1000")
    monkeypatch.setenv("GEOLOC_LMM_PRICE_OUT", "1000")
    with LmmServer(say(GOOD, usage=(300, 100))) as server:
        at = visit(monkeypatch, small_gallery, server.url)
        assert "at most about US$" in words(at).replace("\\", "")
        settle(send(at))
        assert "cap" in said(at) and not server.asked
        next(n for n in at.number_input if str(n.key).startswith("lmm_cap")).set_value(50.0).run()
        settle(send(at))
        assert len(server.asked) == 1
    shown = words(at).replace("\\", "")
    assert "US$ 0.4000" in shown and "US$ 49.60 left" in shown and "300 read, 100 written" in shown


def test_several_replies_each_on_the_map(monkeypatch, small_gallery):
    with LmmServer(say(GOOD, PROSE, REFUSAL)) as server:
        at = visit(monkeypatch, small_gallery, server.url)
        at.number_input(key="lmm_samples").set_value(3).run()
        settle(send(at))
    assert_located(at)
    assert REFUSAL in code(at) and "Reply 3" in words(at)
    drawn = next(json.loads(c.proto.json_args) for c in at.get("component_instance"))
    assert str(drawn).count("Reply 1") and str(drawn).count("Reply 2") and "Reply 3" not in str(drawn)


def test_exchanged_numbers_are_offered_not_taken(monkeypatch, small_gallery):
    text = json.dumps({"latitude": 151.2093, "longitude": -33.8688, "place": "Sydney, Australia"})
    with LmmServer(say(text)) as server:
        at = settle(send(visit(monkeypatch, small_gallery, server.url)))
    assert at.title[0].value == "The model names no place" and "-33.86880, 151.20930" in words(at).replace("\\", "")
    at.button(key="lmm_swap0").click().run()
    answer = at.session_state["work"].answer
    assert (answer.lat, answer.lon) == pytest.approx((-33.8688, 151.2093), abs=1e-6)
    assert_located(at)


def test_identical_questions_from_the_cache_if_switched_on(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        at.toggle(key="lmm_cached").set_value(True).run()
        settle(send(at))
        settle(send(at))
        assert len(server.asked) == 1
    assert "nothing was sent" in words(at).lower()


def test_what_will_be_sent_can_be_seen_before(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        at.button(key="lmm_look").click().run()
        seen = words(at).replace("\\", "")
        assert not server.requests and not at.exception
        at.button(key="lmm_send").click().run()
        settle(at)
    assert server.asked[0].prompt in seen and "without metadata" in seen
    with Image.open(__import__("io").BytesIO(server.asked[0].images[0])) as sent:
        assert f"{sent.width} × {sent.height} pixels" in seen


def test_a_second_visitor_sees_nothing_of_the_first(monkeypatch, small_gallery):
    with LmmServer() as server:
        at = visit(monkeypatch, small_gallery, server.url)
        next(f for f in at.text_input if f.key.startswith("lmm_key")).set_value(KEY).run()
        settle(send(at))
        second = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        second.toggle(key="lmm_on").set_value(True).run()
    assert "is set" not in words(second) and second.session_state["work"].answer is None
    assert "lmm_keys" not in second.session_state or not second.session_state["lmm_keys"]
