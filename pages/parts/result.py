"""An answer on the page: the place first, how sure it is second, the evidence after."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from geoloc_core.answer import SCALES, Answer
from geoloc_core.export import EXPORTS, links
from pages.parts import drawing
from pages.parts.evidence import candidates, how_it_came, neighbour_table
from pages.parts.state import ANSWER, Work
from pages.parts.text import degrees, inert, km, plain, share

_FORMATS = {"json": "JSON", "geojson": "GeoJSON", "kml": "KML"}
_CAPTIONS = {
    "knn": "Most likely place",
    "img2loc": "Most likely place, says the model",
    "geoclip": "Most likely place, by GeoCLIP",
    "signs": "Most likely place, by what is written",
    "translocator": "Most likely place, by geo-cells",
    "alone": "Most likely place, by retrieval alone",
}
_MEANINGLESS = (
    "**Starter gallery of drawn photos: its answers mean nothing for real photos.** For a real answer, build a gallery "
    "of real photos; *Galleries and models* says how."
)
_MEANINGLESS_MODEL = (
    "**This model learned from drawn photos: its answers mean nothing for real photos.** For a real answer, train one "
    "on real photos; *Galleries and models* says how."
)
_SILENT = " Correct what was read, take a sharper photo of the writing, or go by what the photo looks like."


def show(now: Work, tiles: str) -> None:
    """Draw the session's answer."""
    answer = now.answer
    assert answer is not None
    account, signs, classified = (answer.prediction.account, answer.prediction.signs, answer.prediction.classified)
    _warning(answer, is_example=now.example is not None)
    with st.container(border=True):
        _headline(answer, alone=now.unanswered is not None)
        if signs and signs.silent:
            _nowhere(now, tiles)
        else:
            _somewhere(now, answer, tiles)
    if account:
        from pages.parts.lmm.claims import claim

        claim(account)
    if signs:
        from pages.parts.signs.result import show_signs

        show_signs(now, signs)
    if classified:
        from pages.parts.cells.result import show_cells

        show_cells(now, classified)
    elif len(answer.candidates) > 1 and not (signs and signs.silent):
        with st.container(border=True):
            candidates(answer)
    _ends(now, answer, tiles)
    how_it_came(answer, now)
    if account:
        from pages.parts.lmm.claims import asked

        asked(account)


def _somewhere(now: Work, answer: Answer, tiles: str) -> None:
    _figures(answer)
    if answer.prediction.signs:
        from pages.parts.signs.area import clue_choice

        clue_choice(answer.prediction.signs)
    if answer.prediction.classified:
        from pages.parts.cells.result import LAYER, layer_choice

        layer_choice()
        if st.session_state.get(LAYER, "Cells") == "Cells":
            drawing.cells(now, tiles)
        else:
            drawing.prediction(now, tiles)
    else:
        drawing.prediction(now, tiles)
    st.caption(_in_words(answer))
    _ways_out(answer)


def _nowhere(now: Work, tiles: str) -> None:
    """Nothing speaks for any place: the map shows no pin that somebody could take for an answer."""
    drawing.everywhere(now, tiles)
    st.caption("The heat shows where photos are taken, whatever is on them.")


def _ends(now: Work, answer: Answer, tiles: str) -> None:
    """The neighbours on maps and in a table, as far as there are any: a model may be asked without."""
    ends: dict[Literal["nearest", "farthest"], str] = {"nearest": "most similar", "farthest": "least similar"}
    there = [end for end in ends if (answer.nearest if end == "nearest" else answer.farthest)]
    for cell, end in zip(st.columns(len(there), gap="small") if there else (), there, strict=True):
        with cell.container(border=True):
            seen = answer.nearest if end == "nearest" else answer.farthest
            st.subheader(f"{len(seen)} {ends[end]} {answer.what}", anchor=False)
            drawing.neighbours(now, end, tiles)
            st.caption(_ends_in_words(answer, end))
    if there:
        with st.container(border=True):
            neighbour_table(now)
    elif answer.prediction.account:
        st.caption("No neighbours were searched: the model saw the photo alone.")


def _warning(answer: Answer, is_example: bool) -> None:
    model = answer.prediction.classified is not None
    if not answer.nearest and not answer.farthest and not model:
        return
    if answer.synthetic and not is_example:
        st.warning(_MEANINGLESS_MODEL if model else _MEANINGLESS, icon=":material/warning:")
    elif is_example and not answer.synthetic:
        by = "a model of real photos" if model else "a gallery of real photos"
        st.info(f"This example is a drawing: {by} cannot place it.", icon=":material/palette:")


