"""`append`: more rows for a gallery, as further shards; what is there stays as it is.

New files get new names, and the manifest that names them replaces the old one last, in one step. Whoever has the
gallery open goes on with the rows it had. An append that dies leaves files that no manifest names; the next one removes
them.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc_core.errors import EncoderMismatch
from geoloc_core.gallery.manifest import Append, Manifest, check_files, describe_file, read_manifest
from index_builder.gallery.embeddings import find_pairs, find_tables
from index_builder.gallery.index import IndexReport, write_rows
from index_builder.gallery.publish import Provenance, now, write_manifest, writing
from index_builder.gallery.shards import ShardWriter, conformed, unified
from index_builder.gallery.survey import KNOWN, REASONS, Known, Progress, Survey, survey
from index_builder.gallery.unused import UnusedWriter

if TYPE_CHECKING:
    from geoloc_core.gallery.manifest import EncoderRef

_OURS = re.compile(r"(vectors-\d+\.npy|rows-\d+\.parquet|thumbnails-\d+\.zip|unused(-\d+)?\.parquet|\..*\.partial)")


@dataclass(frozen=True)
class AppendReport(IndexReport):
    """What became of the entries; `near_dropped`: the gallery's index for near search must be made again."""

    near_dropped: bool = False

    def __str__(self) -> str:
        lines = [super().__str__()]
        if any("id already in the gallery" in reason for reason in self.reasons):
            lines.append("  Ids that mean another photo here can be told apart with --id-prefix.")
        if self.near_dropped:
            lines.append("  The index for near search did not cover the new rows and was dropped: make it again.")
        return "\n".join(lines)


def append(
    gallery: Path,
    embeddings: Path,
    about: Provenance,
    *,
    encoder: EncoderRef | None = None,
    drop_duplicates: bool = False,
    id_prefix: str = "",
    recipe: str = "",
    on_progress: Progress | None = None,
) -> AppendReport:
    """Add embeddings to a gallery, or tables of places to one of bare locations.

    Entries whose photo is in the gallery already, by its content hash, are counted and left out.

    Args:
        gallery: the gallery's folder.
        embeddings: as `index` takes them, or as `locations` does if the gallery holds bare locations.
        about: command, source and licence are recorded with the addition.
        encoder: what made the embeddings, if their tables do not say.
        drop_duplicates: use only the first of new rows whose photos have the same content.
        id_prefix: put before every new id.
        recipe: SHA-256 of all that determines the addition; one that is already in the gallery is not added again.
        on_progress: called with the entries done and all entries.

    Raises:
        GalleryError: there is no whole gallery, or the embeddings were made by another encoder.
        GeolocError: the embeddings cannot be read, or the gallery cannot be written.
    """
    started = time.monotonic()
    gallery = gallery.absolute()
    with writing(gallery):
        old = read_manifest(gallery)
        check_files(gallery, old, checksums=False)
        if recipe and recipe in (old.recipe, *(addition.recipe for addition in old.appended)):
            return AppendReport(gallery, unchanged=True)
        _remove_orphans(gallery, old)
        judged = _surveyed(gallery, old, embeddings, encoder, drop_duplicates, id_prefix)
        with ExitStack() as undo:
            undo.callback(_remove_orphans, gallery, old)
            new, unused = _write(gallery, old, judged, about, recipe, on_progress)
            if new.count > old.count:
                write_manifest(gallery, new)
                undo.pop_all()
                _remove_orphans(gallery, new)
                if old.near:
                    (gallery / old.near.file).unlink(missing_ok=True)
    reasons = _reasons(judged, unused)
    return AppendReport(
        gallery=gallery,
        read=judged.count,
        rows=new.count - old.count,
        reasons=reasons,
        duplicates=max(0, judged.duplicates - reasons.get(REASONS[KNOWN][1], 0)),
        seconds=time.monotonic() - started,
        near_dropped=old.near is not None and new.near is None,
    )


