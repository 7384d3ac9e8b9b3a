"""`build`, its stages `manifest`, `embed` and `index`, and `append`."""

from __future__ import annotations

import argparse
from pathlib import Path

from index_builder.commands import arguments
from index_builder.commands.arguments import Commands


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    build = commands.add_parser(
        "build",
        help="a gallery from geotagged photos, by all stages",
        description="Build a gallery from geotagged photos. Running the same command again goes on where it stopped.",
    )
    arguments.add_source(build)
    arguments.add_output(build)
    _add_work(build)
    build.add_argument("--locations", action="store_true", help="bare locations from a table, without photos")
    arguments.add_embedding(build)
    arguments.add_about(build)
    build.set_defaults(run=_build)
    _add_stages(commands)
    _add_append(commands)


def _add_stages(commands: Commands[argparse.ArgumentParser]) -> None:
    manifest = commands.add_parser(
        "manifest", help="stage 1: list a source's photos", description="List a source's photos into a work folder."
    )
    arguments.add_source(manifest)
    manifest.add_argument("--work", type=Path, required=True, metavar="FOLDER", help="work folder to make")
    manifest.add_argument("--locations", action="store_true", help="bare locations from a table, without photos")
    manifest.set_defaults(run=_manifest)

    embed = commands.add_parser(
        "embed", help="stage 2: embed what is listed", description="Embed the photos that a work folder lists."
    )
    embed.add_argument("work", type=Path, metavar="WORK", help="work folder of `manifest`")
    arguments.add_embedding(embed)
    embed.set_defaults(run=_embed)

    index = commands.add_parser(
        "index",
        help="stage 3: a gallery from embeddings",
        description="Make a gallery of a work folder, or of embeddings made elsewhere: pairs of NAME.npy and "
        "NAME.parquet with lat and lon, or what clip-retrieval writes.",
    )
    index.add_argument("embeddings", type=Path, metavar="WORK", help="work folder, or folder of embeddings")
    arguments.add_output(index)
    index.add_argument("--encoder", metavar="ID", help="what made embeddings that come from elsewhere")
    arguments.add_about(index)
    index.set_defaults(run=_index)


def _add_append(commands: Commands[argparse.ArgumentParser]) -> None:
    append = commands.add_parser(
        "append",
        help="more photos into a gallery, without building it again",
        description="Add the photos of a source to a gallery. Those it has already are left out.",
    )
    append.add_argument("gallery", type=Path, metavar="GALLERY")
    arguments.add_source(append)
    append.add_argument("--id-prefix", default="", metavar="TEXT", help="put before ids that the gallery has already")
    append.add_argument("--restart", action="store_true", help="throw away what a stopped run has done")
    arguments.add_running(append)
    append.add_argument("--thumbnail-side", type=int, default=160, metavar="PIXELS", help="default: %(default)s")
    append.add_argument("--licence", default="", help="of the added photos")
    append.add_argument("--source", dest="origin", default="", metavar="TEXT", help="where the added photos come from")
    append.set_defaults(run=_append)


def _add_work(build: argparse.ArgumentParser) -> None:
    build.add_argument("--work", type=Path, metavar="FOLDER", help="work folder (default: .GALLERY.work beside it)")
    build.add_argument("--restart", action="store_true", help="throw away what a stopped run has done")
    build.add_argument("--keep-work", action="store_true", help="keep the work folder when all is done")


def _build(options: argparse.Namespace) -> None:
    from index_builder.build import BuildOptions, build

    built = build(
        BuildOptions(
            source=arguments.source_of(options),
            out=options.out,
            about=arguments.about_of(options, _command("build", options)),
            work=options.work,
            encoder=options.encoder,
            thumbnail_side=options.thumbnail_side,
            locations=options.locations,
            drop_duplicates=options.drop_duplicates,
            overwrite=options.overwrite,
            restart=options.restart,
            keep_work=options.keep_work,
            running=arguments.running_of(options),
            engine=arguments.engine_of(options),
        )
    )
    if built.report:
        print(f"{options.out}: {built.report.rows:,} rows")


def _manifest(options: argparse.Namespace) -> None:
    from index_builder.embedding.listing import list_source
    from index_builder.embedding.work import open_work

    with open_work(options.work) as work:
        listing = list_source(work, arguments.source_of(options)).listing
    print(f"{options.work}: {listing.count:,} entries, {listing.ready:,} to use, in {len(listing.shards):,} shards")


def _embed(options: argparse.Namespace) -> None:
    from index_builder.build import making_of, summarise
    from index_builder.embedding.running import embed_all
    from index_builder.embedding.work import open_work

    with open_work(options.work) as work:
        making = making_of(options.encoder, options.thumbnail_side)
        totals = embed_all(work, making, arguments.engine_of(options), arguments.running_of(options))
    summarise(totals)


def _index(options: argparse.Namespace) -> None:
    from index_builder.build import index_folder

    about = arguments.about_of(options, _command("index", options))
    report = index_folder(
        options.embeddings,
        options.out,
        about,
        encoder=options.encoder,
        drop_duplicates=options.drop_duplicates,
        overwrite=options.overwrite,
    )
    print(report)


def _append(options: argparse.Namespace) -> None:
    from index_builder.adding import AppendOptions, append_source
    from index_builder.gallery.publish import Provenance

    source = arguments.source_of(options)
    command = f"python -m index_builder append {options.gallery.name} {source.path.name}"
    report = append_source(
        AppendOptions(
            gallery=options.gallery,
            source=source,
            about=Provenance(title="", source=options.origin, licence=options.licence, command=command),
            thumbnail_side=options.thumbnail_side,
            id_prefix=options.id_prefix,
            restart=options.restart,
            running=arguments.running_of(options),
            engine=arguments.engine_of(options),
        )
    )
    print(report)


def _command(name: str, options: argparse.Namespace) -> str:
    """The command for the manifest: names of files, but no folders of this machine."""
    source = options.source if name == "build" else options.embeddings
    words = [f"python -m index_builder {name} {source.absolute().name}"]
    words += [f"--encoder {options.encoder}"] if options.encoder else []
    if name == "build":
        words += [f"--kind {options.kind}"] if options.kind != "auto" else []
        words += [f"--split {options.split}"] if options.split else []
        words += [f"--exclude {table.name}" for table in options.exclude]
        words += ["--exclude-ids-only"] if options.exclude_ids_only else []
        words += ["--locations"] if options.locations else []
    words += ["--drop-duplicates"] if options.drop_duplicates else []
    return " ".join(words)
