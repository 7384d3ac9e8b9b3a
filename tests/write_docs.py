"""Writes docs/commands.md and docs/settings.md from the code: `python -m tests.write_docs`. A test compares."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from geoloc_core.paths import ROOT
from geoloc_core.settings import Settings

MODULES = ("geoloc_core", "index_builder")
_FOLDERS = {
    "galleries": "user data folder/geoloc/galleries",
    "checkpoints": "user data folder/geoloc/checkpoints",
    "tile_cache": "user cache folder/geoloc/tiles.sqlite",
    "tile_store": "user data folder/geoloc/tile-embeddings",
}


def help_text(*words: str) -> str:
    """What `python -m WORDS --help` prints, 100 columns wide."""
    command = [sys.executable, "-m", *words, "--help"]
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def commands() -> str:
    """The whole of docs/commands.md."""
    parts = ["# Commands\n\nThe help of every command, as it prints it.\n"]
    for module in MODULES:
        top = help_text(module)
        parts.append(f"## `python -m {module}`\n\n```\n{top}\n```\n")
        for name in _commands(top):
            own = help_text(module, name)
            parts.append(f"### `{name}`\n\n```\n{own}\n```\n")
            kinds = _commands(own) if "KIND ..." in own else []
            parts += [f"### `{name} {kind}`\n\n```\n{help_text(module, name, kind)}\n```\n" for kind in kinds]
    return "\n".join(parts)


def _commands(said: str) -> list[str]:
    return re.findall(r"^    ([a-z][a-z-]*)(?= |$)", said, flags=re.MULTILINE)


def settings() -> str:
    """The whole of docs/settings.md."""
    lines = [
        "# Settings\n",
        "Each is an environment variable `GEOLOC_<NAME>` or a line in a TOML file: the one `GEOLOC_CONFIG` names, else",
        "`geoloc.toml` in the working folder, else in the user's configuration folder. The environment wins.\n",
        "| name | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = _FOLDERS.get(name) or (f"`{field.default}`" if field.default not in (None, "") else "–")
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


DOCUMENTS: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "commands.md": commands,
    ROOT / "docs" / "settings.md": settings,
}

if __name__ == "__main__":
    for path, write in DOCUMENTS.items():
        path.write_text(write(), encoding="utf-8")
