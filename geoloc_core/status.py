"""Whether a thing can be used, and what was chosen automatically: each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Availability:
    """Whether something can be used now; if not, why, and what would change that."""

    ok: bool
    reason: str
    remedy: str = ""

    def __bool__(self) -> bool:
        return self.ok

    @classmethod
    def lacking(cls, error: Exception) -> Availability:
        """Not available, for the reason that an error gives in its first sentence; the rest is the remedy."""
        reason, _, remedy = str(error).partition(". ")
        return cls(False, f"{reason}.", remedy)


@dataclass(frozen=True)
class Choice:
    """An automatic choice and the reason for it; both are logged and shown."""

    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.value} ({self.reason})"
