"""Results folders as `autograder grade` leaves them, without grading."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from autograder.records import Assignment, CheckResult, Execution, GradeReport, Limits, Pending, Task
from autograder.report import write_class, write_submission

SLUG = "token_attribution"
NOWHERE = Path()
ASSIGNMENT = Assignment(
    slug=SLUG,
    title="Token attribution",
    points=40.0,
    course_dir=NOWHERE,
    folder=NOWHERE,
    reference=NOWHERE,
    template=NOWHERE,
    tasks=(Task(name="build_baseline", title="The baseline", expected="A tensor."),),
    questions=(),
    models={},
    limits=Limits(),
)
QUESTION = Pending(id="question-words", title="Which words?", points=4.0, answer="These.")


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student of the results."""

    name: str
    handed_in: Mapping[str, str] = field(default_factory=dict)
    score: float = 38.5
    pending: tuple[Pending, ...] = ()
    problem: str = ""
    needs_review: tuple[str, ...] = ()


def moodle_student(name: str, number: int, **more: object) -> Student:
    place = f"{name}_{number}_assignsubmission_file/"
    handed_in = {"platform": "Moodle", "id": str(number), "place": place}
    return Student(name=name, handed_in=handed_in, **more)  # type: ignore[arg-type]


def canvas_student(name: str, number: int, **more: object) -> Student:
    return Student(name=name, handed_in={"platform": "Canvas", "id": str(number)}, **more)  # type: ignore[arg-type]


def report_of(student: Student) -> GradeReport:
    check = CheckResult(
        id="check_baseline",
        task="build_baseline",
        title="The baseline.",
        points=student.score,
        max_points=40.0,
        outcome="passed",
        visibility="hidden",
        detail="SECRET DETAIL",
    )
    return GradeReport(
        assignment=SLUG,
        student=student.name,
        score=student.score,
        max_score=40.0,
        checks=(check,),
        pending=student.pending,
        problem=student.problem,
        needs_review=student.needs_review,
        provenance={"handed_in": dict(student.handed_in)} if student.handed_in else {},
    )


def make_results(root: Path, *students: Student) -> Path:
    """Write a results folder of these students; return it."""
    folder = root / "results"
    reports = [report_of(student) for student in students]
    notebook = new_notebook(cells=[new_code_cell("print(1)")])
    for report in reports:
        execution = None if report.problem else Execution(notebook=nbformat.from_dict(notebook))
        write_submission(report, execution, ASSIGNMENT, folder / SLUG / report.folder_name)
    write_class(reports, ASSIGNMENT, folder / SLUG)
    return folder


def give_totals(results: Path, totals: Mapping[str, tuple[str, str]]) -> None:
    """Add the columns of final grades to grades.csv: for each student total and state."""
    path = results / SLUG / "grades.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(dict.fromkeys([*rows[0], "auto", "written", "adjustments", "total", "of", "state"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        for row in rows:
            total, state = totals[row["student"]]
            more = {"auto": row["score"], "written": "0", "adjustments": "0", "of": "44"}
            writer.writerow(row | more | {"total": total, "state": state})
