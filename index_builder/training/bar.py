"""A run's progress in a terminal or a log: a line with the time left, and a line for each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from index_builder.console import interval
from index_builder.training.events import Event, OnEvent, Said, Stepped, Validated

_SHOWN = (
    *("a_1", "a_25", "a_200", "a_750", "a_2500", "a_mean", "loss"),
    *("recall_16", "untuned_recall_16", "chance_16"),
)


@contextmanager
def telling_of_steps(what: str = "Training") -> Iterator[OnEvent]:
    """A progress bar as a listener of `training.run`."""
    bars: list[Any] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Said):
            tqdm.write(event.text)
        elif isinstance(event, Validated):
            mark = ", the best so far" if event.best else ""
            tqdm.write(f"Epoch {event.epoch}: loss {event.loss:.4f}; {_figures(event.metrics)}{mark}")
        else:
            if not bars:  # only now it is known where the run begins
                bars.append(_bar(what, event))
            _advance(bars[0], event)

    try:
        yield on_event
    finally:
        for bar in bars:
            bar.close()


def _bar(what: str, event: Stepped) -> Any:
    begun = event.step - 1
    return tqdm(desc=what, total=event.steps, initial=begun, unit=" steps", mininterval=interval(), dynamic_ncols=True)


def _advance(bar: Any, event: Stepped) -> None:
    said = {"epoch": event.epoch, "loss": f"{event.loss:.4f}", "photos/s": f"{event.photos_per_s:.0f}"}
    bar.set_postfix(said, refresh=False)
    bar.update(event.step - bar.n)


def _figures(metrics: Mapping[str, float]) -> str:
    """On unseen photos; shares as per cent."""
    said = [
        f"{name} {100 * metrics[name]:.1f} %" if name.startswith("a_") else f"validation {name} {metrics[name]:.4f}"
        for name in _SHOWN
        if name in metrics
    ]
    return ", ".join(said or [f"{name} {value:.4g}" for name, value in metrics.items()])
