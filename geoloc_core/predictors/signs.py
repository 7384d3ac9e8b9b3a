"""Reads the signs: street names, notices, telephone numbers and the like, each a clue to where a photo was taken.

It needs no gallery, no encoder and no download, and answers a photo without writing with the whole world.
"""

from __future__ import annotations

from collections.abc import Mapping

from geoloc_core.prediction import Prediction, Query
from geoloc_core.signs.found import Signs as Found
from geoloc_core.signs.found import Struck, study
from geoloc_core.signs.writing import Writing
from geoloc_core.status import Availability, Choice


class Signs:
    """What is written in the photo decides.

    Args:
        struck: keys (kind, subject) of clues to leave out.
        corrections: number of a line -> what it really says.
    """

    name = "signs"

    def __init__(self, *, struck: Struck = (), corrections: Mapping[int, str] | None = None) -> None:
        self.struck, self.corrections = struck, corrections or {}

    def availability(self) -> Availability:
        """Available when a reader of text is."""
        from geoloc_core.signs.reading import availability

        return availability()

    def predict(self, query: Query) -> Prediction:
        """The product of the clues in the photo's writing.

        Raises:
            ReaderError: the photo's text could not be looked for.
        """
        found = self.read(query)
        with query.step("predict", "Weighing the clues"):
            found.distribution.radius_km()
        writing = found.writing
        return Prediction(
            distribution=found.distribution,
            predictor=self.name,
            model=" and ".join(writing.readers),
            seconds=dict(query.seconds),
            choices=self._choices(writing),
            signs=found,
        )

    def read(self, query: Query) -> Found:
        """What is written in the photo, and the clues in it.

        Raises:
            ReaderError: the photo's text could not be looked for.
        """
        writing = self._corrected(query.writing())
        with query.step("clues", "Looking for clues in what is written"):
            return study(writing, self.struck)

    def _corrected(self, writing: Writing) -> Writing:
        for index, text in self.corrections.items():
            if 0 <= index < len(writing.lines):
                writing = writing.corrected(index, text)
        return writing

    @staticmethod
    def _choices(writing: Writing) -> dict[str, Choice]:
        scripts = ", ".join(sorted(writing.reads)) or "none"
        return {"readers": Choice(", ".join(writing.readers) or "none", f"they read {scripts}")}
