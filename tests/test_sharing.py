"""Galleries pushed to and pulled from folders, memory and a hub: whole, broken off, tampered with, hostile, private."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from geoloc_core.errors import GalleryDamaged, GalleryMissing, SharingError, SharingInterrupted
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.catalogue import choose
from geoloc_core.gallery.manifest import NAME, Excluded, NearIndex, describe_file, read_manifest
from geoloc_core.gallery.remote import fetched, open_url, pull, push, redacted
from geoloc_core.gallery.remote import receive as receiving
from geoloc_core.gallery.remote.folder_store import STATE
from geoloc_core.gallery.remote.push import sharable
from geoloc_core.gallery.remote.urls import folder_name, redacted_error
from geoloc_core.settings import settings
from tests.make_gallery import write_gallery

CARD = {"README.md": b"# A card\n", "coverage.png": b"no real picture"}
SECRET = "p@ss/w:rd"


class Faulty(MemoryFileSystem):
    """Memory behind a connection that breaks after `budget` bytes, in either direction."""

    protocol = "faulty"
    store: dict = {}  # noqa: RUF012
    pseudo_dirs: list = [""]  # noqa: RUF012
    budget: int | None = None
    moved: list = []  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).replace("faulty://", "memory://"))

    def spend(self, size: int) -> None:
        cls = type(self)
        if cls.budget is not None:
            cls.budget -= size
            if cls.budget < 0:
                raise ConnectionResetError(f"peer reset sftp://alice:{SECRET}@host")

    def put_file(self, lpath, rpath, **kwargs):
        self.moved.append(("put", rpath.rpartition("/")[2]))
        self.spend(Path(lpath).stat().st_size)
        super().put_file(lpath, rpath, **kwargs)

    def _open(self, path, mode="rb", **kwargs):
        file = super()._open(path, mode, **kwargs)
        if mode != "rb":
            return file
        self.moved.append(("get", path.rpartition("/")[2]))
        return Slow(self, file)


class Slow:
    """A file whose reads cost the budget."""

    def __init__(self, fs, file):
        self.fs, self.file = fs, file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size=-1):
        data = self.file.read(min(size, 50_000))
        self.fs.spend(len(data))
        return data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(autouse=True)
def clean_memory():
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    for kind in (MemoryFileSystem, Faulty):
        kind.store.clear()
        kind.pseudo_dirs[:] = [""]
    Faulty.budget = None
    Faulty.moved.clear()


@pytest.fixture
def gallery(tmp_path):
    """A gallery with a list of unused photos, an index from FAISS, and texts that give away too much."""
    folder = write_gallery(tmp_path / "mine")
    (folder / "unused.parquet").write_bytes(b"ids of photos")
    (folder / "near.faiss").write_bytes(b"an index")
    manifest = read_manifest(folder)
    files = {name: describe_file(folder / name) for name in (*manifest.files, "unused.parquet", "near.faiss")}
    near = NearIndex(file="near.faiss", key="IVF", search=1, rows=1, recall_near=1, recall_far=0, queries=1, k=1)
    update = {"files": files, "near": near, "unused": "unused.parquet", "source": f"https://alice:{SECRET}@example.org"}
    (folder / NAME).write_text(manifest.model_copy(update=update).to_json())
    return folder


def grown(folder, to):
    """The gallery with one more shard, as `append` makes it."""
    shutil.copytree(folder, to)
    manifest = read_manifest(to)
    first = manifest.shards[0]
    names = {"vectors": "vectors-00001.npy", "rows": "rows-00001.parquet", "thumbnails": None}
    for kind, name in names.items():
        if name:
            shutil.copyfile(to / getattr(first, kind), to / name)
    files = {**manifest.files, **{name: describe_file(to / name) for name in names.values() if name}}
    shards = (first, first.model_copy(update=names))
    more = manifest.model_copy(update={"shards": shards, "files": files, "count": 2 * manifest.count})
    (to / NAME).write_text(more.to_json())
    return to


@pytest.mark.parametrize("kind", ["file", "memory", "path"])
def test_a_gallery_goes_there_and_back(gallery, tmp_path, kind):
    url = {"file": (tmp_path / "share").as_uri(), "memory": "memory://share/g", "path": str(tmp_path / "share")}[kind]
    steps = []
    pushed = push(gallery, url, card=CARD, on_progress=lambda *step: steps.append(step))
    assert set(pushed.sent) >= {"README.md", "coverage.png", "vectors-00000.npy"} and steps[-1][0] == steps[-1][1]
    pulled = pull(url, tmp_path / "theirs")
    assert {file.name for file in pulled.path.iterdir()} == {*pushed.sent, NAME, "origin.json"}
    assert Gallery.open(pulled.path, verify=True).manifest == sharable(
        read_manifest(gallery).model_copy(update={"files": read_manifest(pulled.path).files}), with_unused=False
    )
    assert not [file.name for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_what_is_nobody_elses_business_stays(gallery, tmp_path, monkeypatch):
    manifest = read_manifest(gallery)
    told = {"command": f"python -m index_builder build {tmp_path}/photos s3://bucket/x?X-Amz-Signature=abc"}
    told["excluded"] = (Excluded(table=f"{tmp_path}/test.csv", sha256="0" * 64, by_id=1, by_author=0),)
    (gallery / NAME).write_text(manifest.model_copy(update=told).to_json())
    monkeypatch.setenv("HOME", str(tmp_path))
    push(gallery, "memory://g")
    there = MemoryFileSystem()
    text = there.cat("/g/manifest.json").decode()
    assert not {"/g/unused.parquet", "/g/near.faiss", f"/g/{STATE}"} & set(there.find("/g"))
    assert "near.faiss" not in text and "unused.parquet" not in text
    assert SECRET not in text and str(tmp_path) not in text and "abc" not in text and "build ~/photos" in text
    push(gallery, "memory://g2", with_unused=True)
    assert there.exists("/g2/unused.parquet") and not there.exists("/g2/near.faiss")


def test_a_broken_push_goes_on(gallery, tmp_path):
    Faulty.budget = read_manifest(gallery).files["vectors-00000.npy"].bytes + 10
    with pytest.raises(SharingInterrupted, match="goes on") as caught:
        push(gallery, "faulty://g", card=CARD)
    assert SECRET not in str(caught.value)
    with pytest.raises(GalleryMissing, match="did not finish"):
        pull("faulty://g", tmp_path / "theirs")
    first = [name for verb, name in Faulty.moved if verb == "put"]
    Faulty.budget, Faulty.moved[:] = None, []
    pushed = push(gallery, "faulty://g", card=CARD)
    assert set(pushed.sent) == {*read_manifest(gallery).files, *CARD} - {*first[:-1], "near.faiss", "unused.parquet"}
    assert len(first) > 1
    Faulty.moved.clear()
    assert push(gallery, "faulty://g", card=CARD).sent == () and ("put", NAME) not in Faulty.moved
    assert not Faulty().exists(f"/g/{STATE}")
    assert pull("faulty://g", tmp_path / "theirs").path.is_dir()


def test_a_file_of_the_same_size_with_other_bytes_is_sent_again(gallery, tmp_path):
    other = shutil.copytree(gallery, tmp_path / "other")
    vectors = other / "vectors-00000.npy"
    vectors.write_bytes(vectors.read_bytes()[:-2] + b"zz")
    manifest = read_manifest(other)
    files = {**manifest.files, "vectors-00000.npy": describe_file(vectors)}
    (other / NAME).write_text(manifest.model_copy(update={"files": files}).to_json())
    push(gallery, "faulty://g")
    with pytest.raises(SharingError, match="--overwrite"):
        push(other, "faulty://g")
    Faulty.budget = 1000 + len(Faulty().cat("/g/manifest.json"))
    with pytest.raises(SharingInterrupted):
        push(other, "faulty://g", overwrite=True)
    Faulty.budget = None
    with pytest.raises(GalleryMissing):  # neither the old gallery nor the new one is whole there
        pull("faulty://g", tmp_path / "theirs")
    assert push(other, "faulty://g").sent == ("vectors-00000.npy",)
    assert describe_file(pull("faulty://g", tmp_path / "theirs").path / "vectors-00000.npy") == files[vectors.name]


def test_what_else_lies_there_is_left_alone(gallery, tmp_path):
    share = tmp_path / "share"
    share.mkdir()
    (share / "rows-00000.parquet").write_text("mine")
    with pytest.raises(SharingError, match="no push of this gallery"):
        push(gallery, str(share))
    assert (share / "rows-00000.parquet").read_text() == "mine"
    push(gallery, str(share), overwrite=True)
    assert pull(str(share), tmp_path / "theirs").path.is_dir()


def test_a_damaged_gallery_is_not_pushed(gallery):
    vectors = gallery / "vectors-00000.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"!")
    with pytest.raises(GalleryDamaged, match="vectors-00000"):
        push(gallery, "memory://g")
    assert not MemoryFileSystem.store


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_broken_pull_goes_on_where_it_stopped(gallery, tmp_path, share):
    total = push(gallery, "faulty://g").bytes
    manifest_size = len(Faulty().cat("/g/manifest.json"))
    Faulty.budget = manifest_size + int(share * total)
    with pytest.raises(SharingInterrupted) as caught:
        pull("faulty://g", tmp_path / "theirs")
    assert SECRET not in str(caught.value) and not (tmp_path / "theirs").exists()
    arrived = sum(f.stat().st_size for f in (tmp_path / ".theirs.pulling").iterdir() if f.name != NAME)
    assert arrived > 0 or share == 0.1
    Faulty.budget = 2 * manifest_size + total - arrived  # enough for the rest, not for starting again
    pull("faulty://g", tmp_path / "theirs")
    assert Gallery.open(tmp_path / "theirs", verify=True) and not list(tmp_path.glob(".theirs*"))


def test_pulling_again_costs_the_manifest_and_then_only_what_changed(gallery, tmp_path):
    push(gallery, "faulty://g")
    pull("faulty://g", tmp_path / "theirs")
    Faulty.moved.clear()
    assert pull("faulty://g", tmp_path / "theirs").fetched == ()
    assert Faulty.moved == [("get", NAME)]
    assert set(push(grown(gallery, tmp_path / "more"), "faulty://g").sent) == {
        "vectors-00001.npy",
        "rows-00001.parquet",
    }
    assert set(pull("faulty://g", tmp_path / "theirs").fetched) == {"vectors-00001.npy", "rows-00001.parquet"}
    assert len(Gallery.open(tmp_path / "theirs", verify=True)) == 2 * read_manifest(gallery).count


def test_a_damaged_copy_is_repaired(gallery, tmp_path):
    push(gallery, "memory://g")
    theirs = pull("memory://g", tmp_path / "theirs").path
    (theirs / "rows-00000.parquet").write_bytes(b"short")
    assert pull("memory://g", theirs).fetched == ("rows-00000.parquet",)
    assert Gallery.open(theirs, verify=True)


def test_tampered_bytes_never_get_a_name(gallery, tmp_path):
    push(gallery, "memory://g")
    name = "/g/vectors-00000.npy"
    good = MemoryFileSystem().cat(name)
    for bad in (good[:-1] + b"!", good[:-1], b""):
        MemoryFileSystem().pipe(name, bad)
        with pytest.raises((GalleryDamaged, SharingInterrupted)):
            pull("memory://g", tmp_path / "theirs")
        assert not (tmp_path / "theirs").exists()
    MemoryFileSystem().pipe(name, good + b"surplus" * 100_000)
    pull("memory://g", tmp_path / "theirs")
    assert (tmp_path / "theirs" / "vectors-00000.npy").stat().st_size == len(good)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"files": {"../evil": {"bytes": 1, "sha256": "0" * 64}}}, "pattern"),
        ({"format": "zip"}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"shards": []}, "shards"),
        ({"title": "x" * 20_000_000}, "too large"),
    ],
)
def test_a_hostile_manifest_is_refused(gallery, tmp_path, change, problem):
    push(gallery, "memory://g")
    raw = json.loads(MemoryFileSystem().cat("/g/manifest.json"))
    MemoryFileSystem().pipe("/g/manifest.json", json.dumps({**raw, **change}).encode())
    with pytest.raises(GalleryDamaged, match=problem) as caught:
        pull("memory://g", tmp_path / "theirs")
    assert len(str(caught.value)) < 1000 and not list(tmp_path.glob("*theirs*")) and not (tmp_path / "evil").exists()
    with pytest.raises(GalleryDamaged):
        push(gallery, "memory://g")


def test_files_that_no_gallery_is_made_of_are_not_taken_from_a_stranger(gallery, tmp_path):
    push(gallery, "memory://g")
    whole = read_manifest(gallery).to_json()  # as somebody else's program may publish it: index and all
    MemoryFileSystem().pipe("/g/manifest.json", whole.encode())
    for name in ("near.faiss", "unused.parquet"):
        MemoryFileSystem().pipe(f"/g/{name}", (gallery / name).read_bytes())
    theirs = pull("memory://g", tmp_path / "theirs").path
    assert not (theirs / "near.faiss").exists() and read_manifest(theirs).near is None
    assert (theirs / "unused.parquet").exists()


@pytest.mark.parametrize("name", ["manifest.json", "origin.json", "ROWS-00000.parquet", "rows-00000.parquet.part"])
def test_names_that_would_overwrite_each_other_are_refused(gallery, tmp_path, name):
    push(gallery, "memory://g")
    raw = json.loads(MemoryFileSystem().cat("/g/manifest.json"))
    raw["files"][name], raw["unused"] = raw["files"]["rows-00000.parquet"], name
    MemoryFileSystem().pipe("/g/manifest.json", json.dumps(raw).encode())
    with pytest.raises(GalleryDamaged, match="overwrite each other"):
        pull("memory://g", tmp_path / "theirs")


def test_a_full_disk_is_said_before_anything_is_fetched(gallery, tmp_path, monkeypatch):
    push(gallery, "faulty://g")
    Faulty.moved.clear()
    monkeypatch.setattr(receiving, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(SharingError, match="larger disk"):
        pull("faulty://g", tmp_path / "theirs")
    assert Faulty.moved == [("get", NAME)]


def test_a_pull_replaces_only_what_it_brought(gallery, tmp_path):
    push(gallery, "memory://g")
    push(gallery, "memory://h")
    for folder in (gallery, tmp_path):
        with pytest.raises(SharingError, match="not pulled"):
            pull("memory://g", folder)
    theirs = pull("memory://g", tmp_path / "theirs").path
    with pytest.raises(SharingError, match="came from memory://g"):
        pull("memory://h", theirs)
    manifest = read_manifest(theirs)
    (theirs / NAME).write_text(manifest.model_copy(update={"title": "Mine"}).to_json())
    with pytest.raises(SharingError, match="changed here"):
        pull("memory://g", theirs)
    assert read_manifest(theirs).title == "Mine"


def test_a_url_opens_like_a_gallery_even_when_nobody_answers(gallery, caplog):
    push(gallery, "faulty://team/places")
    assert len(open_url("faulty://team/places")) == read_manifest(gallery).count
    folder = fetched("faulty://team/places", settings())
    assert choose("faulty://team/places", settings())[0] == folder
    assert folder.parent == settings().galleries and folder.name.startswith("places-")
    Faulty.budget = 0
    with caplog.at_level(logging.WARNING):
        assert fetched("faulty://team/places", settings()) == folder
    assert "used as it is" in caplog.text
    Faulty.budget = None
    with pytest.raises(GalleryMissing):
        fetched("faulty://team/other", settings())


@pytest.mark.parametrize(
    ("url", "remedy"),
    [("s3://bucket/g", "pip install s3fs"), ("gs://b/g", "pip install gcsfs"), ("sftp://h/g", "pip install paramiko")],
)
def test_a_missing_package_is_named(gallery, url, remedy):
    package = remedy.split()[-1]
    try:
        __import__(package)
    except ImportError:
        with pytest.raises(SharingError, match=remedy):
            push(gallery, url)


def test_a_url_of_no_kind_is_refused(gallery):
    with pytest.raises(SharingError, match="nothing://"):
        push(gallery, "nothing://here")
    with pytest.raises(SharingError, match="revisions"):
        pull("memory://g", gallery, revision="v1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"sftp://alice:{SECRET}@host/g", "sftp://***@host/g"),
        ("https://token@host/g", "https://***@host/g"),
        ("https://h/g?X-Amz-Signature=abc&b=c", "https://h/g?***"),
        ("simplecache::sftp://a:b@h/g", "simplecache::sftp://***@h/g"),
        ("s3://bucket/a@b/c:d@e", "s3://bucket/a@b/c:d@e"),
        ("abfs://container@account.dfs.core.windows.net/g", "abfs://container@account.dfs.core.windows.net/g"),
        ("hf://datasets/o/n@v1", "hf://datasets/o/n@v1"),
    ],
)
def test_addresses_are_shown_without_secrets(url, shown):
    assert redacted(url) == shown


@given(st.text("abc:/@?#%. ", min_size=1))
def test_a_password_is_never_shown(rest):
    url = f"sftp://alice:hunter2{rest.strip()}@host/g"
    if " " not in url:
        assert "hunter2" not in redacted(url) and "hunter2" not in redacted_error(OSError(f"no {url}"), url)
        assert "hunter2" not in folder_name(url)
