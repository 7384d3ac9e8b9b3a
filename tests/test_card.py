"""The card of a gallery: true to its rows, the same each time, hostile texts harmless, the map where it should be."""

from __future__ import annotations

import io
import re
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from geoloc_core.gallery.manifest import Append, Excluded, File, Manifest, Shard, read_manifest
from index_builder.gallery import card as cards
from index_builder.gallery.card import card_files, gallery_card, hub_licence, write_card
from index_builder.gallery.coverage import HEIGHT, WIDTH, Density, decode, equal_earth
from index_builder.gallery.markdown import block, code, plain
from index_builder.geodata.basemap import encode
from tests.make_gallery import ENCODER, write_gallery

EVIL = "x](javascript:alert(1)) <script>|`**\n# Owned\n```\u202e\x00"


def manifest(count=1, **about) -> Manifest:
    """A manifest of one shard."""
    facts = {
        "title": "Test",
        "encoder": ENCODER,
        "dim": 4,
        "count": count,
        "shards": (Shard(vectors="vectors-00000.npy", rows="rows-00000.parquet", count=count),),
        "files": {name: File(bytes=1, sha256="0" * 64) for name in ("vectors-00000.npy", "rows-00000.parquet")},
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Manifest(**{**facts, **about})


def rows(lat, lon, **columns) -> pa.Table:
    return pa.table({"lat": np.asarray(lat, float), "lon": np.asarray(lon, float), **columns})


def test_a_card_counts_what_is_in_the_rows(tmp_path):
    gallery = write_gallery(tmp_path / "g")
    text = gallery_card(gallery, "hf://datasets/team/places")["README.md"].decode()
    assert "| Content | 1,500 photos |" in text and "| Authors | 3 |" in text
    assert "| Ann | 500 | 33.3 % |" in text
    assert "| CC BY 4.0 | 1,200 | 80.0 % |" in text and "| CC0 1.0 | 300 | 20.0 % |" in text
    assert text.startswith("---\n") and "- cc-by-4.0\n- cc0-1.0\n" in text and "- 1K<n<10K" in text
    assert "pull hf://datasets/team/places GALLERY" in text and "drawn, not taken" not in text
    before = read_manifest(gallery)
    written = write_card(gallery, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in written}["README.md"] != b"" and read_manifest(gallery) == before
    assert gallery_card(gallery) == gallery_card(gallery)


def test_a_card_says_what_was_left_out_and_added():
    one = Excluded(table="im2gps3k.csv", sha256="a" * 64, by_id=12, by_author=3456)
    more = Append(count=7, created=datetime(2026, 2, 3, tzinfo=UTC), source="My phone")
    about = manifest(reasons={"no position": 41}, excluded=(one,), appended=(more,), synthetic=True, command="make it")
    text = card_files(about, [rows([0], [0])])["README.md"].decode()
    for said in ("| no position | 41 |", "| `im2gps3k.csv` | 12 | 3,456 |", "2026-02-03: 7 rows. My phone", "make it"):
        assert said in text
    assert "drawn, not taken" in text and "- synthetic" in text and "states no licence" in text and "- other" in text


def test_the_program_in_the_card_runs(tmp_path, monkeypatch):
    gallery = write_gallery(tmp_path / "g")
    (program,) = re.findall(r"```python\n(.*?)\n```", gallery_card(gallery)["README.md"].decode(), re.S)
    monkeypatch.chdir(gallery)
    names = {"query": np.load("vectors-00000.npy")[7].astype(np.float32)}
    exec(program, names)
    assert names["similarity"].argmax() == 7 and names["rows"]["id"][7].as_py() == "p7"


def test_bare_locations_have_a_card():
    bare = manifest(encoder=None, dim=0, shards=(Shard(rows="rows-00000.parquet", count=1),))
    text = card_files(bare, [rows([0], [0])])["README.md"].decode()
    assert "bare locations" in text and "np.load" not in text


def test_countries_are_those_of_the_photos(monkeypatch):
    monkeypatch.setattr(cards, "_SAMPLE", 25)
    lat, lon = np.repeat([48.85, -33.9, 0.0], [50, 40, 10]), np.repeat([2.35, 151.1, -30.0], [50, 40, 10])
    batches = [rows(lat[i : i + 7], lon[i : i + 7]) for i in range(0, 100, 7)]
    text = card_files(manifest(100), batches)["README.md"].decode()
    share = {name: float(value) for name, value in re.findall(r"\| ([\w ]+) \| ([\d.]+) % \|", text)}
    assert share["France"] == pytest.approx(50, abs=4) and share["Australia"] == pytest.approx(40, abs=4)
    assert "open sea" in share and "Estimated from 25 photos, every 4th." in text


def test_hostile_texts_stay_texts():
    hostile = {"author": [EVIL], "licence": [EVIL], "source": [EVIL]}
    about = manifest(title=EVIL, source=EVIL, licence=EVIL, command=EVIL, software=EVIL, reasons={EVIL: 1})
    text = card_files(about, [rows([0], [0], **hostile)])["README.md"].decode()
    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    assert not re.search(r"^ *# Owned", front, re.M) and "\u202e" not in text and "\x00" not in text
    outside = re.sub(r"^(````+).*?^\1$", "", body, flags=re.M | re.S)
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(javascript|^# Owned", outside, re.M)
    for line in outside.splitlines():
        if line.startswith("|") and "Owned" in line:
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4)


@settings(max_examples=200)
@given(st.text())
def test_text_cannot_leave_its_place(text):
    assert "\n" not in plain(text, 100) and len(plain(text, 100, escape=False)) <= 100
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]|`*_]", plain(text, 100))
    assert code(text).count("`") in (0, 2) and "|" not in code(text)
    fence, *inside, last = block(text).split("\n")
    assert fence == last and not any(re.fullmatch(f"`{{{len(fence)},}}", line) for line in inside)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY-NC-SA 2.0", "cc-by-nc-sa-2.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("cc0", "cc0-1.0"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("MIT License", "mit"),
        ("All rights reserved", None),
        ("mit\n- evil", None),
    ],
)
def test_licences_are_named_as_the_hub_names_them(text, name):
    assert hub_licence(text) == name


