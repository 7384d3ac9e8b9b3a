"""What the network was told of the photo, and what it says of it: the segmentation map and the scene."""

from __future__ import annotations

import html
import io

import numpy as np
import streamlit as st
from PIL import Image

from geoloc_core.scenes import Scene
from geoloc_core.segmentation import NO_CLASS, Labels
from geoloc_core.translocator.said import Classified
from pages.parts.state import Work
from pages.parts.text import plain, share

_CLASSES = 10
_SIDE = 640  # pixels a side of the map shown


def scenery(now: Work, classified: Classified) -> None:
    """Draw the segmentation map with its key, and the likeliest scenes."""
    labels, scene, weights = classified.segmentation, classified.scene, classified.attention
    said = scene is not None or weights is not None
    left, right = st.columns([1.3, 1], gap="medium") if labels is not None and said else [st.container()] * 2
    if labels is not None:
        with left:
            _segmentation(now, labels)
    with right:
        if scene is not None:
            _scene(scene, chosen=now.classifier is not None and now.classifier.card.config.scene_networks)
        if weights is not None:
            _weights(weights)


def present(labels: Labels) -> list[tuple[int, float]]:
    """The classes in a map with their shares of it, the largest first; what is no class among them."""
    counts = np.bincount(labels.ravel(), minlength=NO_CLASS + 1)
    order = np.argsort(-counts, kind="stable")
    return [(int(i), float(counts[i] / labels.size)) for i in order if counts[i]]


def _segmentation(now: Work, labels: Labels) -> None:
    from geoloc_core.segmentation.ade20k import colours

    st.subheader("Segmentation", anchor=False)
    if "segmentation" not in now.drawn:
        picture = Image.fromarray(colours(labels))
        picture.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        now.drawn["segmentation"] = buffer.getvalue()
    st.image(now.drawn["segmentation"], alt="The photo's segmentation map", width="stretch")
    st.html(_key(labels))


def _key(labels: Labels) -> str:
    """The classes that are there, in their colours, as HTML."""
    from geoloc_core.segmentation.ade20k import names, palette

    there, said, shades = present(labels), names(), palette()
    items = []
    for number, part in there[:_CLASSES]:
        name = html.escape(said[number].split(",")[0] if number < len(said) else "none of the classes")
        red, green, blue = shades[number].tolist()
        swatch = f'<i style="background:rgb({red},{green},{blue})"></i>'
        items.append(f"<li>{swatch}{name} <span>{share(part)}</span></li>")
    if len(there) > _CLASSES:
        items.append(f"<li>and {len(there) - _CLASSES} more</li>")
    return f'<ul class="gl-classes" aria-label="Classes in the map">{"".join(items)}</ul>'


def _scene(scene: Scene, chosen: bool) -> None:
    st.subheader("Scene", anchor=False)
    for name, part in scene.top(3):
        st.progress(min(part, 1.0), f"**{share(part)}** · {plain(name)}")
    st.caption("The first chose which network answered." if chosen else "What the model's own scene head says.")


def _weights(attention: tuple[float, float]) -> None:
    st.subheader("What the answer rests on", anchor=False)
    for name, part in zip(("the photo", "its segmentation map"), attention, strict=True):
        st.progress(min(part, 1.0), f"**{share(part)}** · {name}")
    st.caption("How the network weighed its two views.")
