"""`inputs` and `atlas-inputs`: training sets, with segmentation maps and scenes, of real photos and of drawn ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from geoloc_core.status import Choice
from index_builder.commands import arguments
from index_builder.commands.arguments import Commands


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    inputs = commands.add_parser(
        "inputs",
        help="a training set from geotagged photos, with segmentation maps and scenes",
        description="Make a training set from geotagged photos: their places, small copies, segmentation maps and "
        "scenes. Running the same command again goes on where it stopped.",
    )
    arguments.add_source(inputs)
    inputs.add_argument("--out", type=Path, required=True, metavar="SET", help="folder to make")
    inputs.add_argument("--restart", action="store_true", help="throw away what is there")
    _add_labels(inputs)
    _add_running(inputs)
    about = inputs.add_argument_group("description")
    about.add_argument("--licence", default="", help="the photos' licence")
    about.add_argument("--source", dest="origin", default="", metavar="TEXT", help="where the photos come from")
    inputs.set_defaults(run=_inputs)
    _add_atlas(commands)


def _add_labels(inputs: argparse.ArgumentParser) -> None:
    labels = inputs.add_argument_group("inputs")
    labels.add_argument("--side", type=int, default=256, metavar="PIXELS", help="shorter side kept (default: 256)")
    labels.add_argument(
        "--segmenter",
        metavar="NAME",
        help="that makes the maps, such as segformer-b0; none for none (default: the best one on this machine)",
    )
    labels.add_argument(
        "--scenes",
        metavar="NAME",
        help="that tells the scenes, such as places365:resnet50; source for the source's own S3_Label, S16_Label and "
        "S365_Label; none for none (default: the best one on this machine)",
    )


def _add_running(inputs: argparse.ArgumentParser) -> None:
    running = inputs.add_argument_group("running")
    running.add_argument("--threads", type=int, default=0, metavar="N", help="that read photos (default: cores)")
    running.add_argument("--retry-failed", action="store_true", help="try the photos again that failed")
    running.add_argument("--redo-changed", action="store_true", help="read photos again that changed since")
    running.add_argument(
        "--max-failed",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="give up when more of the photos fail (default: %(default)s)",
    )
    running.add_argument("--no-checks", action="store_true", help="start even if the disk seems too small")


def _add_atlas(commands: Commands[argparse.ArgumentParser]) -> None:
    atlas = commands.add_parser(
        "atlas-inputs",
        help="a training set of drawn photos, with the Atlas's own maps and scenes",
        description="Draw a training set of the synthetic world. Running the same command again goes on where it "
        "stopped.",
    )
    atlas.add_argument("out", type=Path, metavar="SET", help="folder to make")
    atlas.add_argument("--photos", type=int, default=30_000, metavar="N", help="default: %(default)s")
    atlas.add_argument("--split", default="train", help="train, validation or test (default: %(default)s)")
    atlas.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    atlas.add_argument("--side", type=int, default=128, metavar="PIXELS", help="shorter side kept (default: 128)")
    atlas.add_argument(
        "--shard-rows", type=int, default=1024, metavar="N", help="drawn or lost together (default: %(default)s)"
    )
    atlas.add_argument("--segmenter", metavar="NAME", help="make the maps with a model instead of the Atlas's own")
    atlas.add_argument("--restart", action="store_true", help="throw away what is there")
    atlas.set_defaults(run=_atlas)


def _inputs(options: argparse.Namespace) -> None:
    from geoloc_core.scenes import best_classifier
    from geoloc_core.segmentation.names import best_segmenter
    from index_builder.inputs.labelling import NONE, labeller_of
    from index_builder.inputs.source import InputsOptions, make_inputs

    maps = _choice("segmenter", options.segmenter, best_segmenter)
    scenes = _choice("scenes", options.scenes, lambda: best_classifier() or Choice(NONE, "no classifier is here"))
    manifest = make_inputs(
        InputsOptions(
            source=arguments.source_of(options),
            out=options.out,
            side=options.side,
            labeller=labeller_of(maps, scenes),
            licence=options.licence,
            origin=options.origin,
            command=f"python -m index_builder inputs {options.source.absolute().name} --side {options.side} "
            f"--segmenter {maps} --scenes {scenes}",
            threads=options.threads,
            restart=options.restart,
            retry_failed=options.retry_failed,
            redo_changed=options.redo_changed,
            max_failed=options.max_failed,
            checks=not options.no_checks,
        )
    )
    print(f"{options.out}: {manifest.count:,} photos")


def _choice(what: str, asked: str | None, best: Callable[[], Choice]) -> str:
    """A model's name, as asked for or the best; an automatic choice is told."""
    if asked is not None:
        return asked
    chosen = best()
    print(f"{what}: {chosen}", file=sys.stderr)
    return chosen.value


def _atlas(options: argparse.Namespace) -> None:
    from index_builder.inputs.atlas import Drawing, make_atlas
    from index_builder.inputs.labelling import NONE, labeller_of

    drawing = Drawing(options.split, options.photos, options.seed, options.side, max(1, options.shard_rows))
    labeller = labeller_of(options.segmenter, NONE) if options.segmenter else None
    manifest = make_atlas(options.out, drawing, labeller, restart=options.restart)
    print(f"{options.out}: {manifest.count:,} photos, {manifest.id}")
