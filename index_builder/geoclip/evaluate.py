"""`evaluate-geoclip`: GeoCLIP with and without refinement beside kNN, on drawn photos that nothing was trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geoloc_core.evaluation.metrics import Accuracy, accuracy, best_constant, random_gallery_point, table
from geoloc_core.gallery import Gallery
from geoloc_core.geoclip.refine import Refined
from geoloc_core.locate import encoder_of
from geoloc_core.photo import Photo, read_photo
from geoloc_core.prediction import Prediction, Predictor, Query
from geoloc_core.predictors.geoclip import GeoClipPredictor
from geoloc_core.predictors.knn import Knn
from index_builder.starter import SIZE, drawn

Place = tuple[float, float]
_WARM_UP = "load"  # the step that only a process's first photo waits for


@dataclass
class Run:
    """A predictor over the photos: its answers, the most similar row of its gallery, climbs, and seconds by step.

    `climbs` has one tuple for each photo that was refined: a climb for each mode, the likeliest first.
    """

    name: str
    predictor: Predictor
    answers: list[Place] = field(default_factory=list)
    most_similar: list[Place] = field(default_factory=list)
    climbs: list[tuple[Refined, ...]] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def locate(self, photo: Photo) -> None:
        """Locate one photo, by itself, and note what came of it."""
        found: Prediction = self.predictor.predict(Query(photo))
        self.answers.append(found.distribution.best())
        nearest = found.evidence.nearest[0]
        self.most_similar.append((nearest.lat, nearest.lon))
        if found.evidence.refined:
            self.climbs.append(found.evidence.refined)
        for step, seconds in found.seconds.items():
            self.seconds[step].append(seconds)

    @property
    def milliseconds(self) -> Mapping[str, float]:
        """The median photo's, by step, in the order they were taken."""
        return {step: 1000 * float(np.median(all_)) for step, all_ in self.seconds.items() if step != _WARM_UP}


@dataclass(frozen=True)
class Report:
    """The accuracy of each way to locate, and the runs behind them."""

    rows: tuple[Accuracy, ...]
    runs: tuple[Run, ...]

    def __str__(self) -> str:
        return "\n\n".join([table(list(self.rows)), *_climbing(self.runs), _timing(self.runs)])


def evaluate(locations: Path, photos_gallery: Path, *, photos: int = 500, seed: int = 1) -> Report:
    """Locate unseen photos of the Atlas with the photo gallery and with the locations, beside guesses.

    Args:
        locations: a gallery of locations.
        photos_gallery: the gallery for kNN.
        photos: how many to draw; the first ones of the split `test`, which no training sees.
        seed: of the drawing.

    Raises:
        EncoderError: a gallery's encoder is not available.
        GalleryError: a gallery cannot be searched, or the first is not of locations.
    """
    places, gallery = Gallery.open(locations), Gallery.open(photos_gallery)
    photo_encoder, place_encoder = encoder_of(gallery), encoder_of(places)
    runs = (
        Run(f"kNN, {len(gallery):,} photos", Knn(gallery, photo_encoder)),
        Run("GeoCLIP, gallery only", GeoClipPredictor(places, place_encoder, refine=False)),
        Run("GeoCLIP, refined", GeoClipPredictor(places, place_encoder)),
    )
    truth = _locate_all(runs, ((place, jpeg) for place, jpeg, _, _ in drawn("test", photos, seed, SIZE)))
    rows = [accuracy(run.name, run.answers, truth) for run in runs]
    rows.insert(1, accuracy("GeoCLIP, the most similar location", runs[1].most_similar, truth))
    rows += [best_constant(gallery.coordinates, truth), random_gallery_point(gallery.coordinates, truth)]
    return Report(tuple(rows), runs)


def _locate_all(runs: Iterable[Run], photos: Iterable[tuple[Place, bytes]]) -> list[Place]:
    truth = []
    for place, jpeg in photos:
        truth.append(place)
        photo = read_photo(jpeg)
        for run in runs:
            run.locate(photo)
    return truth


def _climbing(runs: Iterable[Run]) -> Iterable[str]:
    """What refinement gained, for those that refined."""
    for run in runs:
        if not run.climbs:
            continue
        before, gain, moved = np.array([(c[0].from_similarity, c[0].gain, c[0].km) for c in run.climbs]).T
        least = min(climb.gain for climbs in run.climbs for climb in climbs)
        yield (
            f"{run.name}: the best place's similarity rose by {gain.mean():.4f} from {before.mean():.4f} (means), by "
            f"{gain.max():.4f} at most; it moved by {np.median(moved):,.1f} km (median). Of "
            f"{sum(map(len, run.climbs)):,} climbs {'none' if least >= 0 else 'SOME'} fell; least gain {least:.4f}."
        )


def _timing(runs: Iterable[Run]) -> str:
    """Milliseconds and share of each step, as a Markdown table."""
    runs = list(runs)
    steps = list(dict.fromkeys(step for run in runs for step in run.milliseconds))
    lines = [f"| ms a photo | {' | '.join(steps)} | all |", "|---|" + "---:|" * (len(steps) + 1)]
    for run in runs:
        spent = run.milliseconds
        total = sum(spent.values())
        cells = [f"{spent[s]:.1f} ({spent[s] / total:.0%})" if s in spent else "" for s in steps]
        lines.append(f"| {run.name} | {' | '.join(cells)} | {total:.1f} |")
    return "\n".join(lines)
