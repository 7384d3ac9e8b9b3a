"""Every entry becomes a row or a reason; what does not belong together is refused; a gallery appears whole or not."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoloc_core.errors import EncoderMismatch, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import EncoderRef, Excluded, read_manifest
from geoloc_core.paths import ROOT
from index_builder.gallery import shards
from index_builder.gallery.index import IndexReport, index, unit_rows
from index_builder.gallery.info import info, unused_lines
from index_builder.gallery.publish import Provenance
from index_builder.gallery.survey import first_seen
from index_builder.gallery.verify import verify
from tests.make_embeddings import ENCODER, jpeg, outcomes, rows, unit, write_pair, write_shard

ABOUT = Provenance(title="Test", source="a source", licence="CC0")
TESTER = EncoderRef(**ENCODER)


def made(source: Path, **options) -> tuple[Gallery, IndexReport]:
    out = source.parent / "gallery"
    report = index(source, out, ABOUT, **options)
    assert verify(out).problems == []
    return Gallery.open(out), report


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """40 entries in four shards: one of them all bad, 33 usable, with thumbnails."""
    folder = tmp_path / "work"
    for number, statuses in enumerate(("ooosoooofo", "oooooooooo", "ffss", "oooooooooooooooo")):
        columns = rows(len(statuses), number * 100, author=[f"user {number}"] * len(statuses), **outcomes(statuses))
        usable = statuses.count("o")
        write_shard(folder, number, columns, unit(usable, seed=number) if usable else None, photos=True)
    return folder


def test_a_work_folder_becomes_a_gallery(work: Path):
    gallery, report = made(work)
    assert (report.read, report.rows) == (40, 34)
    assert report.reasons == {"no GPS position": 3, "unreadable or damaged photo": 3}
    assert dict(gallery.manifest.reasons) == report.reasons
    assert gallery.manifest.encoder == TESTER
    names = [gallery.row(row)["id"] for row in range(34)]
    assert names[:4] == ["photo-000000", "photo-000001", "photo-000002", "photo-000004"]
    assert gallery.row(0) == {"id": "photo-000000", "author": "user 0"}
    stored = np.load(gallery.path / "vectors-00000.npy")
    assert np.array_equal(stored[8:18], unit(10, seed=1).astype(np.float16))
    unused = pq.read_table(gallery.path / "unused.parquet").to_pylist()
    assert unused[0] == {"id": "photo-000003", "status": "skipped", "reason": "no GPS position"}
    assert len(unused) == 6
    assert list(unused_lines(gallery.path))[1] == "photo-000003,skipped,no GPS position"
    assert list(unused_lines(work))[1:] == list(unused_lines(gallery.path))[1:]


def test_thumbnails_stay_with_their_rows(work: Path):
    gallery, _ = made(work)
    want = [jpeg(number * 1000 + row) for number, count in ((0, 8), (1, 10), (3, 16)) for row in range(count)]
    assert [gallery.thumbnail(row) for row in range(34)] == want


def test_shards_are_joined_and_split_at_their_size(work: Path, monkeypatch: pytest.MonkeyPatch):
    whole, _ = made(work)
    monkeypatch.setattr(shards, "SHARD_ROWS", 7)
    index(work, work.parent / "split", ABOUT)
    split = Gallery.open(work.parent / "split")
    assert [shard.count for shard in split.manifest.shards] == [7, 7, 7, 7, 6]
    assert verify(split.path).ok
    for row in range(34):
        assert split.row(row) == whole.row(row)
        assert split.thumbnail(row) == whole.thumbnail(row)
    assert np.array_equal(split.coordinates, whole.coordinates)
    query = unit(1)[0]
    assert list(split.nearest(query, 34).rows) == list(whole.nearest(query, 34).rows)


def test_vectors_are_written_as_numpy_writes_them(tmp_path: Path):
    vectors = unit(10)
    write_pair(tmp_path / "e", "a", vectors, rows(10))
    gallery, _ = made(tmp_path / "e", encoder=TESTER)
    plain = io.BytesIO()
    np.save(plain, vectors.astype(np.float16))
    assert (gallery.path / "vectors-00000.npy").read_bytes() == plain.getvalue()


def test_columns_that_differ_are_brought_together(tmp_path: Path):
    write_pair(tmp_path / "e", "a", unit(2), rows(2, 0, kind=[1, 2], only_here=["x", "y"], some=[1, 2]))
    write_pair(tmp_path / "e", "b", unit(2), rows(2, 5, kind=["three", None], some=[0.5, 1.5], empty=[None, None]))
    gallery, _ = made(tmp_path / "e", encoder=TESTER)
    found = [gallery.row(row) for row in range(4)]
    assert [row["kind"] for row in found] == ["1", "2", "three", None]
    assert [row["some"] for row in found] == [1.0, 2.0, 0.5, 1.5]
    assert [row["only_here"] for row in found] == ["x", "y", None, None]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_foreign_rows_are_checked_and_made_unit(tmp_path: Path, dtype: type):
    vectors = (unit(6) * 30).astype(dtype)
    vectors[1], vectors[2, 3], vectors[3, 0] = 0, np.nan, np.inf
    columns = rows(6)
    columns["lat"][4] = 91
    write_pair(tmp_path / "e", "a", vectors, columns)
    gallery, report = made(tmp_path / "e", encoder=TESTER)
    assert report.reasons == {"embedding is zero or not finite": 3, "no usable coordinates": 1}
    assert [gallery.row(row)["id"] for row in range(2)] == ["photo-000000", "photo-000005"]
    assert np.load(gallery.path / "vectors-00000.npy") == pytest.approx(unit(6)[[0, 5]], abs=2e-3)


def test_rows_that_are_unit_already_are_not_touched():
    halves = unit(1000, 768).astype(np.float16)
    same, good = unit_rows(halves)
    assert same is halves
    assert good.all()


def test_the_layout_of_clip_retrieval(tmp_path: Path):
    for number in (0, 2, 10):
        columns = rows(3, number * 10)
        named = {"image_path": columns["id"], "LATITUDE": columns["lat"], "lng": columns["lon"], "caption": ["a"] * 3}
        write_pair(tmp_path / "c", "x", unit(3, seed=number), named)
        for ending, folder, name in (("npy", "img_emb", "img_emb"), ("parquet", "metadata", "metadata")):
            (tmp_path / "c" / folder).mkdir(exist_ok=True)
            (tmp_path / "c" / f"x.{ending}").rename(tmp_path / "c" / folder / f"{name}_{number}.{ending}")
    gallery, _ = made(tmp_path / "c", encoder=TESTER)
    assert [gallery.row(row)["id"][-3:] for row in range(9)] == [
        f"{n:03d}" for n in (0, 1, 2, 20, 21, 22, 100, 101, 102)
    ]
    assert gallery.row(0)["caption"] == "a"
    assert np.array_equal(np.load(gallery.path / "vectors-00000.npy")[3:6], unit(3, seed=2).astype(np.float16))


def test_duplicates_are_counted_and_dropped_if_asked(tmp_path: Path):
    hashes = ["aa", "bb", "aa", None, None, "aa", "bb", "cc"]
    write_pair(tmp_path / "e", "a", unit(8), rows(8, content_hash=hashes))
    _, kept = made(tmp_path / "e", encoder=TESTER)
    assert (kept.rows, kept.duplicates) == (8, 3)
    gallery, dropped = made(tmp_path / "e", encoder=TESTER, drop_duplicates=True, overwrite=True)
    assert (dropped.rows, dropped.duplicates) == (5, 3)
    assert dropped.reasons == {"same photo as another": 3}
    unused = pq.read_table(gallery.path / "unused.parquet").to_pylist()
    assert unused[2] == {"id": "photo-000006", "status": "skipped", "reason": "same photo as photo-000001"}


def test_repeated_and_missing_ids_are_told(tmp_path: Path):
    columns = rows(5)
    columns["id"] = ["a", "b", "a", "", None]
    write_pair(tmp_path / "e", "a", unit(5), columns)
    _, report = made(tmp_path / "e", encoder=TESTER)
    assert report.reasons == {"no id": 2, "repeated id": 1}


@given(st.lists(st.one_of(st.none(), st.text(max_size=2)), max_size=60), st.integers(1, 9))
def test_first_seen_is_what_a_dictionary_says(values: list[str | None], chunk: int):
    seen: dict[str, int] = {}
    want = [row if value is None else seen.setdefault(value, row) for row, value in enumerate(values)]
    chunks = [values[start : start + chunk] for start in range(0, len(values), chunk)]
    assert list(first_seen(pa.chunked_array(chunks, type=pa.string()))) == want


def test_ids_that_are_numbers_become_text(tmp_path: Path):
    columns = rows(3)
    columns["id"] = [10_000_000_001, 2, 3]
    write_pair(tmp_path / "e", "a", unit(3), columns)
    assert made(tmp_path / "e", encoder=TESTER)[0].row(0)["id"] == "10000000001"


def refused(source: Path, words: str, kind: type[Exception] = GeolocError, **options) -> None:
    with pytest.raises(kind, match=words):
        index(source, source.parent / "g", ABOUT, **options)
    assert not [path for path in source.parent.iterdir() if path != source]


def test_what_does_not_belong_together_is_refused(tmp_path: Path):
    folder = tmp_path / "e"
    write_pair(folder, "a", unit(4), rows(5))
    refused(folder, "5 rows with an embedding.* has 4.*again", encoder=TESTER)
    write_pair(folder, "a", unit(5), rows(5))
    refused(folder, "Name it with --encoder")
    write_pair(folder, "b", unit(5, 8), rows(5, 10))
    refused(folder, "has 8 and .* has 16 numbers", EncoderMismatch, encoder=TESTER)
    (folder / "b.parquet").unlink()
    refused(folder, "no table beside it", encoder=TESTER)
    (folder / "b.npy").unlink()
    write_pair(folder, "b", None, rows(5, 10))
    refused(folder, "has 0. They do not belong", encoder=TESTER)


def test_embeddings_of_two_encoders_or_precisions_are_refused(work: Path):
    write_shard(work, 7, rows(2, 900, **outcomes("oo")), unit(2), dtype="bf16")
    refused(work, "different precisions \\(bf16, fp32\\)", EncoderMismatch)
    write_shard(work, 7, rows(2, 900, **outcomes("oo")), unit(2), encoder={"id": "other", "name": "o"})
    refused(work, "made by other, not by test/encoder/v1", EncoderMismatch)


@pytest.mark.parametrize("spoil", ["cut", "text", "pickle", "columns", "one axis", "whole numbers"])
def test_arrays_that_are_none_are_refused(tmp_path: Path, spoil: str):
    folder = tmp_path / "e"
    write_pair(folder, "a", unit(4), rows(4))
    file = folder / "a.npy"
    match spoil:
        case "cut":
            file.write_bytes(file.read_bytes()[:-3])
        case "text":
            file.write_text("no array")
        case "pickle":
            np.save(file, np.array([{}] * 4, dtype=object), allow_pickle=True)
        case "columns":
            np.save(file, np.asfortranarray(unit(4)))
        case "one axis":
            np.save(file, unit(4)[0])
        case "whole numbers":
            np.save(file, np.ones((4, 16), np.int64))
    refused(folder, "again|numpy", encoder=TESTER)


def test_a_damaged_table_is_refused(tmp_path: Path):
    write_pair(tmp_path / "e", "a", unit(4), rows(4))
    file = tmp_path / "e" / "a.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    refused(tmp_path / "e", "cannot be read", encoder=TESTER)


def test_nothing_usable_is_no_gallery(tmp_path: Path):
    columns = rows(3)
    columns["lat"] = [None] * 3
    write_pair(tmp_path / "e", "a", unit(3), columns)
    refused(tmp_path / "e", "3 no usable coordinates", encoder=TESTER)


def test_the_same_recipe_is_not_made_twice(work: Path):
    kept_out = Excluded(table="im2gps3k.csv", sha256="0" * 64, by_id=3, by_author=9)
    gallery, _ = made(work, recipe="r1", excluded=(kept_out,))
    assert gallery.manifest.excluded == (kept_out,)
    before = (gallery.path / "manifest.json").stat().st_mtime_ns
    again = index(work, gallery.path, ABOUT, recipe="r1")
    assert again.unchanged
    assert "nothing to do" in str(again)
    assert (gallery.path / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(GeolocError, match="--overwrite"):
        index(work, gallery.path, ABOUT, recipe="r2")


def test_a_crash_between_the_two_renames_is_mended(work: Path):
    gallery, _ = made(work)
    gallery.path.rename(gallery.path.with_name(".gallery.replaced-99999999"))
    gallery.path.with_name(".gallery.building-99999999").mkdir()
    with pytest.raises(GeolocError, match="--overwrite"):
        index(work, gallery.path, ABOUT)
    assert {path.name for path in work.parent.iterdir()} == {"work", "gallery"}
    assert verify(gallery.path).ok


def test_info_tells_what_a_gallery_holds(work: Path):
    gallery, _ = made(work)
    told = info(gallery.path)
    for words in ("34 photos, encoder tester", "not used: 3 no GPS position", "source: a source", "where ("):
        assert words in told
    (work / "manifest").mkdir()
    shutil.copytree(work / "embeddings", work / "manifest", dirs_exist_ok=True)
    (work / "embeddings" / "00003.parquet").unlink()
    told = info(work)
    assert "40 entries in 4 shards, 3 shards done" in told
    assert "18 ok, 3 skipped, 3 failed" in told
    with pytest.raises(GeolocError, match="no folder"):
        info(work / "nowhere")


SCRIPT = """
import sys
from pathlib import Path
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.gallery import shards
from index_builder.gallery.index import index
from index_builder.gallery.publish import Provenance
shards.SHARD_ROWS = 500
encoder = EncoderRef(id="test/encoder/v1", name="tester")
print(flush=True)
index(Path(sys.argv[1]), Path(sys.argv[2]), Provenance(title="new"), encoder=encoder, overwrite=True)
"""


def test_a_kill_at_any_moment_leaves_the_old_gallery_or_the_new_one(tmp_path: Path):
    write_pair(tmp_path / "old", "a", unit(4), rows(4))
    write_pair(tmp_path / "new", "a", unit(20_000), rows(20_000))
    out = tmp_path / "g"
    index(tmp_path / "old", out, Provenance(title="old"), encoder=TESTER)
    rng = np.random.default_rng(5)
    titles = set()
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, tmp_path / "new", out], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.8))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if out.exists():
            titles.add(read_manifest(out).title)
            assert verify(out).ok
    report = index(tmp_path / "new", out, Provenance(title="new"), encoder=TESTER, overwrite=True)
    assert report.rows == 20_000
    assert titles <= {"old", "new"}
    assert {path.name for path in tmp_path.iterdir()} == {"old", "new", "g"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        write_pair(tmp_path / "few", "a", unit(100), rows(100))
        write_pair(tmp_path / "many", "a", unit(20_000, 64), rows(20_000))
        index(tmp_path / "few", small / "g", ABOUT, encoder=TESTER)
        with pytest.raises(GeolocError, match="no room left"):
            index(tmp_path / "many", small / "g", ABOUT, encoder=TESTER, overwrite=True)
        assert [path.name for path in small.iterdir()] == ["g"]
        assert verify(small / "g").ok
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_read_only_place_is_told(tmp_path: Path):
    fixed = tmp_path / "fixed"
    fixed.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", fixed], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        write_pair(tmp_path / "few", "a", unit(10), rows(10))
        with pytest.raises(GeolocError, match=r"cannot be written.*another place"):
            index(tmp_path / "few", fixed / "g", ABOUT, encoder=TESTER)
    finally:
        subprocess.run(["umount", fixed], check=True)


def test_a_thumbnail_that_lies_about_its_size_is_left_out(work: Path):
    import zipfile

    with zipfile.ZipFile(work / "embeddings" / "00001.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000000.jpg", bytes(40_000_000))
        archive.writestr("0000001.jpg", jpeg(1))
    gallery, _ = made(work)
    assert gallery.thumbnail(8) is None
    with Image.open(io.BytesIO(gallery.thumbnail(9))) as image:
        assert image.size == (24, 16)
