"""How much a course tells students of hidden checks, and from when on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FeedbackLevel = Literal["hints", "names", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPolicy:
    """What students read of hidden checks; no grade depends on it."""

    level: FeedbackLevel = "hints"
    """`hints`: the check's own hint, and how the first lost check was lost. `names`: the diagnosed mistakes,
    too. `full`: what was measured, too."""

    begins: datetime | None = None
    """Until then everybody reads hints; without a zone, local time. None: the level holds from the beginning."""

    def at(self, now: datetime) -> FeedbackLevel:
        """Return the level that holds at a time; a time without a zone is local."""
        return "hints" if self.is_ahead(now) else self.level

    def is_ahead(self, now: datetime) -> bool:
        """Return whether more is still to be told later."""
        return self.begins is not None and now.astimezone() < self.begins.astimezone()
