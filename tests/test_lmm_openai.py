"""The openai back end against a scripted server: what is sent, what comes of each answer, and when it stops."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from geoloc_core.errors import LmmBusy, LmmCancelled, LmmError, LmmRefused
from geoloc_core.lmm.backends import load, names
from geoloc_core.lmm.backends.openai import OpenAi
from geoloc_core.lmm.base import Ask, Said, Usage, Watch
from geoloc_core.lmm.chat import MOST_CHARACTERS
from geoloc_core.lmm.retry import retry_after
from tests import lmm_server as server_says
from tests.lmm_server import GOOD, HTML, INJECTION, NAN, PROSE, REFUSAL, LmmServer, say

KEY = "sk-proj-" + "0123456789abcdefSECRET" * 3
PHOTO = b"\xff\xd8photo\xff\xd9"
SCHEMA = {"type": "object", "properties": {"latitude": {"type": "number"}}, "additionalProperties": False}
PROMPT = "Where is this? PROMPT-IN-PERSON"


def make(server: LmmServer, **options) -> OpenAi:
    options = {"key": SecretStr(KEY), "timeout_s": 10, "backoff_s": 0.01, **options}
    return OpenAi("tiny-vision", base_url=server.url, **options)


def question(**fields) -> Ask:
    return Ask(**{"prompt": PROMPT, "images": (PHOTO,), **fields})


def put(*script: server_says.Step, ask: Ask | None = None, **options) -> tuple[Said, LmmServer]:
    with LmmServer(*script) as server:
        return make(server, **options).ask(ask or question(), Watch()), server


class Shown:
    """What a page would show: texts by number, and the waits announced."""

    def __init__(self) -> None:
        self.texts, self.pieces, self.waits, self.threads = {}, [], [], set()
        self.watch = Watch(self.on_text, self.waits.append)

    def on_text(self, number: int, piece: str) -> None:
        self.threads.add(threading.current_thread())
        self.pieces.append(piece)
        self.texts[number] = self.texts.get(number, "") + piece if piece else ""


def test_the_folder_is_the_registry():
    assert "openai" in names() and load("openai") is OpenAi and OpenAi.name == "openai"
    with pytest.raises(LmmError, match="Choose one of"):
        load("os")


def test_what_is_sent_is_the_question_and_nothing_else(monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"the-hosts-own-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: the-hosts-own")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ask = question(images=(PHOTO, b"second"), schema=SCHEMA, temperature=0.5, samples=2, max_tokens=77)
    said, server = put(say(GOOD), ask=ask)
    (sent,) = server.requests
    allowed = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "connection"}
    assert (
        set(sent.headers) == {*allowed, "authorization", "x-stainless-raw-response"}
        and sent.headers["authorization"] == f"Bearer {KEY}"
    )
    assert sent.prompt == PROMPT and sent.images == [PHOTO, b"second"]
    assert sent.json["response_format"]["json_schema"]["schema"] == SCHEMA
    fields = ("model", "n", "temperature", "max_tokens", "stream", "stream_options")
    assert [sent.json[name] for name in fields] == ["tiny-vision", 2, 0.5, 77, True, {"include_usage": True}]
    assert KEY.encode() not in sent.body and KEY not in sent.path
    assert said.model == "tiny-vision" and said.usage == Usage(1000, 50) and said.notes == ()
    _, server = put(say(GOOD), key=None)
    assert "authorization" not in server.requests[0].headers
    assert b"the-hosts-own" not in b"".join(str(request.headers).encode() for request in server.requests)


@pytest.mark.parametrize("text", [GOOD, PROSE, REFUSAL, "", HTML, INJECTION, NAN, "e\u0301 \u2212 \U0001f5fc \x00"])
@pytest.mark.parametrize("streamed", [True, False])
def test_text_comes_as_it_is(text: str, streamed: bool):
    step = say(text) if streamed else server_says.refuse_fields("stream", otherwise=say(text))
    said, _ = put(step)
    assert [(reply.text, reply.finish) for reply in said.replies] == [(text, "stop")]


def test_the_reply_is_watched_while_it_is_written_in_the_asking_thread():
    shown = Shown()
    with LmmServer(say(GOOD, PROSE, pieces=7)) as server:
        said = make(server).ask(question(samples=2), shown.watch)
    assert shown.texts == {0: GOOD, 1: PROSE} and len(shown.pieces) > 12
    assert shown.threads == {threading.current_thread()}
    assert [reply.text for reply in said.replies] == [GOOD, PROSE]


def test_it_can_be_asked_where_a_loop_runs_as_in_a_notebook():
    with LmmServer() as server:

        async def cell() -> Said:
            return make(server).ask(question(), Watch())

        assert asyncio.run(cell()).replies[0].text == GOOD


def test_a_refusal_field_is_a_refusal():
    for step in (say("", refusal=REFUSAL), server_says.refuse_fields("stream", otherwise=say("", refusal=REFUSAL))):
        (reply,) = put(step)[0].replies
        assert (reply.text, reply.finish) == (REFUSAL, "refusal")


def test_why_a_reply_ended():
    assert put(say("4", finish="length"))[0].replies[0].finish == "length"
    assert put(say("4", finish="content_filter"))[0].replies[0].finish == "content_filter"
    assert put(say("4", finish="tool_calls"))[0].replies[0].finish == ""
    assert "allow more" in put(say("", finish="length"))[0].notes[0]


def test_log_probabilities_become_their_mean_if_the_server_gives_them():
    tokens = [{"logprob": -1.0}, {"logprob": -2.0}, {"logprob": "x"}, None, {"logprob": float("nan")}]
    choice = {"message": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": tokens}}
    assert put(server_says.value({"choices": [choice]}))[0].replies[0].logprob == -1.5


class TestSamples:
    def test_a_server_that_gives_fewer_is_asked_for_the_rest(self):
        shown = Shown()
        with LmmServer(say("a", "b", most=2), say("c", most=1), say("d")) as server:
            said = make(server).ask(question(samples=4), shown.watch)
        assert [reply.text for reply in said.replies] == ["a", "b", "c", "d"] == [shown.texts[i] for i in range(4)]
        assert [request.json.get("n") for request in server.asked] == [4, 2, None]
        assert said.usage == Usage(3000, 150)

    def test_a_server_that_gives_more_is_not_believed(self):
        chunks = [
            {"index": i, "message": {"content": str(i)}, "finish_reason": "stop"} for i in (0, 1, -1, 9, True, "0")
        ]
        assert [reply.text for reply in put(server_says.value({"choices": chunks}))[0].replies] == ["0"]

    def test_those_that_came_count_when_no_more_do(self):
        said, _ = put(say("a", most=1), server_says.fail(500), ask=question(samples=3), tries=2)
        assert [reply.text for reply in said.replies] == ["a"]
        assert said.notes[-1].startswith("Not all replies came.")

    def test_those_that_were_finished_count_when_a_stream_breaks(self):
        def half(call: server_says.Call) -> None:
            with call.events() as send:
                send(server_says._chunk(call, 0, {"content": "lost"}))
                send(server_says._chunk(call, 1, {"content": "kept"}, "stop"))
                raise server_says._Break

        shown = Shown()
        with LmmServer(half, say("new")) as server:
            said = make(server).ask(question(samples=2), shown.watch)
        assert [reply.text for reply in said.replies] == ["kept", "new"] == [shown.texts[0], shown.texts[1]]


class TestAdapting:
    WHOLE = question(schema=SCHEMA, temperature=0.3, samples=2)

    @pytest.mark.parametrize(
        ("field", "word"),
        [
            ("response_format", "free text"),
            ("n", "once for each"),
            ("temperature", "temperature"),
            ("max_tokens", "max_completion_tokens"),
            ("stream", "while it is written"),
            ("stream_options", "how many tokens"),
        ],
    )
    @pytest.mark.parametrize("code", [400, 422])
    def test_a_refused_field_is_left_out_for_good_and_said(self, field: str, word: str, code: int):
        with LmmServer(server_says.refuse_fields(field, code=code)) as server:
            lmm = make(server)
            said = lmm.ask(self.WHOLE, Watch())
            assert len(said.replies) == 2 and len(said.notes) == 1 and word in said.notes[0]
            before = len(server.asked)
            assert field in server.asked[0].json and field not in server.asked[-1].json
            lmm.ask(self.WHOLE, Watch())
            assert all(field not in request.json for request in server.asked[before:])
        if field == "max_tokens":
            assert server.asked[-1].json["max_completion_tokens"] == 1000
        capable = lmm.capabilities
        assert capable.samples == (field != "n") and capable.streams == (field != "stream")
        assert capable.structured is (field != "response_format")

    def test_all_of_them(self):
        fields = ("max_tokens", "max_completion_tokens", "response_format", "n", "temperature", "stream")
        said, server = put(server_says.refuse_fields(*fields), ask=self.WHOLE)
        assert len(said.replies) == 2 and len(said.notes) == 6
        assert set(server.asked[-1].json) == {"model", "messages"}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (
                {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]},
                "response_format",
            ),
            ({"error": "json_schema is not supported by this grammar"}, "response_format"),
            ({"message": "only one completion is supported, n must be 1"}, "n"),
            ({"error": {"message": "Unsupported value: 'temperature' does not support 0.3"}}, "temperature"),
            ("temperature is not allowed", "temperature"),
        ],
    )
    def test_refusals_of_many_shapes_are_understood(self, body: object, field: str):
        def step(call: server_says.Call) -> None:
            call.json(400, body) if field in call.request.json else say(GOOD)(call)

        said, server = put(step, ask=self.WHOLE)
        assert set(server.asked[0].json) - set(server.asked[1].json) == {field} and len(said.notes) == 1

    def test_a_vague_refusal_leads_to_one_plain_request(self):
        def step(call: server_says.Call) -> None:
            call.json(400, {"error": "bad"}) if "temperature" in call.request.json else say(GOOD)(call)

        _, server = put(step, ask=self.WHOLE)
        assert len(server.asked) == 3 and set(server.asked[1].json) == {"model", "messages", "max_tokens", "stream"}
        with LmmServer(server_says.fail(400, "no")) as server, pytest.raises(LmmRefused, match=r"can see.*said: no"):
            lmm = make(server)
            lmm.ask(self.WHOLE, Watch())
        assert len(server.asked) == 2 and lmm.capabilities.structured is None

    def test_a_schema_counts_as_known_once_a_reply_is_an_object(self):
        with LmmServer(say("hm"), say(GOOD)) as server:
            lmm = make(server)
            assert lmm.ask(question(schema=SCHEMA), Watch()) and lmm.capabilities.structured is None
            assert lmm.ask(question(schema=SCHEMA), Watch()) and lmm.capabilities.structured is True


class TestTryingAgain:
    @pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 504, 529])
    def test_what_may_pass_is_tried_again(self, code: int):
        shown = Shown()
        with LmmServer(server_says.fail(code), say(GOOD)) as server:
            said = make(server).ask(question(), shown.watch)
        assert said.replies[0].text == GOOD and len(server.asked) == 2
        assert len(shown.waits) == 1 and "try 2 of 4" in shown.waits[0]

    def test_a_connection_or_stream_that_breaks_is_tried_again_and_its_text_forgotten(self):
        def hangs_up(call: server_says.Call) -> None:
            raise ConnectionAbortedError

        shown = Shown()
        script = (hangs_up, server_says.breaks(), server_says.ends_early(), say(GOOD))
        with LmmServer(*script) as server:
            said = make(server).ask(question(), shown.watch)
        assert said.replies[0].text == GOOD == shown.texts[0] and len(shown.waits) == 3
        error = {"error": {"message": "overloaded", "type": "server_error"}}
        for step in (server_says.events(error), server_says.value(error)):
            assert put(step, say(GOOD))[0].replies[0].text == GOOD
            with pytest.raises(LmmBusy, match="reports an error: overloaded, also at try 2"):
                put(step, tries=2)

    @pytest.mark.parametrize("code", [200, 400, 500])
    def test_a_body_that_breaks_off_or_stalls_is_tried_again(self, code: int):
        for stall in (False, True):
            said, server = put(server_says.partly(code, stall=stall), say(GOOD), timeout_s=0.7)
            assert said.replies[0].text == GOOD and len(server.asked) == 2

    def test_after_all_tries_it_says_so(self):
        with LmmServer(server_says.fail(503)) as server, pytest.raises(LmmBusy, match=r"status 503.*try 3\. Ask again"):
            make(server, tries=3).ask(question(), Watch())
        assert len(server.asked) == 3

    def test_nobody_listening(self):
        with LmmServer() as server:
            lmm = make(server, tries=2)
        with pytest.raises(LmmBusy, match=r"cannot be reached.*that it is running"):
            lmm.ask(question(), Watch())

    @pytest.mark.parametrize(
        ("code", "word"),
        [(400, "can see"), (401, "key"), (402, "credit"), (403, "allow"), (404, "list"), (413, "photo")],
    )
    def test_what_cannot_heal_is_not_tried_again(self, code: int, word: str):
        with LmmServer(server_says.fail(code)) as server, pytest.raises(LmmRefused, match=word):
            make(server).ask(question(), Watch())
        assert len(server.asked) == 1

    def test_an_account_without_credit_is_not_asked_again(self):
        broke = server_says.fail(429, error_code="insufficient_quota", Retry_After=0)
        with LmmServer(broke) as server, pytest.raises(LmmRefused, match="no credit left"):
            make(server).ask(question(), Watch())
        assert len(server.asked) == 1

    def test_the_server_says_how_long_to_wait(self):
        shown = Shown()
        with LmmServer(server_says.busy("0.4"), say(GOOD)) as server:
            make(server).ask(question(), shown.watch)
        first, second = server.asked
        assert 0.4 <= second.at - first.at < 10 and "in 1 s" in shown.waits[0]

    @pytest.mark.parametrize("after", ["3600", "1e9", "Fri, 21 Nov 2098 12:00:00 GMT"])
    def test_a_longer_wait_is_left_to_the_user(self, after: str):
        with LmmServer(server_says.busy(after)) as server, pytest.raises(LmmBusy, match=r"wait until 20\d\d-.* UTC"):
            make(server).ask(question(), Watch())
        assert len(server.asked) == 1

    def test_retry_after_in_all_its_forms(self):
        now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        assert retry_after("Sat, 21 Nov 2026 12:00:30 GMT", now) == 30
        assert retry_after("Sat, 21 Nov 2026 11:00:00 GMT", now) == 0
        assert [retry_after(text) for text in ("2.5", "-3", "nan", "inf", "soon", "", None)] == [2.5, 0, *[None] * 5]


class TestTime:
    def test_silence_ends_and_is_tried_only_twice(self):
        started = time.monotonic()
        with (
            LmmServer(server_says.silence()) as server,
            pytest.raises(LmmBusy, match=r"nothing for 0\.2 s.*longer time"),
        ):
            make(server, timeout_s=0.2).ask(question(), Watch())
        assert len(server.asked) == 2 and time.monotonic() - started < 15

    def test_silence_within_a_reply_too(self):
        with LmmServer(server_says.stalls()) as server, pytest.raises(LmmBusy, match="nothing for"):
            make(server, timeout_s=0.2).ask(question(), Watch())

    def test_a_trickle_ends(self):
        started = time.monotonic()
        with LmmServer(server_says.trickle()) as server, pytest.raises(LmmError, match="reasonable time"):
            make(server, timeout_s=0.2).ask(question(), Watch())
        assert len(server.asked) == 1 and time.monotonic() - started < 15

    @pytest.mark.parametrize(
        ("step", "after"),
        [
            (server_says.silence(), 0.2),
            (server_says.stalls(), 0.2),
            (server_says.trickle(), 0.2),
            (server_says.busy(30), 0.2),
            (say(GOOD), 0),
        ],
        ids=["silent", "stalled", "trickling", "waiting", "before"],
    )
    def test_the_user_stops_it_at_once(self, step: server_says.Step, after: float):
        with LmmServer(step) as server:
            watch = Watch()
            threading.Timer(after, watch.cancelled.set).start() if after else watch.cancelled.set()
            started = time.monotonic()
            with pytest.raises(LmmCancelled):
                make(server, timeout_s=30).ask(question(), watch)
            assert time.monotonic() - started < after + 5
            assert bool(server.asked) == bool(after)

    def test_the_server_notices_that_the_user_stopped(self):
        with LmmServer(server_says.trickle(0.02)) as server:
            watch = Watch(on_text=lambda number, piece: watch.cancelled.set())
            with pytest.raises(LmmCancelled):
                make(server, timeout_s=30).ask(question(), watch)
            until = time.monotonic() + 10
            while server.open and time.monotonic() < until:
                time.sleep(0.02)
            assert not server.open


class TestHostileAnswers:
    def test_a_long_reply_is_cut_off(self):
        said, _ = put(say("blah " * 40_000))
        assert len(said.replies[0].text) == 200_000 and said.replies[0].finish == "stop"
        for step in (say("x" * (MOST_CHARACTERS + 9), pieces=50), server_says.content("x" * (MOST_CHARACTERS + 9))):
            said, _ = put(step)
            assert len(said.replies[0].text) == MOST_CHARACTERS and said.replies[0].finish == "length"
            assert "was cut off" in said.notes[0]

    def test_an_answer_without_end_or_compressed_is_not_read(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("geoloc_core.lmm.endpoint.MOST_BYTES", 1_000_000)
        endless = server_says.events("x" * 2_000_000)
        packed = lambda call: call.raw(200, b"\x1f\x8b", Content_Encoding="gzip")  # noqa: E731
        for step in (endless, server_says.content("x" * 2_000_000), packed):
            with pytest.raises(LmmError, match="not read to its end"):
                put(step)

    @pytest.mark.parametrize(
        "step",
        [
            server_says.page(),
            server_says.value([]),
            server_says.value({}),
            server_says.value(None),
            server_says.value({"choices": {"0": 1}}),
            server_says.value({"choices": [None, 3, "x"]}),
            server_says.value({"choices": []}),
            server_says.events("[DONE]"),
            server_says.events("{oops", "[DONE]"),
            server_says.events([1], "[DONE]"),
            server_says.events("[" * 100_000, "[DONE]"),
            lambda call: call.raw(200, b"[" * 200_000, Content_Type="application/json"),
            lambda call: call.raw(200, b"\xff\xfe", Content_Type="application/json"),
        ],
    )
    def test_what_is_no_completion_is_an_error(self, step: server_says.Step):
        with LmmServer(step) as server, pytest.raises(LmmError, match=r"OpenAI-compatible.*ends in /v1\."):
            make(server).ask(question(), Watch())
        assert len(server.asked) == 1

    @pytest.mark.parametrize("thing", [42, 4.2, True, None, [], {"text": "a"}, [1, None, {"text": 3}]])
    def test_content_that_is_no_text_is_an_empty_reply(self, thing: object):
        said, _ = put(server_says.content(thing))
        assert [reply.text for reply in said.replies] == [""]
        chunk = {"choices": [{"index": 0, "delta": {"content": thing}, "finish_reason": "stop"}]}
        assert put(server_says.events(chunk, "[DONE]"))[0].replies[0].text == ""

    def test_content_in_parts_is_joined(self):
        said, _ = put(server_says.content([{"type": "text", "text": "48.8, "}, {"type": "text", "text": "2.3"}]))
        assert said.replies[0].text == "48.8, 2.3"

    def test_odd_fields_do_no_harm(self):
        odd = {"id": 1, "model": 7, "usage": {"prompt_tokens": -1, "completion_tokens": "x"}, "choices": None}
        more = {"choices": [{"delta": [], "finish_reason": 3}, {"delta": {"content": "ok"}, "index": 0}]}
        said, _ = put(server_says.events(odd, more, {"usage": {"prompt_tokens": 1e999}}, "[DONE]"))
        assert (said.replies[0].text, said.replies[0].finish, said.usage, said.model) == ("ok", "", None, "tiny-vision")

    def test_lone_surrogates_become_valid_text(self):
        pieces = [{"choices": [{"delta": {"content": half}}]} for half in ("\ud83d", "\uddfc", "\ud800")]
        said, _ = put(server_says.events(*pieces, "[DONE]"))
        assert said.replies[0].text == "\U0001f5fc\ufffd"

    def test_a_redirect_is_not_followed(self):
        with LmmServer() as other:

            def elsewhere(call: server_says.Call) -> None:
                call.raw(307, b"", Location=f"http://localhost:{other.server_port}/v1/chat/completions")

            with LmmServer(elsewhere) as server, pytest.raises(LmmRefused, match="sends on to http://localhost"):
                make(server).ask(question(), Watch())
        assert not other.requests


class TestSecrets:
    def test_the_key_is_nowhere(self, caplog: pytest.LogCaptureFixture):
        caplog.set_level(logging.DEBUG)
        for name in ("openai", "httpx2", "httpcore2", "httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        echo = f"Bad key {KEY} for prompt {PROMPT}"
        seen = []
        for code in (400, 401, 404, 429, 500):
            with LmmServer(server_says.fail(code, echo)) as server:
                lmm = make(server, tries=2)
                with pytest.raises(LmmError) as failed:
                    lmm.ask(question(), Watch())
                seen += [str(failed.value), repr(failed.value), repr(lmm), str(vars(lmm)), repr(lmm._server)]
        said, _ = put(say(f"your key is {KEY}"))
        seen += [repr(said), caplog.text]
        assert "httpcore2" in caplog.text and "openai" in caplog.text
        assert not [text for text in seen if KEY in text or "SECRET" in text]
        assert PROMPT not in caplog.text

    def test_words_of_the_server_are_one_short_line(self):
        with pytest.raises(LmmRefused) as failed:
            put(server_says.fail(400, "a\x1b[31m\n\u202e" + "b" * 900))
        assert str(failed.value).isprintable() and len(str(failed.value)) < 400
        body = {"detail": [{"msg": "too long", "input": PROMPT}]}
        with pytest.raises(LmmRefused, match="too long") as failed:
            put(lambda call: call.json(422, body))
        assert PROMPT not in str(failed.value)
        with pytest.raises(LmmRefused) as failed:
            put(server_says.page(403, "<html><b>Forbidden</b>"))
        assert "<" not in str(failed.value)

    @pytest.mark.parametrize("key", ["sk-a\nX-Evil: 1", "sk a", "sk-\u00e9", "\u2026"])
    def test_a_key_that_is_none_is_refused_without_repeating_it(self, key: str):
        with pytest.raises(LmmError, match="Copy it again") as failed:
            OpenAi("m", key=SecretStr(key))
        assert key not in str(failed.value)

    def test_a_key_copied_with_white_space_works(self):
        _, server = put(say(GOOD), key=SecretStr(f" {KEY}\n"))
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "destination"),
        [
            ("https://api.openai.com/v1", "api.openai.com"),
            ("https://API.example.com:8443/v1/", "api.example.com:8443"),
            ("http://localhost:11434/v1", "localhost:11434"),
            ("http://127.0.0.9/v1", "127.0.0.9"),
            ("http://[::1]:8000/v1", "[::1]:8000"),
            ("https://ex\u00e4mple.com/v1", "xn--exmple-cua.com"),
        ],
    )
    def test_destination_is_the_host(self, url: str, destination: str):
        assert OpenAi("m", base_url=url, key=SecretStr(KEY)).destination == destination

    def test_the_address_of_the_call_itself_will_do(self):
        assert OpenAi("m", base_url="https://a/v1/chat/completions/").base_url == "https://a/v1"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "localhost:8000",
            "ftp://a/v1",
            "file:///etc",
            "https://",
            "https://u:p@a/v1",
            "https://a/v1?k=1",
            "https://a/#b",
            "https://a:99999/v1",
            "https://[::1/v1",
            "https://a b/v1",
            "https://a\\@b/v1",
            "https://a/v1\nx",
            "//a/v1",
        ],
    )
    def test_what_is_no_address_is_refused(self, url: str):
        with pytest.raises(LmmError, match=r"Give one like"):
            OpenAi("m", base_url=url)

    def test_a_key_is_not_sent_in_the_open(self):
        with pytest.raises(LmmError, match="https"):
            OpenAi("m", base_url="http://192.168.1.5:8000/v1", key=SecretStr(KEY))
        assert OpenAi("m", base_url="http://192.168.1.5:8000/v1").availability().ok


class TestModels:
    def test_the_list_is_fetched_and_sorted(self):
        with LmmServer(models=("zeta", "alpha", "zeta")) as server:
            assert make(server).models() == ("alpha", "zeta")
        assert [request.method for request in server.requests] == ["GET"]

    def test_a_hostile_list_is_bounded(self):
        entries = [*({"id": f"m{i}"} for i in range(5_000)), {"id": 3}, None]
        odd = [{"id": "x" * 999}, {"id": "a\nb"}, {"id": ["c"]}, {}, "d", {"id": ""}, *entries]
        for models in ({"data": odd}, odd):
            with LmmServer(models=models) as server:
                found = make(server).models()
            assert 1_900 < len(found) <= 2_000 and all(len(name) < 6 for name in found)

    @pytest.mark.parametrize("models", [{}, {"data": "x"}, 3, None, server_says.page(), server_says.fail(401)])
    def test_no_list_is_an_error(self, models: object):
        with LmmServer(models=models) as server, pytest.raises(LmmError, match=r"address|key"):
            make(server).models()


def test_availability_sends_nothing():
    with LmmServer() as server:
        assert make(server).availability().ok
        lmm = OpenAi(" ", base_url=server.url)
        assert "No model" in lmm.availability().reason and lmm.availability().remedy
        with pytest.raises(LmmRefused, match="No model"):
            lmm.ask(question(), Watch())
    assert not server.requests
    keyless = OpenAi("gpt-4o").availability()
    assert not keyless and "key" in keyless.reason and "OPENAI_API_KEY" in keyless.remedy
    assert "OPENAI_API_KEY" not in os.environ or os.environ["OPENAI_API_KEY"] not in repr(keyless)
