"""Tesseract, if it is installed: reads the lines that the default reader cannot, in the languages that are here.

The program is run once for each script, on all its lines together as the pages of one TIFF. It reads the scripts it has
packs for; Debian's packages are named tesseract-ocr-rus, tesseract-ocr-script-cyrl and so on.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from geoloc_core.errors import ReaderError
from geoloc_core.signs.scripts import scripts_of
from geoloc_core.signs.writing import Line
from geoloc_core.status import Availability

if TYPE_CHECKING:
    from PIL.Image import Image

PACKS = {  # script -> its own pack, then those of languages written in it
    "cyrillic": "script/Cyrillic rus ukr bul srp mkd bel kaz mon",
    "greek": "script/Greek ell",
    "hangul": "script/Hangul kor",
    "arabic": "script/Arabic ara fas urd",
    "hebrew": "script/Hebrew heb",
    "thai": "script/Thai tha",
    "devanagari": "script/Devanagari hin mar nep",
    "bengali": "script/Bengali ben",
    "gujarati": "script/Gujarati guj",
    "gurmukhi": "script/Gurmukhi pan",
    "tamil": "script/Tamil tam",
    "telugu": "script/Telugu tel",
    "kannada": "script/Kannada kan",
    "malayalam": "script/Malayalam mal",
    "sinhala": "script/Sinhala sin",
    "oriya": "script/Oriya ori",
    "georgian": "script/Georgian kat",
    "armenian": "script/Armenian hye",
    "ethiopic": "script/Ethiopic amh tir",
    "khmer": "script/Khmer khm",
    "lao": "script/Lao lao",
    "myanmar": "script/Myanmar mya",
    "tibetan": "script/Tibetan bod dzo",
    "thaana": "script/Thaana div",
}
UNSPACED = ("thai", "lao", "khmer", "myanmar", "hangul")  # the last because Tesseract sees spaces within its words
LINES = 24  # of a photo, the tallest first
SECONDS = 8.0  # for a photo, after which what is read is read
LEAST, LEAST_AGREED = 0.8, 0.6  # confidence from which a text is believed: alone, or in the script that it looks to be
LEAST_LETTERS = 3
_LOOKS = 0.6  # probability from which a line's look decides its script
_TOGETHER = 3  # packs of languages used at once
_REMEDY = "Install it with its packs: apt install tesseract-ocr tesseract-ocr-rus tesseract-ocr-ara"


class Tesseract:
    """Reads lines that others found and could not read."""

    name = "tesseract"

    def availability(self) -> Availability:
        """Whether the program is here, with a pack for a script that the default does not read."""
        try:
            scripts = self.scripts()
        except ReaderError as error:
            return Availability.lacking(error)
        if not scripts:
            return Availability(False, "Tesseract has no pack for a script that the default cannot read.", _REMEDY)
        return Availability(True, f"Tesseract reads {', '.join(sorted(scripts))}.")

    def scripts(self) -> frozenset[str]:
        """Those it has a pack for, beyond what the default reads.

        Raises:
            ReaderError: the program is not here or does not answer.
        """
        return frozenset(_packs(_program()))

    def read(self, image: Image, seen: Sequence[Line] = ()) -> Sequence[Line]:
        """Lines of `seen`, in their boxes, that it can read where the others could not.

        Raises:
            ReaderError: the program is not here or fails.
        """
        from geoloc_core.signs.ocr.crops import line_images

        program, deadline = _program(), time.monotonic() + SECONDS
        packs, groups = _packs(program), defaultdict(list)
        for line in _unread(seen, packs)[:LINES]:
            for script in [_look(line)] if _look(line) else packs:
                groups[script].append(line)
        best: dict[tuple, Line] = {}
        for script, lines in sorted(groups.items(), key=lambda item: -len(item[1])):
            left = deadline - time.monotonic()
            images = line_images(image, [line.box for line in lines])
            texts = _run(program, packs[script], images, left, script in UNSPACED)
            for line, (text, confidence) in zip(lines, texts, strict=True):
                old = best.get(line.box)
                if _believed(text, confidence, script, _look(line)) and (not old or confidence > old.confidence):
                    best[line.box] = replace(line, text=text, confidence=confidence, reader=self.name)
        return list(best.values())


def _unread(seen: Sequence[Line], packs: Iterable[str]) -> list[Line]:
    """Lines without a text, or in the look of a script that the text cannot be in; the tallest first."""
    known = set(packs)
    lines = [line for line in seen if _look(line) in known or (not line.text and not line.scripts)]
    return sorted(
        lines,
        key=lambda line: abs(line.box[0][1] - line.box[3][1]) + abs(line.box[0][0] - line.box[3][0]),
        reverse=True,
    )


def _look(line: Line) -> str:
    """The script that a line surely looks to be in, or nothing."""
    return line.look if line.scripts.get(line.look, 0.0) >= _LOOKS else ""


def _believed(text: str, confidence: float, script: str, look: str) -> bool:
    """Tesseract finds letters in any texture, so what no look supports must be long enough and sure."""
    letters = scripts_of(text)
    enough = LEAST_LETTERS if look != script else 2
    sure = confidence >= (LEAST_AGREED if look == script else LEAST)
    return sure and letters[script] >= enough and letters[script] * 2 > letters.total()


def _program() -> str:
    program = shutil.which("tesseract")
    if not program:
        raise ReaderError(f"The program tesseract is not on this machine. {_REMEDY}")
    return program


@cache
def _packs(program: str) -> dict[str, str]:
    """Script -> what to pass as `-l`, for the packs that are installed."""
    answer = _call([program, "--list-langs"], b"", SECONDS)
    here = set(answer.split())
    found = {}
    for script, (own, *languages) in ((script, names.split()) for script, names in PACKS.items()):
        if packs := [own] if own in here else [pack for pack in languages if pack in here][:_TOGETHER]:
            found[script] = "+".join(packs)
    return found


def _run(program: str, packs: str, images: Sequence[Image], seconds: float, unspaced: bool) -> list[tuple[str, float]]:
    """Text and confidence of each image; nothing for all of them if there is no time left."""
    if seconds <= 0:
        return [("", 0.0)] * len(images)
    pages = io.BytesIO()
    images[0].save(pages, "TIFF", save_all=True, append_images=images[1:], dpi=(300, 300))
    table = _call([program, "-", "-", "-l", packs, "--psm", "7", "tsv"], pages.getvalue(), seconds)
    words: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row.get("text") or "").strip()
        if text and row["page_num"].isdigit():
            words[int(row["page_num"])].append((text, float(row["conf"]) / 100))
    return [_line(words[page], unspaced) for page in range(1, len(images) + 1)]


def _line(words: Sequence[tuple[str, float]], unspaced: bool) -> tuple[str, float]:
    text = ("" if unspaced else " ").join(word for word, _ in words)
    letters = sum(len(word) for word, _ in words)
    return text, sum(len(word) * sure for word, sure in words) / max(letters, 1)


def _call(command: list[str], data: bytes, seconds: float) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "TESSDATA_PREFIX") if name in os.environ}
    environment = {**kept, "LC_ALL": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        raise ReaderError(f"Tesseract does not start ({error}). {_REMEDY}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ReaderError(f"Tesseract failed ({said[0][:120]}). {_REMEDY}")
    return done.stdout.decode("utf-8", "replace")
