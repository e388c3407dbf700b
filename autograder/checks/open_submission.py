"""Open a submission: read it, restore its locked cells, run it in a sandboxed kernel, keep the kernel for calls."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from autograder.checks.course_context import Course
from autograder.course.assignment import loadables
from autograder.course.models import LoadedModel
from autograder.course.notebooks import (
    other_assignment,
    plots,
    read_notebook,
    recognise_by_position,
    restore_locked_cells,
    shown_outputs,
    written_answers,
)
from autograder.errors import SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.wire.codec import Handle
from autograder.execution.zygote_client import ZygoteLink
from autograder.records import Execution, Pending, Submission
from autograder.seeds import seed_for

CHANGED_LATE = (
    "On an input that you have not seen, a function left a model changed. Put back what you change in it."
)


class OpenSubmission:
    """A submission whose notebook has run and whose functions can be called; a `FunctionCaller`."""

    def __init__(
        self,
        session: KernelSession,
        execution: Execution,
        handles: Mapping[int, str],
        questions: tuple[Pending, ...],
        waiting: Mapping[str, Callable[[], None]],
    ) -> None:
        self._session = session
        self._handles = handles
        self._waiting = dict(waiting)
        self._shown_effects: int | None = None
        self.execution = execution
        self.questions = questions

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for the student: of the execution, then of the calls.

        What calls with hidden inputs leave changed is a claim that could say something of these inputs: of all that the
        student reads one sentence.
        """
        shown = self._session.side_effects[: self._shown_effects]
        late = [CHANGED_LATE] if self.staff_remarks else []
        return (*self.execution.remarks, *map(str, shown), *late)

    @property
    def staff_remarks(self) -> tuple[str, ...]:
        """Sentences for the instructor alone: what calls with hidden inputs have left changed."""
        if self._shown_effects is None:
            return ()
        return tuple(map(str, self._session.side_effects[self._shown_effects :]))

    def begin_hidden(self) -> None:
        """Take notice that hidden inputs come from now on."""
        if self._shown_effects is None:
            self._shown_effects = len(self._session.side_effects)

    @property
    def early_runs(self) -> int:
        """How many times the notebook was run up to a check cell, for the state after it."""
        return self._session.early_runs

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that was seen in use, CUDA's own included; 0 on the CPU."""
        return self._session.gpu_bytes

    def call(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, seed: int) -> Any:
        """Ask a function in the kernel; models and tokenizers of this process go as handles."""
        return self._session.call(function, self._handled(args), self._handled(dict(kwargs)), seed=seed)

    def plots(self, cell: str) -> list[bytes]:
        """Return the PNG images that the cell with this id showed, then the source of what else counts as a figure."""
        pngs = [base64.b64decode(image) for image in plots(self.execution.notebook, (cell,))]
        others = shown_outputs(self.execution.notebook, (cell,))
        return pngs + [other.content.encode() for other in others if other.is_figure]

    @property
    def changing(self) -> Collection[str]:
        """The functions that have left their arguments changed, which is found here and no claim of the kernel."""
        return self._session.changing

    def _handled(self, value: Any) -> Any:
        if id(value) in self._handles:
            name = self._handles[id(value)]
            if name in self._waiting:
                self._waiting[name]()
                del self._waiting[name]
            return Handle(name=name)
        if isinstance(value, tuple):
            return tuple(self._handled(item) for item in value)
        if isinstance(value, list):
            return [self._handled(item) for item in value]
        if isinstance(value, dict):
            return {key: self._handled(item) for key, item in value.items()}
        return value


@contextmanager
def open_submission(
    submission: Submission, course: Course, zygote: ZygoteLink, *, ahead: bool = False
) -> Iterator[OpenSubmission]:
    """Run a submission's notebook and keep its kernel for calls.

    Args:
        submission: The file.
        course: The assignment, loaded.
        zygote: Where the kernel comes from.
        ahead: Whether another submission follows: its kernel is started meanwhile.

    Raises:
        SubmissionError: If the file is no notebook that can be run, or another assignment's.
        GraderError: If no sandboxed kernel can be made.
    """
    assignment = course.assignment
    submitted = read_notebook(submission.path)
    other = other_assignment(submitted, assignment.slug, [task.name for task in assignment.tasks])
    if other:
        raise SubmissionError(
            f"This is the notebook of another assignment ({other}), handed in for {assignment.slug}. "
            "Hand in the right file."
        )
    notebook, remarks = restore_locked_cells(submitted, course.template)
    notebook = recognise_by_position(notebook, course.template)
    questions = written_answers(notebook, course.template, assignment.questions)
    with KernelSession(
        zygote,
        notebook,
        limits=course.settings.limits,
        seed=seed_for(*course.seed_parts(submission.student), "kernel"),
        ahead=ahead,
        check_cells={task.name: f"check-{task.name}" for task in assignment.tasks},
    ) as session:
        execution = session.run()
        handles: dict[int, str] = {}
        waiting: dict[str, Callable[[], None]] = {}
        for loaded in course.models:
            for name, provide in _provisions(session, loaded, handles, assignment.student_dir).items():
                if loaded.spec.role == "shipped":
                    provide()
                else:
                    waiting[name] = provide
        opened = OpenSubmission(session, execution, handles, questions, waiting)
        yield _with_remarks(opened, remarks)


def _provisions(
    session: KernelSession, loaded: LoadedModel, handles: dict[int, str], student_dir: Path
) -> dict[str, Callable[[], None]]:
    """Return what makes a model and its tokenizer known in the kernel.

    A hidden one's files are sent when a check first asks with it: until then a function cannot tell of them.

    Args:
        session: Of the submission.
        loaded: The model in this process.
        handles: Gets the names by which calls speak of the two.
        student_dir: What the kernel sees; a shipped model elsewhere is sent, too.
    """
    shipped = loaded.spec.role == "shipped"
    made: dict[str, Callable[[], None]] = {}
    for kind, how in loadables(loaded.spec).items():
        name = f"{kind}:{loaded.spec.role}"
        made[name] = partial(
            session.provide,
            name,
            loader=how.loader,
            folder=how.folder,
            in_student_dir=shipped and how.folder.resolve().is_relative_to(student_dir.resolve()),
            options=how.options,
        )
        handles[id(loaded.model if kind == "model" else loaded.tokenizer)] = name
    return made


def _with_remarks(opened: OpenSubmission, remarks: tuple[str, ...]) -> OpenSubmission:
    import dataclasses

    execution = opened.execution
    opened.execution = dataclasses.replace(execution, remarks=(*remarks, *execution.remarks))
    return opened
