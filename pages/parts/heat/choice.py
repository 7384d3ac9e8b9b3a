"""Which gallery of locations is coloured, whether words can be compared with it, and how to get one they can."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from geoloc_core.encoders import for_id
from geoloc_core.errors import GeolocError
from geoloc_core.gallery.catalogue import Listed, find_galleries, readiness
from geoloc_core.geoclip.text import text_side
from geoloc_core.settings import settings
from geoloc_core.status import Availability
from pages.parts.text import message, plain


@dataclass(frozen=True)
class Ground:
    """A gallery of locations; `photos` and `words` say whether either can be compared with it now."""

    entry: Listed
    photos: Availability
    words: Availability

    @property
    def synthetic(self) -> bool:
        """Whether it belongs to a drawn world."""
        return bool(self.entry.manifest and self.entry.manifest.synthetic)

    @property
    def title(self) -> str:
        """What the visitor chooses it by."""
        about = self.entry.manifest
        return f"{about.title or self.entry.name} · {about.count:,} locations" if about else self.entry.name


def grounds() -> tuple[Ground, ...]:
    """The galleries of locations on this machine: those that words reach first, then the larger."""
    listed = [entry for entry in find_galleries(settings()) if entry.locations]
    found = [Ground(entry, readiness(entry), _words(entry)) for entry in listed]
    count = {ground.entry.path: ground.entry.manifest.count for ground in found if ground.entry.manifest}
    return tuple(sorted(found, key=lambda g: (g.words.ok, g.photos.ok, count[g.entry.path]), reverse=True))


def choose(there: tuple[Ground, ...]) -> Ground:
    """Let the visitor choose, where there is a choice."""
    if len(there) == 1:
        return there[0]
    by_path = {str(ground.entry.path): ground for ground in there}
    chosen = st.selectbox(
        "Locations",
        list(by_path),
        format_func=lambda path: by_path[path].title,
        key="ground",
        persist_state="session",
        help="The places that are scored.",
    )
    return by_path[chosen]


def how_to_get_words(ground: Ground | None) -> None:
    """Why no words can be typed, and what would change that."""
    if ground is None:
        st.warning("There is no gallery of locations on this machine.", icon=":material/warning:")
    else:
        why = ground.words
        if ground.synthetic:
            st.info("**Words need CLIP.** The starter's encoder was only ever shown pictures.", icon=":material/notes:")
        else:
            st.warning(message(f"{why.reason} {why.remedy}"), icon=":material/warning:")
    with st.expander("How to get words", icon=":material/download:", expanded=ground is None):
        st.markdown("Fetch CLIP's weights (1.7 GB), and make the gallery of GeoCLIP's places, once:")
        st.code(
            "python -m geoloc_core fetch geoclip\n"
            f"python -m index_builder geoclip '{settings().galleries / 'geoclip'}'",
            language="bash",
            wrap_lines=True,
        )
        st.page_link("pages/galleries.py", label="Or fetch it here", icon=":material/arrow_forward:")


def in_words(ground: Ground) -> str:
    """Whose places these are, for a badge's help; Markdown."""
    if not (about := ground.entry.manifest):
        return ""
    return plain(f"{about.source or 'Its source is not said'}. Licence: {about.licence or 'not said'}.")


def _words(entry: Listed) -> Availability:
    try:
        assert entry.manifest is not None
        made_with = entry.manifest.made_with
        return text_side(for_id(made_with.id, made_with.name)).availability()
    except GeolocError as error:
        return Availability.lacking(error)
