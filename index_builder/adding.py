"""`append`: a source of photos into a gallery that is there. Running it again goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from geoloc_core.gallery.manifest import read_manifest
from index_builder.build import making_of, summarise, throw_away
from index_builder.console import progress
from index_builder.embedding.engines import Engine
from index_builder.embedding.engines.local import LocalEngine
from index_builder.embedding.listing import SourceAsked, list_source
from index_builder.embedding.running import Options, embed_all
from index_builder.embedding.work import open_work, remove_work
from index_builder.gallery.append import AppendReport, append, refuse_locations
from index_builder.gallery.publish import Provenance


@dataclass(frozen=True)
class AppendOptions:
    """What `append` was asked for."""

    gallery: Path
    source: SourceAsked
    about: Provenance
    thumbnail_side: int = 160
    id_prefix: str = ""
    restart: bool = False
    running: Options = field(default_factory=Options)
    engine: Engine = field(default_factory=LocalEngine)


def append_source(options: AppendOptions) -> AppendReport:
    """Embed a source with the gallery's encoder and add it to the gallery, resuming as `build` does.

    Raises:
        GeolocError: the gallery, the source or the encoder cannot be used; what is done is kept in the work folder.
    """
    manifest = read_manifest(options.gallery)
    refuse_locations(options.gallery, manifest)
    encoder = manifest.encoder
    path = options.gallery.absolute().with_name(f".{options.gallery.absolute().name}.append.work")
    if options.restart:
        throw_away(path)
    bare = encoder is None
    making = making_of(encoder.name if encoder else None, options.thumbnail_side, locations=bare)
    asked = replace(options.source, options=replace(options.source.options, locations_only=bare))
    with open_work(path) as work:
        plan = list_source(work, asked).model_copy(update={"making": making})
        if not bare:
            summarise(embed_all(work, making, options.engine, replace(options.running, out=options.gallery)))
        with progress("Adding") as on_progress:
            report = append(
                options.gallery,
                work.manifest if bare else work.embeddings,
                options.about,
                id_prefix=options.id_prefix,
                recipe=plan.digest(options.id_prefix),
                on_progress=on_progress,
            )
    remove_work(path)
    return report
