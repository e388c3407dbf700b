"""Known mistakes as course authors write them: functions, and tables of one step."""

import inspect
import types

import pytest

from autograder.checks.answer_cache import MemoisedReference
from autograder.course.assignment import list_slugs, load_assignment, load_module
from autograder.diagnosis import (
    Feedback,
    memoised,
    misconception,
    misconceptions,
    misconceptions_around,
    misconceptions_of,
)
from autograder.diagnosis.composition import names_used

from ..conftest import ROOT


def marked():
    module = types.ModuleType("marked")

    @misconception(task="double", title="Not doubled.", hint="Twice?")
    def not_doubled(reference, x):
        return x

    @misconceptions(
        task="double",
        calls=("double",),
        negated=("The sign is wrong.", "Which sign?", lambda y: -y),
        shifted=Feedback("One was added.", "From where on?").on(lambda y: y + 1),
    )
    def _then(step, reference, x):
        return step(reference.double(x))

    around = misconceptions_around(
        task="double",
        of_magnitude=Feedback("Of the magnitude.", "Below 0?").on(lambda right, x: right(abs(x))),
        halved=Feedback("Halved again.", "Twice?").on(lambda right, *asked: right(*asked) / 2),
    )
    module.first, module._then, module._around = not_doubled, _then, around
    return module


def test_a_table_gives_one_mistake_a_row_in_order():
    known = misconceptions_of(marked())
    assert [(one.id, one.title, one.hint, one.calls) for one in known] == [
        ("not_doubled", "Not doubled.", "Twice?", ()),
        ("negated", "The sign is wrong.", "Which sign?", ("double",)),
        ("shifted", "One was added.", "From where on?", ("double",)),
        ("of_magnitude", "Of the magnitude.", "Below 0?", ("double",)),
        ("halved", "Halved again.", "Twice?", ("double",)),
    ]


def test_a_row_runs_with_its_own_step():
    reference = types.SimpleNamespace(double=lambda x: 2 * x)
    assert [one.run(reference, -3) for one in misconceptions_of(marked())] == [-3, 6, -5, 6, -3]


def test_what_mistakes_share_is_computed_once_where_the_reference_keeps_answers():
    calls = []

    def double(x):
        calls.append(x)
        return 2 * x

    keeping = MemoisedReference(types.ModuleType("reference"))
    assert [memoised(keeping, "double", double, x) for x in (3, 3, 4)] == [6, 6, 8]
    assert calls == [3, 4]
    assert [memoised(types.ModuleType("reference"), "double", double, x) for x in (3, 3)] == [6, 6]
    assert calls == [3, 4, 3, 3]


@pytest.mark.parametrize("slug", list_slugs(ROOT))
def test_what_a_mistake_calls_is_what_its_code_speaks_of(slug):
    assignment = load_assignment(ROOT, slug)
    tasks = {task.name for task in assignment.tasks}
    module = load_module(assignment.folder / "misconceptions.py", f"calls_of_{slug}")
    known = misconceptions_of(module)
    assert known
    assert {one.id: set(one.calls) for one in known} == {one.id: spoken_of(one.run) & tasks for one in known}


def spoken_of(run):
    """Return names that a mistake uses: its function's, the table's task, and its step's if it is a row of a table."""
    function, steps = getattr(run, "func", run), getattr(run, "args", ())
    enclosed = {one for one in inspect.getclosurevars(function).nonlocals.values() if isinstance(one, str)}
    return names_used(function).union(enclosed, *map(names_used, steps))
