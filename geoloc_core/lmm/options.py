"""The command line's options about large multimodal models, and what is said before and after one is asked."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc_core.console import harmless
from geoloc_core.errors import GeolocError, PromptError
from geoloc_core.lmm.backends import load, names
from geoloc_core.lmm.base import HERE, Watch

if TYPE_CHECKING:
    from geoloc_core.encoders import Encoder
    from geoloc_core.gallery import Gallery
    from geoloc_core.lmm.account import Account
    from geoloc_core.lmm.base import Ask, Lmm
    from geoloc_core.lmm.cost import Price
    from geoloc_core.lmm.prompt import Plan
    from geoloc_core.lmm.unanswered import Unanswered
    from geoloc_core.predictors.img2loc import Img2Loc
    from geoloc_core.settings import Settings

KEY = "OPENAI_API_KEY"


def add_lmm(parser: argparse.ArgumentParser) -> None:
    """Add the options that `img2loc_of` reads."""
    model = parser.add_argument_group(
        "model", f"for img2loc: which model is asked; its key is read from {KEY} in the environment and nowhere else"
    )
    model.add_argument("--lmm", choices=names(), help="openai: a server with OpenAI's protocol; llava: this machine")
    model.add_argument(
        "--model",
        metavar="M",
        help="the server's name for it, or for llava a hub name or a folder; for translocator and tiles a trained "
        "one's name or folder, for tiles also untuned:ENCODER",
    )
    model.add_argument("--base-url", metavar="U", help="the server, which gets photo and key (default: the settings')")
    model.add_argument(
        "--cap", type=float, metavar="USD", help="ask only if it costs no more; inf: no cap (default: the settings')"
    )
    model.add_argument("--cache-replies", action="store_true", help="keep replies, answer the same question from them")
    asked = parser.add_argument_group("prompt", "for img2loc: what the model is asked")
    asked.add_argument("--near-count", type=int, metavar="N", help="places of most similar photos given (default: 16)")
    asked.add_argument("--far-count", type=int, metavar="N", help="places of least similar photos given (default: 16)")
    asked.add_argument("--no-retrieval", action="store_true", help="give none; no gallery is searched")
    asked.add_argument("--tell-signs", action="store_true", help="tell what is written in the photo, and clues in it")
    asked.add_argument("--similarity", action="store_true", help="give their similarities")
    asked.add_argument("--places", action="store_true", help="give their places by name")
    asked.add_argument("--thumbnails", type=int, metavar="N", help="show this many of the most similar photos")
    asked.add_argument("--prompt", type=Path, metavar="FILE", help="a text with placeholders, in place of the default")
    asked.add_argument("--samples", type=int, metavar="N", help="ask for this many replies (default: 1)")
    asked.add_argument("--second-turn", action="store_true", help="let the model choose among the places found")
    asked.add_argument("--free-text", action="store_true", help="do not hold the reply to a JSON schema")
    asked.add_argument("--temperature", type=float, metavar="T", help="default: the model's own")
    asked.add_argument("--max-tokens", type=int, metavar="N", help="the most tokens of a reply (default: 1000)")
    asked.add_argument("--show-prompt", action="store_true", help="print what would be sent, and send nothing")


def img2loc_of(options: argparse.Namespace, config: Settings, gallery: Gallery, shown: int) -> Img2Loc:
    """The predictor that the options and settings ask for.

    Raises:
        PromptError: the prompt or a number cannot be used.
        GeolocError: no model is named, or it cannot be had.
    """
    from geoloc_core.lmm.cost import Budget
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.img2loc import Img2Loc
    from geoloc_core.predictors.signs import Signs

    plan = plan_of(options, config)
    encoder: Encoder | None = encoder_of(gallery) if plan.retrieves else None
    lmm = lmm_of(options, config)
    cap = config.lmm_cap if options.cap is None else None if options.cap == math.inf else options.cap
    watch = Watch(on_wait=lambda text: print(harmless(text), file=sys.stderr))
    return Img2Loc(
        gallery,
        encoder,
        lmm,
        plan=plan,
        watch=watch,
        budget=Budget(cap),
        price=price_of(lmm, config),
        shown=shown,
        signs=Signs() if options.tell_signs else None,
    )


def plan_of(options: argparse.Namespace, config: Settings) -> Plan:
    """How the model is asked.

    Raises:
        PromptError: the prompt or a number cannot be used.
    """
    from geoloc_core.lmm.prompt import Plan

    wanted: dict[str, Any] = {
        "near": 0 if options.no_retrieval else options.near_count,
        "far": 0 if options.no_retrieval else options.far_count,
        "thumbnails": 0 if options.no_retrieval else options.thumbnails,
        "samples": options.samples,
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "template": _template(options.prompt) if options.prompt else None,
    }
    return Plan(
        **{name: value for name, value in wanted.items() if value is not None},
        similarity=options.similarity,
        places=options.places,
        structured=not options.free_text,
        second_turn=options.second_turn,
        photo_side=config.lmm_photo_side,
    )


def lmm_of(options: argparse.Namespace, config: Settings) -> Lmm:
    """The model asked.

    Raises:
        GeolocError: none is named.
    """
    from pydantic import SecretStr

    from geoloc_core.lmm.cache import Cached

    name, model = options.lmm or config.lmm, options.model or config.lmm_model
    if not name or not model:
        raise GeolocError(
            "img2loc asks a large multimodal model; none is named. Give --lmm and --model, or set lmm and lmm_model."
        )
    lmm: Lmm
    if name == "openai":
        key = os.environ.get(KEY)
        url = options.base_url or config.lmm_base_url
        lmm = load(name)(model, base_url=url, key=SecretStr(key) if key else None, timeout_s=config.lmm_timeout_s)
    else:
        lmm = load(name)(model, device=config.device, dtype=config.dtype)
    if options.cache_replies:
        from platformdirs import user_cache_path

        return Cached(lmm, user_cache_path("geoloc") / "replies")
    return lmm


def price_of(lmm: Lmm, config: Settings) -> Price | None:
    """US dollars per million tokens: as the settings say, else as known of the model."""
    from geoloc_core.lmm import cost

    if config.lmm_price_in is not None and config.lmm_price_out is not None:
        return cost.Price(config.lmm_price_in, config.lmm_price_out)
    return cost.price_of(lmm.model, lmm.destination)


def before_sending(predictor: Img2Loc, ask: Ask) -> str:
    """Where the photo goes, how much of it, and what it will cost at most."""
    size = sum(len(image) for image in ask.images)
    images = f"{len(ask.images)} image{'s' if len(ask.images) > 1 else ''} of {size:,} bytes, without metadata"
    again = " A second turn asks about as much again." if predictor.plan.second_turn else ""
    where = predictor.lmm.destination
    goes = "The photo stays on this machine" if where == HERE else f"The photo goes to {where}"
    return f"{goes}: {images}; {predictor.estimate(ask)}.{again}"


def in_words(account: Account) -> str:
    """What the model said, as its claim, and what it cost. Its text is made harmless for a terminal."""
    last = next((x for x in reversed(account.exchanges) if any(r.location for r in x.readings)), account.exchanges[-1])
    reading = next((reading for reading in last.readings if reading.location), None)
    lines = []
    if reading and (said := "; ".join(filter(None, [reading.place, *reading.clues]))):
        lines.append(f"the model's claim: {said}")
    cost = "price not known" if account.cost is None else f"US$ {account.cost:.4f}" if account.cost else "no charge"
    used = [exchange.said.usage for exchange in account.exchanges if exchange.said.usage]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in used)
    lines.append(f"asked: {account.destination}, {f'{tokens:,} tokens' if used else 'tokens not told'}, {cost}")
    return harmless("\n".join(lines))


def show_unanswered(error: Unanswered, as_json: bool) -> None:
    """The reason and the replies on stderr; as JSON on stdout too if wanted."""
    from geoloc_core.lmm.record import account_record

    print(f"no answer: {harmless(str(error))}", file=sys.stderr)
    record = account_record(error.account)
    replies = [reply for exchange in record["exchanges"] for reply in exchange["replies"]]
    for number, reply in enumerate(replies, start=1):
        print(f"reply {number}: {harmless(reply['text'])}", file=sys.stderr)
    if as_json:
        document = {
            "answer": None,
            "problem": harmless(str(error)),
            "replies": [r["text"] for r in replies],
            "asked": record,
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))


def _template(path: Path) -> str:
    from geoloc_core.lmm.prompt import MAX_TEMPLATE

    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(MAX_TEMPLATE + 1)
    except UnicodeDecodeError:
        raise PromptError(f"{path} is not a text in UTF-8. Save the prompt as plain text.") from None
