"""Going on, retrying, and refusing to mix: what a work folder remembers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from geoloc_core.errors import GeolocError
from geoloc_core.gallery import Gallery
from index_builder import estimate
from index_builder.__main__ import main
from index_builder.embedding.engines import ATTEMPTS, Backlog, WorkersLost
from index_builder.embedding.work import Work, open_work
from tests.building import assert_same, content
from tests.conftest import make_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(30):
        make_photo(tmp_path / "photos" / f"{i:02d}.jpg", i, (i + 1, i), size=(96, 72))
    return tmp_path / "photos"


def build(photos: Path, out: Path, *more: object) -> int:
    return main(["build", str(photos), "--out", str(out), "--encoder", "im2gps", "--shard-rows", "8", *map(str, more)])


def embedded(photos: Path, work: Path) -> Work:
    """The work folder of `photos`, embedded but not published."""
    assert main(["manifest", str(photos), "--work", str(work), "--shard-rows", "8"]) == 0
    assert main(["embed", str(work), "--encoder", "im2gps"]) == 0
    return Work(work)


def unfinished(photos: Path, out: Path) -> Work:
    """A build that stopped after it had embedded two of its four shards."""
    work = embedded(photos, out.with_name(f".{out.name}.work"))
    work.done_file(1).unlink()
    work.done_file(3).unlink()
    return work


def test_stages_one_by_one_give_what_build_gives(photos: Path, tmp_path: Path, capsys):
    assert build(photos, tmp_path / "g") == 0
    work = embedded(photos, tmp_path / "work")
    assert main(["index", str(work.path), "--out", str(tmp_path / "h"), "--title", "photos"]) == 0
    assert "30" in capsys.readouterr().out
    one, other = content(tmp_path / "g"), content(tmp_path / "h")
    assert one[1].equals(other[1])
    assert (one[0] == other[0]).all()


def test_what_is_not_embedded_yet_is_not_indexed(photos: Path, tmp_path: Path, capsys):
    work = unfinished(photos, tmp_path / "g")
    assert main(["index", str(work.path), "--out", str(tmp_path / "h")]) == 2
    assert "2 of 4 shards are not embedded yet" in capsys.readouterr().err


def test_going_on_embeds_only_what_is_left(photos: Path, tmp_path: Path, capsys):
    assert build(photos, tmp_path / "whole") == 0
    work = unfinished(photos, tmp_path / "g")
    kept = {shard: work.done_file(shard).stat().st_mtime_ns for shard in (0, 2)}
    assert build(photos, tmp_path / "g", "--keep-work") == 0
    assert "going on: 2 of 4 shards are done" in capsys.readouterr().err
    assert kept == {shard: work.done_file(shard).stat().st_mtime_ns for shard in (0, 2)}
    assert_same(tmp_path / "g", tmp_path / "whole")


@pytest.mark.parametrize("damage", ["npy", "parquet", "foreign"])
def test_a_shard_whose_files_do_not_agree_is_done_again(photos: Path, tmp_path: Path, damage: str):
    assert build(photos, tmp_path / "whole") == 0
    work = unfinished(photos, tmp_path / "g")
    if damage == "npy":
        (work.embeddings / "00000.npy").write_bytes((work.embeddings / "00000.npy").read_bytes()[:100])
    elif damage == "parquet":
        work.done_file(0).write_bytes(b"PAR1 not at all")
    else:
        table = pq.read_table(work.done_file(0)).replace_schema_metadata(None)
        pq.write_table(table, work.done_file(0))
    assert build(photos, tmp_path / "g") == 0
    assert_same(tmp_path / "g", tmp_path / "whole")


def test_built_already_says_so(photos: Path, tmp_path: Path, capsys):
    assert build(photos, tmp_path / "g") == 0
    before = (tmp_path / "g" / "manifest.json").read_bytes()
    assert build(photos, tmp_path / "g") == 0
    assert "built already, from just this" in capsys.readouterr().err
    assert (tmp_path / "g" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "change, told",
    [
        ("add", "1 entries were added (such as '99.jpg')"),
        ("remove", "1 entries were removed (such as '05.jpg')"),
        ("replace", "1 photos changed since they were embedded (such as '03.jpg')"),
    ],
)
def test_a_changed_source_is_refused_with_what_differs(photos: Path, tmp_path: Path, capsys, change: str, told: str):
    work = unfinished(photos, tmp_path / "g")
    match change:
        case "add":
            make_photo(photos / "99.jpg", 99, (1, 1))
        case "remove":
            (photos / "05.jpg").unlink()
        case "replace":
            make_photo(photos / "03.jpg", 77, (3, 3))
    assert build(photos, tmp_path / "g") == 2
    said = capsys.readouterr().err
    assert told in said
    assert "--restart" in said
    assert work.done_file(0).exists()
    assert build(photos, tmp_path / "g", "--restart") == 0
    assert build(photos, tmp_path / "whole") == 0
    assert_same(tmp_path / "g", tmp_path / "whole")


def test_changed_photos_can_be_embedded_again_alone(photos: Path, tmp_path: Path):
    work = unfinished(photos, tmp_path / "g")
    make_photo(photos / "03.jpg", 77, (3, 3))
    other = work.done_file(2).stat().st_mtime_ns
    assert build(photos, tmp_path / "g", "--redo-changed", "--keep-work") == 0
    assert work.done_file(2).stat().st_mtime_ns == other
    assert build(photos, tmp_path / "whole") == 0
    assert_same(tmp_path / "g", tmp_path / "whole")


def test_photos_that_change_in_a_source_not_embedded_yet_are_fine(photos: Path, tmp_path: Path):
    unfinished(photos, tmp_path / "g")
    make_photo(photos / "09.jpg", 78, (3, 3))  # in the second shard
    assert build(photos, tmp_path / "g") == 0


@pytest.mark.parametrize(
    "flags, told",
    [
        (("--thumbnail-side", 64), "thumbnails' side: 160, now 64"),
        (("--encoder", "starter"), "encoder: im2gps, now starter"),
    ],
)
def test_other_settings_are_refused_with_what_differs(photos: Path, tmp_path: Path, capsys, flags: tuple, told: str):
    unfinished(photos, tmp_path / "g")
    assert build(photos, tmp_path / "g", *flags) == 2
    assert told in capsys.readouterr().err


def test_another_number_type_is_refused(photos: Path, tmp_path: Path, capsys):
    work = unfinished(photos, tmp_path / "g")
    table = pq.read_table(work.done_file(0))
    facts = table.schema.metadata[b"geoloc"].replace(b'"choices": {', b'"choices": {"dtype": "bfloat16", ')
    pq.write_table(table.replace_schema_metadata({"geoloc": facts}), work.done_file(0))
    assert build(photos, tmp_path / "g") == 2
    assert "GEOLOC_DTYPE=bfloat16" in capsys.readouterr().err


def test_failed_photos_can_be_retried(photos: Path, tmp_path: Path, capsys):
    good = {name: (photos / name).read_bytes() for name in ("04.jpg", "20.jpg")}
    for name in good:
        (photos / name).write_bytes(b"\xff\xd8\xff damaged")
    (photos / "11.jpg").write_bytes(b"")
    assert build(photos, tmp_path / "g") == 0
    assert "--retry-failed" in capsys.readouterr().err
    assert Gallery.open(tmp_path / "g").manifest.reasons == {"unreadable or damaged photo": 2, "empty file": 1}
    work = Work(tmp_path / ".g.work")
    untouched = work.done_file(3).stat().st_mtime_ns
    for name, data in good.items():
        (photos / name).write_bytes(data)
    assert build(photos, tmp_path / "g", "--retry-failed") == 0
    assert work.done_file(3).stat().st_mtime_ns == untouched
    assert Gallery.open(tmp_path / "g").manifest.reasons == {"empty file": 1}
    assert build(photos, tmp_path / "whole") == 0
    assert_same(tmp_path / "g", tmp_path / "whole")


def test_a_finished_build_is_in_nobodys_way(photos: Path, tmp_path: Path):
    """A work folder kept for its failed photos gives way to another build."""
    (photos / "11.jpg").write_bytes(b"")
    assert build(photos, tmp_path / "g") == 0
    make_photo(photos / "11.jpg", 11, (1, 1))
    make_photo(photos / "40.jpg", 40, (1, 1))
    assert build(photos, tmp_path / "g", "--overwrite") == 0
    assert len(Gallery.open(tmp_path / "g")) == 31


def test_a_run_that_is_mostly_failures_stops(tmp_path: Path, capsys):
    table = tmp_path / "list.csv"
    table.write_text("file,lat,lon\n" + "".join(f"{i}.jpg,1,2\n" for i in range(300)))
    make_photo(tmp_path / "0.jpg", 0)
    flags = ("--shard-rows", 50)
    assert build(table, tmp_path / "g", *flags) == 2
    said = capsys.readouterr().err
    assert "photos failed, most of them for: file not found" in said
    assert not (tmp_path / "g").exists()
    for i in range(1, 250):
        make_photo(tmp_path / f"{i}.jpg", i, size=(64, 48))
    assert build(table, tmp_path / "g", "--retry-failed", *flags) == 0
    assert len(Gallery.open(tmp_path / "g")) == 250


def test_two_builds_do_not_share_a_work_folder(photos: Path, tmp_path: Path, capsys):
    with open_work(tmp_path / ".g.work"):
        assert build(photos, tmp_path / "g") == 2
    assert "Another build is using" in capsys.readouterr().err


def test_a_work_folder_that_is_somebody_elses_is_left_alone(photos: Path, tmp_path: Path, capsys):
    mine = tmp_path / "papers"
    (mine / "embeddings").mkdir(parents=True)
    (mine / "embeddings" / "thesis.npy").write_bytes(b"ten years")
    for flags in ((), ("--restart",)):
        assert build(photos, tmp_path / "g", "--work", mine, *flags) == 2
        assert "holds other files" in capsys.readouterr().err
    assert (mine / "embeddings" / "thesis.npy").read_bytes() == b"ten years"
    with open_work(tmp_path / "shared"):
        pass
    assert build(photos, tmp_path / "g", "--work", tmp_path / "shared") == 0
    assert not (tmp_path / "shared").exists()


def test_a_source_that_cannot_be_read_leaves_no_work_folder(tmp_path: Path):
    assert build(tmp_path / "nowhere", tmp_path / "g") == 2
    assert not list(tmp_path.iterdir())


def test_a_shard_that_kills_its_workers_is_named_in_the_end(photos: Path, tmp_path: Path):
    work = embedded(photos, tmp_path / "work")
    jobs = [_job(work, shard) for shard in range(2)]
    backlog = Backlog(jobs)
    for attempt in range(ATTEMPTS):
        worker = f"worker {attempt}"
        while backlog.waiting[0].shard != 1:  # the other shard is done meanwhile
            backlog.waiting.popleft()
        assert backlog.take(worker).shard == 1
        if attempt == ATTEMPTS - 1:
            with pytest.raises(WorkersLost, match=r"00001\.parquet"):
                backlog.lost(worker, "SIGSEGV")
        else:
            backlog.lost(worker, "SIGSEGV")


def _job(work: Work, shard: int):
    from geoloc_core.gallery.manifest import EncoderRef
    from geoloc_core.photo import PhotoLimits
    from index_builder.embedding.embed import Job
    from index_builder.embedding.reading import Reading

    reading = Reading(work.path, PhotoLimits())
    return Job(shard, work.rows_file(shard), work.embeddings / "x", EncoderRef(id="a", name="a"), reading)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 0.7 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_the_build_goes_on_after(tmp_path: Path, small_disk: Path, capsys):
    for i in range(160):
        make_photo(tmp_path / "photos" / f"{i:03d}.jpg", i, (i / 2, i + 1))
    assert build(tmp_path / "photos", small_disk / "g") == 2
    assert "of disk are needed" in capsys.readouterr().err  # refused before it starts
    assert build(tmp_path / "photos", small_disk / "g", "--no-checks") == 2
    said = capsys.readouterr().err
    assert "There is no room left on the disk" in said, said[-2500:]
    assert not (small_disk / "g").exists()
    done = list((small_disk / ".g.work" / "embeddings").glob("*.parquet"))
    assert done
    assert not list(small_disk.glob(".g.work/**/.*.partial"))
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert build(tmp_path / "photos", small_disk / "g", "--no-checks") == 0
    assert f"going on: {len(done)} of 20" in capsys.readouterr().err
    assert build(tmp_path / "photos", tmp_path / "whole") == 0
    assert_same(small_disk / "g", tmp_path / "whole")


def test_a_read_only_output_is_told(photos: Path, small_disk: Path, capsys):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert build(photos, small_disk / "g") == 2
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err


def test_a_need_beyond_the_machine_is_refused_with_the_number(tmp_path: Path):
    needed = estimate.need(1000, 1000, 768, 5000, processes=10_000)
    with pytest.raises(GeolocError, match=r"About 13\.\d TB of memory are needed, and .* are free.*--processes"):
        estimate.check(needed, tmp_path, tmp_path)
    needed = estimate.need(10**12, 10**12, 768, 5000, processes=1)
    with pytest.raises(GeolocError, match=r"About \d+\.\d TB of disk are needed in .* are free.*--thumbnail-side"):
        estimate.check(needed, tmp_path / "not" / "there", tmp_path)


def test_durations_and_sizes_in_words():
    assert [estimate.in_words(s) for s in (5, 600, 12_000, 400_000)] == ["5 s", "10 min", "3 h 20 min", "4 days 15 h"]
    assert [estimate.size(b) for b in (12, 2_500, 7_250_000_000)] == ["12 bytes", "2.5 KB", "7.2 GB"]
