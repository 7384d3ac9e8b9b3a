"""Runs the benchmarks named on the command line, or all of them."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib import import_module

from geoloc_core.paths import ROOT

NAMES = (
    "search",
    "near",
    "gallery",
    "pipeline",
    "memory",
    "gpu",
    "locate",
    "cells",
    "translocator",
    "startup",
    "signs",
)
OUT = ROOT / "build" / "bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer runs")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    for name in options.names or NAMES:
        rows = import_module(f"tests.benchmarks.{name}").run(quick=options.quick)
        print(f"\n{name}\n{as_table(rows)}", flush=True)
        record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
        record |= {"machine": platform.machine(), "python": platform.python_version(), "rows": rows}
        (OUT / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def as_table(rows: list[dict[str, object]]) -> str:
    """The rows as a Markdown table."""
    head = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(_cell(row.get(name, "")) for name in head) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
