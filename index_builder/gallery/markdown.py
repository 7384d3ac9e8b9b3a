"""Markdown made of foreign text: it says only itself, whatever it holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def plain(text: str, most: int, *, escape: bool = True) -> str:
    """One line of at most `most` characters before escaping: no markup, no control or direction characters."""
    line = " ".join(_visible(text).split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    return _MARKUP.sub(r"\\\1", line) if escape else line


def code(text: str) -> str:
    """A code span, also inside a table."""
    line = plain(text, 300, escape=False).replace("`", "'").replace("|", "¦")
    return f"`{line}`" if line else ""


def block(text: str, language: str = "") -> str:
    """A fenced block, whose fence the text cannot close."""
    lines = "\n".join(_visible(line) for line in text.splitlines())
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", lines)), default=0))
    return f"{fence}{language}\n{lines}\n{fence}"


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _visible(text: str) -> str:
    return "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
