"""Numbers and foreign text as a person reads them."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

_CODE = re.compile(r"`([\w ./:=-]+)`")
_LAYOUT = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINKS = re.compile(r"(https?(?=://)|www(?=\.)|(?=@))", re.IGNORECASE)
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: object) -> str:
    """Any text so that Streamlit's Markdown shows it as it is: no link, image, formula, directive or HTML.

    Bare addresses become links whatever is escaped, so an unseen joiner interrupts them.
    """
    return _MARKUP.sub(r"\\\1", _LINKS.sub("\\1\u2060", " ".join(str(text).split())))


def message(text: object) -> str:
    """One of our own messages: like `plain`, but what stands in back-ticks is shown as code if it is harmless."""
    parts = _CODE.split(" ".join(str(text).split()))
    return "".join(f"`{part}`" if i % 2 else _MARKUP.sub(r"\\\1", part) for i, part in enumerate(parts))


def inert(text: str, most: int) -> str:
    """Foreign text for an element that shows it as it is: no control characters, none that turn the way of writing."""
    kept = text[:most]
    kept = "".join(c for c in kept if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    kept = _LAYOUT.sub("", kept)
    return f"{kept}\n[{len(text) - most:,} more characters]" if len(text) > most else kept


def km(distance: float) -> str:
    """'0.4 km', '7.3 km', '1,240 km'."""
    return f"{distance:.1f} km" if distance < 10 else f"{distance:,.0f} km"


def degrees(lat: float, lon: float) -> str:
    """'41.98123, 2.82134', as maps elsewhere take it."""
    return f"{lat:.5f}, {lon:.5f}"


def share(part: float) -> str:
    """'38 %', with a word where rounding would say 0 %."""
    return "under 1 %" if part < 0.01 else f"{part:.0%}".replace("%", " %")


def size(count: int) -> str:
    """'398 MB', '1.71 GB' (decimal units)."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def moment(taken: datetime, is_instant: bool) -> str:
    """'12 May 2019, 14:33 UTC+02:00'; without an offset, whose clock it is."""
    zone = taken.strftime("%Z") if is_instant else "by the camera's clock"
    return f"{taken.day} {taken:%B %Y, %H:%M} {zone}"
