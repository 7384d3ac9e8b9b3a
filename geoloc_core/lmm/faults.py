"""What went wrong between us and a model's server, in words that end with what to do, and whether it may pass."""

from __future__ import annotations

import json
from typing import Any

from geoloc_core.errors import LmmError, LmmRefused
from geoloc_core.lmm.endpoint import Endpoint, Misused
from geoloc_core.lmm.retry import Passing, retry_after

_PASSING = frozenset({408, 409, 425, 429})
_NEVER_PASSING = frozenset({501, 505})
_OTHER_MODEL = "choose another model or server"
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


class Broken(Exception):
    """An answer that ended before it was complete."""


class Malformed(Exception):
    """An answer that is no chat completion."""


class Complaint(Exception):
    """An error that a server reports as if it were an answer."""


def explain(error: Exception, server: Endpoint, model: str, timeout_s: float) -> Exception:
    """The `LmmError`, or `Passing` where another try may help, that tells a person about `error`.

    What is no fault of the exchange comes back as it is.
    """
    import httpx2
    import openai

    who = server.destination
    if isinstance(error, openai.APIStatusError):
        return _refusal(error, server, model)
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        reason = f"{who} said nothing for {timeout_s:g} s"
        return Passing(reason, "allow a longer time, or choose a faster model", tries=2)
    if isinstance(error, TimeoutError):
        return LmmError(f"{who} did not come to an end in reasonable time. Ask for a shorter reply, or {_OTHER_MODEL}.")
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error.__cause__, server)
    if isinstance(
        error, (httpx2.HTTPError, httpx2.InvalidURL)
    ):  # while a body is read the openai package passes them on
        return _unreachable(error, server)
    if isinstance(error, Broken):
        return Passing(f"The reply of {who} broke off", _OTHER_MODEL)
    if isinstance(error, Malformed):
        return LmmError(f"{who} does not answer like an OpenAI-compatible server. {_ADDRESS}")
    if isinstance(error, Misused):
        return LmmError(f"The answer of {who} was not read to its end. {error}. Choose another server.")
    if getattr(error, "code", None) in _NO_CREDIT:
        return _no_credit(who)
    if isinstance(error, (openai.APIError, Complaint)):  # the former inside a stream
        return Passing(f"{who} reports an error{_of(server.quote(str(error)))}", _OTHER_MODEL)
    return error


_ADDRESS = "Check its address, which usually ends in /v1."


def _refusal(error: Any, server: Endpoint, model: str) -> Exception:
    who, code, told = server.destination, error.status_code, _of(server.quote(message_of(error.body)))
    if 300 <= code < 400:
        to = server.quote(error.response.headers.get("location", "")) or "another address"
        return LmmRefused(f"{who} sends on to {to}, where nothing was sent. Give that address if you trust it.")
    if _NO_CREDIT & {error.code, error.type}:
        return _no_credit(who)
    if code == 429:
        return _passing(error, f"{who} takes no more requests just now{told}")
    if code in _PASSING or (code >= 500 and code not in _NEVER_PASSING):
        return _passing(error, f"{who} failed with status {code}{told}")
    name = server.quote(model)
    meaning = {
        401: "did not accept the key. Check the key, and that it belongs to this server",
        402: "wants to be paid first. Add credit to your account there",
        403: "does not allow this. Check what the key may do, and where you ask from",
        404: f"knows no model {name!r}, or is no such server. Choose from its list of models. {_ADDRESS[:-1]}",
        413: "finds the request too large. Send a smaller photo, or fewer neighbours and thumbnails",
    }
    otherwise = "would not take the request. Choose a model that can see, a smaller photo, or fewer neighbours"
    return LmmRefused(f"{who} {meaning.get(code, otherwise)}{told and '. It said'}{told}.")


def _no_credit(who: str) -> LmmRefused:
    return LmmRefused(f"Your account at {who} has no credit left. Add some there, or {_OTHER_MODEL}.")


def _passing(error: Any, reason: str) -> Passing:
    return Passing(reason, _OTHER_MODEL, after=retry_after(error.response.headers.get("retry-after")))


def _unreachable(cause: BaseException | None, server: Endpoint) -> Exception:
    import httpx2

    if isinstance(cause, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        return LmmRefused(f"Nothing can be sent to {server.destination}. {_ADDRESS}")
    if isinstance(cause, (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)):
        return Passing(f"The connection to {server.destination} broke off", _OTHER_MODEL)
    told = _of(server.quote(str(cause or "")))
    if "CERTIFICATE" in str(cause).upper():
        return LmmRefused(f"{server.destination} cannot prove that it is itself{told}. {_ADDRESS}")
    return Passing(f"{server.destination} cannot be reached{told}", "check its address and that it is running")


def message_of(body: object) -> str:
    """The human words of an error's body, of any of the shapes servers use; never what they echo of the request."""
    if isinstance(body, str):
        return "" if "<" in body else body
    if isinstance(body, list):
        return "; ".join(filter(None, map(message_of, body[:3])))
    if not isinstance(body, dict):
        return ""
    return next((found for key in ("message", "msg", "error", "detail") if (found := message_of(body.get(key)))), "")


def fields_named(error: Any) -> str:
    """All that a refusal says, to look for the names of fields in it: lower case, at most 4,000 characters."""
    try:
        return f"{error.param or ''} {json.dumps(error.body)}"[:4_000].lower()
    except (TypeError, ValueError, RecursionError):
        return ""


def _of(told: str) -> str:
    return f": {told.rstrip('.')}" if told else ""
