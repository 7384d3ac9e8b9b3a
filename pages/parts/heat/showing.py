"""The heat map with the places that fit best, and what its colours mean and do not mean."""

from __future__ import annotations

import streamlit as st
from streamlit_folium import st_folium

from geoloc_core.maps import Marker, score_map
from pages.parts.frame import theme
from pages.parts.heat.choice import Ground, in_words
from pages.parts.heat.state import Found, Heat, Wish
from pages.parts.state import ANSWER
from pages.parts.text import degrees, plain

_HEIGHT = 440
_MEANS = """
The heat is a **score, not a probability**: nobody has measured how often it is right.

- Each place's coordinates went through GeoCLIP's location encoder, and what you look for through CLIP and GeoCLIP's
  image network. The closer the two, the higher the place's score.
- **Words** are compared with the same sentences that say *something* in their stead, and only what the words add
  counts. Otherwise every map would show which places any sentence is close to.
- Scores are in **standard deviations above the mean** of all the places: 0 is an ordinary place, 3 a rare one.
- Colours average over some 200 km and leave out how many places of the gallery lie there, so that regions with many
  photographers do not glow for that alone. Ground without a place in the gallery stays blank.
- A mixture weighs both scores as the slider says.
"""


def show(now: Heat, ground: Ground, is_example: bool) -> None:
    """Draw what was found."""
    found = now.found
    assert found is not None
    if ground.synthetic and not is_example:
        st.warning(
            "**Places of a drawn world: this heat means nothing for real photos.** With GeoCLIP's own weights it does; "
            "*How to get words* says how to get them.",
            icon=":material/warning:",
        )
    elif is_example and not ground.synthetic and found.wish.photo:
        st.info("This example is a drawing: GeoCLIP cannot place it.", icon=":material/palette:")
    with st.container(border=True):
        _headline(found, ground)
        _map(now, found)
        st.caption(_in_words(found))
    with st.container(border=True):
        st.subheader("Places that fit best", anchor=False)
        _table(found)
    with st.expander("What the colours mean", icon=":material/palette:"):
        st.markdown(_MEANS)


def _headline(found: Found, ground: Ground) -> None:
    about = found.gallery.manifest
    with st.container(key="headline"):
        st.caption("Fits best")
        st.title(plain(found.top[0][1]), anchor=ANSWER)
        with st.container(horizontal=True, gap="xsmall"):
            st.badge(
                "a score, not a probability",
                icon=":material/thermostat:",
                color="orange",
                help="How much closer than to other places, in standard deviations. How often it is right is unknown.",
            )
            st.badge(
                plain(about.title or found.gallery.path.name) + f" · {about.count:,} places",
                icon=":material/palette:" if ground.synthetic else ":material/pin_drop:",
                color="orange" if ground.synthetic else "blue",
                help=in_words(ground),
            )
            st.badge(f"{found.seconds:.2f} s", icon=":material/timer:", color="gray")


def _map(now: Heat, found: Found) -> None:
    if now.drawn is None or now.drawn[0] != theme():
        drawn = score_map(found.image, _markers(found), f"Heat map of the world: {_wished(found.wish)}", theme())
        now.drawn = (theme(), drawn)
    st_folium(now.drawn[1], key="map-heat", height=_HEIGHT, returned_objects=[], use_container_width=True)


def _markers(found: Found) -> list[Marker]:
    return [
        Marker(at.lat, at.lon, rank, at.score, str(name), (f"Score {at.score:+.1f}", degrees(at.lat, at.lon)))
        for rank, (at, name) in enumerate(found.top, start=1)
    ]


def _table(found: Found) -> None:
    rows = [
        {"#": rank, "Score": at.score, "Place": str(name), "Coordinates": degrees(at.lat, at.lon)}
        for rank, (at, name) in enumerate(found.top, start=1)
    ]
    highest = max(row.score for row, _ in found.top)
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={
            "#": st.column_config.NumberColumn(width=40),
            "Score": st.column_config.ProgressColumn(
                format="%.1f",
                min_value=0,
                max_value=max(highest, 0.1),
                help="Standard deviations above the mean of all places.",
                width=110,
            ),
        },
    )


def _wished(wish: Wish) -> str:
    parts = [f"“{wish.text}”"] if wish.text else []
    return " and ".join(parts + (["your photo"] if wish.photo else []))


def _in_words(found: Found) -> str:
    wish, names = found.wish, list(dict.fromkeys(str(name) for _, name in found.top))[:3]
    said = f"For {plain(_wished(wish))}"
    if wish.text and wish.photo:
        said += f" ({1 - wish.weight:.0%} words, {wish.weight:.0%} photo)".replace("%", " %")
    return f"{said} the best places are {plain('; '.join(names))}. Redder ground fits better."
