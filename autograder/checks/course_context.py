"""What a worker loads once for all submissions of an assignment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.checks.answer_cache import Memo, MemoisedReference
from autograder.checks.answer_store import model_names, open_store
from autograder.checks.decorators import CheckInfo, collect
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_module, load_reference
from autograder.course.models import LoadedModel, load, use_student_dir
from autograder.course.notebooks import read_notebook
from autograder.course.profiles import DEFAULT_PROFILE, resolve
from autograder.course.versions import file_hash
from autograder.diagnosis import AcceptedVariant, Misconception, accepted_variants_of, misconceptions_of
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment, GradingSettings, Tolerance
from autograder.seeds import course_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a worker loads once for all submissions of one assignment."""

    settings: GradingSettings
    """The assignment with its profile, limits and device."""

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

    hashes: Mapping[str, str]
    """Of the instructor's files, as they were when they were loaded."""

    @property
    def assignment(self) -> Assignment:
        """The assignment."""
        return self.settings.assignment

    def seed_parts(self, student: str) -> tuple[str, ...]:
        """Return what all seeds of a student's grading start from: course key, student, slug."""
        return self.key, student, self.assignment.slug


def load_course(assignment: Assignment, *, device: str = "cpu", profile: str = DEFAULT_PROFILE) -> Course:
    """Load what grading an assignment needs, on one of its profiles.

    Raises:
        AssignmentError: If anything of the instructor's is missing or wrong.
    """
    return load_resolved(resolve(assignment, device=device, profile=profile))


def load_resolved(settings: GradingSettings) -> Course:
    """Load what grading an assignment needs.

    Raises:
        AssignmentError: If anything of the instructor's is missing or wrong.
    """
    assignment = settings.assignment
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
    if not assignment.template.is_file():
        raise AssignmentError(
            f"{assignment.template}: the student notebook is missing.\n"
            f"Make it with: autograder build {assignment.slug}"
        )
    models = tuple(load(spec, assignment.student_dir, settings.device) for spec in settings.models)
    memo = Memo(store=open_store(settings), names=_names_of(models))
    return Course(
        settings=settings,
        checks=checks,
        reference=MemoisedReference(reference, memo),
        misconceptions=known,
        tolerances=load_tolerances(assignment.generated_dir, settings.profile),
        models=models,
        template=read_notebook(assignment.template),
        key=course_key(assignment.course_dir),
        hashes=_hashes(assignment),
    )


def variants_of(assignment: Assignment) -> tuple[AcceptedVariant, ...]:
    """Return the right variants of an assignment: those of misconceptions.py, then those of equivalents.py.

    Raises:
        AssignmentError: If a file cannot be imported, or a variant is of no task.
    """
    found: list[AcceptedVariant] = []
    tasks = [task.name for task in assignment.tasks]
    for folder, name in (
        (assignment.folder, "misconceptions"),
        (assignment.verification_dir, "equivalents"),
    ):
        path = folder / f"{name}.py"
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
        "calibration": assignment.generated_dir / "calibration.json",
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
