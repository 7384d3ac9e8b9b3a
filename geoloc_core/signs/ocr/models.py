"""PP-OCRv6's detection and recognition models, loaded once a process from the wheel of rapidocr.

Both are run here rather than through `rapidocr.RapidOCR`, which would scale every photo to 2,000 pixels, and would ask
a server for a model whose file is missing. What it knows of their output is used: `DBPostProcess`, `CTCLabelDecode`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc_core.errors import ReaderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DETECTION, RECOGNITION = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
_REMEDY = "Install it again: pip install --force-reinstall -r requirements.txt"
_LOADING = threading.Lock()


@dataclass(frozen=True)
class Models:
    """The models and what reads their output; shared by threads."""

    detection: InferenceSession
    recognition: InferenceSession
    boxes: Any
    decode: Any

    def detect(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) probability of text from (h, w, 3) in [-1, 1], BGR, h and w multiples of 32."""
        return _run(self.detection, pixels.transpose(2, 0, 1)[None])[0, 0]

    def recognise(self, crop: NDArray[np.float32]) -> tuple[str, float]:
        """Text and confidence of a (48, w, 3) crop in [-1, 1], BGR."""
        lines, _ = self.decode(_run(self.recognition, crop.transpose(2, 0, 1)[None]))
        return lines[0]


def models_folder() -> Path | None:
    """Where rapidocr keeps the models; None if the package or one of both files is not there. Imports nothing."""
    spec = find_spec("rapidocr")
    if not spec or not spec.origin:
        return None
    folder = Path(spec.origin).parent / "models"
    return folder if all((folder / name).is_file() for name in (DETECTION, RECOGNITION)) else None


def models() -> Models:
    """The models, loaded by whoever asks first.

    Raises:
        ReaderError: they are not there, or damaged.
    """
    with _LOADING:
        return _load()


@cache
def _load() -> Models:
    from geoloc_core.onnx import session

    folder = models_folder()
    if not folder:
        raise ReaderError(f"The package rapidocr is not here, or without its models. {_REMEDY}")
    try:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

        detection, recognition = session(folder / DETECTION), session(folder / RECOGNITION)
        characters = recognition.get_modelmeta().custom_metadata_map["character"].splitlines()
    except Exception as error:  # onnxruntime throws many kinds, and a package may not fit another's version
        raise ReaderError(f"The models that read text do not load ({_said(error)}). {_REMEDY}") from error
    boxes = DBPostProcess(thresh=0.3, box_thresh=0.5, max_candidates=600, unclip_ratio=1.6, use_dilation=True)
    return Models(detection, recognition, boxes, CTCLabelDecode(characters))


def _run(session: InferenceSession, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(inputs)})[0]


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
