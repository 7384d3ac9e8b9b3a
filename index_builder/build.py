"""`build`: a source of geotagged photos to a gallery, by all stages. Running it again goes on where it stopped."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from geoloc_core.encoders import best_available, create
from geoloc_core.errors import GalleryError, GeolocError, WeightsMissing
from geoloc_core.gallery.manifest import NAME, EncoderRef, Excluded, read_manifest
from geoloc_core.settings import settings
from geoloc_core.status import Choice
from index_builder.console import progress
from index_builder.embedding.engines import LANES, Engine
from index_builder.embedding.engines.local import LocalEngine
from index_builder.embedding.listing import SourceAsked, list_source
from index_builder.embedding.manifest import FAILED, OK
from index_builder.embedding.running import Options, Totals, embed_all
from index_builder.embedding.work import PLAN, Making, Plan, Work, open_work, remove_work
from index_builder.gallery.index import IndexReport, index
from index_builder.gallery.publish import Provenance

_BINDS = 0.7  # of the time that the encoder is at work, from which it is what binds


@dataclass(frozen=True)
class BuildOptions:
    """What `build` was asked for. `work` is the work folder; None puts it beside `out`."""

    source: SourceAsked
    out: Path
    about: Provenance
    work: Path | None = None
    encoder: str | None = None
    thumbnail_side: int = 160
    locations: bool = False
    drop_duplicates: bool = False
    overwrite: bool = False
    restart: bool = False
    keep_work: bool = False
    running: Options = field(default_factory=Options)
    engine: Engine = field(default_factory=LocalEngine)


@dataclass(frozen=True)
class Built:
    """What a build gave: the index's report, and the totals of the embedding (none if there was nothing to do)."""

    report: IndexReport | None
    totals: Totals


def build(options: BuildOptions) -> Built:
    """Build a gallery, saying on stderr what happens.

    Raises:
        GeolocError: the source, the encoder or the output cannot be used; what is done is kept in the work folder.
    """
    refuse_what_is_no_gallery(options.out)
    path = options.work or work_folder(options.out)
    if options.restart:
        throw_away(path)
    making = making_of(options.encoder, options.thumbnail_side, locations=options.locations)
    with open_work(path) as work:
        plan = list_source(work, options.source)
        if plan.published and plan.making != making:
            work.clear()
            plan = list_source(work, options.source)
        plan = plan.model_copy(update={"making": plan.making or making})
        about = options.about
        recipe = plan.digest(about.title, about.source, about.licence, str(options.drop_duplicates))
        standing = _standing(options.out)
        if standing == recipe and not (options.overwrite or options.running.retry_failed):
            print(f"{options.out} is built already, from just this.", file=sys.stderr)
            built = Built(None, Totals())
        else:
            if standing is not None and standing != recipe and not options.overwrite:
                raise GeolocError(f"{options.out} exists. Choose another --out, or replace it with --overwrite.")
            built = _build(work, plan, making, options, recipe)
        keep = options.keep_work or built.totals.outcomes[FAILED]
    if keep:
        print(f"{path} is kept: `--retry-failed` tries failed photos again.", file=sys.stderr)
    else:
        remove_work(path)
    return built


def _build(work: Work, plan: Plan, making: Making, options: BuildOptions, recipe: str) -> Built:
    totals = Totals()
    if making.encoder is not None:
        totals = embed_all(work, making, options.engine, replace(options.running, out=options.out))
        summarise(totals)
    report = index_work(work, plan, options.out, options.about, recipe=recipe, options=options)
    work.write(plan.model_copy(update={"published": True}))
    return Built(report, totals)


def index_work(
    work: Work, plan: Plan, out: Path, about: Provenance, *, recipe: str, options: BuildOptions
) -> IndexReport:
    """The `index` stage over a work folder."""
    about = replace(about, title=about.title or plan.listing.source)
    overwrite = options.overwrite or options.running.retry_failed
    embedded = plan.making is not None and plan.making.encoder is not None
    with progress("Indexing") as on_progress:
        return index(
            work.embeddings if embedded else work.manifest,
            out,
            about,
            drop_duplicates=options.drop_duplicates,
            overwrite=overwrite,
            recipe=recipe,
            excluded=plan.listing.excluded,
            on_progress=on_progress,
        )


