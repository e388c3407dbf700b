"""The marking of one assignment: what was handed in, what was decided, and how to decide.

    with Marking(results / slug, assignment) as marking:
        marking.refresh()                                       # what others decided, what was graded again
        for answer in marking.submissions.answers("question-words"):
            mark = marking.state.mark(answer.student, answer.question)
        marking.mark("Ana", "question-words", Given(items=(...)), by="Ines", revision=mark.revision if mark else "")
        grade = marking.grade("Ana")

Every method that decides takes `revision`: that of the record which the person saw. If someone has decided on the same
meanwhile, nothing is written and `ConflictError` says who and what. None replaces whatever there is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.errors import did_you_mean
from autograder.marking.errors import ConflictError, MarkingError
from autograder.marking.grades import final_grade
from autograder.marking.policy import AssignmentPolicy
from autograder.marking.records import Decision, Given, Kind, Mark
from autograder.marking.rubric_seed import finite, item_value
from autograder.marking.state import MarkingState
from autograder.marking.store import MarkingStore, new_id, utc_now
from autograder.marking.submissions import Submissions
from autograder.records import Assignment, FinalGrade


class Marking:
    """One assignment's results as people mark them. It can be used by several threads.

    Args:
        folder: `RESULTS/<slug>`.
        assignment: The assignment.

    Attributes:
        store: The log of decisions.
        submissions: What was handed in.
        policy: What the course's dates and attempts make of grades.
        state: What counts now; read it while `lock` is held if other threads decide.
        lock: Held by every method.

    Raises:
        StoreError: If the log cannot be used.
    """

    def __init__(self, folder: Path, assignment: Assignment) -> None:
        self.folder = folder
        self.assignment = assignment
        self.lock = threading.RLock()
        self.store = MarkingStore(folder)
        self.submissions = Submissions(folder, assignment)
        self.state = MarkingState(assignment.questions)
        self._row = 0
        self.policy = AssignmentPolicy(folder, assignment)
        self.refresh()

    def refresh(self) -> bool:
        """Take what other processes have decided and what was graded again; return whether there was anything."""
        with self.lock:
            changed = self.submissions.refresh()
            changed = self.policy.refresh(self.submissions.reports(), changed=changed)
            return self.catch_up() or changed

    def catch_up(self) -> bool:
        """Take what other processes have decided; return whether there was anything. Costs next to nothing."""
        with self.lock:
            news = self.store.since(self._row)
            self.state.add(one.decision for one in news)
            self._row = news[-1].row if news else self._row
            return bool(news)

    @property
    def row(self) -> int:
        """The last decision that `state` knows: a client that has seen it is up to date."""
        return self._row

    def mark(
        self,
        student: str,
        question: str,
        given: Given,
        *,
        by: str,
        revision: str | None = None,
        reason: str = "",
        kind: Kind = "mark",
    ) -> Mark:
        """Decide on one answer.

        Args:
            student: As report.json names them.
            question: The question's id.
            given: What it gets.
            by: Who decides.
            revision: Of the mark that the person saw, "" where there was none; None: replace whatever there is.
            reason: Why, for the log.
            kind: `double`: the second person's mark, for the agreement alone.

        Raises:
            MarkingError: If there is no such student, question or item, or a figure is none.
            ConflictError: If someone has decided on it meanwhile.
        """
        revisions = None if revision is None else {student: revision}
        return self.mark_all(
            {student: given}, question, by=by, revisions=revisions, reason=reason, kind=kind
        )[0]

    def mark_all(
        self,
        given: Mapping[str, Given],
        question: str,
        *,
        by: str,
        revisions: Mapping[str, str] | None = None,
        reason: str = "",
        kind: Kind = "mark",
    ) -> list[Mark]:
        """Decide on the answers of several students: on all of them or, where one fails, on none.

        Args:
            given: What each gets, by student; `dict.fromkeys(students, given)` for a group.
            question: The question's id.
            by: Who decides.
            revisions: By student, as `mark` takes them; None: replace whatever there is.
            reason: Why, for the log.
            kind: As `mark` takes it.

        Raises:
            MarkingError: As `mark` does.
            ConflictError: If someone has decided on one of them meanwhile.
        """
        with self.lock:
            self.catch_up()
            decisions = [
                self.marking_decision(
                    student,
                    question,
                    one,
                    by=by,
                    revision=None if revisions is None else revisions.get(student, ""),
                    reason=reason,
                    kind=kind,
                )
                for student, one in given.items()
            ]
            self.decide(*decisions)
            marks = (self.state.mark(student, question, kind=kind) for student in given)
            return [mark for mark in marks if mark is not None]

    def marking_decision(
        self,
        student: str,
        question: str,
        given: Given,
        *,
        by: str,
        revision: str | None,
        reason: str = "",
        kind: Kind = "mark",
    ) -> Decision:
        """Return a mark as a decision, for `decide`; the arguments are those of `mark`.

        Raises:
            MarkingError: If there is no such student, question or item, or a figure is none.
        """
        answer = self.submissions.known_answer(student, question)
        known = {item.id for item in self.state.rubric(question)}
        for item in given.items:
            if item not in known:
                raise MarkingError(f"{question}: no rubric item {item!r}.{did_you_mean(item, known)}")
        value = {
            "items": list(dict.fromkeys(given.items)),
            "adjustment": finite(given.adjustment, "The adjustment"),
            "comment": given.comment.strip(),
            "note": given.note.strip(),
            "later": given.later,
        }
        return self.decision(
            kind,
            student,
            question,
            by=by,
            value=value,
            revision=revision,
            reason=reason,
            basis=answer.basis,
        )

    def decide(self, *decisions: Decision) -> None:
        """Write decisions down, all of them or none, and take them into the state.

        The criteria of assignment.toml become items of the log with the first mark of their question, so that a later
        change of the file changes no mark.

        Raises:
            ConflictError: If someone has decided on one of them meanwhile.
        """
        with self.lock:
            while True:
                pins = self._pins(decisions)
                try:
                    self.store.append(*pins, *decisions)
                except ConflictError as conflict:
                    self.catch_up()
                    if conflict.decision in pins:  # another process was first; that is as good
                        continue
                    raise
                self.catch_up()
                return

    def _pins(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return a decision for each criterion of assignment.toml that marks rest upon and the log does not have."""
        questions = dict.fromkeys(
            one.target for one in decisions if one.kind in ("mark", "double") and one.value["items"]
        )
        items = [item for question in questions for item in self.state.rubric(question) if not item.revision]
        return [
            self.decision("rubric", "", item.id, by=decisions[0].by, value=item_value(item), revision="")
            for item in items
        ]

    def decision(
        self,
        kind: Kind,
        student: str,
        target: str,
        *,
        by: str,
        value: Mapping[str, Any],
        revision: str | None,
        reason: str = "",
        basis: str = "",
    ) -> Decision:
        """Return a decision made now; `decide` writes it down.

        Args:
            kind: What kind of decision.
            student: As report.json names them, or "".
            target: Id of a question, a check or a rubric item, or "".
            by: Who decides.
            value: What; see `state`.
            revision: What it replaces; None: whatever there is.
            reason: Why.
            basis: Fingerprint of what it rests upon.

        Raises:
            MarkingError: If nobody decides.
        """
        if not by.strip():
            raise MarkingError("Say who decides: a name is missing (--as NAME).")
        return Decision(
            id=new_id(),
            at=utc_now(),
            by=by.strip(),
            kind=kind,
            student=student,
            target=target,
            value=value,
            previous=self.state.revision((kind, student, target)) if revision is None else revision,
            reason=reason.strip(),
            basis=basis,
        )

    def needs_review(self, mark: Mark) -> bool:
        """Return whether a mark rests on something that a regrade has changed, or another machine decided otherwise."""
        answer = self.submissions.answer(mark.student, mark.question)
        return bool(mark.contested) or answer is None or answer.basis != mark.basis

    def grade(self, student: str) -> FinalGrade:
        """Return the final grade of a student.

        Raises:
            MarkingError: If there is no such student.
        """
        with self.lock:
            handed_in = self.submissions.known_report(student), self.submissions.answers_of(student)
            return self.policy.applied(final_grade(*handed_in, self.assignment, self.state))

    def grades(self) -> list[FinalGrade]:
        """Return the final grades of all students, by name."""
        with self.lock:
            return [self.grade(student) for student in self.submissions.students()]

    def close(self) -> None:
        """Close the log."""
        self.store.close()

    def __enter__(self) -> Marking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
