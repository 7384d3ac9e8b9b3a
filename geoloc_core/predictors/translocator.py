"""TransLocator and its family: which geo-cell a photo is of, from its pixels and its segmentation map.

Source: Pramanick et al. (2022). It needs no gallery. Inside the likeliest cell a gallery's photos can be searched; that
is off unless asked for, as the paper answers with the cell's mean place.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geoloc_core.encoders.base import Encoder
from geoloc_core.errors import EncoderMismatch, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.geo import LocationDistribution
from geoloc_core.prediction import Evidence, Prediction, Query
from geoloc_core.scenes import Scene, SceneClassifier
from geoloc_core.segmentation import Labels, Segmenter
from geoloc_core.status import Availability, Choice
from geoloc_core.translocator.beside import scenes_for, segmenter_for
from geoloc_core.translocator.opened import TransLocator
from geoloc_core.translocator.refine import Within, search
from geoloc_core.translocator.said import Classified
from geoloc_core.translocator.spread import spread

_NO_ENCODER = "Only an encoder can search a gallery. Give the one that the gallery was made with."


class TransLocatorPredictor:
    """The cells' probabilities as a density.

    Args:
        model: the classifier.
        segmenter: what labels the photo, for a model of two branches; by default as its training photos were labelled.
        scenes: what tells the kind of scene, for ISNs; by default the best on this machine.
        hierarchical: f* rather than the fine cells alone, or the reverse; by default as published.
        crops: 1, 5 or 10; by default as the model's card says.
        refine_in: a gallery whose photos inside the likeliest cell are searched for the place.
        encoder: the one that gallery was made with.
        shown: of those photos, how many are kept as evidence.
    """

    name = "translocator"

    def __init__(
        self,
        model: TransLocator,
        *,
        segmenter: Segmenter | None = None,
        scenes: SceneClassifier | None = None,
        hierarchical: bool | None = None,
        crops: int | None = None,
        refine_in: Gallery | None = None,
        encoder: Encoder | None = None,
        shown: int = 16,
    ) -> None:
        self.model, self.segmenter, self.scenes = model, segmenter, scenes
        self.hierarchical, self.crops = hierarchical, crops
        self.gallery, self.encoder, self.shown = refine_in, encoder, shown

    def availability(self) -> Availability:
        """Available when the model is, and what it needs beside the photo."""
        if not (ready := self.model.availability()):
            return ready
        config, needed = self.model.card.config, list[Segmenter | SceneClassifier | Encoder]()
        try:
            if config.branches == "rgb+seg":
                needed.append(segmenter_for(self.model.card, self.segmenter)[0])
            if config.scene_networks:
                needed.append(scenes_for(self.scenes)[0])
            if self.gallery is not None:
                needed.append(self._encoder(self.gallery))
            return next((state for one in needed if not (state := one.availability())), ready)
        except GeolocError as error:
            return Availability.lacking(error)

    def predict(self, query: Query) -> Prediction:
        """The density of the likeliest cells' places.

        Raises:
            ModelError: the model, the segmenter or the scene classifier cannot be used.
            EncoderError, FilterError, GalleryError: the gallery cannot be searched so.
        """
        choices: dict[str, Choice] = {}
        with query.step("load", f"Loading the model {self.model.name}"):
            self.model.load()
        labels, kinds = self._labels(query, choices), self._kinds(query, choices)
        classified = self._classified(query, labels, kinds)
        within = self._within(query, classified)
        with query.step("predict", "Weighing the cells"):
            distribution = spread(classified, within)
            distribution.radius_km()
        card = self.model.card
        return Prediction(
            distribution=distribution,
            predictor=self.name,
            model=card.title,
            licence=card.licence,
            evidence=Evidence(within.neighbours[: self.shown]) if within else Evidence(),
            seconds=dict(query.seconds),
            choices={**self._choices(classified, distribution, within), **choices},
            searched=within.searched if within else None,
            classified=replace(classified, refined=within is not None),
            synthetic=card.synthetic,
        )

    def _labels(self, query: Query, choices: dict[str, Choice]) -> Labels | None:
        if self.model.card.config.branches != "rgb+seg":
            return None
        segmenter, choices["segmenter"] = segmenter_for(self.model.card, self.segmenter)
        return query.segmentation(segmenter)

    def _kinds(self, query: Query, choices: dict[str, Choice]) -> Scene | None:
        """How likely the photo is of each kind of scene that ISNs have a network for."""
        if not self.model.card.config.scene_networks:
            return None
        from geoloc_core.scenes.places365 import summed

        classifier, choices["scenes"] = scenes_for(self.scenes)
        scene = query.scene(classifier)
        return Scene(summed(scene.probabilities, 3), scene.by)

    def _classified(self, query: Query, labels: Labels | None, kinds: Scene | None) -> Classified:
        kind = None if kinds is None else int(np.argmax(kinds.probabilities))
        with query.step("classify", "Telling which geo-cell the photo is of"):
            found = self.model.classify(query.photo.image, labels, kind, self.hierarchical, self.crops)
        return found if kinds is None else replace(found, scene=kinds)

    def _within(self, query: Query, classified: Classified) -> Within | None:
        if self.gallery is None:
            return None
        best = int(np.argmax(classified.probabilities))
        return search(query, self.gallery, self._encoder(self.gallery), classified.level, best)

    def _encoder(self, gallery: Gallery) -> Encoder:
        if self.encoder is None:
            raise EncoderMismatch(_NO_ENCODER)
        gallery.check_encoder(self.encoder.id)
        return self.encoder

    def _choices(
        self, classified: Classified, distribution: LocationDistribution, within: Within | None
    ) -> dict[str, Choice]:
        card, partition = self.model.card, self.model.partition
        given = "asked for" if self.hierarchical is not None else "as published"
        width = distribution.kernel_km
        return {
            **self.model.choices,
            "crops": Choice(
                str(self.crops or card.inputs.crops), "asked for" if self.crops else "as the model's card says"
            ),
            "cells": Choice(classified.by, f"{given}; {_COUNTED[classified.by]}"),
            "partition": Choice(str(partition), f"the classes that {card.title} learned"),
            "kernel": Choice(
                f"{width.min():,.2g} to {width.max():,.3g} km",
                f"{len(width):,} places, each as wide as a place anywhere in its cell may lie from the mean",
            ),
            "refinement": self._refinement(within),
        }

    def _refinement(self, within: Within | None) -> Choice:
        if self.gallery is None:
            return Choice("off", "not asked for: the place is the likeliest cell's mean, as published")
        if within is None:
            return Choice("none", "the gallery has nothing inside the likeliest cell: its mean place is kept")
        return Choice(
            f"{len(within.points):,} of {within.count:,} {within.searched.what}",
            f"the most similar of {self.gallery.manifest.title} inside the likeliest cell vote for the place",
        )


_COUNTED = {"fine": "each cell's own probability", "f*": "times its ancestors' probabilities"}