def _headline(answer: Answer, alone: bool) -> None:
    """The place; `alone` if a model was asked and named none."""
    with st.container(key="headline"):
        signs = answer.prediction.signs
        silent = signs is not None and signs.silent
        st.caption(_CAPTIONS["alone" if alone else answer.prediction.predictor])
        st.title(
            "Nobody can tell from its writing" if silent else plain(answer.place), anchor=False if alone else ANSWER
        )
        if signs:
            st.markdown(plain(signs.headline) + (_SILENT if silent else ""))
        with st.container(horizontal=True, gap="xsmall"):
            if answer.prediction.account:
                st.badge(
                    plain(inert(answer.prediction.model.split(" over ")[0], 120)),
                    icon=":material/forum:",
                    color="violet",
                    help="The multimodal model that was asked, and where it runs.",
                )
            if answer.prediction.classified:
                st.badge(
                    plain(inert(answer.prediction.model, 80)),
                    icon=":material/palette:" if answer.prediction.synthetic else ":material/grid_view:",
                    color="orange" if answer.prediction.synthetic else "blue",
                    help="The model that chose among the geo-cells.",
                )
            if answer.nearest or answer.farthest:
                _gallery_badges(answer)
            st.badge(f"{sum(answer.prediction.seconds.values()):.2f} s", icon=":material/timer:", color="gray")


def _gallery_badges(answer: Answer) -> None:
    st.badge(
        plain(answer.gallery_title or answer.gallery_name) + f" · {answer.gallery_size:,} {answer.what}",
        icon=":material/palette:" if answer.gallery_synthetic else ":material/collections_bookmark:",
        color="orange" if answer.gallery_synthetic else "blue",
        help=plain(f"The gallery that was searched: {answer.choices['gallery'].reason}. {answer.gallery_source}"),
    )
    if not answer.prediction.account and not answer.prediction.classified:
        st.badge(
            plain(answer.prediction.model.split(" over ")[0]),
            icon=":material/memory:",
            color="gray",
            help=f"The encoder that compared the photo with the {answer.what}: the one this gallery was made with.",
        )


def _figures(answer: Answer) -> None:
    with st.container(key="figures"):
        place, radius, error = st.columns([1.15, 1, 1], gap="medium")
    with place:
        st.caption("Coordinates")
        st.code(degrees(answer.lat, answer.lon), language=None)
    with radius:
        st.metric(
            f"{share(answer.mass)} lies within",
            km(answer.radius_km),
            help="The circle around the place that holds this share of the model's own distribution.",
        )
        if not answer.calibrated:
            st.badge(
                "uncalibrated",
                color="orange",
                help="How often the truth really lies inside has not been measured on photos with known places.",
            )
    with error:
        if answer.truth:
            st.metric("Error", km(answer.truth.error_km), help="Distance to the true place, on the WGS84 ellipsoid.")
            st.badge(_scale(answer), color="green" if answer.truth.scale != "none" else "red")


def _scale(answer: Answer) -> str:
    assert answer.truth is not None
    limit = next((limit for limit, name in SCALES.items() if name == answer.truth.scale), None)
    return f"within {answer.truth.scale} scale ({limit:,.0f} km)" if limit else "beyond 2,500 km"


def _in_words(answer: Answer) -> str:
    said = (
        f"The prediction is {plain(answer.place)}; {share(answer.mass)} of the distribution lies within "
        f"{km(answer.radius_km)} of it."
    )
    if answer.prediction.searched and (limits := str(answer.prediction.searched)):
        said = f"{said} {plain(limits)}"
    if not answer.truth:
        return said
    source = "the photo says" if answer.truth.source == "exif" else "you say"
    return f"{said} The true place, {source}, is {plain(answer.truth.place)}: {km(answer.truth.error_km)} away."


def _ends_in_words(answer: Answer, end: str) -> str:
    seen = answer.nearest if end == "nearest" else answer.farthest
    if not seen:
        return "None."
    first, away = seen[0], sorted(item.distance_km for item in seen)
    most = "most" if end == "nearest" else "least"
    return (
        f"Number 1, the {most} similar, is {'from' if answer.what == 'photos' else 'at'} {plain(first.place.short)} "
        f"(similarity {first.neighbour.similarity:.2f}). "
        f"They lie {km(away[0])} to {km(away[-1])} from the prediction."
    )


def _ways_out(answer: Answer) -> None:
    with st.container(horizontal=True, gap="small"):
        for name, url in links(answer.lat, answer.lon).items():
            st.link_button(
                name, url, icon=":material/open_in_new:", help="Its owner then sees which place you look at."
            )
        with st.popover("Save the answer", icon=":material/download:"):
            for kind, (write, mime) in EXPORTS.items():
                st.download_button(
                    _FORMATS.get(kind, kind), write(answer), f"geoloc.{kind}", mime, on_click="ignore", width="stretch"
                )
            st.caption("Nothing of the photo itself is in these files but, where known, its true place.")
