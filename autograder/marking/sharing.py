"""Sharing the work: who marks which question or student, and what is marked a second time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from autograder.marking.actions import Marking
from autograder.marking.errors import MarkingError
from autograder.marking.records import Decision


def assign(marking: Marking, name: str, *, by: str, question: str = "", student: str = "") -> None:
    """Assign a question, a student's answers, or one answer to an assistant.

    Args:
        marking: The assignment's.
        name: The assistant; empty: nobody any more.
        by: Who decides.
        question: The question's id; empty: all of the student's.
        student: As report.json names them; empty: all students.

    Raises:
        MarkingError: If neither is named, or there is no such question or student.
    """
    if not question and not student:
        raise MarkingError("Name the question or the student that is assigned.")
    with marking.lock:
        marking.refresh()
        _check(marking, question, student)
        marking.decide(_assignment(marking, name, by=by, question=question, student=student))


def assign_evenly(
    marking: Marking, names: Sequence[str], *, by: str, questions: Sequence[str] = (), per: str = "student"
) -> dict[str, int]:
    """Share the answers among assistants, each as many as the others or one more.

    Args:
        marking: The assignment's.
        names: The assistants.
        by: Who decides.
        questions: Ids of the questions to share; empty: all.
        per: `question`: each assistant gets whole questions; `student`: each gets students, in an order that does not
            depend on their names; `answer`: each gets answers of every question.

    Returns:
        How many answers each got.

    Raises:
        MarkingError: If nobody is named, one twice, or there is no such question.
    """
    if not names or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise MarkingError("Name the assistants, each once.")
    with marking.lock:
        marking.refresh()
        asked = list(questions) or [one.id for one in marking.assignment.questions]
        for question in asked:
            _check(marking, question, "")
        todo = {
            question: [one.student for one in marking.submissions.answers(question) if not one.is_empty]
            for question in asked
        }
        decisions: list[Decision] = []
        shares = dict.fromkeys(names, 0)
        if per == "question":
            for question in sorted(asked, key=lambda one: -len(todo[one])):
                name = min(names, key=lambda one: shares[one])
                shares[name] += len(todo[question])
                decisions.append(_assignment(marking, name, by=by, question=question))
        else:
            for number, question in enumerate(asked):
                dealt = _dealt(todo, question, names, shift=number if per == "answer" else None)
                for student, name in dealt.items():
                    shares[name] += 1
                    decisions.append(_assignment(marking, name, by=by, question=question, student=student))
        marking.decide(*decisions)
        return shares


def _dealt(
    todo: Mapping[str, Sequence[str]], question: str, names: Sequence[str], *, shift: int | None
) -> dict[str, str]:
    """Return who marks which student's answer: students keep their assistant unless `shift` moves them on."""
    everyone = sorted({student for students in todo.values() for student in students})
    random.Random("students").shuffle(everyone)
    dealt = todo[question] if shift is not None else everyone
    order = [student for student in everyone if student in set(dealt)]
    whose = {student: names[(index + (shift or 0)) % len(names)] for index, student in enumerate(order)}
    return {student: whose[student] for student in todo[question]}


def sample(marking: Marking, question: str, name: str, *, share: float, by: str) -> list[str]:
    """Choose answers at random that a second person marks as well, for the agreement (`agreement.agreement`).

    Args:
        marking: The assignment's.
        question: The question's id.
        name: The second person.
        share: Of the answers, above 0 and at most 1; at least one answer is chosen.
        by: Who decides.

    Returns:
        The students whose answers were chosen; those chosen earlier remain so.

    Raises:
        MarkingError: If there is no such question, or the share is none.
    """
    if not 0 < share <= 1 or not name.strip():
        raise MarkingError("Name the second person, and a share above 0 and at most 1.")
    with marking.lock:
        marking.refresh()
        _check(marking, question, "")
        students = [one.student for one in marking.submissions.answers(question) if not one.is_empty]
        count = min(len(students), max(1, round(share * len(students))))
        chosen = sorted(random.Random(f"sample {question}").sample(students, count))
        marking.decide(
            *(
                marking.decision(
                    "sample", student, question, by=by, value={"to": name.strip()}, revision=None
                )
                for student in chosen
            )
        )
        return chosen


def _assignment(marking: Marking, name: str, *, by: str, question: str = "", student: str = "") -> Decision:
    value = {"to": name.strip()}
    return marking.decision("assign", student, question, by=by, value=value, revision=None)


def _check(marking: Marking, question: str, student: str) -> None:
    """Refuse a question or a student that there is not."""
    if student:
        marking.submissions.known_report(student)
    if question:
        marking.submissions.known_question(question)
