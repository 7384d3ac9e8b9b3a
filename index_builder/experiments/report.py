"""Tells what a comparison gave: Markdown tables to paste into documents, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from geoloc_core.evaluation.bootstrap import Measured, bootstrap, difference, table
from geoloc_core.files import replacing
from geoloc_core.geo import THRESHOLDS_KM
from index_builder.experiments.compare import Done
from index_builder.experiments.figure import curves_svg
from index_builder.experiments.systems import Budget, Data, Row


def write_report(data: Data, budget: Budget, rows: Sequence[Row], done: Sequence[Done], folder: Path) -> str:
    """Write results.md, results.json, curves.json and curves.svg; returns the first.

    Raises:
        OSError: the disk is full or may not be written.
    """
    measured, differences = _figures(data, rows, done)
    curves = _curves(done)
    text = _markdown(data, budget, done, measured, differences)
    files = {
        "results.md": text,
        "results.json": _json(_results(done, measured, differences)),
        "curves.json": _json({name: [epoch.model_dump() for epoch in curve] for name, curve in curves.items()}),
        "curves.svg": curves_svg(curves, budget.chosen_by),
    }
    for name, content in files.items():
        with replacing(folder / name) as stream:
            stream.write(content.encode())
    return text


def _figures(data: Data, rows: Sequence[Row], done: Sequence[Done]) -> tuple[list[Measured], list[Measured]]:
    errors = {row.key: row.answers.errors(data.test.places) for row in done}
    names = {row.key: row.name for row in done}
    measured = [bootstrap(names[key], errors[key], data.groups) for key in errors]
    differences = [
        difference(f"{row.name} against {names[other]}", errors[row.key], errors[other], data.groups)
        for row in rows
        for other in row.against
        if row.key in errors and other in errors
    ]
    return measured, differences


def _markdown(
    data: Data, budget: Budget, done: Sequence[Done], measured: Sequence[Measured], differences: Sequence[Measured]
) -> str:
    cells = ", ".join(f"{size:,}" for size in data.partition.sizes)
    by = f"{len(set(data.groups)):,} groups resampled whole" if data.groups is not None else "photos resampled"
    counts = (
        f"{len(data.train):,} photos to train on, {len(data.validation):,} to choose on, {len(data.test):,} to test"
    )
    spent = f"epochs: {budget.epochs}, batch: {budget.batch}, seed: {budget.seed}"
    parts = [
        f"{counts}; {cells} cells; {spent}. Percent of the test photos within a radius, with 95 % intervals ({by}).",
        table(measured),
        "Differences in percentage points on the same photos; **bold** where the interval leaves out 0:",
        table(differences, signed=True),
        _costs(done),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _costs(done: Sequence[Done]) -> str:
    lines = ["| | parameters | training, s | ms a photo to answer | note |", "|---|---:|---:|---:|---|"]
    for row in done:
        parameters = f"{row.trained.parameters:,}" if row.trained.parameters is not None else ""
        seconds = f"{row.trained.seconds:,.0f}" if row.trained.seconds else ""
        each = 1000 * row.answers.seconds / max(1, len(row.answers.guesses))
        lines.append(f"| {row.name} | {parameters} | {seconds} | {each:.1f} | {row.trained.said} |")
    return "\n".join(lines)


def _curves(done: Sequence[Done]) -> dict[str, Sequence[Any]]:
    """Each system's curve once, under the name of its first row."""
    curves: dict[str, Sequence[Any]] = {}
    for row in done:
        if row.trained.curve and row.trained.curve not in curves.values():
            curves[row.name] = row.trained.curve
    return curves


def _results(done: Sequence[Done], measured: Sequence[Measured], differences: Sequence[Measured]) -> Mapping[str, Any]:
    rows = [
        {
            "key": row.key,
            **asdict(figures),
            "trained": row.trained.model_dump(exclude={"curve"}),
            "seconds": row.answers.seconds,
        }
        for row, figures in zip(done, measured, strict=True)
    ]
    return {"radii_km": THRESHOLDS_KM, "rows": rows, "differences": [asdict(one) for one in differences]}


def _json(what: Any) -> str:
    return json.dumps(_finite(what), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(what: Any) -> Any:
    """The same with None for numbers that JSON does not know."""
    if isinstance(what, Mapping):
        return {key: _finite(value) for key, value in what.items()}
    if isinstance(what, list | tuple):
        return [_finite(value) for value in what]
    return None if isinstance(what, float) and not np.isfinite(what) else what
