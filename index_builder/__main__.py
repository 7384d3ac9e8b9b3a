"""The command line: `python -m index_builder COMMAND`. A command is a thin cover of the function of its name."""

from __future__ import annotations

import argparse
import sys

from geoloc_core.console import run
from index_builder.commands import (
    atlas_tiles,
    building,
    cells,
    experiment,
    geoclip,
    inputs,
    keeping,
    segmenter,
    signs,
    starter,
    tiles,
    train,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    stopped = "Stopped. What is done is kept: run the same command again to go on. What was there is untouched."
    return run(_parser(), arguments, if_stopped=stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m index_builder", description="Build galleries to locate photos with, keep them, and share them."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (
        atlas_tiles,
        building,
        cells,
        experiment,
        geoclip,
        inputs,
        keeping,
        segmenter,
        signs,
        starter,
        tiles,
        train,
    ):
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
