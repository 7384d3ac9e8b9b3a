"""The segmenters that can be asked for by name, and which of them is taken if none is. Free of torch."""

from __future__ import annotations

import threading
from pathlib import Path

from geoloc_core.errors import ModelError
from geoloc_core.paths import ASSETS
from geoloc_core.pretrained import HUB_NAME, is_folder
from geoloc_core.segmentation.base import Segmenter
from geoloc_core.segmentation.checkpoint import FETCH_PREFIX
from geoloc_core.settings import settings
from geoloc_core.status import Choice

STARTER = "segmenter-starter"
REPOS = {
    **{f"segformer-b{size}": f"nvidia/segformer-b{size}-finetuned-ade-512-512" for size in range(5)},
    "segformer-b5": "nvidia/segformer-b5-finetuned-ade-640-640",
}
"""SegFormers of Xie et al. (2021), trained on ADE20K; NVIDIA's licence of them allows research and evaluation only."""
MEGABYTES = dict(zip(REPOS, (15, 55, 110, 189, 256, 339), strict=True))
NAMES = (*REPOS, STARTER)
_made: dict[tuple[str, str], Segmenter] = {}
_making = threading.Lock()


def open_segmenter(name: str) -> Segmenter:
    """The segmenter of that name; the same object every time, so that a process loads it once.

    Args:
        name: one of `NAMES`, a folder under `settings().checkpoints`, a model of the hub (ORG/NAME), or a folder.

    Raises:
        ModelError: it is none of these. One that is known and not on this machine says so in `availability`.
    """
    with _making:
        model, again = _place(name)
        if (name, model) not in _made:
            from geoloc_core.segmentation.transformers_model import TransformersSegmenter

            _made[name, model] = TransformersSegmenter(name, model, again)
        return _made[name, model]


def best_segmenter() -> Choice:
    """The name of the segmenter to take, and why: the settings', else the largest SegFormer here, else the starter."""
    if (asked := settings().segmenter) != "auto":
        return Choice(asked, "set by GEOLOC_SEGMENTER or geoloc.toml")
    for name in reversed(REPOS):
        if open_segmenter(name).availability():
            return Choice(name, "the largest SegFormer trained on real photos that is on this machine")
    return Choice(
        STARTER,
        "no segmenter trained on real photos is on this machine, and this one knows drawn photos only; "
        "`python -m geoloc_core fetch segformer-b0` gets one",
    )


def known() -> tuple[str, ...]:
    """`NAMES`, then those in `settings().checkpoints` that can be used."""
    own = (file.parent.name for file in sorted(settings().checkpoints.glob("*/preprocessor_config.json")))
    named = (name for name in own if name not in NAMES and HUB_NAME.fullmatch(f"any/{name}"))
    return (*NAMES, *(name for name in named if open_segmenter(name).availability()))


def repo_to_fetch(what: str) -> str:
    """The hub's name of a segmenter that `fetch` is asked for, empty if it is asked for something else.

    Raises:
        ModelError: it is a segmenter that needs no fetching.
    """
    if what == STARTER:
        raise ModelError(f"{STARTER} has nothing to fetch: it ships with Geoloc.")
    return REPOS.get(what) or (what.removeprefix(FETCH_PREFIX) if what.startswith(FETCH_PREFIX) else "")


def _place(name: str) -> tuple[str, str]:
    """The folder or hub name that a name stands for, and what to do if there is no whole model there."""
    if name == STARTER:
        return str(ASSETS / "checkpoints" / STARTER), "Get Geoloc's assets again."
    if HUB_NAME.fullmatch(f"any/{name}") and (own := settings().checkpoints / name).is_dir():
        return str(own), ""
    if repo := REPOS.get(name):
        return repo, f"Run `python -m geoloc_core fetch {name}`, or put the files of {repo} into {own}."
    if HUB_NAME.fullmatch(name):
        return name, ""
    if is_folder(name):
        return str(Path(name).expanduser().absolute()), ""
    raise ModelError(f"There is no segmenter {name!r}. Choose one of {', '.join(NAMES)}, ORG/NAME, or a folder.")
