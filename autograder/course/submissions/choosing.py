"""Choose the notebook that counts among all that a student handed in, and say why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from autograder.course.submissions.gathering import Handed, StudentPlace
from autograder.course.submissions.layouts import CANVAS, Stated
from autograder.course.submissions.names import kind_of, stem_of, without_copy_mark
from autograder.errors import GraderError, SubmissionError
from autograder.records import Assignment, Submission

# nbformat takes over a second to import, and most students hand in one notebook.
if TYPE_CHECKING:
    from nbformat import NotebookNode

_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is graded of a student's."""

    handed: Handed
    """The file."""

    remark: str = ""
    """Which of several notebooks it is and why; empty if there was but one."""

    problem: str = ""
    """Why nothing is graded; else empty."""


class Chooser:
    """Chooses for all students of an assignment."""

    def __init__(self, slug: str, assignment: Assignment | None) -> None:
        # `logit-lens`, `Logit Lens`: whatever joins the words.
        self._slug = slug
        self._name = re.compile(re.escape(slug).replace("_", "[-_ ]?"), re.IGNORECASE)
        self._assignment = assignment

    @cached_property
    def _template(self) -> NotebookNode | None:
        from autograder.course.notebooks import read_notebook

        if self._assignment is None or not self._assignment.template.is_file():
            return None
        try:
            return read_notebook(self._assignment.template)
        except SubmissionError:
            return None

    def choose(self, files: Sequence[Handed]) -> Choice:
        """Choose among at least one file."""
        distinct = list({item.path.resolve(): item for item in files}.values())
        notebooks = [item for item in distinct if item.is_notebook]
        if not notebooks:
            first = next((item for item in distinct if item.problem), distinct[0])
            return Choice(handed=first, problem=first.problem or _not_a_notebook(distinct))
        if len(notebooks) == 1:
            return Choice(handed=notebooks[0], problem=notebooks[0].problem)
        weighed = sorted(((self._weigh(item), item) for item in notebooks), key=lambda pair: pair[0].order)
        (second, _), (best, chosen) = weighed[-2:]
        remark = (
            f"{len(notebooks)} notebooks were handed in ({_listed(notebooks)}); "
            f"{chosen.shown} was graded: {best.reason_against(second)}."
        )
        return Choice(handed=chosen, remark=remark, problem=chosen.problem)

    def _weigh(self, item: Handed) -> _Weight:
        from autograder.course.notebooks import other_assignment

        stem = stem_of(PurePosixPath(item.shown.rpartition(":")[2]).name)
        base, copy = without_copy_mark(stem)
        notebook = self._read(item)
        is_other = (
            notebook is not None
            and self._assignment is not None
            and bool(other_assignment(notebook, self._slug, [task.name for task in self._assignment.tasks]))
        )
        answered, own = self._work(notebook)
        return _Weight(
            order=(
                notebook is not None,
                not is_other,
                own > 0 or self._template is None,
                item.stated.attempt,
                answered,
                self._name.search(base) is not None,
                item.path.suffix.lower() == ".ipynb",
                copy,
                _changed_at(item),
                # Names as such decide nothing; they make the choice the same every time.
                [-ord(letter) for letter in item.shown],
            ),
            answered=answered,
        )

    def _read(self, item: Handed) -> NotebookNode | None:
        from autograder.course.notebooks import read_notebook

        if item.problem:
            return None
        try:
            return read_notebook(item.path)
        except (SubmissionError, GraderError):
            return None

    def _work(self, notebook: NotebookNode | None) -> tuple[int, int]:
        """Return how many of the template's cells are answered, and how many cells are not the template's."""
        from autograder.course.notebooks import restore_locked_cells

        template = self._template
        if notebook is None or template is None:
            return 0, 0
        given = {_squeezed(cell) for cell in template.cells}
        own = sum(1 for cell in notebook.cells if (text := _squeezed(cell)) and text not in given)
        stubs = {_grade_id(cell): _squeezed(cell) for cell in template.cells if _is_open(cell)}
        restored, _ = restore_locked_cells(notebook, template)
        answered = sum(
            1
            for cell in restored.cells
            if _grade_id(cell) in stubs and _squeezed(cell) not in ("", stubs[_grade_id(cell)])
        )
        return answered, own


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weight:
    """What speaks for a notebook."""

    order: tuple[Any, ...]
    """Compared from the first to the last; the largest is chosen."""

    answered: int
    """Of the template's cells."""

    def reason_against(self, other: _Weight) -> str:
        """Return why this one was chosen and not the next best."""
        reasons = (
            "no other can be read",
            "the others belong to another assignment",
            "the others are as they were given out",
            "it is the latest attempt",
            f"it answers more ({self.answered} cells against {other.answered})",
            "it is named after the assignment",
            "its name ends in .ipynb",
            "its name marks it as the later copy",
            "it was changed last",
            "nothing tells them apart but their names",
        )
        pairs = zip(self.order, other.order, reasons, strict=True)
        return next((reason for own, others, reason in pairs if own != others), reasons[-1])


