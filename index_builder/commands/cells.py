"""`cells`: the partition of the world into geo-cells, which are the classes of a classifier."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import GeolocError
from index_builder.commands import arguments
from index_builder.commands.arguments import Commands
from index_builder.console import progress

if TYPE_CHECKING:
    from geoloc_core.cells import About, Partition
    from index_builder.cells.places import Places


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    cells = commands.add_parser(
        "cells",
        help="geo-cells, the classes of a classifier, from photos' places",
        description="Cut the world into geo-cells: cells of the S2 quadtree, each cut in four while it holds too many "
        "photos. Give the photos to train on, and no test photo.",
    )
    where = cells.add_mutually_exclusive_group(required=True)
    where.add_argument("--table", type=Path, metavar="TABLE", help="CSV or Parquet table with lat and lon, fast")
    where.add_argument("--gallery", type=Path, metavar="GALLERY", help="the photos of a gallery")
    where.add_argument("--source", type=Path, metavar="SOURCE", help="a source that `build` takes")
    where.add_argument(
        "--published",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="take over cells of others, a file a level, coarsest first",
    )
    cells.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to make, such as cells.parquet")
    cells.add_argument("--overwrite", action="store_true", help="replace the file that is there")
    _add_limits(cells)
    arguments.add_source_options(cells)
    cells.set_defaults(run=_cells, shard_rows=1024)
    about = cells.add_argument_group("description")
    about.add_argument("--title", default="", help="what it is called (default: the source's name)")
    about.add_argument("--licence", default="", help="of the photos' places")


def _add_limits(cells: argparse.ArgumentParser) -> None:
    limits = cells.add_argument_group("limits")
    limits.add_argument(
        "--max",
        dest="most",
        type=int,
        nargs="+",
        default=[5_000, 2_000, 1_000],
        metavar="N",
        help="photos a cell at most, for each level (default: 5000 2000 1000: coarse, middle, fine)",
    )
    limits.add_argument(
        "--min", dest="least", type=int, default=50, metavar="N", help="drop cells with N photos or fewer (default: 50)"
    )
    limits.add_argument(
        "--depths",
        type=int,
        nargs=2,
        default=[2, 30],
        metavar=("FROM", "TO"),
        help="levels of the S2 quadtree (default: 2 30)",
    )


def _cells(options: argparse.Namespace) -> None:
    from geoloc_core.cells import read_published
    from index_builder.cells.build import Limits, build
    from index_builder.files import telling

    if options.out.exists() and not options.overwrite:
        raise GeolocError(f"{options.out} exists. Choose another --out, or replace it with --overwrite.")
    if options.published:
        partition = read_published(options.published, about=_about(options))
        print(f"{partition}, {partition.parts[-1].counts.sum():,} photos in the {partition.levels[-1]} ones")
    else:
        limits = Limits(tuple(options.most), options.least, *options.depths)
        places = _places(options)
        with progress("Locating", unit=" photos") as on_progress:
            built = build(places.points, limits, _about(options, places), on_progress)
        partition = built.partition
        print(built)
        for reason, count in places.unused.items():
            print(f"  {count:,} not used: {reason}")
    with telling(options.out):
        _save(partition, options.out)


def _save(partition: Partition, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"{partition.save(out)}: {out.stat().st_size:,} bytes, {partition.id}")


def _places(options: argparse.Namespace) -> Places:
    from index_builder.cells.places import of_gallery, of_source, of_table

    if options.table:
        return of_table(options.table)
    if options.gallery:
        return of_gallery(options.gallery)
    with progress("Reading", unit=" entries") as on_progress:
        return of_source(arguments.source_of(options), on_progress)


def _about(options: argparse.Namespace, places: Places | None = None) -> About:
    """What the partition says of itself; no folders of this machine."""
    from geoloc_core.cells import About

    option = next(name for name in ("table", "gallery", "source", "published") if getattr(options, name))
    value = getattr(options, option)
    named = [file.absolute().name for file in (value if isinstance(value, list) else [value])]
    return About(
        title=(options.title or (places.title if places else named[-1]))[:200],
        licence=(options.licence or (places.licence if places else ""))[:2_000],
        synthetic=bool(places and places.synthetic),
        source=", ".join(named)[:2_000],
        created=datetime.now(UTC).replace(microsecond=0),
        command=f"python -m index_builder cells --{option} {' '.join(named)}"[:2_000],
    )
