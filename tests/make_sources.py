"""Small data sets with the true layouts of the large ones, for tests of sources and of the recipes in the docs.

Each function writes below `folder` and returns the photos it wrote: id to (bytes, (lat, lon)).
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Photos = dict[str, tuple[bytes, tuple[float, float]]]
PLACES365 = "IMG_ID AUTHOR LAT LON S3_Label S16_Label S365_Label Prob_indoor Prob_natural Prob_urban".split()  # noqa: SIM905
PRO = "neighbourhood city county state region country country_code continent".split()  # noqa: SIM905
OSV5M = (  # noqa: SIM905
    "id latitude longitude thumb_original_url country sequence captured_at lon_bin lat_bin cell region sub-region city "
    "land_cover road_index drive_side climate soil dist_sea quadtree_10_5000 creator_username creator_id"
).split()


def jpeg(seed: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """A small JPEG of smooth colours, another one for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
    out = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=92)
    return out.getvalue()


def photos(n: int, first_id: int, seed: int = 0) -> Photos:
    """`n` photos with ids from `first_id` up and places all over the world."""
    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, n))).round(6), rng.uniform(-180, 180, n).round(6)
    return {str(first_id + 7 * i): (jpeg(seed + i), (float(lat[i]), float(lon[i]))) for i in range(n)}


