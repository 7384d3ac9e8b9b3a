"""A gallery's card: README.md with what is in it, by whom and under which licence, and coverage.png, where it is.

Texts of the gallery come from anywhere: they are cut, kept on one line and escaped. The same gallery always gives the
same card.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.errors import GalleryDamaged
from geoloc_core.gallery.manifest import Manifest, read_manifest
from geoloc_core.gallery.remote.urls import redacted, scrubbed
from geoloc_core.geo import check_coordinates
from index_builder.gallery.coverage import Density
from index_builder.gallery.markdown import block, code, plain, table

if TYPE_CHECKING:
    import pyarrow as pa

COUNTED = ("author", "licence", "source")
COLUMNS = ("lat", "lon", *COUNTED)
_TOP = 20
_DISTINCT = 1_000_000  # values of a column that are told apart at most, for the sake of memory
_SAMPLE = 10_000  # photos whose countries are looked up
_HUB_LICENCES = re.compile(
    r"cc0-1\.0|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-sa-[34]\.0|cc-by-nc-[234]\.0|cc-by-nd-4\.0|cc-by-nc-nd-[34]\.0"
    r"|cc-by-nc-sa-[234]\.0|apache-2\.0|mit|odc-by|odbl|pddl"
)


def write_card(gallery: Path, out: Path) -> list[Path]:
    """Write the card of the gallery in a folder into the folder `out`; returns the files.

    Raises:
        GalleryMissing, GalleryDamaged: there is no gallery, or its rows cannot be read.
    """
    files = gallery_card(gallery)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        partial = out / f".{name}.part"
        partial.write_bytes(data)
        partial.replace(out / name)
    return [out / name for name in files]


def gallery_card(gallery: Path, url: str = "") -> dict[str, bytes]:
    """The card of the gallery in a folder, which is or will be published at `url`; see `card_files`."""
    manifest = read_manifest(gallery)
    return card_files(manifest, read_rows(gallery, manifest), url)


def read_rows(gallery: Path, manifest: Manifest) -> Iterator[pa.RecordBatch]:
    """The columns that a card needs, a batch at a time.

    Raises:
        GalleryDamaged: a file of rows cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in manifest.shards:
        try:
            with pq.ParquetFile(gallery / shard.rows) as file:
                columns = [name for name in COLUMNS if name in file.schema_arrow.names]
                yield from file.iter_batches(65_536, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise GalleryDamaged(f"{shard.rows} cannot be read ({error}). Copy the gallery again.") from None


def card_files(manifest: Manifest, rows: Iterable[pa.RecordBatch | pa.Table], url: str = "") -> dict[str, bytes]:
    """README.md and coverage.png from the manifest and all rows, which are read once, in flat memory.

    Args:
        manifest: the gallery's facts.
        rows: batches with lat and lon, and author, licence and source where the gallery has them.
        url: where the gallery is or will be published, for the instructions.

    Raises:
        CoordinateError: a row has no coordinates.
    """
    density, columns, sample, seen = Density(), {name: Counter[str]() for name in COUNTED}, [], 0
    step = max(1, -(-manifest.count // _SAMPLE))
    for batch in rows:
        places = np.column_stack([np.asarray(batch[name], dtype=np.float64) for name in ("lat", "lon")])
        density.add(check_coordinates(places))
        sample.append(places[-seen % step :: step])
        seen += len(places)
        for name, counts in columns.items():
            if name in batch.schema.names:
                _count(counts, batch[name])
    countries = _countries(np.concatenate(sample) if sample else np.empty((0, 2)))
    text = _readme(Manifest.model_validate(scrubbed(manifest.model_dump(mode="json"))), columns, countries, step, url)
    return {"README.md": text.encode(), "coverage.png": density.png()}


def _count(counts: Counter[str], column: pa.Array) -> None:
    import pyarrow.compute as pc

    for entry in pc.value_counts(column.cast("string")):
        value = entry["values"].as_py()
        key = "" if value is None else value.strip()[:200]
        counts[key if key in counts or len(counts) < _DISTINCT else "…"] += entry["counts"].as_py()


def _countries(places: np.ndarray) -> Counter[str]:
    from geoloc_core.places import gazetteer

    found = gazetteer().describe_many(places)
    return Counter("open sea" if place.at_sea else place.country or "" for place in found)


def _readme(
    manifest: Manifest, columns: Mapping[str, Counter[str]], countries: Counter[str], step: int, url: str
) -> str:
    parts = [
        _front_matter(manifest, columns["licence"]),
        f"# {plain(manifest.title, 200)}",
        "> **These photos were drawn, not taken.** Answers from this gallery mean nothing for real photos."
        if manifest.synthetic
        else "",
        "![Map: where the photos are](coverage.png)",
        _facts(manifest, columns, countries),
        "## Licence\n\n" + _licence(manifest, columns["licence"]),
        "## By whom\n\n" + _people(manifest, columns),
        "## Countries\n\n" + _country_table(countries, step),
        "## How it was made\n\n" + _making(manifest),
        "## How to use it\n\n" + _usage(manifest, url),
        _RESPONSIBLE,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(manifest: Manifest, licences: Counter[str]) -> str:
    found = [hub_licence(text) for text in licences if text] or [hub_licence(manifest.licence)]
    known = sorted(set(filter(None, found)))
    licence = known if known and all(found) else ["other"]
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for limit, name in limits if manifest.count < limit), None)
    size = size or ("1M<n<10M" if manifest.count < 10_000_000 else "10M<n<100M")
    lines = [f"pretty_name: {json.dumps(plain(manifest.title, 200, escape=False))}", "license:"]
    lines += [f"- {name}" for name in licence] + ["size_categories:", f"- {size}", "tags:"]
    lines += [f"- {tag}" for tag in ("geolocation", "geoloc-gallery", "embeddings", "image-retrieval", "geospatial")]
    lines += ["- synthetic"] if manifest.synthetic else []
    lines += ["configs:", "- config_name: default", '  data_files: "rows-*.parquet"']
    return "\n".join(["---", *lines, "---"])


def hub_licence(text: str) -> str | None:
    """The hub's name of a licence such as "CC BY-NC-SA 2.0", or None."""
    words = re.sub(r"[^a-z0-9.]+", "-", text.casefold()).strip("-.")
    words = re.sub(r"^(cc0)-?(1\.0)?(-universal)?$", "cc0-1.0", words.removesuffix("-license"))
    return words if _HUB_LICENCES.fullmatch(words) else None


def _facts(manifest: Manifest, columns: Mapping[str, Counter[str]], countries: Counter[str]) -> str:
    what = "locations" if manifest.of_locations else "photos"
    what = what if manifest.encoder else "bare locations, without embeddings"
    authors = _number(columns["author"])
    land = len([name for name in countries if name not in ("", "open sea")])
    rows = [
        ("Content", f"{manifest.count:,} {what}"),
        ("Countries", f"{land:,}"),
        ("Authors", authors if columns["author"] else "not recorded"),
        ("Encoder", f"{code(manifest.encoder.name)}, {code(manifest.encoder.id)}" if manifest.encoder else "none"),
        ("Numbers a vector", f"{manifest.dim:,} (float16, length 1)" if manifest.encoder else "none"),
        ("Thumbnails", "yes" if any(shard.thumbnails for shard in manifest.shards) else "no"),
        (
            "Size",
            f"{sum(file.bytes for name, file in manifest.files.items() if _is_data(manifest, name)) / 1e6:,.1f} MB",
        ),
        ("Made", f"{manifest.created:%Y-%m-%d} by {plain(manifest.software, 80) or 'an unnamed program'}"),
    ]
    return table(("", ""), rows)


def _is_data(manifest: Manifest, name: str) -> bool:
    return any(name in (shard.vectors, shard.rows, shard.thumbnails) for shard in manifest.shards)


def _licence(manifest: Manifest, counts: Counter[str]) -> str:
    text = plain(manifest.licence, 2_000) or "The gallery states no licence as a whole: ask its publisher before use."
    if not counts:
        return text
    return f"{text}\n\n" + _counted("Licence of the photo", counts, manifest.count)


def _people(manifest: Manifest, columns: Mapping[str, Counter[str]]) -> str:
    parts = [f"Source: {plain(manifest.source, 2_000) or 'not recorded'}."]
    if columns["source"]:
        parts.append(_counted("Source", columns["source"], manifest.count))
    if columns["author"]:
        parts.append(f"Authors: {_number(columns['author'])}. The column `author` names each photo's.")
        parts.append(_counted("Authors with the most photos", columns["author"], manifest.count, 10))
    return "\n\n".join(parts)


def _number(counts: Counter[str]) -> str:
    return f"more than {_DISTINCT:,}" if "…" in counts else f"{len(set(counts) - {''}):,}"


def _country_table(countries: Counter[str], step: int) -> str:
    total = countries.total()
    note = "" if step == 1 else f"\n\nEstimated from {total:,} photos, every {step:,}th."
    rest = total - sum(count for _, count in countries.most_common(_TOP))
    rows = [(plain(name, 80) or "elsewhere", f"{100 * count / total:.1f} %") for name, count in _ranked(countries)]
    if rest:
        rows.append((f"{len(countries) - _TOP:,} more", f"{100 * rest / total:.1f} %"))
    return table(("Country", "Photos"), rows) + note


def _making(manifest: Manifest) -> str:
    parts = [block(manifest.command)] if manifest.command else ["The command was not recorded."]
    parts += [
        f"Added on {one.created:%Y-%m-%d}: {one.count:,} rows. {plain(f'{one.source} {one.licence}', 700)}".strip()
        for one in manifest.appended
    ]
    if manifest.reasons:
        rows = [(plain(reason, 200), f"{count:,}") for reason, count in _ranked(Counter(manifest.reasons))]
        parts.append("What the source held but could not be used:\n\n" + table(("Reason", "Entries"), rows))
    if manifest.excluded:
        tests = [
            (code(one.table), f"{one.by_id:,}", f"{one.by_author:,}", code(one.sha256)) for one in manifest.excluded
        ]
        heading = ("Table", "Left out by id", "Left out by author", "SHA-256 of the table")
        parts.append("Kept out, so that these photos can be tested on:\n\n" + table(heading, tests))
    if manifest.voting:
        parts.append(f"Voting that was measured to suit it: {plain(str(manifest.voting), 200)}.")
    return "\n\n".join(parts)


def _usage(manifest: Manifest, url: str) -> str:
    address = redacted(url) or "URL"
    shard = manifest.shards[0]
    lines = ["import numpy as np, pyarrow.parquet as pq", f'rows = pq.read_table("{shard.rows}")  # id, lat, lon, ...']
    if shard.vectors:
        lines += [
            f'vectors = np.load("{shard.vectors}", mmap_mode="r")  # row i belongs to row i of the table',
            "similarity = vectors.astype(np.float32) @ query  # query: a vector of length 1 by the same encoder",
        ]
    return (
        "With Geoloc, which checks every file against `manifest.json`:\n\n"
        + block(
            f"python -m index_builder pull {address} GALLERY\npython -m geoloc_core locate --gallery GALLERY PHOTO.jpg"
        )
        + "\n\nOr without it:\n\n"
        + block("\n".join(lines), "python")
    )


_RESPONSIBLE = """## Responsible use

Locating photos can harm the people in them. Use this gallery on photos that are yours or that you may examine, never to
find or follow a person. Its answers are as uneven as the map above: where it has few photos, it guesses badly, and with
the same confidence. Authors keep their rights: credit them as their licences ask, and remove a photo when its author
wants that."""


def _counted(heading: str, counts: Counter[str], total: int, most: int = _TOP) -> str:
    rows = [
        (plain(name, 120) or "not recorded", f"{count:,}", f"{100 * count / total:.1f} %")
        for name, count in _ranked(counts, most)
    ]
    if len(counts) > most:
        rest = counts.total() - sum(count for _, count in _ranked(counts, most))
        rows.append((f"{len(counts) - most:,} more", f"{rest:,}", f"{100 * rest / total:.1f} %"))
    return table((heading, "Photos", "Share"), rows)


def _ranked(counts: Counter[str], most: int = _TOP) -> list[tuple[str, int]]:
    """The most frequent first, those alike by name: the order of counting must not show."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
