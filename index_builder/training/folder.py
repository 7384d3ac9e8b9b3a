"""A run's folder: what was asked for when it was begun, and whether it may be gone on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from geoloc_core.errors import ModelError
from geoloc_core.files import remove_partial, replacing
from index_builder.training.journal import METRICS
from index_builder.training.recipe import Recipe

RECIPE, STATE, BEST = "recipe.json", "state", "best"
_TOLD = 6  # differences that a refusal lists


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Nobody else trains in that folder meanwhile.

    Raises:
        ModelError: somebody does.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ModelError(f"Another run is at work in {out}. Wait for it, or choose another --out.") from None
    try:
        yield
    finally:
        lock.release()


def prepare(out: Path, recipe: Recipe, facts: Mapping[str, Any], *, resume: bool) -> None:
    """Write recipe.json, or compare with the one there.

    Raises:
        ModelError: the run there was begun with other settings or data; the message names them.
    """
    asked = json.loads(json.dumps({"recipe": recipe.model_dump(), "task": dict(facts)}))
    path = out / RECIPE
    remove_partial(out)
    if not resume:
        shutil.rmtree(out / STATE, ignore_errors=True)
        shutil.rmtree(out / "tensorboard", ignore_errors=True)
        (out / METRICS).unlink(missing_ok=True)
    elif path.exists():
        if differences := list(_differences(_read(path), asked)):
            more = f"; and {len(differences) - _TOLD} more" if len(differences) > _TOLD else ""
            raise ModelError(
                f"The run in {out} was begun with other settings: {'; '.join(differences[:_TOLD])}{more}. Give the "
                "same ones to go on, choose another --out, or begin anew with --restart."
            )
        return
    elif (out / STATE).exists():
        raise ModelError(f"{out} holds states but no {RECIPE}. Begin anew with --restart, or choose another --out.")
    with replacing(path) as stream:
        stream.write((json.dumps(asked, indent=1) + "\n").encode())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}). Begin anew with --restart.") from None


def _differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Such as `learning_rate was 0.1, is 0.2`."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            yield from _differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif then != now:
        said = name.removeprefix("recipe.").removeprefix("task.")
        yield f"{said} was {_short(then)}, is {_short(now)}"


def _short(value: Any) -> str:
    said = json.dumps(value)
    return said if len(said) <= 60 else f"{said[:57]}…"
