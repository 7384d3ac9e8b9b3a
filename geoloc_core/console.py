"""What both command lines do: run a command, turn errors into a message and an exit status, print what others wrote."""

from __future__ import annotations

import argparse
import logging
import sys
import unicodedata
import warnings

from geoloc_core.errors import GeolocError


def run(parser: argparse.ArgumentParser, arguments: list[str] | None, if_stopped: str) -> int:
    """Parse, call the command's `run(options)`, and return the exit status.

    It is what the command returns (nothing is 0), 2 for an error, 130 for Ctrl-C.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    warnings.filterwarnings("ignore", module="PIL")  # it remarks on damaged EXIF, which is read as hostile anyway
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except GeolocError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}. Check the path, its permissions and the space on the disk.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(if_stopped, file=sys.stderr)
        return 130


def harmless(text: str) -> str:
    """Somebody else's text for a terminal: what could steer it or turn its writing round becomes U+FFFD."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else "\ufffd" for c in text
    )
