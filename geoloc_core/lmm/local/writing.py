"""What goes on while a model writes: its text is passed on, its certainty kept, its pen stopped. Imports torch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from geoloc_core.errors import LmmError
from geoloc_core.lmm.base import Reply


class Stopper(StoppingCriteria):
    """Ends all replies once the event is set."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """(n,) whether each reply ends here."""
        return torch.full((len(input_ids),), self._cancelled.is_set(), device=input_ids.device)


class Certainty(LogitsProcessor):
    """Notes the log-probability of each token as the model itself has it, before any temperature.

    Unlike the scores that `generate` can return, it takes no memory that grows with vocabulary times length.
    """

    def __init__(self) -> None:
        self._last: torch.Tensor | None = None
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores as they came.

        Raises:
            LmmError: they are no numbers; sampling from them would break a GPU's context.
        """
        self._note(input_ids)
        if bool(scores.isnan().any()):
            raise LmmError("The model answered with values that are no numbers. Set GEOLOC_DTYPE=float32.")
        self._last = scores.float().log_softmax(-1)
        return scores

    def finish(self, sequences: torch.Tensor) -> torch.Tensor:
        """(n, steps) natural log-probabilities of the tokens written, whose last one `sequences` knows."""
        self._note(sequences)
        return torch.stack(self._steps, 1).cpu()

    def _note(self, input_ids: torch.Tensor) -> None:
        if self._last is not None:
            self._steps.append(self._last.gather(-1, input_ids[:, -1:]).squeeze(-1))


@dataclass
class _Row:
    """One reply being written."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    done: bool = False


class Stream(BaseStreamer):
    """Passes each reply on as text while it is written.

    Args:
        tokenizer: what turns tokens into text.
        ends: tokens that end a reply.
        first: the number of the first reply.
        on_text: called with the number of the reply and what was added to it.
    """

    def __init__(self, tokenizer: Any, ends: set[int], first: int, on_text: Callable[[int, str], None]) -> None:
        self._tokenizer, self._ends, self._first, self._on_text = tokenizer, ends, first, on_text
        self._rows: list[_Row] | None = None

    def put(self, value: torch.Tensor) -> None:
        """The prompt's tokens first, (n, length), then (n,) the next token of each reply."""
        if self._rows is None:
            self._rows = [_Row() for _ in range(len(value))]
            return
        for number, (row, token) in enumerate(zip(self._rows, value.tolist(), strict=True), self._first):
            if not row.done:
                row.done = token in self._ends
                row.tokens.append(token)
                self._show(number, row, final=row.done)

    def end(self) -> None:
        """Pass on what was held back."""
        for number, row in enumerate(self._rows or (), self._first):
            self._show(number, row, final=True)

    def replies(self, logprobs: torch.Tensor) -> tuple[list[Reply], int]:
        """The finished replies, and the tokens written in all, from the (n, steps) that `Certainty` noted."""
        rows = self._rows or []
        replies = [
            Reply(row.text, "stop" if row.done else "length", float(logprobs[i, : len(row.tokens)].mean()))
            for i, row in enumerate(rows)
        ]
        return replies, sum(len(row.tokens) for row in rows)

    def _show(self, number: int, row: _Row, final: bool) -> None:
        text = self._tokenizer.decode(row.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if text.endswith("\ufffd") and not final:  # half of a letter: its other bytes are still to come
            return
        if piece := text[len(row.text) :]:
            row.text += piece
            self._on_text(number, piece)
