"""No answer: what is raised when a model replied and named no usable place."""

from __future__ import annotations

from geoloc_core.errors import NoAnswer
from geoloc_core.lmm.account import Account
from geoloc_core.prediction import Evidence


class Unanswered(NoAnswer):
    """A model replied, but none of its replies names a usable place; `account` and `evidence` are there to be shown."""

    def __init__(self, message: str, account: Account, evidence: Evidence) -> None:
        super().__init__(message)
        self.account, self.evidence = account, evidence
