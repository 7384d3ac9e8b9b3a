"""The JSON that a model is asked for where its server can hold it to a schema, in the subset that strict modes take."""

from __future__ import annotations

from typing import Any

_FIELDS: dict[str, tuple[str | list[str], str]] = {
    "place": (
        ["string", "null"],
        "The place from the smallest to the largest: town, region, country. null if unknown.",
    ),
    "latitude": (
        ["number", "null"],
        "Decimal degrees, WGS84, negative in the south. null if unknown, never 0 for that.",
    ),
    "longitude": (
        ["number", "null"],
        "Decimal degrees, WGS84, negative in the west. null if unknown, never 0 for that.",
    ),
    "radius_km": (["number", "null"], "The photo was taken within so many kilometres of that point. null if unknown."),
}

# Clues come first: a model writes in this order, and looks before it answers.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "clues": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What in the photo says where it was taken, most telling first.",
        },
        **{name: {"type": kind, "description": about} for name, (kind, about) in _FIELDS.items()},
    },
    "required": ["clues", *_FIELDS],
    "additionalProperties": False,
}
