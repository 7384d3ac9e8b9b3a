"""What a model's reply says: coordinates in any of the ways people and models write them, or nothing.

A reply is untrusted text of any length. It is made plain (`text`), searched for JSON (`objects`) and for coordinates in
prose (`angles`, `labels`, `links`, `pairs`); `choice` says which of them it means, and `names` looks a place up offline
where there are none. All of it takes time that grows with the text only, of which a bounded part is looked at.
"""

from __future__ import annotations

from geoloc_core.lmm.reading.reading import Reading, read_reply
from geoloc_core.lmm.reading.schema import SCHEMA

__all__ = ["SCHEMA", "Reading", "read_reply"]
