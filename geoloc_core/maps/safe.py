"""Text on its way into folium. Every string goes through here, because in folium text is code:

- branca compiles what an element has rendered as a Jinja template *again*, so `{{ ... }}` in a place name would run
  Python on the server;
- folium pastes tooltips and popups into JavaScript template literals, so `${...}` or a back-tick would run in the
  browser;
- Leaflet takes tooltips and popups as HTML.

`html.escape` and Jinja's `tojson` stop neither of the first two. Our own layers pass text as `json_literal` to scripts
that set it as text; `safe` is for whoever hands HTML to folium or Leaflet.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

_PLAIN = frozenset(" .,-()")
_JOINERS = frozenset("\u200c\u200d")  # Persian, the scripts of India and emoji need them
_INERT = str.maketrans({char: f"\\u{ord(char):04x}" for char in "{}<>&`$'#%_"})


def clean(text: str) -> str:
    """The text on one line, without control characters, bidirectional overrides and lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    line = " ".join(text.split())
    return "".join(char for char in line if char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs"))


def safe(text: str) -> str:
    """Any string as HTML that is only ever text: all but letters, digits and ` .,-()` becomes a numeric entity."""
    return "".join(char if char.isalnum() or char in _PLAIN else f"&#{ord(char)};" for char in clean(text))


def json_literal(value: Any) -> str:
    """A value as JSON that is inert inside Jinja, a script element and a JavaScript template literal.

    Strings are cleaned, and `{ } < > & ' # % _`, back-tick, `$` and all beyond ASCII in them written as `\\uXXXX`.
    Outside strings no `{{`, `{%` or `{#` can arise: JSON follows `{` with a quote or `}`. The underscore is on the list
    because streamlit-folium drops `_words` from the hash by which it tells whether a map has changed.

    Raises:
        TypeError: a value that JSON does not know.
        ValueError: a number that is not finite.
    """
    if isinstance(value, str):
        return json.dumps(clean(value)).translate(_INERT)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_literal(str(key))}:{json_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(json_literal(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)
