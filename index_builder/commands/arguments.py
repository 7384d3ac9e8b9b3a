"""Groups of arguments that several commands share, and what they become."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index_builder.embedding.engines import Engine
    from index_builder.embedding.listing import SourceAsked
    from index_builder.embedding.running import Options
    from index_builder.gallery.publish import Provenance

Commands = argparse._SubParsersAction  # what argparse calls the thing that takes commands


def add_source(parser: argparse.ArgumentParser) -> None:
    """The source, what may be said about it, and the shards it is cut into."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder, table or archive with the photos")
    group = add_source_options(parser)
    group.add_argument(
        "--shard-rows", type=int, default=1024, metavar="N", help="rows done or lost together (default: %(default)s)"
    )


def add_source_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What may be said about a source."""
    group = parser.add_argument_group("source")
    group.add_argument(
        "--kind",
        default="auto",
        help="folder, table, mp16, benchmarks, osv5m or webdataset (default: by what SOURCE looks like)",
    )
    group.add_argument("--images", type=Path, metavar="PATH", help="where the photos are, if not beside the table")
    group.add_argument("--metadata", type=Path, metavar="TABLE", help="table of places, if not in SOURCE")
    group.add_argument(
        "--column",
        action="append",
        default=[],
        type=_column,
        metavar="ROLE=NAME",
        help="column of the table for file, id, lat, lon, author, licence or source; may be repeated",
    )
    group.add_argument("--split", metavar="NAME", help="part of a data set that has several, such as train")
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        type=Path,
        metavar="TABLE",
        help="keep out the photos in this table, and all others by their authors; may be repeated",
    )
    group.add_argument("--exclude-ids-only", action="store_true", help="keep out the photos alone, not their authors'")
    group.add_argument("--limit", type=int, metavar="N", help="read the first N entries only")
    return group


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """The encoder, and how it is run."""
    group = parser.add_argument_group("embedding")
    group.add_argument("--encoder", metavar="ID", help="encoder by name (default: the best one on this machine)")
    group.add_argument(
        "--thumbnail-side", type=int, default=160, metavar="PIXELS", help="0 stores none (default: %(default)s)"
    )
    add_running(parser)


def add_running(parser: argparse.ArgumentParser) -> None:
    """Engine, workers, and what to do about trouble."""
    group = parser.add_argument_group("running")
    group.add_argument("--engine", choices=("local", "ray"), default="local", help="default: %(default)s")
    group.add_argument("--ray-address", metavar="ADDRESS", help="of a running Ray cluster, such as auto")
    group.add_argument(
        "--processes", type=int, default=0, metavar="N", help="workers (default: one a GPU, or one a machine)"
    )
    group.add_argument(
        "--threads", type=int, default=0, metavar="N", help="that read photos, a worker (default: cores)"
    )
    group.add_argument("--retry-failed", action="store_true", help="try the photos again that failed")
    group.add_argument("--redo-changed", action="store_true", help="embed photos again that changed since")
    group.add_argument(
        "--max-failed",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="give up when more of the photos fail (default: %(default)s)",
    )
    group.add_argument("--no-checks", action="store_true", help="start even if disk or memory seem too small")


def add_about(parser: argparse.ArgumentParser) -> None:
    """What the gallery says about itself."""
    group = parser.add_argument_group("description")
    group.add_argument("--title", default="", help="what the app calls it (default: the source's name)")
    group.add_argument("--licence", default="", help="the photos' licence, as shown beside answers")
    group.add_argument("--source", dest="origin", default="", metavar="TEXT", help="where the photos come from")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where the gallery goes."""
    parser.add_argument("--out", type=Path, required=True, metavar="GALLERY", help="folder to make")
    parser.add_argument("--overwrite", action="store_true", help="replace the gallery that is there")
    parser.add_argument(
        "--drop-duplicates", action="store_true", help="leave out photos with the bytes of an earlier one"
    )


def source_of(options: argparse.Namespace) -> SourceAsked:
    """The source asked for."""
    from index_builder.embedding.listing import SourceAsked
    from index_builder.sources import SourceOptions

    return SourceAsked(
        path=options.source,
        kind=options.kind,
        options=SourceOptions(
            images=options.images,
            metadata=options.metadata,
            columns=dict(options.column),
            split=options.split,
            limit=options.limit,
            locations_only=getattr(options, "locations", False),
        ),
        exclude=tuple(options.exclude),
        exclude_authors=not options.exclude_ids_only,
        shard_rows=max(1, options.shard_rows),
    )


def running_of(options: argparse.Namespace) -> Options:
    """How to run."""
    from index_builder.embedding.running import Options

    return Options(
        threads=options.threads,
        processes=options.processes,
        retry_failed=options.retry_failed,
        redo_changed=options.redo_changed,
        max_failed=options.max_failed,
        checks=not options.no_checks,
    )


def engine_of(options: argparse.Namespace) -> Engine:
    """The engine asked for; an address asks for Ray."""
    if options.engine == "ray" or options.ray_address:
        from index_builder.embedding.engines.ray import RayEngine

        return RayEngine(options.ray_address, options.processes)
    from index_builder.embedding.engines.local import LocalEngine

    return LocalEngine(options.processes)


def about_of(options: argparse.Namespace, command: str) -> Provenance:
    """What the gallery says about itself; `command` without folders of this machine."""
    from index_builder.gallery.publish import Provenance

    return Provenance(title=options.title, source=options.origin, licence=options.licence, command=command)


def _column(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=NAME, such as lat=breite")
    return role.strip(), name
