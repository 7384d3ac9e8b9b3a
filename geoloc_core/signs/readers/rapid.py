"""The default reader: PP-OCR's small models in the wheel of rapidocr. It downloads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from geoloc_core.signs.scripts import script_of
from geoloc_core.signs.writing import Line
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image

    from geoloc_core.signs.ocr.recognise import Reading

LEAST = (0.9, 0.8, 0.7, 0.6)  # confidence from which a text of one, two, three, more letters and digits is believed
_LONE_SIGN = 0.97  # the same for a single Han or Kana sign, which railings and leaves are often taken for


class Rapid:
    """Finds lines of text at any angle and reads them."""

    name = "rapid"

    def availability(self) -> Availability:
        """Whether its packages and models are installed."""
        from geoloc_core.signs.ocr.models import models_folder

        missing = [package for package in ("rapidocr", "onnxruntime", "cv2") if not find_spec(package)]
        if missing or not models_folder():
            lacks = f"{' and '.join(missing)} not here" if missing else "rapidocr is here without its models"
            return Availability(False, f"{lacks}.", "Install what is missing: pip install -r requirements.txt")
        return Availability(True, "rapidocr is here with its models.")

    def scripts(self) -> frozenset[str]:
        """Latin, with most of its diacritics, and what Chinese and Japanese are written in."""
        return frozenset({"latin", "han", "kana"})

    def read(self, image: Image, seen: Sequence[Line] = ()) -> Sequence[Line]:
        """Every line of text it finds, whatever others saw; where it is not sure what one says, its text is empty."""
        from geoloc_core.signs.ocr.crops import Pyramid
        from geoloc_core.signs.ocr.detect import detect
        from geoloc_core.signs.ocr.recognise import recognise

        photo = Pyramid.of(image)
        return [self._line(reading, image.size) for reading in recognise(photo, detect(photo))]

    def _line(self, reading: Reading, size: tuple[int, int]) -> Line:
        corners = [
            (min(max(float(x) / size[0], 0.0), 1.0), min(max(float(y) / size[1], 0.0), 1.0)) for x, y in reading.quad
        ]
        text = reading.text if believed(reading.text, reading.confidence) else ""
        return Line(text, reading.confidence, (corners[0], corners[1], corners[2], corners[3]), self.name)


def believed(text: str, confidence: float) -> bool:
    """Whether a text read with this confidence is more likely there than not."""
    signs = [c for c in text if c.isalnum()]
    if len(signs) == 1 and script_of(signs[0]) in ("han", "kana"):
        return confidence >= _LONE_SIGN
    return bool(signs) and confidence >= LEAST[min(len(signs), len(LEAST)) - 1]
