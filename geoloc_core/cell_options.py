"""The command line's options for classifiers of geo-cells."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from geoloc_core.errors import GeolocError
from geoloc_core.status import Choice

if TYPE_CHECKING:
    from geoloc_core.gallery import Gallery
    from geoloc_core.predictors.translocator import TransLocatorPredictor


def add_translocator(parser: argparse.ArgumentParser) -> None:
    """Add the options that `translocator_of` reads, but for --model, which others read too."""
    group = parser.add_argument_group("geo-cells", "for --predictor translocator")
    group.add_argument("--crops", type=int, choices=(1, 5, 10), help="parts of the photo (default: as the model says)")
    group.add_argument("--f-star", action="store_true", help="multiply a cell's probability by its ancestors'")
    group.add_argument("--refine", action="store_true", help="search the gallery's photos inside the likeliest cell")
    group.add_argument("--segmenter", metavar="S", help="what labels the photo (default: as for the training photos)")
    group.add_argument("--scenes", metavar="C", help="ISNs: what tells the kind of scene (default: the best here)")


def asked(options: argparse.Namespace) -> bool:
    """Whether one of the options was given."""
    return bool(options.crops or options.f_star or options.refine or options.segmenter or options.scenes)


def translocator_of(
    options: argparse.Namespace, gallery: Gallery | None, shown: int
) -> tuple[TransLocatorPredictor, Choice]:
    """The predictor that the options ask for, and why its model was chosen.

    Args:
        options: as parsed.
        gallery: what --refine searches.
        shown: how many photos found there are told.

    Raises:
        GeolocError: it cannot be used; the message says what to do.
    """
    from geoloc_core.locate import encoder_of
    from geoloc_core.predictors.translocator import TransLocatorPredictor
    from geoloc_core.scenes import open_classifier
    from geoloc_core.segmentation import open_segmenter
    from geoloc_core.translocator.opened import SHELF, open_translocator

    choice = SHELF.choose(options.model)
    predictor = TransLocatorPredictor(
        open_translocator(choice.value),
        segmenter=open_segmenter(options.segmenter) if options.segmenter else None,
        scenes=open_classifier(options.scenes) if options.scenes else None,
        hierarchical=options.f_star or None,
        crops=options.crops,
        refine_in=gallery,
        encoder=encoder_of(gallery) if gallery else None,
        shown=shown,
    )
    if not (ready := predictor.availability()):
        raise GeolocError(f"{ready.reason} {ready.remedy}")
    return predictor, choice
