"""Open a submission: read it, restore its locked cells, run it in a sandboxed kernel, keep the kernel for calls."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autograder.checks.answer_cache import Memo, MemoisedReference
from autograder.checks.answer_store import model_names, open_store
from autograder.checks.check_run import Grading
from autograder.checks.decorators import CheckInfo, collect
from autograder.checks.submission_proxy import SubmissionProxy
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_module, load_reference, loadables
from autograder.course.models import LoadedModel, load, use_student_dir
from autograder.course.notebooks import (
    other_assignment,
    plots,
    read_notebook,
    restore_locked_cells,
    written_answers,
)
from autograder.course.profiles import choose_profile
from autograder.course.versions import file_hash
from autograder.diagnosis import AcceptedVariant, Misconception, accepted_variants_of, misconceptions_of
from autograder.errors import AssignmentError, SubmissionError, did_you_mean
from autograder.execution.session import KernelSession
from autograder.execution.wire.codec import Handle
from autograder.execution.zygote_client import ZygoteLink
from autograder.records import Assignment, Execution, Pending, Submission, Tolerance
from autograder.seeds import course_key, seed_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a worker loads once for all submissions of one assignment."""

    assignment: Assignment
    """The assignment."""

    checks: tuple[CheckInfo, ...]
    """Its checks, in order."""

    reference: MemoisedReference
    """Its reference module."""

    misconceptions: tuple[Misconception, ...]
    """Its known mistakes."""

    tolerances: Mapping[str, Tolerance]
    """Its calibration."""

    models: tuple[LoadedModel, ...]
    """Its models in the chosen profile, the shipped one first."""

    template: Any
    """The student notebook, as nbformat's node."""

    key: str
    """The course's key."""

    device: str
    """Where references and submissions compute."""

    profile: str
    """Which models."""

    hashes: Mapping[str, str]
    """Of the instructor's files, as they were when they were loaded."""


def load_course(assignment: Assignment, *, device: str = "cpu", profile: str = "tiny") -> Course:
    """Load what grading an assignment needs.

    Raises:
        AssignmentError: If anything of the instructor's is missing or wrong.
    """
    use_student_dir(assignment.student_dir)
    checks = collect(assignment)
    reference = load_reference(assignment)
    path = assignment.folder / "misconceptions.py"
    known = (
        misconceptions_of(load_module(path, f"misconceptions_{assignment.slug}")) if path.is_file() else ()
    )
    tasks = [task.name for task in assignment.tasks]
    for found in known:
        if found.task not in tasks:
            near = did_you_mean(found.task, tasks)
            raise AssignmentError(f"{path}: {found.id}: {found.task!r} is no task of assignment.toml.{near}")
    assignment = choose_profile(assignment, profile)
    if not assignment.template.is_file():
        raise AssignmentError(
            f"{assignment.template}: the student notebook is missing.\n"
            f"Make it with: autograder build {assignment.slug}"
        )
    models = tuple(load(spec, assignment.student_dir, device) for spec in assignment.models.get(profile, ()))
    memo = Memo(store=open_store(assignment, device=device, profile=profile), names=_names_of(models))
    return Course(
        assignment=assignment,
        checks=checks,
        reference=MemoisedReference(reference, memo),
        misconceptions=known,
        tolerances=load_tolerances(assignment.folder, profile),
        models=models,
        template=read_notebook(assignment.template),
        key=course_key(assignment.course_dir),
        device=device,
        profile=profile,
        hashes=_hashes(assignment),
    )


def variants_of(assignment: Assignment) -> tuple[AcceptedVariant, ...]:
    """Return the right variants of an assignment: those of misconceptions.py, then those of equivalents.py.

    Raises:
        AssignmentError: If a file cannot be imported, or a variant is of no task.
    """
    found: list[AcceptedVariant] = []
    tasks = [task.name for task in assignment.tasks]
    for name in ("misconceptions", "equivalents"):
        path = assignment.folder / f"{name}.py"
        marked = (
            accepted_variants_of(load_module(path, f"{name}_{assignment.slug}")) if path.is_file() else ()
        )
        for variant in marked:
            if variant.task not in tasks:
                near = did_you_mean(variant.task, tasks)
                raise AssignmentError(
                    f"{path}: {variant.id}: {variant.task!r} is no task of assignment.toml.{near}"
                )
        # What one file imports from the other stands in both.
        found += [variant for variant in marked if variant not in found]
    return tuple(found)


def _hashes(assignment: Assignment) -> dict[str, str]:
    files = {
        "checks": assignment.folder / "checks.py",
        "misconceptions": assignment.folder / "misconceptions.py",
        "assignment": assignment.folder / "assignment.toml",
        "calibration": assignment.folder / "calibration.json",
        "reference": assignment.reference,
        "template": assignment.template,
    }
    return {name: file_hash(path) for name, path in files.items() if path.is_file()}


def _names_of(models: Iterable[LoadedModel]) -> dict[int, str]:
    """Return names of models and tokenizers that mean the same in every process."""
    names: dict[int, str] = {}
    for loaded in models:
        found = model_names(loaded.spec)
        if found is not None:
            names |= {id(loaded.model): found[0], id(loaded.tokenizer): found[1]}
    return names


class OpenSubmission:
    """A submission whose notebook has run and whose functions can be asked; an `Answers`."""

    def __init__(
        self,
        session: KernelSession,
        execution: Execution,
        handles: Mapping[int, str],
        pending: tuple[Pending, ...],
        waiting: Mapping[str, Callable[[], None]],
    ) -> None:
        self._session = session
        self._handles = handles
        self._waiting = dict(waiting)
        self.execution = execution
        self.pending = pending

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for the student: of the execution, then of the calls so far."""
        return (*self.execution.remarks, *self._session.remarks)

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that was seen in use, CUDA's own included; 0 on the CPU."""
        return self._session.gpu_bytes

    def call(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, seed: int) -> Any:
        """Ask a function in the kernel; models and tokenizers of this process go as handles."""
        return self._session.call(function, self._handled(args), self._handled(dict(kwargs)), seed=seed)

    def plots(self, cell: str) -> list[bytes]:
        """Return the PNG images that the cell with this id showed."""
        return [base64.b64decode(image) for image in plots(self.execution.notebook, (cell,))]

    def changed_arguments(self, function: str) -> bool:
        """Tell whether a call of the function has left its arguments changed, as its process says."""
        return f"{function}() changed its arguments." in self._session.remarks

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


def seed_parts(course: Course, submission: Submission) -> tuple[str, ...]:
    """Return what all seeds of a submission start from."""
    return course.key, submission.student, course.assignment.slug


@contextmanager
def open_submission(submission: Submission, course: Course, zygote: ZygoteLink) -> Iterator[OpenSubmission]:
    """Run a submission's notebook and keep its kernel for calls.

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
    pending = written_answers(notebook, course.template, assignment.questions)
    with KernelSession(
        zygote,
        notebook,
        limits=assignment.limits,
        seed=seed_for(*seed_parts(course, submission), "kernel"),
        device=course.device,
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
        opened = OpenSubmission(session, execution, handles, pending, waiting)
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


def grading_of(opened: OpenSubmission, course: Course, submission: Submission) -> Grading:
    """Return what the checks of an open submission share."""
    parts = seed_parts(course, submission)
    return Grading(
        assignment=course.assignment,
        checks=course.checks,
        proxy=SubmissionProxy(opened, parts),
        reference=course.reference,
        models=course.models,
        misconceptions=course.misconceptions,
        tolerances=course.tolerances,
        seed_parts=parts,
    )