def _surveyed(
    gallery: Path, old: Manifest, embeddings: Path, encoder: EncoderRef | None, drop: bool, id_prefix: str
) -> Survey:
    refuse_locations(gallery, old)
    bare = old.encoder is None
    pairs = find_tables(embeddings) if bare else find_pairs(embeddings)
    judged = survey(pairs, encoder, drop_duplicates=drop, known=_known(gallery, old), id_prefix=id_prefix)
    if bare or judged.encoder is None:
        if bare != (judged.encoder is None):
            kind = "holds bare locations" if bare else "holds photos"
            raise EncoderMismatch(f"{gallery} {kind}, {embeddings} something else. Make a gallery of its own of them.")
    elif (judged.encoder.id, judged.dim) != (old.made_with.id, old.dim):
        raise EncoderMismatch(
            f"{gallery} was made with {old.made_with.id} ({old.dim} numbers), these embeddings with "
            f"{judged.encoder.id} ({judged.dim}). Embed the photos with {old.made_with.name}."
        )
    return judged


def refuse_locations(gallery: Path, manifest: Manifest) -> None:
    """Refuse to add to a gallery whose vectors are of coordinates alone.

    Raises:
        EncoderMismatch: it is one.
    """
    if manifest.rows == "locations" and manifest.encoder is not None:
        raise EncoderMismatch(
            f"{gallery} holds locations that a location encoder embedded, so no photo can be added. "
            "Make it again with `geoclip`, from a table that has all of them."
        )


def _write(
    gallery: Path, old: Manifest, judged: Survey, about: Provenance, recipe: str, on_progress: Progress | None
) -> tuple[Manifest, UnusedWriter]:
    """Write the new files; the manifest that names them is returned."""
    import pyarrow.parquet as pq

    stored = pq.read_schema(gallery / old.shards[-1].rows)
    writer = ShardWriter(gallery, first=_next_number(old), schema=unified([stored, judged.schema]))
    with ExitStack() as held:
        held.callback(writer.abandon)
        unused = held.enter_context(UnusedWriter(gallery / f"unused-{_next_number(old):05d}.parquet"))
        if old.unused is not None:
            unused.take(gallery / old.unused)
        write_rows(judged, writer, unused, on_progress or (lambda _done, _all: None))
        writer.finish()
    kept = {name: file for name, file in old.files.items() if name not in (old.unused, old.near and old.near.file)}
    files = kept | writer.files
    if unused.name:
        files[unused.name] = describe_file(gallery / unused.name)
    reasons = {name: old.reasons.get(name, 0) + unused.reasons.get(name, 0) for name in [*old.reasons, *unused.reasons]}
    if not writer.count:
        return old, unused
    addition = Append(
        count=writer.count,
        created=about.created or now(),
        command=about.command,
        source=about.source,
        licence=about.licence,
        recipe=recipe,
    )
    changes = {
        "count": old.count + writer.count,
        "shards": (*old.shards, *writer.shards),
        "files": files,
        "reasons": reasons,
        "unused": unused.name,
        "appended": (*old.appended, addition),
        "near": None,
    }
    return Manifest.model_validate(old.model_dump() | changes), unused


def _reasons(judged: Survey, unused: UnusedWriter) -> dict[str, int]:
    """Why entries gave no row; those that were there already are told here, but not listed in the gallery."""
    there = int(np.count_nonzero(judged.verdicts == KNOWN))
    return unused.reasons | ({REASONS[KNOWN][1]: there} if there else {})


def _known(gallery: Path, manifest: Manifest) -> Known:
    """The ids and content hashes of a gallery's rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("id", pa.string()), ("content_hash", pa.string())])
    parts = []
    for shard in manifest.shards:
        file = pq.ParquetFile(gallery / shard.rows)
        columns = [name for name in schema.names if name in file.schema_arrow.names]
        parts.append(conformed(file.read(columns), schema))
    table = pa.concat_tables(parts)
    return Known(table["id"], table["content_hash"])


def _next_number(manifest: Manifest) -> int:
    numbers = [re.findall(r"-(\d+)\.", name) for name in manifest.files]
    return 1 + max((int(found[0]) for found in numbers if found), default=-1)


def _remove_orphans(gallery: Path, manifest: Manifest) -> None:
    """Delete files of our naming that the manifest does not name."""
    for file in gallery.iterdir():
        if file.name not in manifest.files and _OURS.fullmatch(file.name):
            file.unlink(missing_ok=True)
