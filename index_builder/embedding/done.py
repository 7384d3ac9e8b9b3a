"""What of a build is done: shards that are whole, and photos in them whose files have changed since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from index_builder.embedding.manifest import FAILED, OK
from index_builder.embedding.reading import file_state
from index_builder.embedding.work import Plan, Work

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOME_COLUMNS = ("id", "_status", "_reason", "_path", "_bytes", "_modified")
Whole = Callable[[Work, Plan, int], "pa.Table | None"]


@dataclass(frozen=True)
class Done:
    """A shard that is whole: its rows by outcome, those not used by reason, and an id for each reason."""

    outcomes: Counter[str]
    reasons: Counter[str]
    examples: dict[str, str]


def done_shards(work: Work, plan: Plan, whole: Whole | None = None) -> tuple[dict[int, Done], list[tuple[int, str]]]:
    """The shards that are whole, and the photos in them whose files have changed since, as (shard, id).

    `whole` gives the outcomes of a shard, or None if it is not done; left out, a shard of embeddings is meant.
    """
    whole = whole or _whole
    done: dict[int, Done] = {}
    changed: list[tuple[int, str]] = []
    states: dict[str, tuple[int | None, int | None]] = {}
    root = Path(plan.listing.root)
    numbers = [shard for shard in range(len(plan.listing.shards)) if work.done_file(shard).is_file()]
    for shard in tqdm(numbers, desc="Checking what is done", unit=" shards", delay=2):
        table = whole(work, plan, shard)
        if table is None:
            continue
        rows = table.to_pylist()
        done[shard] = tally((row["id"], row["_status"], row["_reason"]) for row in rows)
        for row in rows:
            path, before = row["_path"], (row["_bytes"], row["_modified"])
            if row["_status"] == FAILED or not path or before[0] is None:
                continue
            if path not in states:
                states[path] = file_state(root / path)
            if states[path] != before:
                changed.append((shard, row["id"]))
        if len(states) > 100_000:  # loose files, each asked for once; archives are few
            states.clear()
    return done, changed


def tally(rows: Iterable[tuple[str, str, str]]) -> Done:
    """Counts of rows that are (id, status, reason)."""
    known = list(rows)
    unused = [(reason, name) for name, status, reason in known if status != OK]
    return Done(
        outcomes=Counter(status for _, status, _ in known),
        reasons=Counter(reason for reason, _ in unused),
        examples=dict(reversed(unused)),
    )


def _whole(work: Work, plan: Plan, shard: int) -> pa.Table | None:
    """The outcomes of a shard, or None if its files do not agree with each other and with the plan."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(work.done_file(shard), columns=list(OUTCOME_COLUMNS))
        vectors = np.load(work.embeddings / f"{shard:05d}.npy", mmap_mode="r", allow_pickle=False)
        made_with = facts_of(work.done_file(shard))["encoder"]["id"]
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
    encoder = plan.making.encoder if plan.making else None
    same = encoder is not None and made_with == encoder.id
    usable = table["_status"].to_pylist().count(OK)
    return table if same and table.num_rows == plan.listing.shards[shard].count and len(vectors) == usable else None


def facts_of(done: Path) -> dict[str, Any]:
    """What `embed` noted in a shard's file: encoder, dim, seconds, choices.

    Raises:
        KeyError: nothing.
    """
    import pyarrow.parquet as pq

    return dict(json.loads((pq.read_schema(done).metadata or {})[b"geoloc"]))
