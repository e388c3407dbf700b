"""What was handed in, as people who mark it need it: read from a results folder, kept while it does not change."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from autograder.errors import AutograderError, did_you_mean
from autograder.marking.answers import answers_of, attachments
from autograder.marking.errors import MarkingError
from autograder.marking.evidence import NO_EVIDENCE, Evidence, evidence_of
from autograder.marking.records import Answer
from autograder.records import Assignment, GradeReport, WrittenQuestion
from autograder.report.markdown import answer_html
from autograder.report.serialise import REPORT_NAME, from_json, light

_EXECUTED = "executed.ipynb"
_KEPT_EVIDENCE = 64
_KEPT_ANSWERS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One report as it was read."""

    stamp: tuple[int, int, int]
    folder: str
    report: GradeReport
    answers: Mapping[str, Answer]


class Submissions:
    """The graded submissions of one assignment.

    It can be used by several threads. `refresh` looks which reports have changed; all else answers from memory.

    Args:
        folder: `RESULTS/<slug>`.
        assignment: For the questions.

    Attributes:
        damaged: A sentence for each report that cannot be read.
    """

    def __init__(self, folder: Path, assignment: Assignment) -> None:
        self.folder = folder
        self.assignment = assignment
        self.damaged: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._by_folder: dict[str, _Read] = {}
        self._by_student: dict[str, _Read] = {}
        self._unreadable: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._evidence = functools.lru_cache(maxsize=_KEPT_EVIDENCE)(self._read_evidence)
        self._html = functools.lru_cache(maxsize=_KEPT_ANSWERS)(self._render)

    def refresh(self) -> bool:
        """Read the reports that are new or have changed since; return whether there were any.

        A report that cannot be read is left out and named in `damaged`; it stops nobody else's.
        """
        with self._lock:
            stamps = dict(self._stamps())
            known = {name: one.stamp for name, one in self._by_folder.items()}
            known |= {name: stamp for name, (stamp, _) in self._unreadable.items()}
            if stamps == known:
                return False
            for name in known.keys() - stamps.keys():
                self._forget(name)
            for name, stamp in stamps.items():
                if known.get(name) != stamp:
                    self._forget(name)
                    self._take(name, stamp)
            ordered = sorted(self._by_folder.values(), key=_order)
            self._by_student = {one.report.student: one for one in ordered}
            self.damaged = tuple(sentence for _, sentence in self._unreadable.values())
            return True

    def _stamps(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_dir():
                    continue
                try:
                    found = os.stat(f"{entry.path}/{REPORT_NAME}")  # noqa: PTH116 - of a thousand at every look
                except OSError:
                    continue
                yield entry.name, (found.st_mtime_ns, found.st_size, found.st_ino)

    def _forget(self, name: str) -> None:
        self._by_folder.pop(name, None)
        self._unreadable.pop(name, None)

    def _take(self, name: str, stamp: tuple[int, int, int]) -> None:
        path = self.folder / name / REPORT_NAME
        try:
            report = read_quickly(path)
            if report.assignment != self.assignment.slug:
                raise AutograderError(f"{path}: of another assignment, {report.assignment!r}.")
            answers = answers_of(report, self.assignment, lambda: cells_in(self.folder / name))
        except (OSError, AutograderError) as error:
            self._unreadable[name] = (stamp, str(error))
        else:
            self._by_folder[name] = _Read(stamp=stamp, folder=name, report=light(report), answers=answers)

    def students(self) -> list[str]:
        """Return all students who have a report, by name."""
        return list(self._by_student)

    def reports(self) -> list[GradeReport]:
        """Return all reports without pictures, by student."""
        return [one.report for one in self._by_student.values()]

    def report(self, student: str) -> GradeReport | None:
        """Return a student's report without pictures; None if there is none."""
        found = self._by_student.get(student)
        return found.report if found else None

    def known_report(self, student: str) -> GradeReport:
        """Return a student's report without pictures.

        Raises:
            MarkingError: If there is none.
        """
        report = self.report(student)
        if report is None:
            raise MarkingError(
                f"no results of a student {student!r}.{did_you_mean(student, self.students())}"
            )
        return report

    def known_question(self, question: str) -> WrittenQuestion:
        """Return a question.

        Raises:
            MarkingError: If there is none of this id.
        """
        known = {one.id: one for one in self.assignment.questions}
        if question not in known:
            raise MarkingError(f"no question {question!r}.{did_you_mean(question, known)}")
        return known[question]

    def known_answer(self, student: str, question: str) -> Answer:
        """Return one answer.

        Raises:
            MarkingError: If there is no such student or question.
        """
        self.known_question(question)
        self.known_report(student)
        return self._by_student[student].answers[question]

    def answers(self, question: str) -> list[Answer]:
        """Return the answers to a question, empty ones too, by student."""
        return [one.answers[question] for one in self._by_student.values()]

    def answer(self, student: str, question: str) -> Answer | None:
        """Return one answer; None if there is no such student or question."""
        found = self._by_student.get(student)
        return found.answers.get(question) if found else None

    def answers_of(self, student: str) -> Mapping[str, Answer]:
        """Return a student's answers by question; empty if there is no such student."""
        found = self._by_student.get(student)
        return found.answers if found else {}

    def html(self, answer: Answer) -> Markup:
        """Return an answer as HTML that runs and loads nothing, with its own pictures and formulas."""
        found = self._by_student.get(answer.student)
        return self._html(found.folder if found else "", answer.question, answer.source, answer.basis)

    def _render(self, folder: str, question: str, source: str, basis: str) -> Markup:
        return answer_html(source, attachments(question, source, lambda: cells_in(self.folder / folder)))

    def evidence(self, student: str) -> Evidence:
        """Return what stands beside a student's answers; empty if there is no such student."""
        found = self._by_student.get(student)
        if found is None:
            return NO_EVIDENCE
        return self._evidence(found.folder, found.stamp)

    def _read_evidence(self, folder: str, stamp: tuple[int, int, int]) -> Evidence:
        try:
            report = read_quickly(self.folder / folder / REPORT_NAME)
        except (OSError, AutograderError):  # it is being graded again
            return NO_EVIDENCE
        return evidence_of(report, cells_in(self.folder / folder))


def cells_in(folder: Path) -> list[Mapping[str, Any]]:
    """Return the cells of a student's executed notebook; none if it is not there or damaged."""
    try:
        cells = json.loads((folder / _EXECUTED).read_bytes())["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _order(one: _Read) -> tuple[str, str]:
    return (one.report.student.casefold(), one.report.student)


def read_quickly(path: Path) -> GradeReport:
    """Return a report; the schema, which takes ten times as long, is asked only where something is wrong.

    Raises:
        OSError: If it cannot be read.
        AutograderError: If it is no report.
    """
    data = path.read_bytes()
    try:
        report = from_json(data, own=True, source=str(path))
        if _is_sound(report):
            return report
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    return from_json(data, source=str(path))


def _is_sound(report: GradeReport) -> bool:
    """Return whether the texts that pages show are texts."""
    texts = [report.student, report.assignment, report.problem]
    texts += [text for one in (*report.pending, *report.unanswered) for text in (one.id, one.answer)]
    texts += [text for check in report.checks for text in (check.id, check.title, check.outcome)]
    return all(
        isinstance(text, str) for text in (*texts, *report.plots, *(one.content for one in report.shown))
    )
