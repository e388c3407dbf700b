"""Diagnosis accuracy: how often diagnosis names the mistake that was made, for several made-up students.

Each known mistake is graded in a student's place, each student asking other inputs. So are correct programs (for which
any diagnosis is wrong), two mistakes at once, and each mistake as an unknown one, left out of the known mistakes: then
every known mistake that is named is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.authoring.verify.diagnosis_cases import (
    KINDS,
    DiagnosisCase,
    Kind,
    RecordedCall,
    diagnosis_cases,
    equal_mistakes,
    recording,
)
from autograder.checks.check_run import CheckRun
from autograder.checks.course_context import Course
from autograder.checks.runner import Run, with_checks
from autograder.checks.variants import run_variant
from autograder.diagnosis import GENERAL, Explanation
from autograder.diagnosis.composition import DidNotComposeError
from autograder.records import CheckResult

Outcome = Literal["right", "wrong", "none", "cannot be told", "no points lost"]

EXPECTED: Mapping[Kind, frozenset[Outcome]] = {
    "single": frozenset({"right"}),
    "partly": frozenset({"right", "cannot be told", "no points lost"}),
    "pair": frozenset({"right", "cannot be told"}),
    "two functions": frozenset({"right"}),
    "unknown": frozenset({"none", "no points lost"}),
    "correct": frozenset({"right", "no points lost"}),
}
"""The outcomes of each kind that need no look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedProgram:
    """What diagnosis made of one program on one student's inputs."""

    kind: Kind
    """What was graded."""

    task: str
    """Whose function is wrong, the last one where there are two."""

    made: tuple[str, ...]
    """Ids of the mistakes that it makes, or of the correct program."""

    student: str
    """Whose inputs."""

    outcome: Outcome
    """right: every mistake in the diagnosis is made, or those in it give the same values in every call; wrong: another
    one is in it; none: no diagnosis; cannot be told: none, and other known mistakes give the same values in every call,
    or the program never returns any."""

    diagnosed: str
    """The diagnosis; empty if there is none."""

    hint: str
    """What the student reads where there is no diagnosis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Counts of one kind."""

    kind: Kind
    """Which."""

    right: int
    """Right diagnoses."""

    wrong: int
    """Wrong diagnoses."""

    none: int
    """Points lost without a diagnosis."""

    cannot_be_told: int
    """Programs that no values tell from those of other known mistakes, and those that return none."""

    no_points_lost: int
    """No points lost, so that nothing was diagnosed."""

    @property
    def asked(self) -> int:
        """Programs that lost points and can be told from others."""
        return self.right + self.wrong + self.none

    def share(self, count: int) -> float:
        """Return a count as a share of those that were asked; 0 where there were none."""
        return count / self.asked if self.asked else 0.0


def accuracy_by_kind(programs: Iterable[DiagnosedProgram]) -> list[Accuracy]:
    """Return the counts of each kind that was graded, in the order of `KINDS`."""
    counts = Counter((one.kind, one.outcome) for one in programs)
    return [
        Accuracy(
            kind=kind,
            right=counts[kind, "right"],
            wrong=counts[kind, "wrong"],
            none=counts[kind, "none"],
            cannot_be_told=counts[kind, "cannot be told"],
            no_points_lost=counts[kind, "no points lost"],
        )
        for kind in KINDS
        if any(graded == kind for graded, _ in counts)
    ]


def measure_diagnosis_accuracy(
    course: Course,
    *,
    students: int = 3,
    kinds: Sequence[Kind] = tuple(KINDS),
) -> list[DiagnosedProgram]:
    """Grade mistakes and correct programs, and note the diagnoses.

    Args:
        course: The assignment with its models, loaded.
        students: How many made-up students ask; pairs and unknown mistakes are asked by one each.
        kinds: What is graded.
    """
    found: list[DiagnosedProgram] = []

    def body(run: Run) -> None:
        for number, case in enumerate(diagnosis_cases(course, kinds)):
            every = range(students) if case.kind in ("single", "correct") else [number % students]
            for student in every:
                # Inputs are drawn by this name.
                diagnosed = _diagnosed(case, f"naming {student}", run)
                found.extend([diagnosed] if diagnosed is not None else [])

    with_checks(course.assignment, course.checks, body)
    return found


def _diagnosed(case: DiagnosisCase, student: str, run: Run) -> DiagnosedProgram | None:
    """Grade a program; None if its two mistakes cannot be composed."""
    calls: list[RecordedCall] = []
    asked = case.tasks[-1]
    functions = {**case.functions, asked: recording(case.functions[asked], calls)}
    checked = run_variant(case.course, functions, student=student, tasks=frozenset(case.tasks), run=run)
    if any(isinstance(error, DidNotComposeError) for error in checked.errors.values()):
        return None
    results = checked.ordered_results()
    last = [result for result in results if result.task == case.tasks[-1]]
    every = [result for result in results if result.diagnosis]
    here = [result for result in last if result.diagnosis]
    named = [result.diagnosis.misconception for result in here or every if result.diagnosis]
    outcome = _outcome(case, last, _explanations(checked, every), _explanations(checked, here))
    if outcome in ("wrong", "none"):
        outcome = _beside_equals(case, outcome, _mistakes(_explanations(checked, every)), calls)
    return DiagnosedProgram(
        kind=case.kind,
        task=case.tasks[-1],
        made=case.made,
        student=student,
        outcome=outcome,
        diagnosed=", ".join(dict.fromkeys(named)),
        hint=next(
            (result.hint for result in last if result.outcome != "passed" and not result.diagnosis), ""
        ),
    )


def _explanations(checked: CheckRun, results: Sequence[CheckResult]) -> list[Explanation]:
    return [checked.explanations[result.id] for result in results]


def _outcome(
    case: DiagnosisCase,
    last: Sequence[CheckResult],
    every: Sequence[Explanation],
    here: Sequence[Explanation],
) -> Outcome:
    """Judge the diagnoses of a program.

    A transform or a general mistake is true of the values, whatever made them; only the known mistakes are judged.

    Args:
        case: The program.
        last: The results of the task that is diagnosed.
        every: The diagnoses of all its tasks.
        here: Those of the task that is diagnosed.
    """
    if (case.kind == "correct" and every) or not _mistakes(every) <= _made(case):
        return "wrong"
    if _mistakes(here):
        return "right"
    return "none" if any(map(_lost, last)) else "no points lost"


def _beside_equals(
    case: DiagnosisCase, outcome: Outcome, named: set[str], calls: Sequence[RecordedCall]
) -> Outcome:
    """Return the outcome, seeing that other known mistakes may give the very same values.

    Args:
        case: The program.
        outcome: wrong or none.
        named: The known mistakes in its diagnoses.
        calls: Of the task that is diagnosed.
    """
    if case.kind not in ("partly", "pair") or not calls:
        return outcome
    if not any(call.returned for call in calls):
        return "cannot be told"
    if outcome == "wrong":
        return "right" if named in equal_mistakes(case, calls) else "wrong"
    return "cannot be told" if any(made != set(case.made) for made in equal_mistakes(case, calls)) else "none"


def _mistakes(explanations: Sequence[Explanation]) -> set[str]:
    return {known.id for found in explanations for known in found.known} - GENERAL


def _made(case: DiagnosisCase) -> set[str]:
    """Return the mistakes that a right diagnosis may name: for an unknown mistake there are none."""
    return {one.id for one in case.course.misconceptions} & set(case.made)


def _lost(result: CheckResult) -> bool:
    """Return whether a check took points; checks of a plot have none, since there is no plot here."""
    return result.outcome != "passed" and result.max_points > 0
