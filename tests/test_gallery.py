"""Opening refuses whatever is not whole; searching is exact at both ends; choosing says why."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc_core.errors import EncoderMismatch, GalleryDamaged, GalleryMissing
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import STARTER, STARTER_LOCATIONS, choose, default_gallery, find_galleries
from geoloc_core.gallery.manifest import NAME, read_manifest
from geoloc_core.gallery.search import two_ended
from geoloc_core.settings import Settings


@pytest.fixture
def gallery_copy(small_gallery: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_gallery, tmp_path / "copy")


def edit_manifest(folder: Path, **changes: object) -> None:
    record = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps({**record, **changes}))


def test_opens_with_rows_in_order(small_gallery: Path):
    gallery = Gallery.open(small_gallery)
    assert len(gallery) == gallery.manifest.count == 24
    assert gallery.row(0)["id"] == "a/01.jpg"
    assert gallery.coordinates[0] == pytest.approx((40.5, -2), abs=1e-6)
    assert gallery.thumbnail(5).startswith(b"\xff\xd8")


def exact(vectors: np.ndarray, query: np.ndarray, k: int) -> tuple[list[int], list[int]]:
    """The plain answer: sort everything."""
    scores = vectors @ query
    rows = np.arange(len(vectors))
    return list(np.lexsort((rows, -scores))[:k]), list(np.lexsort((rows, scores))[:k])


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_both_ends_are_exact(rows: int, k: int, block: int, seed: int):
    """Against a full sort, with many ties: small whole numbers are exact in float32 in any order of summing."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (rows, 4)).astype(np.float32)
    query = rng.integers(-2, 3, 4).astype(np.float32)
    found = two_ended((vectors[i : i + block] for i in range(0, rows, block)), query, k)
    near, far = exact(vectors, query, k)
    assert list(found.nearest.rows) == near
    assert list(found.farthest.rows) == far
    assert np.array_equal(found.nearest.similarity, (vectors @ query)[near])


def test_search_agrees_with_faiss(small_gallery: Path):
    import faiss

    gallery = Gallery.open(small_gallery)
    vectors = np.load(small_gallery / "vectors-00000.npy").astype(np.float32)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    for query in vectors[:5]:
        found = gallery.two_ended(query, 7)
        near = index.search(query[None], 7)
        far = index.search(-query[None], 7)
        assert found.nearest.similarity == pytest.approx(near[0][0], abs=1e-5)
        assert list(found.nearest.rows) == list(near[1][0])
        assert found.farthest.similarity == pytest.approx(-far[0][0], abs=1e-5)


def test_k_beyond_the_gallery_gives_all_of_it(small_gallery: Path):
    gallery = Gallery.open(small_gallery)
    assert sorted(gallery.nearest(np.ones(gallery.manifest.dim), 999).rows) == list(range(24))


@pytest.mark.parametrize("query", [np.ones(3), np.full(1, np.nan)])
def test_wrong_queries_are_refused(small_gallery: Path, query: np.ndarray):
    with pytest.raises(EncoderMismatch, match="Encode with im2gps"):
        Gallery.open(small_gallery).nearest(query, 3)


def test_another_encoder_is_refused(small_gallery: Path):
    with pytest.raises(EncoderMismatch, match="Use the encoder im2gps"):
        Gallery.open(small_gallery).check_encoder("open_clip/other")


def test_no_folder_and_no_manifest(tmp_path: Path):
    with pytest.raises(GalleryMissing, match="no folder"):
        Gallery.open(tmp_path / "nothing")
    with pytest.raises(GalleryMissing, match="did not finish"):
        Gallery.open(tmp_path)


