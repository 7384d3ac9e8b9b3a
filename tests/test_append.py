"""Appending: new files, the manifest last; what was there stays, for readers and after a crash alike."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from geoloc_core.errors import EncoderMismatch, GalleryError, GeolocError
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import EncoderRef, NearIndex, describe_file, read_manifest
from geoloc_core.paths import ROOT
from index_builder.gallery.append import append
from index_builder.gallery.index import index
from index_builder.gallery.info import info
from index_builder.gallery.publish import Provenance, write_manifest
from index_builder.gallery.verify import verify
from tests.make_embeddings import ENCODER, outcomes, rows, unit, write_pair, write_shard

TESTER = EncoderRef(**ENCODER)
NEW = Provenance(title="", source="later photos", licence="CC BY 4.0", command="python -m index_builder append")


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """30 photos with hashes, two entries that gave no row."""
    work = tmp_path / "first"
    hashes = [f"{number:032x}" for number in range(30)] + [None, None]
    write_shard(
        work, 0, rows(32, content_hash=hashes, place=["here"] * 32, **outcomes("o" * 30 + "sf")), unit(30), photos=True
    )
    index(work, tmp_path / "g", Provenance(title="Mine"))
    return tmp_path / "g"


def more(tmp_path: Path, count: int = 10, first: int = 100, **columns) -> Path:
    write_pair(tmp_path / "more", "a", unit(count, seed=9), rows(count, first, **columns))
    return tmp_path / "more"


def test_rows_are_added_and_what_was_there_stays(gallery: Path, tmp_path: Path):
    before = {path.name: path.read_bytes() for path in gallery.iterdir()}
    reader = Gallery.open(gallery)
    work = tmp_path / "second"
    write_shard(work, 0, rows(5, 100, content_hash=list("abcde"), **outcomes("oosoo")), unit(4, seed=9), photos=True)
    report = append(gallery, work, NEW)
    assert (report.rows, report.read, report.reasons) == (4, 5, {"no GPS position": 1})
    assert verify(gallery).problems == verify(gallery).remarks == []
    after = Gallery.open(gallery)
    assert len(after) == 34
    assert [after.row(row)["id"] for row in (29, 30, 33)] == ["photo-000029", "photo-000100", "photo-000104"]
    assert after.row(30)["place"] is None
    assert after.thumbnail(30) == after.thumbnail(0)
    assert list(after.nearest(unit(4, seed=9)[2], 1).rows) == [32]
    assert (after.manifest.title, after.manifest.appended[0].source) == ("Mine", "later photos")
    assert dict(after.manifest.reasons) == {"no GPS position": 2, "unreadable or damaged photo": 1}
    unused = [row["id"] for row in pq.read_table(gallery / after.manifest.unused).to_pylist()]
    assert unused == ["photo-000030", "photo-000031", "photo-000102"]
    for name, data in before.items():
        assert name in ("manifest.json", "unused.parquet") or (gallery / name).read_bytes() == data
    assert len(reader) == 30
    assert list(reader.nearest(unit(30)[7], 1).rows) == [7]
    assert reader.row(29)["id"] == "photo-000029"
    assert reader.thumbnail(29).startswith(b"\xff\xd8")
    assert "added" in info(gallery)


def test_photos_that_are_there_already_are_left_out(gallery: Path, tmp_path: Path):
    hashes = [f"{number:032x}" for number in (3, 50, 4, 51)]
    report = append(gallery, more(tmp_path, 4, content_hash=hashes), NEW, encoder=TESTER)
    assert (report.rows, report.reasons) == (2, {"already in the gallery": 2})
    assert "already in the gallery" not in Gallery.open(gallery).manifest.reasons
    manifest = (gallery / "manifest.json").read_bytes()
    again = append(gallery, tmp_path / "more", NEW, encoder=TESTER)
    assert (again.rows, again.reasons) == (0, {"already in the gallery": 4})
    assert (gallery / "manifest.json").read_bytes() == manifest
    assert verify(gallery).remarks == []


def test_an_id_of_another_photo_is_told_with_the_remedy(gallery: Path, tmp_path: Path):
    source = more(tmp_path, 4, first=28, content_hash=list("wxyz"))
    report = append(gallery, source, NEW, encoder=TESTER)
    assert (report.rows, report.reasons) == (2, {"id already in the gallery for another photo": 2})
    assert "--id-prefix" in str(report)
    report = append(gallery, source, NEW, encoder=TESTER, id_prefix="trip/")
    assert (report.rows, report.reasons) == (2, {"already in the gallery": 2})
    assert Gallery.open(gallery).row(32)["id"] == "trip/photo-000028"
    assert verify(gallery).ok


def test_appending_twice_with_one_recipe_adds_once(gallery: Path, tmp_path: Path):
    assert append(gallery, more(tmp_path), NEW, encoder=TESTER, recipe="r").rows == 10
    assert append(gallery, more(tmp_path), NEW, encoder=TESTER, recipe="r").unchanged
    assert len(Gallery.open(gallery)) == 40


def test_the_near_index_is_dropped_and_said(gallery: Path, tmp_path: Path):
    manifest = read_manifest(gallery)
    (gallery / "near.faiss").write_bytes(b"an index")
    near = NearIndex(file="near.faiss", key="Flat", search=0, rows=30, recall_near=1, recall_far=1, queries=1, k=1)
    files = manifest.files | {"near.faiss": describe_file(gallery / "near.faiss")}
    write_manifest(gallery, manifest.model_copy(update={"near": near, "files": files}))
    report = append(gallery, more(tmp_path), NEW, encoder=TESTER)
    assert report.near_dropped
    assert "make it again" in str(report)
    assert read_manifest(gallery).near is None
    assert not (gallery / "near.faiss").exists()
    assert verify(gallery).ok


def test_other_encoders_and_nothing_to_append_to_are_refused(gallery: Path, tmp_path: Path):
    before = {path.name: path.read_bytes() for path in gallery.iterdir()}
    with pytest.raises(EncoderMismatch, match="Embed the photos with tester"):
        append(gallery, more(tmp_path), NEW, encoder=EncoderRef(id="other/v1", name="other"))
    write_pair(tmp_path / "short", "a", unit(3, 8), rows(3, 200))
    with pytest.raises(EncoderMismatch, match="16 numbers"):
        append(gallery, tmp_path / "short", NEW, encoder=TESTER)
    with pytest.raises(GalleryError, match="no folder"):
        append(tmp_path / "nowhere", more(tmp_path), NEW, encoder=TESTER)
    assert {path.name: path.read_bytes() for path in gallery.iterdir()} == before


def test_two_appends_do_not_race(gallery: Path, tmp_path: Path):
    with FileLock(tmp_path / ".g.lock"), pytest.raises(GeolocError, match="Another process"):
        append(gallery, more(tmp_path), NEW, encoder=TESTER)
    append(gallery, more(tmp_path), NEW, encoder=TESTER)


def test_a_failure_half_way_leaves_no_trace(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = {path.name: path.read_bytes() for path in gallery.iterdir()}
    monkeypatch.setattr("index_builder.gallery.shards.SHARD_ROWS", 3)

    def stop(done: int, _all: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(GeolocError, match="no room left"):
        append(gallery, more(tmp_path), NEW, encoder=TESTER, on_progress=stop)
    assert {path.name: path.read_bytes() for path in gallery.iterdir()} == before


SCRIPT = """
import sys
from pathlib import Path
from geoloc_core.gallery.manifest import EncoderRef
from index_builder.gallery import shards
from index_builder.gallery.append import append
from index_builder.gallery.publish import Provenance
shards.SHARD_ROWS = 400
print(flush=True)
append(Path(sys.argv[1]), Path(sys.argv[2]), Provenance(title=""), encoder=EncoderRef(id="test/encoder/v1", name="t"))
"""


def test_a_kill_at_any_moment_leaves_a_whole_gallery(gallery: Path, tmp_path: Path):
    source = more(tmp_path, 12_000)
    rng = np.random.default_rng(3)
    for _ in range(8):
        command = [sys.executable, "-c", SCRIPT, gallery, source]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0.1, 0.7))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert verify(gallery).problems == []
        assert len(Gallery.open(gallery)) in (30, 12_030)
    append(gallery, source, NEW, encoder=TESTER)
    assert len(Gallery.open(gallery)) == 12_030
    assert verify(gallery).problems == verify(gallery).remarks == []


def test_a_gallery_may_be_opened_while_rows_are_added(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The old list of unused entries is deleted between reading the manifest and looking for its files."""
    import geoloc_core.gallery as module

    read, calls = module.read_manifest, []

    def read_then_append(path: Path):
        manifest = read(path)
        calls.append(manifest.count)
        if len(calls) == 1:
            source = tmp_path / "second"
            write_shard(source, 0, rows(2, 100, **outcomes("os")), unit(1, seed=9))
            append(gallery, source, NEW)
        return manifest

    monkeypatch.setattr(module, "read_manifest", read_then_append)
    assert len(Gallery.open(gallery)) == 31
    assert calls[0] == 30