def index_folder(
    folder: Path,
    out: Path,
    about: Provenance,
    *,
    encoder: str | None = None,
    drop_duplicates: bool = False,
    overwrite: bool = False,
) -> IndexReport:
    """The `index` stage alone: a gallery from a work folder, or from embeddings made elsewhere.

    Raises:
        GeolocError: the work is not finished, or the embeddings or the output cannot be used.
    """
    refuse_what_is_no_gallery(out)
    about = replace(about, title=about.title or folder.absolute().name)
    with ExitStack() as stack:
        excluded: tuple[Excluded, ...] = ()
        reference = None
        if (folder / PLAN).is_file():
            work = stack.enter_context(open_work(folder))
            plan = work.plan
            assert plan is not None
            excluded = plan.listing.excluded
            folder = work.embeddings if plan.making else work.manifest
            left = (
                []
                if not plan.making
                else [s for s in range(len(plan.listing.shards)) if not work.done_file(s).is_file()]
            )
            if left:
                raise GeolocError(
                    f"{len(left):,} of {len(plan.listing.shards):,} shards are not embedded yet. Run `embed` first."
                )
        elif encoder:
            reference = EncoderRef(id=create(encoder).id, name=encoder)
        on_progress = stack.enter_context(progress("Indexing"))
        return index(
            folder,
            out,
            about,
            encoder=reference,
            drop_duplicates=drop_duplicates,
            overwrite=overwrite,
            excluded=excluded,
            on_progress=on_progress,
        )


def making_of(encoder: str | None, thumbnail_side: int, *, locations: bool = False) -> Making:
    """The settings of the `embed` stage, with the encoder asked for or the best on this machine.

    Raises:
        EncoderError: there is no such encoder.
        WeightsMissing: its weights are not on this machine.
    """
    config = settings()
    reference = None
    if not locations:
        chosen = Choice(encoder, "asked for") if encoder else best_available()
        print(f"encoder: {chosen}", file=sys.stderr)
        made = create(chosen.value)
        if not (ready := made.availability()):
            raise WeightsMissing(f"The encoder {chosen.value} cannot be used: {ready.reason} {ready.remedy}")
        reference = EncoderRef(id=made.id, name=chosen.value)
    return Making(
        encoder=reference,
        thumbnail_side=max(thumbnail_side, 0),
        max_photo_bytes=config.max_photo_bytes,
        max_photo_pixels=config.max_photo_pixels,
    )


def work_folder(out: Path) -> Path:
    """Where a build of `out` works unless told otherwise: hidden beside it, so that no app takes it for a gallery."""
    return out.absolute().with_name(f".{out.absolute().name}.work")


def refuse_what_is_no_gallery(out: Path) -> None:
    """Refuse to build over a folder or file that is something else than a gallery.

    Raises:
        GeolocError: it is.
    """
    if out.exists() and not (out / NAME).is_file():
        raise GeolocError(f"{out} exists and is no gallery, so it is left alone. Choose another --out.")


def summarise(totals: Totals) -> None:
    """Print what was embedded, what not and why, and which step binds the speed."""
    counts = totals.outcomes
    print(f"read {counts.total():,}, embedded {counts[OK]:,}", file=sys.stderr)
    for reason, count in totals.reasons.most_common():
        print(f"  not used {count:,}: {reason} (such as {totals.examples[reason]!r})", file=sys.stderr)
    if not totals.wall or not totals.embedded_now:
        return
    speed = totals.embedded_now / totals.wall
    workers = max(totals.workers - totals.lost, 1)
    busy = totals.seconds["infer"] / (totals.wall * workers)
    lanes = workers * LANES
    print(
        f"{speed:,.1f} photos/s over {totals.wall:.1f} s. The encoder was at work {busy:.0%} of the time "
        f"({totals.seconds['infer'] / workers:.1f} s); shards waited {totals.seconds['read'] / lanes:.1f} s for photos "
        f"and took {totals.seconds['write'] / lanes:.1f} s to write. "
        f"{'The encoder binds.' if busy > _BINDS else 'Reading and preparing photos bind.'}",
        file=sys.stderr,
    )


def _standing(out: Path) -> str | None:
    """The recipe of the gallery that is there; "" if it tells none or is damaged, None if there is none."""
    if not out.exists():
        return None
    try:
        return read_manifest(out).recipe
    except GalleryError:
        return ""


def throw_away(path: Path) -> None:
    """Delete a work folder that nobody is using."""
    if path.exists():
        with open_work(path):
            pass  # nobody else is using it
        remove_work(path)
