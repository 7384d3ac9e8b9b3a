"""What both command lines do: run a command, and turn errors and interruptions into a message and an exit status."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings

from geoloc_core.errors import GeolocError


def run(parser: argparse.ArgumentParser, arguments: list[str] | None, if_stopped: str) -> int:
    """Parse, call the command's `run(options)`, and return the exit status: 0, 2 for an error, 130 for Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    warnings.filterwarnings("ignore", module="PIL")  # it remarks on damaged EXIF, which is read as hostile anyway
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except GeolocError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}. Check the path, its permissions and the space on the disk.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(if_stopped, file=sys.stderr)
        return 130
    return 0
