"""The maps Geoloc shows: neighbours, and a prediction with all that speaks for it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from geopy.distance import geodesic

from geoloc_core.maps.base import Layer, OfflineMap, Theme
from geoloc_core.maps.heat import Density, HeatImage, heat_image
from geoloc_core.maps.shapes import beside, bounds, great_circle, narrowest, ring
from geoloc_core.maps.tiles import TileLayer

Kind = Literal["nearest", "farthest"]


@dataclass(frozen=True)
class Marker:
    """A ranked place. Texts may be hostile.

    Args:
        lat: degrees.
        lon: degrees.
        rank: number shown on the map, 1 the best.
        score: similarity; only its order and spread within a map matter.
        title: shown on hover and read by screen readers.
        lines: further lines of the popup.
        thumbnail: a small JPEG for the popup.
    """

    lat: float
    lon: float
    rank: int
    score: float
    title: str
    lines: tuple[str, ...] = ()
    thumbnail: bytes | None = None


@dataclass(frozen=True, eq=False)
class PredictionView:
    """What the prediction's map shows. Texts may be hostile.

    Args:
        lat: best guess, degrees.
        lon: best guess, degrees.
        radius_km: radius of the ring around it; None draws none.
        title: the guess in words.
        lines: further lines of its popup.
        radius_text: what the ring means, for the legend.
        candidates: other likely places.
        neighbours: places the guess rests on, drawn as dots.
        truth: where the photo was taken, if known.
        truth_title: how we know.
        density: (n, 2) degrees to (n,) probability per square km, drawn as heat.
        samples: places that a model named in its replies, drawn as diamonds.
    """

    lat: float
    lon: float
    radius_km: float | None
    title: str
    lines: tuple[str, ...] = ()
    radius_text: str = "90 % of the probability"
    candidates: tuple[Marker, ...] = ()
    neighbours: tuple[Marker, ...] = ()
    truth: tuple[float, float] | None = None
    truth_title: str = "True place"
    density: Density | None = None
    samples: tuple[Marker, ...] = ()

    @cached_property
    def heat(self) -> HeatImage | None:
        """The density as an image; drawn once, so keep the view rather than make it again for every rerun of a page."""
        return heat_image(self.density, bounds(_core(self))) if self.density else None


def neighbour_map(
    neighbours: Sequence[Marker],
    kind: Kind = "nearest",
    theme: Theme = "light",
    tiles: TileLayer | None = None,
    prediction: tuple[float, float] | None = None,
) -> OfflineMap:
    """Numbered markers, the stronger the larger and deeper in colour; the prediction, if given, as a pin.

    An empty sequence gives the world.
    """
    drawn = OfflineMap(f"Map of the {len(neighbours)} {kind} neighbours", theme, tiles)
    points = [(m.lat, m.lon) for m in neighbours] + ([prediction] if prediction else [])
    if not points:
        return drawn
    placed = narrowest(points).round(5).tolist()
    items = [("nearest", "most to less similar") if kind == "nearest" else ("farthest", "least to more similar")]
    if prediction:
        drawn.add_child(Layer("pin", kind="guess", title="Best guess", lines=[], lat=placed[-1][0], lon=placed[-1][1]))
        items.append(("guess", "best guess"))
    drawn.add_child(Layer("numbered", markers=marker_options(neighbours, placed, kind == "farthest"), palette=kind))
    drawn.add_child(legend(items))
    drawn.add_child(Layer("fit", bounds=bounds(placed), maxZoom=9))
    return drawn


def prediction_map(
    view: PredictionView, theme: Theme = "light", tiles: TileLayer | None = None, picking: bool = False
) -> OfflineMap:
    """The best guess with ring, heat, other candidates, neighbours, and the error when the truth is known.

    With `picking` the pointer is a cross-hair and a click leaves a pin: for asking where the photo was taken.
    """
    drawn = OfflineMap(f"Map of the predicted location: {view.title}", theme, tiles)
    layers = [*_area(view), *_truth(view), *_places(view)]
    for layer in layers:
        drawn.add_child(layer)
    drawn.add_child(legend(_legend_items(view)))
    drawn.add_child(Layer("fit", bounds=bounds(_extent(view)), maxZoom=13))
    if picking:
        drawn.add_child(Layer("pick"))
    return drawn


def _area(view: PredictionView) -> list[Layer]:
    layers = []
    if view.heat is not None:
        layers.append(Layer("heat", **asdict(view.heat)))
    if view.radius_km:
        circle = ring(view.lat, view.lon, view.radius_km)
        digits = 4 if view.radius_km > 20 else 6
        areas = [[part.round(digits).tolist() for part in area] for area in circle.areas]
        layers.append(Layer("ring", areas=areas, line=circle.line.round(digits).tolist()))
    return layers


def _places(view: PredictionView) -> list[Layer]:
    layers = [Layer("pin", kind="guess", title=view.title, lines=list(view.lines), lat=view.lat, lon=view.lon)]
    if view.neighbours:
        layers.append(Layer("dots", markers=marker_options(view.neighbours, _near(view, view.neighbours))))
    if view.samples:
        layers.append(Layer("diamonds", markers=marker_options(view.samples, _near(view, view.samples))))
    if view.candidates:
        markers = marker_options(view.candidates, _near(view, view.candidates))
        layers.append(Layer("numbered", markers=markers, palette="candidate"))
    return layers


def _truth(view: PredictionView) -> list[Layer]:
    if view.truth is None:
        return []
    path = great_circle((view.lat, view.lon), view.truth)
    km = float(geodesic((view.lat, view.lon), view.truth).km)  # on the ellipsoid, as everywhere an error is told
    error = f"{km:,.0f} km" if km >= 10 else f"{km:.1f} km"
    lat, lon = path[-1].round(5).tolist()
    lines = [f"{view.truth[0]:.5f}, {view.truth[1]:.5f}", f"{error} from the best guess"]
    pin = Layer("pin", kind="truth", title=view.truth_title, lines=lines, lat=lat, lon=lon)
    return [Layer("line", points=path.round(4).tolist(), title=error), pin] if km > 0.05 else [pin]


def _core(view: PredictionView) -> np.ndarray:
    """Points the heat must cover: ring, or guess and candidates."""
    if view.radius_km:
        return np.vstack([part for area in ring(view.lat, view.lon, view.radius_km).areas for part in area])
    return np.vstack([[view.lat, view.lon], *_near(view, view.candidates)])


def _extent(view: PredictionView) -> np.ndarray:
    """Points the first view must show."""
    shown = [_core(view), np.array(_near(view, view.samples)).reshape(-1, 2)]
    if view.truth is not None:
        shown.append(great_circle((view.lat, view.lon), view.truth))
    points = np.vstack(shown)
    return np.clip(points, [-70, -1e9], [80, 1e9]) if np.ptp(points[:, 1]) > 300 else points


def _near(view: PredictionView, markers: Sequence[Marker]) -> list[list[float]]:
    at = np.array([(m.lat, m.lon) for m in markers]).reshape(-1, 2)
    places: list[list[float]] = beside(at, view.lon).round(5).tolist()
    return places


def marker_options(
    markers: Sequence[Marker], places: Sequence[Sequence[float]], lowest_first: bool = False
) -> list[dict[str, Any]]:
    """Options of the markers; `strength` is the score's place between the weakest and the strongest."""
    scores = [m.score for m in markers]
    low, spread = min(scores, default=0.0), max(scores, default=0.0) - min(scores, default=0.0)
    out = []
    for marker, (lat, lon) in zip(markers, places, strict=False):
        strength = (marker.score - low) / spread if spread > 0 else 1.0
        strength = 1 - strength if lowest_first and spread > 0 else strength
        item: dict[str, Any] = {"lat": lat, "lon": lon, "rank": marker.rank, "strength": round(float(strength), 3)}
        item |= {"title": marker.title, "lines": list(marker.lines)}
        if marker.thumbnail:
            item["thumbnail"] = "data:image/jpeg;base64," + base64.b64encode(marker.thumbnail).decode("ascii")
        out.append(item)
    return out


def _legend_items(view: PredictionView) -> list[tuple[str, str]]:
    items = [("guess", "best guess")]
    if view.radius_km:
        items.append(("ring", view.radius_text))
    if view.density is not None:
        items.append(("heat", "less to more likely"))
    if view.candidates:
        items.append(("candidate", "other candidates"))
    if view.neighbours:
        items.append(("dot", "neighbours"))
    if view.samples:
        items.append(("sample", "the model's replies"))
    if view.truth is not None:
        items.append(("truth", view.truth_title.lower()))
    return items


def legend(items: Sequence[tuple[str, str]]) -> Layer:
    """A map's key, from (swatch, text) pairs."""
    return Layer("legend", items=[{"swatch": swatch, "text": text} for swatch, text in items])
