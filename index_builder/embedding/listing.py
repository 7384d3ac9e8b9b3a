"""From a source to the plan of a build: list its rows into the work folder, or see that they are the same as before."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from geoloc_core.errors import GeolocError
from index_builder.console import interval
from index_builder.embedding.manifest import what_changed, write_rows
from index_builder.embedding.work import SHARD_ROWS, Listing, Plan, Work, differences
from index_builder.sources import SourceOptions, open_source
from index_builder.sources.exclusion import Exclusion


@dataclass(frozen=True)
class SourceAsked:
    """The source as the user gave it. `exclude` are tables of photos to keep out, with everything by their authors."""

    path: Path
    kind: str = "auto"
    options: SourceOptions = field(default_factory=SourceOptions)
    exclude: Sequence[Path] = ()
    exclude_authors: bool = True
    shard_rows: int = SHARD_ROWS


def list_source(work: Work, asked: SourceAsked) -> Plan:
    """The plan for a source: made if there is none, else checked to be still true.

    Raises:
        GeolocError: the source cannot be read, or is not the one that the work folder was begun with.
    """
    plan = work.plan
    if plan is None:
        work.clear()  # what a listing that did not finish has left
        plan = Plan(listing=_list(asked, work.manifest))
        work.write(plan)
        return plan
    checked = work.path / "manifest.checked"
    shutil.rmtree(checked, ignore_errors=True)
    checked.mkdir()
    try:
        listing = _list(asked, checked)
        if differs := _differences(work, plan.listing, checked, listing):
            if plan.published:  # a finished build, kept only for its failed photos
                work.clear()
                return list_source(work, asked)
            raise GeolocError(
                f"{work.path} was begun with another source: {differs}. Bring the source back to what it was, or "
                "start over with --restart."
            )
    finally:
        shutil.rmtree(checked, ignore_errors=True)
    plan = plan.model_copy(update={"listing": listing})  # the same rows, perhaps at another place
    work.write(plan)
    return plan


def _list(asked: SourceAsked, folder: Path) -> Listing:
    source = open_source(asked.kind, asked.path, asked.options)
    print(f"source: {source.kind}", file=sys.stderr)
    exclusion = Exclusion.read(asked.exclude, by_author=asked.exclude_authors)
    with tqdm(unit=" entries", desc="Listing", delay=1, mininterval=interval()) as bar:
        shards = write_rows(
            exclusion.apply(source.entries()), folder, asked.shard_rows, lambda taken: bar.update(taken - bar.n)
        )
    for warning in exclusion.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return Listing(
        kind=source.kind.value,
        source=asked.path.name,
        root=str(source.root.absolute()),
        shards=shards,
        excluded=exclusion.record(),
    )


def _differences(work: Work, old: Listing, folder: Path, new: Listing) -> str:
    told = differences(old, new, {"kind": "kind of source", "source": "name", "excluded": "excluded tables"})
    if len(old.shards) > 1 and len(new.shards) > 1 and old.shards[0].count != new.shards[0].count:
        told += [f"rows a shard: {old.shards[0].count:,}, now {new.shards[0].count:,}"]
    elif old.shards != new.shards:
        told.append(what_changed(work, old, folder, new))
    return "; ".join(told)