def picture(*places) -> np.ndarray:
    density = Density()
    density.add(np.array(places, dtype=float))
    with Image.open(io.BytesIO(density.png())) as image:
        assert image.size == (WIDTH, HEIGHT)
        return np.asarray(image.convert("RGB")).astype(int)


def test_photos_glow_where_they_are_and_nowhere_else():
    places = [(0, 0), (48.85, 2.35), (-33.9, 151.2), (64, -150)]
    lit, other = picture(*places), picture((89, 0))
    x, y = equal_earth(*np.array(places, float).T)
    scale = 1552 / (2 * 2.7066299836960748)
    column, row = 24 + (x + 2.70663) * scale, 24 + (1.3173627591574133 - y) * scale
    for i, j in zip(row.astype(int), column.astype(int), strict=True):
        assert np.abs(lit[i, j] - other[i, j]).sum() > 200
    changed = (np.abs(lit - other).sum(axis=2) > 60)[: HEIGHT - 80].sum()
    assert changed < 5 * 400


def test_the_land_is_where_it_is():
    dark = picture((-89, 0))

    def colour(lat, lon):
        x, y = equal_earth(np.array([lat], float), np.array([lon], float))
        scale = 1552 / (2 * 2.7066299836960748)
        return dark[int(24 + (1.3173627591574133 - y[0]) * scale), int(24 + (x[0] + 2.70663) * scale)].sum()

    land = [(45, 10), (-25, 135), (60, 100), (10, 20), (40, -100), (-10, -55), (66, 179), (66, -173), (-80, 60)]
    sea = [(30, -45), (-45, 100), (42, 51), (0, -150), (35, 18)]  # (42, 51) is the Caspian
    assert min(colour(*at) for at in land) > max(colour(*at) for at in sea) + 40


def test_polylines_are_read_as_they_are_written():
    points = np.array([[0, 0], [-5, 1], [90_000, -180_000], [3, 2]])
    assert (decode(encode(points)) == points).all()


def test_millions_of_photos_need_no_more_memory():
    density, rng = Density(), np.random.default_rng(0)
    tracemalloc.start()
    for _ in range(30):
        density.add(np.column_stack([rng.uniform(-90, 90, 65_536), rng.uniform(-180, 540, 65_536)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000 and density._counts.sum() == 30 * 65_536