def make_mp16(folder: Path, n: int, layout: str = "folder", *, parts: int = 4) -> Photos:
    """MP-16. Layouts: folder (ab/cd/id.jpg), flat (ab_cd_id.jpg), tar, split-tar, msgpack; with MP16-Pro's columns."""
    made = photos(n, 3_000_000_000, seed=16)
    named = {f"{identity[-2:]}{'/' if layout == 'folder' else '_'}{identity[-4:-2]}": identity for identity in made}
    paths = {
        identity: f"{prefix}{'/' if layout == 'folder' else '_'}{identity}.jpg" for prefix, identity in named.items()
    }
    rows = [
        (paths[i], f"{k % 5}@N00", *place, k % 3, k % 16, k % 365, 0.1, 0.25, 0.65, *_address(k))
        for k, (i, (_, place)) in enumerate(made.items())
    ]
    write_csv(folder / "metadata" / "MP16_Pro_places365.csv", [*PLACES365, *PRO], rows)
    write_csv(
        folder / "metadata" / "mp16_urls.csv", None, [(paths[i], f"https://photos.example/{i}.jpg") for i in made]
    )
    files = {paths[i]: data for i, (data, _) in made.items()}
    if layout in ("folder", "flat"):
        write_files(folder / "images", files)
    elif layout == "msgpack":
        write_msgpack(folder, files, per_shard=max(n // 2, 1))
    else:
        whole = tar_bytes({f"./images/{name}": data for name, data in files.items()})
        cut = -(-len(whole) // (parts if layout == "split-tar" else 1))
        for k in range(0, len(whole), cut):
            name = f"mp-16-images{k // cut:02d}" if layout == "split-tar" else "mp-16-images.tar"
            (folder / name).write_bytes(whole[k : k + cut])
    return made


def make_osv5m(folder: Path, n: int, zips: bool = True, *, split: str = "train") -> Photos:
    """OSV-5M: a split's table and its images in two ZIPs (one stored, one deflated) or nested folders."""
    made = photos(n, 1_000_000_000_000_000, seed=5)
    rows = [_osv5m_row(k, i, place) for k, (i, (_, place)) in enumerate(made.items())]
    write_csv(folder / f"{split}.csv", OSV5M, rows)
    files = {f"{k % 2:02d}/{i}.jpg": data for k, (i, (data, _)) in enumerate(made.items())}
    images = folder / "images" / split
    images.mkdir(parents=True, exist_ok=True)
    if not zips:
        write_files(images, files)
        return made
    for number, compression in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(images / f"{number:02d}.zip", "w", compression) as archive:
            for name, data in files.items():
                if name.startswith(f"{number:02d}/"):
                    archive.writestr(name, data)
    return made


def make_benchmark(folder: Path, name: str, n: int) -> Photos:
    """A test set: im2gps, im2gps3k, yfcc4k or yfcc26k, with the names that its table and its files have."""
    made = photos(
        n, {"im2gps": 104, "im2gps3k": 1000, "yfcc4k": 10_003, "yfcc26k": 3_228_511}[name] * 1000, seed=len(name)
    )
    listed, stored = {}, {}
    for k, i in enumerate(made):
        flickr = f"{i}_7410c654b{k % 10}_19_{k % 4 + 70}@N0{k % 4}.jpg"
        slashed, flat = f"{k % 90 + 10}/{i[-2:]}/{i}.jpg", f"{k % 90 + 10}_{i[-2:]}_{i}.jpg"
        listed[i], stored[i] = {"yfcc4k": (f"{i}.jpg",) * 2, "yfcc26k": (slashed, flat)}.get(name, (flickr, flickr))
    rows = [
        (listed[i], f"{k % 4 + 70}@N0{k % 4}", *place, 0, 4, 21, 0.5, 0.25, 0.25)
        for k, (i, (_, place)) in enumerate(made.items())
    ]
    table = "yfcc25600" if name == "yfcc26k" else name
    write_csv(folder / f"{table}_places365.csv", PLACES365, rows)
    write_files(folder / "images", {stored[i]: data for i, (data, _) in made.items()})
    return made


def make_webdataset(folder: Path, n: int, *, shards: int = 2) -> Photos:
    """Tars of key.jpg, key.json (lat, lon, author) and key.txt, as img2dataset writes them."""
    made = photos(n, 0, seed=77)
    folder.mkdir(parents=True, exist_ok=True)
    keyed = {f"{int(i):09d}": value for i, value in made.items()}
    for shard in range(shards):
        members: dict[str, bytes] = {}
        for k, (key, (data, (lat, lon))) in enumerate(keyed.items()):
            if k * shards // n == shard:
                facts = {"latitude": lat, "longitude": lon, "author": f"Ana {k % 3}", "key": key, "width": 160}
                members |= {f"{key}.jpg": data, f"{key}.json": json.dumps(facts).encode(), f"{key}.txt": b"a street"}
        (folder / f"{shard:05d}.tar").write_bytes(tar_bytes(members))
    return keyed


def make_table(folder: Path, n: int) -> Photos:
    """photos.csv with file, lat, lon, author and note, beside the folder images."""
    made = photos(n, 0, seed=3)
    named = {f"{i}.jpg": value for i, value in made.items()}
    rows = [(name, *place, f"Bo {k % 2}", "NA") for k, (name, (_, place)) in enumerate(named.items())]
    write_csv(folder / "photos.csv", ["file", "lat", "lon", "author", "note"], rows)
    write_files(folder / "images", {name: data for name, (data, _) in named.items()})
    return named


def write_csv(path: Path, header: Sequence[str] | None, rows: Sequence[Sequence[object]]) -> Path:
    """A CSV file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([*([header] if header else []), *rows])
    return path


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files by their names relative to `folder`, with their folders."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def write_msgpack(folder: Path, files: Mapping[str, bytes], per_shard: int) -> None:
    """shard_0.msg and on, with records {"image": bytes, "id": name}."""
    import msgpack

    records = [msgpack.packb({"image": data, "id": name}) for name, data in files.items()]
    for first in range(0, len(records), per_shard):
        (folder / f"shard_{first // per_shard}.msg").write_bytes(b"".join(records[first : first + per_shard]))


def tar_bytes(members: Mapping[str, bytes]) -> bytes:
    """A tar of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _address(k: int) -> tuple[str, ...]:
    return "", "Windhoek", "", "Khomas", "Khomas", "Namibia", "NA" if k % 2 else "ES", "Africa"


def _osv5m_row(k: int, identity: str, place: tuple[float, float]) -> tuple[object, ...]:
    url = f"https://photos.example/{identity}"
    labels = ("NA", f"seq{k}", 1_600_000_000_000 + k, 3, 4, 17, "Khomas", "", "Windhoek", 0, 0.5, 1, 4, 8, 0.25, 1234)
    return identity, *place, url, *labels, f"walker{k % 3}", 100 + k % 3
