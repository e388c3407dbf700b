"""One check as a student may see it: what the feedback policy leaves of a hidden one."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.records import ChangedCheck, CheckResult, FeedbackLevel, NamedMistake
from autograder.report.text import number
from autograder.report.token_heatmap import StripView, strip_view

_STATES = {
    "passed": "Passed",
    "partial": "Partly",
    "failed": "Not yet",
    "errored": "Error",
    "timed_out": "Too slow",
    "skipped": "Not run",
    "review": "Under review",
}
# What a student reads where a check says nothing else. Fixed sentences: they cannot carry a hidden value.
_SENTENCES = {
    "partial": "Right in part: some points are still open here.",
    "failed": "The result is not right yet. Compare your code with what was expected.",
    "errored": "Your code raised an error here. Try it on other inputs, too.",
    "timed_out": "Your function did not return in its time. Look for an endless loop, or work done twice.",
    "skipped": "This check runs once the checks before it pass.",
    "review": "Something went wrong on our side. A person will look at it; you lost no points by it.",
}
_LOST = ("errored", "timed_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The earlier task that an error follows from."""

    number: int
    """Its place in the assignment, from 1."""

    title: str
    """Its heading."""

    anchor: str
    """Id of its section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check as a student may see it."""

    title: str
    """The check's own title."""

    state: str
    """passed, partial, failed, errored, timed_out, skipped or review."""

    word: str
    """The state in words."""

    points: float
    """Points earned."""

    max_points: float
    """Points to earn."""

    hidden: bool
    """Whether its inputs are unseen."""

    found: str
    """What was found; of a hidden check a fixed sentence or nothing."""

    hint: str
    """What the mistake's author says to think about; else empty."""

    follows: Origin | None = None
    """The earlier task that it follows from: then it has no error or hint of its own."""

    named: tuple[NamedMistake, ...] = ()
    """The mistakes that were diagnosed, where the policy names them."""

    diagnosed: bool = False
    """The hint is at a mistake that reproduces the student's values."""

    remarks: tuple[str, ...]
    """Sentences that cost nothing."""

    strips: tuple[StripView, ...]
    """Pictures; of a hidden check only where the policy shows what was measured."""

    measured: tuple[str, ...] = ()
    """Sentences on what was measured of a hidden check, where the policy shows it."""

    detail: str = ""
    """The whole comparison of a hidden check, where the policy shows it."""

    changed: ChangedCheck | None = None
    """What a person decided on it."""

    @property
    def hint_is_named(self) -> bool:
        """Whether the hint is that of the named mistakes, and need not be told twice."""
        return self.hint in _hints(self.named)


def check_state(check: CheckResult) -> str:
    """Return the outcome as people read it: a fault of ours is `review`, some points are `partial`."""
    if check.fault:
        return "review"
    if check.outcome in ("passed", "failed") and 0 < check.points < check.max_points:
        return "partial"
    return check.outcome


def state_word(state: str) -> str:
    """Return a state in words, as it stands beside its icon."""
    return _STATES[state]


def check_view(
    check: CheckResult, level: FeedbackLevel = "hints", follows: Origin | None = None
) -> CheckView:
    """Return what the student may see of a check.

    Of a hidden one: title, points, one hint, and whether it follows from an earlier task; under `names` the mistakes
    that were diagnosed as well. What else the record carries (detail, metrics, strips, distances, measured remarks) is
    read under `full` only. What follows from an earlier task says so, and nothing else but what was measured.
    """
    hidden = check.visibility != "visible"
    state = check_state(check)
    # A visible check that runs after hidden ones has no message either: its outcome may depend on a hidden input.
    if (hidden or not check.feedback) and level != "full" and state in _LOST:
        state = "failed"
    lost = state not in ("passed", "review") and follows is None
    full = hidden and level == "full" and state != "review"
    found = "" if hidden or state == "review" or follows else check.feedback.strip()
    hint = _hint(check) if lost else ""
    if not found and not hint and not follows:
        found = _SENTENCES.get(state, "")
    return CheckView(
        title=check.title,
        state="skipped" if follows else state,
        word="Follows" if follows else _STATES[state],
        points=check.points,
        max_points=check.max_points,
        hidden=hidden,
        found=found,
        hint=hint,
        follows=follows,
        named=check.diagnosis.mistakes if check.diagnosis and lost and level != "hints" else (),
        diagnosed=check.diagnosis is not None
        and hint in (check.diagnosis.hint, *_hints(check.diagnosis.mistakes)),
        remarks=check.remarks,
        strips=() if hidden and not full else tuple(strip_view(strip) for strip in check.strips),
        measured=_measured(check) if full else (),
        detail=check.detail.strip() if full else "",
    )


def _measured(check: CheckResult) -> tuple[str, ...]:
    """Return sentences on all that was measured in a check but the comparison itself."""
    diagnosis = check.diagnosis
    near = f"{diagnosis.title} (distance {number(diagnosis.distance)})" if diagnosis else ""
    figures = ", ".join(f"{name} {number(value)}" for name, value in sorted(check.metrics.items()))
    return tuple(filter(None, (*check.measured, near, figures)))


def _hints(mistakes: tuple[NamedMistake, ...]) -> tuple[str, ...]:
    """Return the hints that mistakes have, each and all in one."""
    hints = [mistake.hint.strip() for mistake in mistakes]
    return (*hints, " ".join(hints))


def _hint(check: CheckResult) -> str:
    """Return the fixed words of the instructor's on what went wrong."""
    return (check.hint or (check.diagnosis.hint if check.diagnosis else "")).strip()
