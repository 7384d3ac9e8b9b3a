"""Reading what is written in photos, by the real models on drawn photos; Tesseract by a stand-in, and itself."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from geoloc_core.errors import GeolocError, ReaderError
from geoloc_core.paths import ROOT
from geoloc_core.photo import read_photo
from geoloc_core.prediction import Query
from geoloc_core.settings import settings
from geoloc_core.signs import readers
from geoloc_core.signs.reading import availability, read
from geoloc_core.signs.writing import Line, Writing
from tests.make_photos import encoded

FONTS = ROOT / "index_builder" / "atlas" / "fonts"
ONLY = ("rapid",)


def board(text: str, size: int, font: str = "", ink: str = "black", paper: str = "white") -> Image.Image:
    face = ImageFont.truetype(str(FONTS / font), size) if font else ImageFont.load_default(size)
    drawn = Image.new("RGB", (int(face.getlength(text)) + size, int(size * 1.8)), paper)
    ImageDraw.Draw(drawn).text((size // 2, size // 4), text, fill=ink, font=face)
    return drawn


def street(*boards: tuple[Image.Image, tuple[int, int]], size: tuple[int, int] = (900, 640)) -> Image.Image:
    photo = Image.fromarray(np.random.default_rng(1).integers(90, 160, (9, 12, 3), np.uint8)).resize(size, 3)
    for drawn, corner in boards:
        photo.paste(drawn, corner, drawn if drawn.mode == "RGBA" else None)
    return photo


def texts(photo: Image.Image) -> list[str]:
    return [line.text.replace(" ", "") for line in read(photo, ONLY).lines if line.text]


def test_lines_come_from_top_to_bottom_each_in_its_box() -> None:
    photo = street(
        (board("KÖLN ŁÓŻA 12", 40, "latin.ttf"), (60, 400)),
        (board("Hauptplatz", 48), (300, 90)),
        (board("Rue", 44), (40, 92)),
    )
    writing = read(photo, ONLY)
    assert [line.text.replace(" ", "") for line in writing.lines] == ["Rue", "Hauptplatz", "KÖLNŁÓŻA12"]
    assert writing.readers == ONLY
    assert writing.reads == {"latin", "han", "kana"}
    line = writing.lines[1]
    assert line.confidence > 0.9
    (left, top), (right, _), (_, bottom), _ = line.box
    end = 324 + ImageFont.load_default(48).getlength("Hauptplatz")
    assert (left, top, right, bottom) == pytest.approx((324 / 900, 110 / 640, end / 900, 160 / 640), abs=0.04)


@pytest.mark.parametrize("angle", [0, 25, 60, 90, 180, 200, 270, 340])
def test_text_at_any_angle_begins_where_its_box_begins(angle: int) -> None:
    drawn = board("Wilhelmplatz", 44).convert("RGBA")
    photo = street((drawn.rotate(-angle, Image.Resampling.BICUBIC, expand=True), (220, 130)))
    (line,) = read(photo, ONLY).lines
    assert line.text == "Wilhelmplatz"
    (x0, y0), (x1, y1), *_ = np.array(line.box) * photo.size
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) % 360 == pytest.approx(angle or 360, abs=6) or angle == 0


@pytest.mark.parametrize(("font", "text"), [("han.otf", "银行書店茶"), ("kana.otf", "ラーメン学校")])
def test_columns_of_signs_are_read_downwards(font: str, text: str) -> None:
    column, face = Image.new("RGB", (90, 70 * len(text) + 20), "white"), ImageFont.truetype(str(FONTS / font), 60)
    for place, sign in enumerate(text):
        ImageDraw.Draw(column).text((15, 70 * place), sign, fill="darkred", font=face)
    assert texts(street((column, (400, 60)))) == [text]


@pytest.mark.parametrize(("ink", "paper"), [("white", "black"), ("yellow", "darkblue"), ("#666", "#444")])
def test_light_on_dark(ink: str, paper: str) -> None:
    assert texts(street((board("Rue de la Gare", 40, ink=ink, paper=paper), (200, 300)))) == ["RuedelaGare"]


def test_tiny_and_huge_letters_in_twelve_megapixels() -> None:
    photo = street(
        (board("Sondergade 14", 15), (3300, 2500)),
        (board("Tel 030 445566", 18), (500, 2700)),
        (board("MARKT", 420), (900, 700)),
        size=(4000, 3000),
    )
    assert set(texts(photo)) == {"Sondergade14", "Tel030445566", "MARKT"}


def test_a_long_line_is_read_once_and_whole() -> None:
    photo = street((board("Ausgang zum Flughafen und zur Innenstadt", 18), (100, 1500)), size=(4000, 3000))
    assert texts(photo) == ["AusgangzumFlughafenundzurInnenstadt"]


NOISE = np.random.default_rng(2).integers(0, 255, (500, 700, 3), np.uint8)


@pytest.mark.parametrize(
    "photo",
    [
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (640, 480), "grey"),
        Image.fromarray(NOISE),
        Image.fromarray(NOISE[:16]).resize((20_000, 16)),
        Image.fromarray(NOISE[:, :3]),
    ],
    ids=["pixel", "empty", "noise", "strip", "column"],
)
def test_a_photo_without_writing_gives_no_text(photo: Image.Image) -> None:
    assert texts(photo) == []


def test_of_very_many_words_some_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoloc_core.signs.ocr.recognise.WIDTH", 4_000)
    photo = Image.new("RGB", (900, 700), "white")
    for y in range(5, 690, 15):
        for x in range(5, 880, 60):
            ImageDraw.Draw(photo).text((x, y), f"{x}{y}", fill="black")
    assert 10 < len(read(photo, ONLY).lines) < 50


def test_a_query_reads_once_and_says_so() -> None:
    said: list[str] = []
    query = Query(read_photo(encoded(street((board("Apotheke", 60), (100, 100))))), said.append)
    assert query.writing() is query.writing()
    assert query.writing().text == "Apotheke"
    assert said == ["Reading what is written"]
    assert query.seconds["read"] > 0


def test_threads_share_one_reader() -> None:
    found: list[list[str]] = []
    photos = [street((board(text, 50), (90, 90)), size=(500, 300)) for text in ("Eins", "Zwei", "Drei")]
    threads = [threading.Thread(target=lambda p=photo: found.append(texts(p))) for photo in photos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [["Drei"], ["Eins"], ["Zwei"]]


def test_a_photo_that_stands_on_its_head_is_read() -> None:
    photo = street(*[(board(text, 40), (90, 90 * row)) for row, text in enumerate(("Eingang", "Museum", "Garten"), 1)])
    assert texts(photo.rotate(180)) == ["Garten", "Museum", "Eingang"]


SCRIPT = """
import json, socket, sys
from geoloc_core.signs import reading
early = sorted({"cv2", "onnxruntime", "rapidocr", "shapely"} & set(sys.modules))
def refuse(*_, **__): raise AssertionError("reached for the network")
socket.socket.connect = socket.getaddrinfo = refuse
from PIL import Image
text = reading.read(Image.open(sys.argv[1]).convert("RGB"), ("rapid",)).text
print(json.dumps({"early": early, "text": text, "late": "onnxruntime" in sys.modules}))
"""


def test_nothing_is_loaded_early_nor_asked_of_a_server_nor_left_in_the_home_folder(tmp_path: Path) -> None:
    street((board("Postamt", 60), (100, 100))).save(tmp_path / "sign.png")
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "GITHUB_ACTIONS": "", "CI": ""}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "sign.png")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"early": [], "text": "Postamt", "late": True}
    assert done.stderr == ""
    assert not list(home.rglob("*"))


def test_readers_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert set(readers.names()) == {"rapid", "tesseract"}
    with pytest.raises(GeolocError, match="Choose one of rapid, tesseract"):
        read(Image.new("RGB", (9, 9)), ["crystal"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReaderError, match="apt install tesseract-ocr"):
        read(Image.new("RGB", (9, 9)), ["rapid", "tesseract"])
    assert availability().ok
    monkeypatch.setenv("GEOLOC_READERS", "tesseract")
    settings.cache_clear()
    assert not availability()
    assert "apt install" in availability().remedy


def test_a_reader_that_breaks_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoloc_core.signs.ocr.detect.OVERVIEW", "no number")
    with pytest.raises(ReaderError, match=r"Reading the photo with rapid failed \(.*\)\. Try a smaller copy"):
        read(Image.new("RGB", (900, 900)), ONLY)


TABLE = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
UNREAD = Line("", 0.2, ((0.1, 0.1), (0.6, 0.1), (0.6, 0.2), (0.1, 0.2)), "rapid", {"cyrillic": 0.9})


def stand_in(folder: Path, body: str) -> None:
    program = folder / "tesseract"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-langs ]; then printf "List:\\neng\\nrus\\nukr\\n"; exit; fi\n{body}\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_tesseract_reads_only_what_others_could_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "out.tsv").write_text(
        f"{TABLE}5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t91.5\tулица\n5\t1\t1\t1\t1\t2\t0\t0\t9\t9\t90\tМира\n"
    )
    stand_in(tmp_path, f'echo "$@" > {tmp_path}/args; /bin/cat > {tmp_path}/in.tif; /bin/cat {tmp_path}/out.tsv')
    monkeypatch.setenv("PATH", str(tmp_path))
    tesseract = readers.load("tesseract")
    assert tesseract.availability().ok
    assert tesseract.scripts() == {"cyrillic"}
    read_already = Line("Main Street", 0.99, scripts={"latin": 0.95})
    (line,) = tesseract.read(street(), [read_already, UNREAD])
    assert (line.text, line.box, line.reader) == ("улица Мира", UNREAD.box, "tesseract")
    assert line.confidence == pytest.approx(0.909, abs=0.001)
    assert (tmp_path / "args").read_text().split() == ["-", "-", "-l", "rus+ukr", "--psm", "7", "tsv"]
    assert Image.open(tmp_path / "in.tif").n_frames == 1
    assert tesseract.read(street(), [read_already]) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [("echo no such thing >&2; exit 1", r"failed \(no such thing\)\. Install it"), ("exit 3", "status 3")],
)
def test_a_tesseract_that_fails_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, message: str
) -> None:
    stand_in(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReaderError, match=message):
        readers.load("tesseract").read(street(), [UNREAD])


def test_a_tesseract_that_hangs_or_talks_nonsense_reads_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("geoloc_core.signs.readers.tesseract.SECONDS", 1.0)
    for number, body in enumerate(("exec /bin/sleep 30", "echo page_num; echo a; echo b", f"printf '{TABLE}5\\tx\\n'")):
        folder = tmp_path / str(number)
        folder.mkdir()
        stand_in(folder, body)
        monkeypatch.setenv("PATH", str(folder))
        assert readers.load("tesseract").read(street(), [UNREAD]) == []


@pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not on this machine")
def test_the_real_tesseract() -> None:
    tesseract = readers.load("tesseract")
    if "hebrew" not in tesseract.scripts():
        pytest.skip("Tesseract has no pack for Hebrew")
    photo = street((board("רחוב הים", 48, "hebrew.ttf"), (200, 100)), (board("Main Street", 48), (200, 300)))
    writing = read(photo, ("rapid", "tesseract"))
    assert [(line.text, line.reader) for line in writing.lines] == [
        ("רחוב הים", "tesseract"),
        ("Main Street", "rapid"),
    ]


def test_a_writing_keeps_no_line_that_says_nothing() -> None:
    assert Writing.of([Line("", 0.3)]).lines == ()
