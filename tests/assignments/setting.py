"""An assignment with its models and reference, and gradings of plain functions by its real checks."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.checks.answer_cache import MemoisedReference, content_key
from autograder.checks.check_run import CheckRun
from autograder.checks.decorators import collect
from autograder.checks.runner import run_checks
from autograder.checks.submission_proxy import LocalFunctions, SubmissionProxy
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import accepted_variants_of, misconceptions_of

ROOT = Path(__file__).parents[2]
FIGURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x03\x20\x00\x00\x02\x58"
"""The head of a PNG of 800 by 600 pixels."""


@dataclass(frozen=True)
class Setting:
    """What is loaded once for all tests."""

    assignment: Any
    module: Any
    reference: Any
    checks: Any
    models: tuple
    tolerances: Any
    misconceptions: tuple
    variants: tuple
    plot_cell: str
    """Id of the cell that shows the student's plot."""
    needed: frozenset[str]
    """Functions that the checks of others ask, too."""

    def functions(self, **replaced):
        return {
            task.name: replaced.get(task.name, getattr(self.reference, task.name))
            for task in self.assignment.tasks
        }

    def grade(self, *, only=None, student="ana", plots=(FIGURE,), **replaced):
        """Grade the reference's functions, some replaced; `only` leaves the others' answers out."""
        functions = {
            name: run for name, run in self.functions(**replaced).items() if only is None or name in only
        }
        parts = ("key", student, self.assignment.slug)
        grading = CheckRun(
            assignment=self.assignment,
            checks=collect(self.assignment),
            proxy=SubmissionProxy(Missing(functions, {self.plot_cell: list(plots)}), parts),
            reference=self.reference,
            models=self.models,
            misconceptions=self.misconceptions,
            tolerances=self.tolerances,
            seed_parts=parts,
        )
        return {result.id: result for result in run_checks(grading)}

    def points(self, task, results):
        return sum(result.points for result in results.values() if result.task == task)

    def possible(self, task):
        return sum(info.points for info in collect(self.assignment) if info.task == task)

    def outcomes(self, task, visibility, results):
        """Return the outcomes of a function's checks of one visibility that carry points."""
        return {
            results[info.id].outcome
            for info in collect(self.assignment)
            if (info.task, info.visibility) == (task, visibility) and info.points
        }

    def mistaken(self, known):
        """Grade the reference with one mistake in place of its own function, and that function with what it needs."""
        run = partial(known.run, self.reference)
        return self.grade(only={known.task, *self.needed}, **{known.task: run})


class Missing(LocalFunctions):
    """Plain functions; a missing one is the student's error, as in a kernel."""

    def call(self, function, args, kwargs, *, seed):
        from autograder.errors import MissingFunctionError

        if function not in self._functions:
            raise MissingFunctionError(f"The notebook defines no {function}.")
        return super().call(function, args, kwargs, seed=seed)


def load_setting(slug: str, *, plot_cell: str, needed: frozenset[str] = frozenset()) -> Setting:
    """Load an assignment of the project's course.

    Args:
        slug: The assignment.
        plot_cell: Id of the cell that shows the student's plot.
        needed: Functions that the checks of others ask, too.
    """
    assignment = load_assignment(ROOT, slug)
    use_student_dir(assignment.student_dir)
    module = load_reference(assignment)
    mistakes = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{slug}")
    return Setting(
        assignment=assignment,
        module=module,
        reference=MemoisedReference(module),
        checks=load_module(assignment.folder / "checks.py", f"checks_{slug}"),
        models=tuple(load(spec, assignment.student_dir) for spec in assignment.models["tiny"]),
        tolerances=load_tolerances(assignment.generated_dir),
        misconceptions=misconceptions_of(mistakes),
        variants=accepted_variants_of(mistakes),
        plot_cell=plot_cell,
        needed=needed,
    )


def stored_by_shape(function):
    """Return a function that stores its answers under its arguments, but of tensors under their shapes alone."""
    stored = {}

    def shapes(value):
        if isinstance(value, dict):
            return tuple((name, shapes(each)) for name, each in value.items())
        if isinstance(value, (list, tuple)):
            return len(value)
        return tuple(value.shape) if isinstance(value, torch.Tensor) else value

    def answer(*args):
        key = tuple(map(shapes, args))
        if key not in stored:
            stored[key] = function(*args)
        return stored[key]

    return answer


def stored_by_ids(function):
    """Return a function that stores its answers under what is asked, whatever the model."""
    stored = {}

    def answer(*args):
        asked = content_key([one for one in args if isinstance(one, (dict, str, torch.Tensor))], [])
        if asked not in stored:
            stored[asked] = function(*args)
        return stored[asked]

    return answer
