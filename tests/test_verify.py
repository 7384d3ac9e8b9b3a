"""`verify` finds every kind of damage, all of them at once, and says what to do."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geoloc_core.gallery.manifest import NAME, describe_file
from index_builder.gallery.index import index
from index_builder.gallery.publish import Provenance
from index_builder.gallery.verify import verify
from tests.make_embeddings import jpeg, outcomes, rows, unit, write_shard

VECTORS, ROWS, THUMBNAILS = "vectors-00000.npy", "rows-00000.parquet", "thumbnails-00000.zip"


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    write_shard(tmp_path / "w", 0, rows(22, **outcomes("o" * 20 + "sf")), unit(20), photos=True)
    index(tmp_path / "w", tmp_path / "g", Provenance(title="T"))
    return tmp_path / "g"


def rewrite(folder: Path, name: str, write: Callable[[Path], object]) -> None:
    """Replace a file and make the manifest agree: only a look inside can find it."""
    write(folder / name)
    record = json.loads((folder / NAME).read_text())
    record["files"][name] = describe_file(folder / name).model_dump()
    (folder / NAME).write_text(json.dumps(record))


def test_a_good_gallery_is_good(gallery: Path):
    steps: list[str] = []
    report = verify(gallery, say=steps.append)
    assert report.ok
    assert (report.rows, report.thumbnails) == (20, 20)
    assert "nothing is wrong" in str(report)
    assert "shard 1 of 1" in steps


def vectors(change: Callable[[np.ndarray], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        array = np.load(path)
        change(array)
        np.save(path, array)

    return write


def table(**columns: list) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        kept = {**pq.read_table(path).to_pydict(), **columns}
        pq.write_table(pa.table({name: column for name, column in kept.items() if column}), path)

    return write


def archive(members: dict[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, data in members.items():
                out.writestr(name, data)

    return write


IDS = rows(20)["id"]
INSIDE = {
    "a zero": (VECTORS, vectors(lambda a: a.__setitem__(3, 0)), "row 3,.*length is not 1"),
    "not finite": (VECTORS, vectors(lambda a: a.__setitem__((4, 2), np.nan)), "row 4,.*length is not 1"),
    "another shape": (VECTORS, lambda path: np.save(path, unit(20, 4).astype(np.float16)), "holds float16"),
    "another kind": (VECTORS, lambda path: np.save(path, unit(20)), "holds float32"),
    "pickled": (VECTORS, lambda path: np.save(path, np.array([{}]), allow_pickle=True), "not an array"),
    "too few rows": (ROWS, lambda path: pq.write_table(pq.read_table(path).slice(1), path), "has 19 rows"),
    "ids twice": (ROWS, table(id=[*IDS[:19], IDS[0]]), "repeat the id.*photo-000000"),
    "no id": (ROWS, table(id=[*IDS[:19], None]), "without an id"),
    "no column": (ROWS, table(lat=[]), "lacks the columns lat"),
    "nowhere": (ROWS, table(lat=[*[0.0] * 19, 90.5]), "row 19,.*coordinates"),
    "no table": (ROWS, lambda path: path.write_bytes(b"no table"), "cannot be read"),
    "no photo": (THUMBNAILS, archive({"0000002.jpg": b"GIF89a?"}), "no photos, such as 0000002.jpg"),
    "half a photo": (THUMBNAILS, archive({"0000002.jpg": jpeg(2)[:-300]}), "no photos"),
    "a bomb": (THUMBNAILS, archive({"0000002.jpg": bytes(90_000_000)}), "no photos"),
    "a path": (THUMBNAILS, archive({"../../0000002.jpg": jpeg(1)}), "members of no row"),
    "a row too many": (THUMBNAILS, archive({"0000020.jpg": jpeg(1)}), "members of no row"),
    "no archive": (THUMBNAILS, lambda path: path.write_bytes(b"no archive"), "cannot be read"),
    "fewer unused": ("unused.parquet", lambda path: pq.write_table(pq.read_table(path).slice(1), path), "1 unused"),
}


@pytest.mark.parametrize("kind", INSIDE)
def test_damage_inside_files_is_found(gallery: Path, kind: str):
    name, write, words = INSIDE[kind]
    rewrite(gallery, name, write)
    problems = verify(gallery).problems
    assert len(problems) == 1
    import re

    assert re.search(words, problems[0])
    assert re.search(r"(again|manifest)[^.]*\.$", problems[0])


def test_everything_is_listed_not_only_the_first(gallery: Path):
    for name in (VECTORS, ROWS, THUMBNAILS):
        data = bytearray((gallery / name).read_bytes())
        data[len(data) // 2] ^= 255
        (gallery / name).write_bytes(data)
    (gallery / "unused.parquet").unlink()
    (gallery / "notes.txt").write_text("mine")
    report = verify(gallery)
    assert sum("was changed" in problem for problem in report.problems) == 3
    assert any(problem.startswith("unused.parquet cannot be read") for problem in report.problems)
    assert report.remarks == ["notes.txt is no part of the gallery. Delete it, or leave it: nothing reads it."]
    assert f"{len(report.problems)} problems" in str(report)


def test_a_cut_file_and_no_manifest(gallery: Path):
    file = gallery / VECTORS
    file.write_bytes(file.read_bytes()[:-10])
    assert any("bytes, the manifest says" in problem for problem in verify(gallery).problems)
    (gallery / NAME).unlink()
    assert "did not finish" in verify(gallery).problems[0]
