from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.errors import AutograderError
from autograder.records import Assignment, GradeReport
from autograder.report import write_submission
from autograder.report.difference import Verdict, compare, compare_folders, in_words, verdict_of


def changed(report: GradeReport, number: int, **values: object) -> GradeReport:
    checks = list(report.checks)
    checks[number] = replace(checks[number], **values)  # type: ignore[arg-type]
    return replace(report, checks=tuple(checks), score=sum(check.points for check in checks))


def difference(old: GradeReport, new: GradeReport) -> list[str]:
    return in_words(compare({"ana": verdict_of(old)}, {"ana": verdict_of(new)}))


def test_times_words_provenance_and_rounding_are_no_difference(report: GradeReport) -> None:
    other = replace(
        report,
        timing={"notebook_s": 9.0},
        provenance={"device": "cuda"},
        remarks=("-",),
        score=report.score + 1e-12,
    )
    other = changed(other, 0, detail="0.25 instead of 0.26", metrics={"percentile": 0.3})
    assert difference(report, other) == []


@pytest.mark.parametrize(
    "values", [{"points": 0.25}, {"outcome": "timed_out"}, {"diagnosis": None}, {"id": "test_renamed"}]
)
def test_points_outcome_diagnosis_and_the_check_itself_are(
    report: GradeReport, values: dict[str, object]
) -> None:
    number = next(n for n, check in enumerate(report.checks) if check.diagnosis)
    lines = difference(report, changed(report, number, **values))
    assert lines[0].startswith("ana: ")
    assert any(report.checks[number].id in line for line in lines[1:])


def test_a_fault_of_ours_is_a_difference_whatever_its_words(report: GradeReport) -> None:
    calm = replace(report, needs_review=())
    assert difference(calm, replace(report, needs_review=("it died",)))[0].endswith(", needs review")
    assert difference(replace(report, needs_review=("a",)), replace(report, needs_review=("b",))) == []


def test_a_change_says_what_was_and_what_is(report: GradeReport) -> None:
    number = next(n for n, check in enumerate(report.checks) if check.outcome == "passed")
    check = report.checks[number]
    lines = difference(report, changed(report, number, outcome="failed", points=0.0))
    assert lines[1] == f"    {check.id}: passed {check.points:g} -> failed 0"


def test_only_the_named_checks_are_told_and_the_rest_is_counted(report: GradeReport) -> None:
    first, second = report.checks[0], report.checks[1]
    old = {name: verdict_of(report) for name in ("ana", "bea")}
    new = {
        "ana": verdict_of(changed(report, 0, outcome="timed_out")),
        "bea": verdict_of(changed(report, 1, outcome="timed_out")),
    }
    lines = in_words(compare(old, new), checks=(first.id,))
    assert [line for line in lines if second.id in line] == []
    assert lines[-1] == "1 more differ in other checks."
    assert any(line.startswith(f"    {first.id}: ") for line in lines)


def test_who_is_in_one_alone_is_told(report: GradeReport) -> None:
    found = compare({"ana": verdict_of(report)}, {"bea\n=cmd": verdict_of(report)})
    assert in_words(found) == ["ana: only in the old results", "bea =cmd: only in the new results"]
    assert bool(found)


def test_a_verdict_survives_the_journal(report: GradeReport) -> None:
    verdict = verdict_of(report)
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_folders_are_compared_by_assignment_and_student(
    report: GradeReport, problem: Callable[[str], GradeReport], assignment: Assignment, tmp_path: Path
) -> None:
    for folder, last in (("old", report), ("new", changed(report, 0, outcome="skipped"))):
        place = tmp_path / folder / assignment.slug
        write_submission(last, None, assignment, place / "one")
        write_submission(problem("Zoë"), None, assignment, place / "two")
    found = compare_folders(tmp_path / "old", tmp_path / "new")
    assert (found.same, [change.name for change in found.changes]) == (
        1,
        [f"{assignment.slug}: {report.student}"],
    )
    with pytest.raises(AutograderError, match="no such folder"):
        compare_folders(tmp_path / "old", tmp_path / "nowhere")
