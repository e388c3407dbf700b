"""What a check may note beside passing or failing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from autograder.comparison.tensors import as_tensor
from autograder.errors import AssignmentError
from autograder.records import TokenStrip


class Recorder:
    """The `record` fixture: one for each check."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.measurements: list[str] = []
        self.metrics: dict[str, float] = {}
        self.strips: list[TokenStrip] = []
        self.awarded: float | None = None

    def remark(self, text: str) -> None:
        """Tell the student something that costs nothing, in fixed words; said once however often it is noted.

        Of a check on hidden inputs the instructor reads it; students only where the course gives full feedback.
        """
        if text:
            self.remarks = list(dict.fromkeys([*self.remarks, text]))

    def measured(self, text: str) -> None:
        """Say what was measured, in a sentence with figures that depend on inputs.

        The instructor reads it; students only where the course gives full feedback. What they are to read in any case
        is a `remark` without such a figure.
        """
        self.measurements = list(dict.fromkeys([*self.measurements, text]))

    def metric(self, name: str, value: float) -> None:
        """Note a measured figure, for the leaderboard and the class page."""
        self.metrics[name] = round(float(value), 6)

    def fraction(self, share: float) -> None:
        """Award a share of the check's points, 0 to 1; the check counts as passed only at 1."""
        if not math.isfinite(share):
            raise AssignmentError(f"record.fraction was given {share}: it takes a number from 0 to 1.")
        self.awarded = min(max(float(share), 0.0), 1.0)

    def strip(self, title: str, tokens: Sequence[str], actual: Any, expected: Any = None) -> None:
        """Show scores over tokens, the student's beside the reference's; of a hidden check for the instructor.

        Args:
            title: What is shown.
            tokens: One a score.
            actual: The student's scores; if they are no such row of numbers, nothing is shown.
            expected: The reference's, or None where there is no single right answer.
        """
        got = _row(actual, len(tokens))
        if got is None:
            return
        want = () if expected is None else _row(expected, len(tokens)) or ()
        self.strips.append(TokenStrip(title=title, tokens=tuple(map(str, tokens)), actual=got, expected=want))


def _row(values: Any, length: int) -> tuple[float, ...] | None:
    tensor = as_tensor(values)
    if tensor is None or tensor.dim() != 1 or tensor.shape[0] != length or tensor.is_complex():
        return None
    numbers: Iterable[float] = tensor.double().tolist()
    row = tuple(float(f"{number:.6g}") for number in numbers)
    return row if all(math.isfinite(number) for number in row) else None
