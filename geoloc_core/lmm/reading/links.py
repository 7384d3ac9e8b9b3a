"""Coordinates in links to maps, geo: URIs, ISO 6709 and well-known text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from geoloc_core.lmm.reading.found import MAX_FOUND, Found

_D = r"[-+−]?\d{1,3}(?:\.\d{1,40})?(?![\d.]\d)"
_KEYS = "q|query|ll|sll|center|destination|daddr|loc|cp|point|viewpoint|cbll"
_LINKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"!3d(?P<lat>{_D})!4d(?P<lon>{_D})",
        rf"(?:[?&#](?:{_KEYS})=|\bgeo:)(?:loc:)?(?P<lat>{_D})(?:,|%2C|~)(?:\+|%20|\s)?(?P<lon>{_D})",
        rf"(?<!\w)/?@(?P<lat>{_D}),(?P<lon>{_D})",
        rf"/(?:place|search|dir/)/?(?P<lat>{_D}),\+?(?P<lon>{_D})",
        rf"map=\d{{1,2}}(?:\.\d{{1,3}})?/(?P<lat>{_D})/(?P<lon>{_D})",
        rf"mlat=(?P<lat>{_D})&(?:amp;)?mlon=(?P<lon>{_D})",
        r"(?<![\d.])(?P<lat>[-+−]\d\d(?:\.\d{1,40})?)(?P<lon>[-+−]\d{3}(?:\.\d{1,40})?)(?:CRS\S{0,9})?/?(?![\d.])",
        rf"\bpoint\s?z?\s?\(\s{{0,2}}(?P<lon>{_D})\s{{1,3}}(?P<lat>{_D})",
    )
)


def find_links(text: str) -> Iterator[Found]:
    """The coordinates of links, each link once."""
    taken: list[Found] = []
    for pattern in _LINKS:
        for match in list(pattern.finditer(text))[-MAX_FOUND // 4 :]:
            lat, lon = (float(match[name].replace("−", "-")) for name in ("lat", "lon"))
            found = Found(lat, lon, *match.span())
            if not any(other.start < found.end and found.start < other.end for other in taken):
                taken.append(found)
                yield found
