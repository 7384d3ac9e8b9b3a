"""What one visitor's heat map is made of. It lives in that visitor's session and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

if TYPE_CHECKING:
    from geoloc_core.encoders.base import Embeddings
    from geoloc_core.errors import GeolocError
    from geoloc_core.gallery import Gallery
    from geoloc_core.geoclip.heat import TopPlace
    from geoloc_core.maps.heat import HeatImage
    from geoloc_core.photo import Photo
    from geoloc_core.places import Place

TEXT = "text"  # the text field's key, and its name in the page's address


@dataclass(frozen=True)
class Wish:
    """What shall be looked for: a text, a photo, or both, the photo with this weight."""

    text: str
    photo: Photo | None
    weight: float

    def __bool__(self) -> bool:
        return bool(self.text or self.photo)


@dataclass(frozen=True, eq=False)
class Found:
    """The places that fit a wish: the heat over the world, the best of them with their names, and the seconds taken."""

    wish: Wish
    gallery: Gallery
    image: HeatImage
    top: tuple[tuple[TopPlace, Place], ...]
    seconds: float


@dataclass
class Heat:
    """The last wish and what came of it; `said` keeps the last text's rows and the neutral ones,
    so that a slider costs no CLIP."""

    asked: tuple[Path, Wish] | None = None
    found: Found | None = None
    failure: GeolocError | None = None
    said: dict[tuple[str, str], tuple[Embeddings, Embeddings]] = field(default_factory=dict)
    drawn: tuple[Any, Any] | None = None


def heat() -> Heat:
    """This session's."""
    if "heat" not in st.session_state:
        st.session_state["heat"] = Heat()
    return cast(Heat, st.session_state["heat"])
