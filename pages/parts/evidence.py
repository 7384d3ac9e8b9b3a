"""The evidence behind an answer: the neighbours as a table, the other candidates, and how the answer came about."""

from __future__ import annotations

import base64

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from geoloc_core.answer import Answer, SeenNeighbour
from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.photo import PhotoLimits, read_photo
from pages.parts.state import Work
from pages.parts.text import degrees, plain, share

_THUMBNAIL = PhotoLimits(max_bytes=500_000, max_pixels=1_000_000, min_side=1)
_DENSEST = "around each place. At the first they lie densest; the others follow by share."
_CANDIDATES = {
    "": f"The share of the votes {_DENSEST}",
    "img2loc": f"The share of the replies {_DENSEST}",
    "signs": "The share of the probability around each place. The first is right at most scales, country to town.",
}
_ENDS = {"nearest": "Most similar", "farthest": "Least similar"}
_STEPS = {
    "load": "Loading the encoder",
    "encode": "Encoding the photo",
    "segment": "Segmenting the photo",
    "search": "Searching",
    "ask": "Asking the model",
    "read": "Reading what is written",
    "classify": "Telling which geo-cell it is of",
    "clues": "Looking for clues",
    "scene": "Telling the scene",
    "refine": "Searching around the likeliest places",
    "predict": "Weighing",
}


def neighbour_table(now: Work) -> None:
    """The neighbours with their pictures, nearest or farthest."""
    answer = now.answer
    assert answer is not None
    heading, switch = st.columns([1, 1], vertical_alignment="center")
    heading.subheader(f"The {answer.what} behind the answer", anchor=False)
    end = "nearest"
    if answer.farthest:
        end = switch.segmented_control(
            f"Which {answer.what}", list(_ENDS), format_func=_ENDS.__getitem__, default="nearest", required=True,
            key="end", label_visibility="collapsed",
        )  # fmt: skip
    seen = answer.nearest if end == "nearest" else answer.farthest
    rows = [_row(item, thumbnail(now, item)) for item in seen]
    used = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    st.dataframe(
        rows,
        hide_index=True,
        column_order=used,
        row_height=64,
        height=min(64 * len(rows) + 40, 480),
        column_config={
            "#": st.column_config.NumberColumn(width=40),
            "Photo": st.column_config.ImageColumn(width=90),
            "Similarity": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1, width=110),
            "From the prediction": st.column_config.NumberColumn(format="%,d km", width=120),
        },
    )


def thumbnail(now: Work, seen: SeenNeighbour) -> str | None:
    """A neighbour's picture as a data URI, decoded and encoded anew: a gallery's files are as hostile as any."""
    row = seen.neighbour.row
    kept = now.drawn.setdefault("thumbnails", {})
    if row not in kept:
        kept[row] = _picture(now.gallery, row) if now.gallery else None
    return kept[row]


def candidates(answer: Answer) -> None:
    """The distribution's modes with their share of its mass."""
    st.subheader("Candidates", anchor=False)
    st.caption(_CANDIDATES[answer.prediction.predictor if answer.prediction.signs or answer.prediction.account else ""])
    for spot in answer.candidates:
        st.progress(
            min(max(spot.mass, 0.0), 1.0),
            f"**{share(spot.mass)}** · {plain(spot.place)} ({degrees(spot.lat, spot.lon)})",
        )


def how_it_came(answer: Answer, now: Work) -> None:
    """Which gallery and encoder answered, on what, why, and how long each step took."""
    with st.expander("How this answer came about", icon=":material/account_tree:"):
        gallery, model = st.columns(2, gap="medium") if now.gallery else (None, st.container())
        if gallery and now.gallery:
            _gallery_facts(answer, now.gallery, gallery)
        model.markdown("**Model**")
        model.markdown(
            _list(
                [
                    ("Predictor", answer.prediction.predictor),
                    *([("Encoder", answer.encoder_id)] if answer.encoder_id else []),
                    *([("Classifier", answer.prediction.model)] if answer.prediction.classified else []),
                    *((name.capitalize(), f"{c.value}: {c.reason}") for name, c in answer.choices.items()),
                ]
            )
        )
        seconds = answer.prediction.seconds
        model.markdown("**Seconds**")
        model.markdown(_list([(_STEPS.get(key, key), f"{value:.2f} s") for key, value in seconds.items()]))


def _gallery_facts(answer: Answer, gallery: Gallery, column: DeltaGenerator) -> None:
    made = gallery.manifest.created
    drawn = ", drawn, not taken" if answer.gallery_synthetic else ""
    column.markdown("**Gallery**")
    column.markdown(
        _list(
            [
                ("Name", f"{answer.gallery_title or answer.gallery_name} ({answer.gallery_name})"),
                (answer.what.capitalize(), f"{answer.gallery_size:,}{drawn}"),
                ("From", answer.gallery_source or "not said"),
                ("Licence", answer.gallery_licence or "not said"),
                ("Made", f"{made:%d %B %Y}" if made else "not said"),
            ]
        )
    )


def _row(seen: SeenNeighbour, picture: str | None) -> dict[str, object]:
    near = seen.neighbour
    return {
        "#": near.rank,
        "Photo": picture,
        "Place": str(seen.place),
        "From the prediction": round(seen.distance_km),
        "Similarity": near.similarity,
        "Alike": f"{near.stands_for:,}" if near.stands_for > 1 else "",
        "Author": _said(near.columns.get("author")),
        "Licence": _said(near.columns.get("licence")),
    }


def _said(value: object) -> str:
    return " ".join(str(value).split())[:200] if value is not None else ""


def _picture(gallery: Gallery, row: int) -> str | None:
    try:
        data = gallery.thumbnail(row)
        jpeg = read_photo(data, _THUMBNAIL).to_jpeg(max_side=160, quality=80) if data else None
    except GeolocError:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else None


def _list(facts: list[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {plain(value)}" for name, value in facts)