def submission_of(
    student: str, items: Sequence[tuple[StudentPlace, list[Handed]]], chooser: Chooser, slug: str
) -> Submission:
    """Make one submission of all that a student handed in.

    Args:
        student: The student's name.
        items: Places and what was found in each; at least one.
        chooser: Chooses among several notebooks.
        slug: The assignment.
    """
    files = [handed for _, some in items for handed in some]
    if not files:
        place, _ = items[0]
        return Submission(
            student=student,
            path=place.path / f"{slug}.ipynb",
            origin=place.origin,
            problem=f"No notebook was handed in: {place.origin} holds none.",
            handed_in=_handed_in(place.stated, student),
        )
    choice, attempts = chooser.choose(files), sorted({handed.stated.attempt for handed in files})
    earlier = [
        chooser.choose([handed for handed in files if handed.stated.attempt == attempt])
        for attempt in attempts
        if attempt < choice.handed.stated.attempt
    ]
    return replace(
        _chosen(student, choice, attempts), earlier=tuple(_chosen(student, one, attempts) for one in earlier)
    )


def _chosen(student: str, choice: Choice, attempts: Sequence[str]) -> Submission:
    """Make a submission of the file that was chosen."""
    stated = choice.handed.stated
    remarks = [choice.remark] if choice.remark else []
    if stated.is_late:
        remarks.append(f"{stated.platform} marks this submission as late.")
    path = choice.handed.path
    return Submission(
        student=student,
        # What is no file is not opened, not even to hash it: a named pipe would never end.
        path=path if path.is_file() or not path.exists() else path.parent / f"no file of {path.name}",
        origin=choice.handed.origin,
        problem=choice.problem,
        remarks=tuple(remarks),
        handed_in=_handed_in(stated, student, attempts),
    )


def _handed_in(stated: Stated, student: str, attempts: Sequence[str] = ()) -> dict[str, str]:
    """Return what a platform says of a submission.

    Args:
        stated: What the platform says.
        student: The name that is shown; the plain one is kept where it differs.
        attempts: All of the student's, in order.
    """
    known = {
        "platform": stated.platform,
        "id": stated.id,
        "name": stated.student if stated.student != student else "",
        "login": stated.login,
        "email": stated.email,
        "group": stated.group,
        "at": stated.handed_in,
        "late": "yes" if stated.is_late else "",
        "attempt": _attempt(stated, attempts),
        "place": stated.place,
    }
    return {key: value for key, value in known.items() if value}


def _attempt(stated: Stated, attempts: Sequence[str]) -> str:
    """Return which attempt it is, from 1; empty if it is the only one that is known."""
    if (
        stated.platform == CANVAS
    ):  # Canvas numbers the files of later attempts, and downloads the last one alone
        return str(int(stated.attempt) + 1) if int(stated.attempt) else ""
    return str(attempts.index(stated.attempt) + 1) if len(attempts) > 1 else ""


def _changed_at(item: Handed) -> float:
    try:
        return item.path.stat().st_mtime
    except OSError:
        return 0.0


def _not_a_notebook(files: Sequence[Handed]) -> str:
    if any(kind_of(item.path.name) == "sealed" for item in files):
        advice = "Of archives zip and tar are opened. Hand in the notebook (.ipynb) itself."
    else:
        advice = "Hand in the notebook (.ipynb)."
    what = "which is not a notebook" if len(files) == 1 else "none of which is a notebook"
    return f"You handed in {_listed(files)}, {what}. {advice}"


def _listed(files: Sequence[Handed]) -> str:
    names = [item.shown for item in files[:_NAMED]]
    if len(files) > _NAMED:
        names.append(f"{len(files) - _NAMED} more")
    return " and ".join(([", ".join(names[:-1])] if names[:-1] else []) + names[-1:])


def _is_open(cell: NotebookNode) -> bool:
    marks = cell.metadata.get("nbgrader", {})
    return bool(marks.get("grade_id")) and not marks.get("locked")


def _grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _squeezed(cell: NotebookNode) -> str:
    return "".join(cell.source.split())
