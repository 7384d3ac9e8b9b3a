"""`build`: a folder of geotagged photos, or a CSV that lists them, to a gallery."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from geoloc_core.encoders import best_available, create
from geoloc_core.errors import GeolocError, WeightsMissing
from geoloc_core.gallery.manifest import EncoderRef
from geoloc_core.photo import PhotoLimits
from geoloc_core.settings import settings
from geoloc_core.status import Choice
from index_builder.embed import Report, Thumbnails, embed
from index_builder.publish import GalleryWriter, Provenance
from index_builder.sources import Item, Skipped
from index_builder.sources.folder import read_folder
from index_builder.sources.table import read_table


@dataclass(frozen=True)
class BuildOptions:
    """What `build` was asked for."""

    source: Path
    out: Path
    encoder: str | None = None
    images: Path | None = None
    title: str = ""
    licence: str = ""
    origin: str = ""
    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    overwrite: bool = False


def build(options: BuildOptions) -> Report:
    """Build a gallery and say on stderr what became of every entry.

    Raises:
        GeolocError: the source, the encoder or the output cannot be used, or no photo could.
    """
    chosen = Choice(options.encoder, "asked for") if options.encoder else best_available()
    print(f"encoder: {chosen}", file=sys.stderr)
    encoder = create(chosen.value)
    if not (ready := encoder.availability()):
        raise WeightsMissing(f"The encoder {chosen.value} cannot be used: {ready.reason}. {ready.remedy}")
    entries = read_source(options)
    config = settings()
    limits = PhotoLimits(config.max_photo_bytes, config.max_photo_pixels)
    about = Provenance(
        title=options.title or options.source.stem,
        source=options.origin,
        licence=options.licence,
        command=f"python -m index_builder build {options.source.name} --encoder {chosen.value}",
    )
    encoder.load()
    for name, choice in encoder.choices.items():
        print(f"{name}: {choice}", file=sys.stderr)
    report = Report()
    with GalleryWriter(
        options.out, EncoderRef(id=encoder.id, name=chosen.value), about, overwrite=options.overwrite
    ) as writer:
        with tqdm(total=len(entries), unit="photo", desc="Embedding", smoothing=0.1) as bar:
            for report in embed(entries, encoder, writer, limits=limits, thumbnails=options.thumbnails):
                bar.update(report.read - bar.n)
        summarise(report)
        writer.publish()
    return report


def read_source(options: BuildOptions) -> list[Item | Skipped]:
    """The entries of a folder or a CSV file.

    Raises:
        GeolocError: it is neither, or holds nothing.
    """
    source = options.source
    if source.is_dir():
        entries = read_folder(source)
    elif source.is_file() and source.suffix.lower() in (".csv", ".tsv", ".txt"):
        entries = read_table(source, options.images)
    else:
        raise GeolocError(f"{source} is neither a folder nor a CSV file. Give one of them.")
    if not any(isinstance(entry, Item) for entry in entries):
        raise GeolocError(f"{source} names no photos. Give a folder with photos, or a CSV with file, lat and lon.")
    return entries


def summarise(report: Report) -> None:
    """Print what was read, embedded and skipped by reason."""
    print(f"read {report.read:,}, embedded {report.embedded:,}", file=sys.stderr)
    for reason, count in report.skipped.most_common():
        print(f"  skipped {count:,}: {reason} (such as {report.examples[reason]!r})", file=sys.stderr)
