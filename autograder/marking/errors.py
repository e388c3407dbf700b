"""What can go wrong when people mark; each text is a sentence for them."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.errors import AutograderError
from autograder.marking.records import Decision


class MarkingError(AutograderError):
    """A decision that cannot be taken as it was given; nothing was written."""


class StoreError(MarkingError):
    """The log of decisions cannot be read or written."""


class ConflictError(MarkingError):
    """Someone else has decided on the same meanwhile; nothing was written.

    Attributes:
        decision: What was to be written.
        current: What counts now, with who decided and when; the latest first. Empty: nothing does.
    """

    def __init__(self, decision: Decision, current: Sequence[Decision]) -> None:
        self.decision = decision
        self.current = tuple(current)
        who = "; ".join(f"{one.by} at {one.at}" for one in current) or "nobody"
        about = ", ".join(filter(None, (decision.student, decision.target)))
        super().__init__(f"{about}: decided meanwhile by {who}. Look at that decision, then decide again.")
