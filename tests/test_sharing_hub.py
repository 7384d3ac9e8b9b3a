"""Push and pull through huggingface_hub's real client against a hub on loopback (large files by LFS, not Xet)."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from huggingface_hub import constants

from geoloc_core.errors import GalleryDamaged, GalleryMissing, SharingError, SharingInterrupted
from geoloc_core.gallery import Gallery
from geoloc_core.gallery.manifest import NAME, describe_file, read_manifest
from geoloc_core.gallery.remote import open_url, pull, push
from geoloc_core.paths import ROOT
from tests.loopback_datasets import TOKEN, LoopbackDatasets, Repository
from tests.make_gallery import write_gallery

CARD = {"README.md": b"---\npretty_name: Small\n---\n# Small\n", "coverage.png": b"no real picture"}
URL = "hf://datasets/team/places"
LARGE = {"vectors-00000.npy", "rows-00000.parquet", "thumbnails-00000.zip"}


@pytest.fixture
def hub(monkeypatch):
    hub = LoopbackDatasets()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield hub
    hub.close()


@pytest.fixture
def gallery(tmp_path):
    return write_gallery(tmp_path / "mine", count=20_000)


def retitled(gallery, title):
    manifest = read_manifest(gallery)
    (gallery / NAME).write_text(manifest.model_copy(update={"title": title}).to_json())
    return gallery


def test_a_gallery_goes_there_in_one_commit_and_back(hub, gallery, tmp_path):
    steps = []
    pushed = push(gallery, URL, card=CARD, on_progress=lambda *step: steps.append(step))
    repo = hub.repos["team/places"]
    assert repo.private and len(repo.commits) == 2 and repo.branches["main"] == pushed.revision
    assert (
        set(repo.commits[pushed.revision]) == {*LARGE, *CARD, NAME, ".gitattributes"} and steps[-1][0] == steps[-1][1]
    )
    pulled = pull(URL, tmp_path / "theirs")
    assert pulled.revision == pushed.revision and set(pulled.fetched) == {*LARGE, *CARD}
    assert Gallery.open(pulled.path, verify=True).manifest == read_manifest(pulled.path)
    assert len(open_url(URL)) == 20_000
    assert push(gallery, URL, card=CARD).sent == () and len(repo.commits) == 2


def test_a_push_that_broke_off_sends_only_the_rest(hub, gallery):
    hub.refuse_uploads = 2
    with pytest.raises(SharingError):
        push(gallery, URL, card=CARD)
    assert len(hub.storage) == 2 and len(hub.repos["team/places"].commits) == 1
    hub.refuse_uploads, hub.log[:] = None, []
    push(gallery, URL, card=CARD)
    assert len(hub.seen("PUT", "/upload/")) == 2  # of four large files
    hub.log.clear()
    push(retitled(gallery, "Other name"), URL, card=CARD)
    assert not hub.seen("PUT", "/upload/") and len(hub.repos["team/places"].commits) == 3


def test_a_pull_takes_a_broken_connection_up_again(hub, gallery, tmp_path):
    push(gallery, URL)
    vectors = read_manifest(gallery).files["vectors-00000.npy"]
    hub.log.clear()
    hub.cut = 1_500_000
    assert pull(URL, tmp_path / "theirs").path.is_dir()
    starts = [wanted for verb, path, wanted in hub.log if verb == "GET" and vectors.sha256 in path]
    assert starts == ["bytes=0-", "bytes=1500000-"]
    shutil.rmtree(tmp_path / "theirs")
    hub.cut = 600_000
    with pytest.raises(SharingInterrupted, match="goes on"):
        pull(URL, tmp_path / "theirs")
    hub.cut, hub.log[:] = None, []
    pull(URL, tmp_path / "theirs")
    assert [wanted for _, path, wanted in hub.log if vectors.sha256 in path] == ["bytes=600000-"]
    assert Gallery.open(tmp_path / "theirs", verify=True)


def test_a_pinned_revision_stays_what_it_was(hub, gallery, tmp_path):
    first = push(gallery, URL).revision
    second = push(retitled(gallery, "Later"), URL).revision
    theirs = pull(URL, tmp_path / "theirs", revision=first).path
    assert read_manifest(theirs).title == "Small"
    assert json.loads((theirs / "origin.json").read_text())["revision"] == first
    hub.log.clear()
    assert pull(f"{URL}@{first}", theirs).fetched == () and hub.log == []  # a commit never changes
    assert pull(URL, theirs).revision == second and read_manifest(theirs).title == "Later"
    assert not hub.seen("GET", "/cdn/")
    with pytest.raises(GalleryMissing):
        pull(URL, tmp_path / "none", revision="no-such-branch")
    with pytest.raises(SharingError, match="one of them"):
        pull(f"{URL}@{first}", tmp_path / "none", revision=second)


def test_a_branch_that_moves_during_a_pull_does_not_mix(hub, gallery, tmp_path):
    push(gallery, URL)
    hub.cut = 600_000
    with pytest.raises(SharingInterrupted):
        pull(URL, tmp_path / "theirs")
    hub.cut = None
    other = write_gallery(tmp_path / "other", count=20_000, seed=1)
    push(other, URL, overwrite=True)
    pull(URL, tmp_path / "theirs")
    vectors = "vectors-00000.npy"
    assert describe_file(tmp_path / "theirs" / vectors) == describe_file(other / vectors)


def test_a_push_goes_to_the_branch_it_names(hub, gallery):
    push(gallery, URL)
    revision = push(retitled(gallery, "Trial"), f"{URL}@trial").revision
    repo = hub.repos["team/places"]
    assert repo.branches["trial"] == revision != repo.branches["main"]
    with pytest.raises(SharingError, match="branch"):
        push(gallery, f"{URL}@{revision}")


def test_nothing_becomes_public_unless_it_is_said(hub, gallery):
    hub.repos["team/open"] = Repository(private=False)
    with pytest.raises(SharingError, match="--public"):
        push(gallery, "hf://datasets/team/open")
    assert not hub.storage
    push(gallery, "hf://datasets/team/open", public=True)
    push(gallery, "hf://datasets/team/new", public=True)
    assert not hub.repos["team/new"].private


def test_another_gallery_and_other_data_are_left_alone(hub, gallery, tmp_path):
    push(gallery, URL)
    other = write_gallery(tmp_path / "other", seed=1)
    with pytest.raises(SharingError, match="another gallery"):
        push(other, URL)
    hub.repos["team/data"] = Repository(private=True)
    hub.repos["team/data"].commit("main", {"train.csv": b"1,2"})
    with pytest.raises(SharingError, match=r"train\.csv"):
        push(gallery, "hf://datasets/team/data")


def test_who_may_not_read_is_told_what_to_do(hub, gallery, tmp_path, monkeypatch):
    push(gallery, URL)
    monkeypatch.setenv("HF_TOKEN", "hf_somebody_else")
    for act in (lambda: pull(URL, tmp_path / "theirs"), lambda: push(gallery, "hf://datasets/team/mine")):
        with pytest.raises((GalleryMissing, SharingError), match="hf auth login") as caught:
            act()
        assert "hf_somebody_else" not in str(caught.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SharingError, match="HF_HUB_OFFLINE"):
        pull(URL, tmp_path / "theirs")


def test_other_bytes_than_the_manifest_names_are_refused(hub, gallery, tmp_path):
    push(gallery, URL)
    digest = read_manifest(gallery).files["vectors-00000.npy"].sha256
    hub.storage[digest] = bytes(len(hub.storage[digest]))
    with pytest.raises(GalleryDamaged, match="vectors-00000"):
        pull(URL, tmp_path / "theirs")
    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize("url", ["hf://team/places", "hf://datasets/places", "hf://datasets/a/b/c", "hf://buckets/a/b"])
def test_an_address_of_the_hub_that_is_none_is_refused(url, tmp_path):
    with pytest.raises(SharingError, match="hf://datasets/OWNER/NAME"):
        pull(url, tmp_path / "theirs")


def test_the_commands_of_the_docs_run(hub, gallery, tmp_path, monkeypatch):
    from index_builder.__main__ import main

    shutil.copytree(gallery, tmp_path / "GALLERY")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m index_builder (.+)$", text, re.M)
    assert len(commands) == 6
    for command in commands:
        here = command.replace("s3://", "memory://").replace("/mnt/share", str(tmp_path / "share"))
        assert main(here.split()) == 0, command
    MemoryFileSystem.store.clear()
    for name in ("MINE", "PINNED", "THEIRS"):
        assert (tmp_path / name / "coverage.png").read_bytes()[:4] == b"\x89PNG"
        assert "# Small" in (tmp_path / name / "README.md").read_text()
    assert "pull hf://datasets/OWNER/NAME GALLERY" in (tmp_path / "MINE" / "README.md").read_text()