@pytest.mark.parametrize("name", ["vectors-00000.npy", "rows-00000.parquet", "thumbnails-00000.zip"])
def test_a_missing_cut_or_changed_file_is_refused(gallery_copy: Path, name: str):
    file = gallery_copy / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(GalleryDamaged, match=name):
        Gallery.open(gallery_copy)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(GalleryDamaged, match=name):
        Gallery.open(gallery_copy)
    file.unlink()
    with pytest.raises(GalleryDamaged, match="missing"):
        Gallery.open(gallery_copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 25},
        {"dim": 3},
        {"dim": -1},
        {"version": 2},
        {"format": "something"},
        {"shards": []},
        {"surprise": 1},
        {"files": {}},
        {"encoder": "im2gps"},
        {"created": "yesterday"},
        {"shards": [{"vectors": "../../etc/passwd", "rows": "rows-00000.parquet", "count": 24}]},
        {"shards": [{"vectors": "/etc/passwd", "rows": "rows-00000.parquet", "count": 24}]},
        {"shards": [{"vectors": "rows-00000.parquet", "rows": "vectors-00000.npy", "count": 24}]},
    ],
)
def test_a_lying_manifest_is_refused(gallery_copy: Path, changes: dict):
    edit_manifest(gallery_copy, **changes)
    with pytest.raises(GalleryDamaged, match="again"):
        Gallery.open(gallery_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", '{"a":' * 5000])
def test_a_manifest_that_is_no_json_is_refused(gallery_copy: Path, text: str):
    (gallery_copy / NAME).write_text(text)
    with pytest.raises(GalleryDamaged):
        Gallery.open(gallery_copy)


def rewrite(folder: Path, name: str, write) -> None:
    """Replace a file and make the manifest agree, as someone who lies on purpose would."""
    from geoloc_core.gallery.manifest import describe_file

    write(folder / name)
    record = json.loads((folder / NAME).read_text())
    record["files"][name] = describe_file(folder / name).model_dump()
    (folder / NAME).write_text(json.dumps(record))


def test_pickled_vectors_are_never_loaded(gallery_copy: Path):
    rewrite(
        gallery_copy, "vectors-00000.npy", lambda p: np.save(p, np.array([{}] * 24, dtype=object), allow_pickle=True)
    )
    with pytest.raises(GalleryDamaged, match="not an array"):
        Gallery.open(gallery_copy)


def test_impossible_coordinates_are_refused(gallery_copy: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": [str(i) for i in range(24)], "lat": [123.0] * 24, "lon": [0.0] * 24}
    rewrite(gallery_copy, "rows-00000.parquet", lambda p: pq.write_table(pa.table(columns), p))
    with pytest.raises(GalleryDamaged, match="coordinates"):
        Gallery.open(gallery_copy)


def test_rows_without_the_needed_columns_are_refused(gallery_copy: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rewrite(gallery_copy, "rows-00000.parquet", lambda p: pq.write_table(pa.table({"id": ["x"] * 24}), p))
    with pytest.raises(GalleryDamaged):
        Gallery.open(gallery_copy)


def test_a_swollen_thumbnail_is_left_out(gallery_copy: Path):
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("0000000.jpg", bytes(50_000_000))

    rewrite(gallery_copy, "thumbnails-00000.zip", write)
    gallery = Gallery.open(gallery_copy)
    assert gallery.thumbnail(0) is None
    assert gallery.thumbnail(1) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_thumbnail_is_found_however_it_is_stored(gallery_copy: Path, method: int):
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for row in (0, 7, 23):
                archive.writestr(f"{row:07d}.jpg", f"photo {row} named 0000007.jpg".encode() * 9)

    rewrite(gallery_copy, "thumbnails-00000.zip", write)
    gallery = Gallery.open(gallery_copy)
    assert [row for row in range(24) if gallery.thumbnail(row)] == [0, 7, 23]
    for row in (0, 7, 23):
        assert gallery.thumbnail(row) == f"photo {row} named 0000007.jpg".encode() * 9


def test_a_thumbnail_that_was_tampered_with_is_refused(gallery_copy: Path):
    archive = gallery_copy / "thumbnails-00000.zip"
    whole = bytearray(archive.read_bytes())
    whole[200] ^= 1
    rewrite(gallery_copy, archive.name, lambda path: path.write_bytes(whole))
    with pytest.raises(GalleryDamaged, match=r"thumbnails-00000\.zip"):
        Gallery.open(gallery_copy).thumbnail(0)


def test_rows_are_found_in_any_group(gallery_copy: Path):
    import pyarrow.parquet as pq

    table = pq.read_table(gallery_copy / "rows-00000.parquet")
    rewrite(gallery_copy, "rows-00000.parquet", lambda path: pq.write_table(table, path, row_group_size=5))
    gallery = Gallery.open(gallery_copy)
    assert [gallery.row(row)["id"] for row in range(24)] == table["id"].to_pylist()


def test_catalogue_lists_whole_and_broken_galleries(small_gallery: Path, tmp_path: Path):
    shutil.copytree(small_gallery, tmp_path / "good")
    shutil.copytree(small_gallery, tmp_path / "half")
    (tmp_path / "half" / NAME).unlink()
    (tmp_path / ".good.building-1").mkdir()
    listed = {entry.name: entry for entry in find_galleries(Settings(galleries=tmp_path))}
    assert set(listed) == {"good", "half", STARTER.name, STARTER_LOCATIONS.name}
    assert listed["good"].manifest == read_manifest(small_gallery)
    assert "did not finish" in listed["half"].problem


def test_the_default_gallery_has_a_reason(small_gallery: Path, tmp_path: Path):
    alone = Settings(galleries=tmp_path / "none")
    assert "no other usable gallery" in default_gallery(find_galleries(alone), alone)[1].reason
    shutil.copytree(small_gallery, tmp_path / "mine")
    config = Settings(galleries=tmp_path)
    larger = shutil.copytree(small_gallery, tmp_path / "no weights")
    edit_manifest(larger, encoder={"id": "open_clip/unknown", "name": "unknown"})
    entry, choice = default_gallery(find_galleries(config), config)
    assert entry.name == "mine"
    assert "largest" in choice.reason
    named = Settings(galleries=tmp_path, gallery="starter")
    assert default_gallery(find_galleries(named), named)[1].reason == "the settings name it"


def test_choosing_by_name_path_and_neither(small_gallery: Path, tmp_path: Path):
    config = Settings(galleries=tmp_path)
    assert choose("starter", config)[0] == STARTER
    assert choose(str(small_gallery), config)[0] == small_gallery
    with pytest.raises(GalleryMissing, match="starter"):
        choose("atlantis", config)
