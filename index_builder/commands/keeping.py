"""What one does with a gallery that is there: `info`, `verify`, `near`, `lance`, `card`, `push` and `pull`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from index_builder.commands.arguments import Commands
from index_builder.console import progress, progress_in_bytes


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    info = commands.add_parser(
        "info",
        help="what is in a gallery, or how far a build is",
        description="Say what a gallery or work folder holds.",
    )
    info.add_argument("path", type=Path, metavar="GALLERY_OR_WORK")
    info.add_argument("--unused", action="store_true", help="list what was not used, as CSV: id, status, reason")
    info.set_defaults(run=_info)

    verify = commands.add_parser(
        "verify", help="check every byte and row of a gallery", description="Check every byte and row of a gallery."
    )
    verify.add_argument("gallery", type=Path, metavar="GALLERY")
    verify.set_defaults(run=_verify)

    near = commands.add_parser(
        "near",
        help="a FAISS index for faster nearest search",
        description="Add an index that finds the nearest faster, and measure its recall. Farthest stays exact.",
    )
    near.add_argument("gallery", type=Path, metavar="GALLERY")
    near.add_argument(
        "--index", default="auto", metavar="KEY", help="FAISS factory key (default: chosen by size, with the reason)"
    )
    near.add_argument("--remove", action="store_true", help="remove the index")
    near.set_defaults(run=_near)

    lance = commands.add_parser(
        "lance",
        help="a LanceDB table of a gallery's vectors",
        description="Copy a gallery's vectors into a LanceDB table, which the setting search_backend=lance searches.",
    )
    lance.add_argument("gallery", type=Path, metavar="GALLERY")
    lance.add_argument("uri", nargs="?", metavar="URI", help="database (default: setting lance_uri, or in the gallery)")
    lance.set_defaults(run=_lance)

    card = commands.add_parser(
        "card", help="README and coverage map of a gallery", description="Write README.md and coverage.png."
    )
    card.add_argument("gallery", type=Path, metavar="GALLERY")
    card.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="default: the working folder")
    card.set_defaults(run=_card)
    _add_sharing(commands)


def _add_sharing(commands: Commands[argparse.ArgumentParser]) -> None:
    push = commands.add_parser(
        "push",
        help="publish a gallery at a URL",
        description="Publish a gallery at a URL: file, s3, gs, sftp, ... or hf://datasets/OWNER/NAME. "
        "Running it again goes on where it stopped.",
    )
    push.add_argument("gallery", type=Path, metavar="GALLERY")
    push.add_argument("url", metavar="URL")
    push.add_argument("--overwrite", action="store_true", help="replace whatever else is there")
    push.add_argument("--public", action="store_true", help="a hub repository everybody sees (default: private)")
    push.add_argument("--with-unused", action="store_true", help="also the list of photos that were not used")
    push.set_defaults(run=_push)

    pull = commands.add_parser(
        "pull",
        help="fetch a published gallery",
        description="Fetch a gallery from a URL and verify it. Running it again goes on where it stopped.",
    )
    pull.add_argument("url", metavar="URL")
    pull.add_argument("gallery", type=Path, metavar="GALLERY", help="folder to make")
    pull.add_argument("--revision", metavar="R", help="commit, tag or branch of a hub repository")
    pull.set_defaults(run=_pull)


def _info(options: argparse.Namespace) -> None:
    from index_builder.gallery.info import info, unused_lines

    if not options.unused:
        print(info(options.path))
        return
    for line in unused_lines(options.path):
        print(line)


def _verify(options: argparse.Namespace) -> None:
    from index_builder.gallery.verify import verify

    report = verify(options.gallery, say=lambda text: print(text, file=sys.stderr))
    print(report)
    if not report.ok:
        raise SystemExit(2)


def _near(options: argparse.Namespace) -> None:
    from index_builder.gallery.near import build_near, remove_near

    if options.remove:
        print("The index is removed." if remove_near(options.gallery) else "There is no index to remove.")
        return
    built = build_near(options.gallery, key=options.index, progress=_said_once())
    print(f"index: {built.choice}")
    if near := built.near:
        print(
            f"recall at {near.k} over {near.queries:,} photos of the gallery: nearest {near.recall_near:.3f}, "
            f"farthest {near.recall_far:.3f} (farthest search stays exact)"
        )


def _lance(options: argparse.Namespace) -> None:
    from index_builder.gallery.lance import to_lance

    with progress("Copying") as on_progress:
        print(to_lance(options.gallery, options.uri, on_progress))


def _card(options: argparse.Namespace) -> None:
    from index_builder.gallery.card import write_card

    for file in write_card(options.gallery, options.out):
        print(file)


def _push(options: argparse.Namespace) -> None:
    from geoloc_core.gallery.remote.push import push
    from index_builder.gallery.card import gallery_card

    with progress_in_bytes("Pushing") as on_progress:
        pushed = push(
            options.gallery,
            options.url,
            card=gallery_card(options.gallery, options.url),
            with_unused=options.with_unused,
            overwrite=options.overwrite,
            public=options.public,
            on_progress=on_progress,
        )
    print(f"{pushed.url}: {len(pushed.sent):,} files sent{f', commit {pushed.revision}' if pushed.revision else ''}")


def _pull(options: argparse.Namespace) -> None:
    from geoloc_core.gallery.remote.pull import pull

    with progress_in_bytes("Pulling") as on_progress:
        pulled = pull(options.url, options.gallery, revision=options.revision, on_progress=on_progress)
    at = f", commit {pulled.revision}" if pulled.revision else ""
    print(f"{pulled.path}: {len(pulled.fetched):,} files fetched{at}")


def _said_once() -> Callable[[str, int, int], None]:
    """Progress as a line for each step, when it begins."""
    said: set[str] = set()

    def progress(step: str, _done: int, total: int) -> None:
        if step not in said:
            said.add(step)
            print(f"{step}: {total:,}", file=sys.stderr)

    return progress
