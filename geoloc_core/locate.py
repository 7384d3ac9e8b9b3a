"""One photo in, one answer out: what the page and the command line both call."""

from __future__ import annotations

from collections.abc import Callable

from geoloc_core.answer import Answer
from geoloc_core.encoders import Encoder, for_id
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import Voting
from geoloc_core.gallery.scope import Scope
from geoloc_core.photo import Photo
from geoloc_core.prediction import Prediction, Predictor, Query
from geoloc_core.predictors import for_gallery


def encoder_of(gallery: Gallery) -> Encoder:
    """The encoder the gallery was made with, if its weights are on this machine.

    Raises:
        WeightsMissing: they are not; the message says how to get them.
        EncoderMismatch: there is an encoder of that name, but with other weights or preprocessing.
    """
    made_with = gallery.manifest.made_with
    return for_id(made_with.id, made_with.name)


def predict(
    photo: Photo,
    gallery: Gallery,
    encoder: Encoder,
    *,
    shown: int = 16,
    voting: Voting | None = None,
    scope: Scope | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Prediction:
    """Locate a photo by what is nearest in the gallery; see `predictors.for_gallery` and, for `scope`, `gallery.scope`.

    Raises:
        EncoderError: the encoder is not available or failed.
        FilterError: the scope's limits cannot be used with the gallery, or leave nothing.
        GalleryError: the gallery cannot be searched or was made by another encoder.
    """
    return for_gallery(gallery, encoder, shown=shown, voting=voting).predict(Query(photo, on_step, scope))


def locate(
    photo: Photo,
    gallery: Gallery,
    *,
    shown: int = 16,
    scope: Scope | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Answer:
    """Locate a photo with the gallery's own encoder; the photo's EXIF position, if any, is the truth to compare with.

    Raises:
        EncoderError: the encoder is not available or failed.
        FilterError: the scope's limits cannot be used with the gallery, or leave nothing.
        GalleryError: the gallery cannot be searched.
    """
    return locate_query(Query(photo, on_step, scope), for_gallery(gallery, encoder_of(gallery), shown=shown), gallery)


def locate_query(query: Query, predictor: Predictor, gallery: Gallery | None = None) -> Answer:
    """Locate a query's photo with any predictor; the photo's EXIF position, if any, is the truth to compare with.

    Args:
        query: the photo.
        predictor: what locates it.
        gallery: the gallery at hand, for a predictor that searches one.

    Raises:
        GeolocError: as `predictor.predict`.
    """
    return Answer.of(predictor.predict(query), gallery, query.photo.exif.location)
