from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from autograder.authoring.notebook import (
    build_assignment,
    build_notebook,
    build_source,
    is_stale,
    render,
    solved_notebook,
    source_notebook,
)
from autograder.course.notebooks import restore_locked_cells, written_answers
from autograder.course.notebooks.cell_marks import is_as_given_out, is_locked
from autograder.errors import AssignmentError
from autograder.records import Assignment

Course = Callable[..., Assignment]
Points = Mapping[str, float]


def cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}


def test_names_every_cell_and_leaves_the_docstring_out(course: Course, points: Points) -> None:
    notebook = build_notebook(course(), points)
    assert list(cells(notebook)) == [
        "demo-01",
        "stated-goals",
        "stated-limits",
        "demo-02",
        "demo-03",
        "stated-work-double",
        "double",
        "check-double",
        "stated-work-halve",
        "halve",
        "check-halve",
        "plot-doubles",
        "stated-work-question-why",
        "question-why",
        "stated-work-question-more",
        "question-more",
    ]
    nbformat.validate(notebook)


def test_leaves_empty_cells_out(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text.replace("import math\n", "import math\n\n# %%\n", 1)
    assert build_notebook(course(text), points).cells == build_notebook(course(), points).cells


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("demo-01", {"grade": False, "locked": True, "solution": False}),
        ("demo-03", {"grade": False, "locked": True, "solution": False}),
        ("double", {"grade": False, "locked": False, "solution": True}),
        ("check-halve", {"grade": True, "locked": True, "solution": False, "points": 1.5}),
        ("plot-doubles", {"grade": False, "locked": False, "solution": True}),
        ("question-why", {"grade": True, "locked": False, "solution": True, "points": 3}),
    ],
)
def test_marks_cells_as_nbgrader_schema_3(
    name: str, states: dict[str, object], course: Course, points: Points
) -> None:
    cell = cells(build_notebook(course(), points))[name]
    expected = {"schema_version": 3, "grade_id": name, "cell_type": cell.cell_type} | states
    assert cell.metadata.nbgrader == expected | {"checksum": compute_checksum(cell)}


def test_clears_solutions_and_keeps_signature_and_docstring(course: Course, points: Points) -> None:
    assert cells(build_notebook(course(), points))["double"].source == (
        'def double(x):\n    """Double a number."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    )


def test_no_solution_is_in_the_file(course: Course, points: Points) -> None:
    text = render(build_notebook(course(), points))
    for secret in ("x + x", "x / 2", "heights", "repeated", "HIDDEN", "halve(4)", "SOLUTION", "nobody but"):
        assert secret not in text


def test_keeps_the_question_and_says_where_to_write(course: Course, points: Points) -> None:
    notebook = cells(build_notebook(course(), points))
    assert notebook["question-why"].source == "**Why does it work?**\n\nYOUR ANSWER HERE"
    assert notebook["question-more"].source == "**What else?**\n\nYOUR ANSWER HERE"


def test_a_line_for_the_answer_is_not_doubled(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text.replace("# YOUR ANSWER HERE\n", "# *YOUR ANSWER HERE*\n")
    assert cells(build_notebook(course(text), points))["question-more"].source == (
        "**What else?**\n\nYOUR ANSWER HERE"
    )


def test_uncomments_cells_that_only_notebooks_run(course: Course, points: Points) -> None:
    cell = cells(build_notebook(course(), points))["demo-03"]
    assert cell.source == "# an example\nhalf_turn = math.pi\nprint(half_turn)"
    assert "tags" not in cell.metadata


def test_keeps_other_tags(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text.replace(
        '# %% tags=["active-ipynb"]', '# %% tags=["active-ipynb", "skip-grading"]', 1
    )
    notebook = cells(build_notebook(course(text), points))
    assert notebook["demo-03"].metadata.tags == ["skip-grading"]
    assert notebook["plot-doubles"].metadata.tags == ["plot"]


def test_locks_cells_in_jupyter(course: Course, points: Points) -> None:
    notebook = cells(build_notebook(course(), points))
    assert notebook["check-double"].metadata.editable is False
    assert notebook["demo-02"].metadata.editable is False
    assert "editable" not in notebook["double"].metadata
    assert notebook["double"].metadata.deletable is False


def test_the_same_reference_gives_the_same_bytes(course: Course, points: Points) -> None:
    assignment = course()
    assert render(build_notebook(assignment, points)) == render(build_notebook(assignment, points))


def test_ids_of_cells_before_a_change_stay(course: Course, points: Points, reference_text: str) -> None:
    before = [cell.id for cell in build_notebook(course(), points).cells]
    after = [cell.id for cell in build_notebook(course(reference_text + "\n# %%\nlast = 1\n"), points).cells]
    assert after == [*before, "demo-04"]


def test_writes_the_file_only_when_it_changed(course: Course, points: Points, reference_text: str) -> None:
    assignment = course()
    assert is_stale(assignment, points)
    assert build_assignment(assignment, points)
    assert not is_stale(assignment, points)
    assert not build_assignment(assignment, points)
    assert nbformat.read(assignment.template, as_version=4) == build_notebook(assignment, points)
    changed = course(reference_text.replace("# # Doubling", "# # Twice"))
    assert is_stale(changed, points)
    assert build_assignment(changed, points)
    assert [path.name for path in assignment.template.parent.iterdir()] == ["demo.ipynb"]


def test_other_points_make_the_notebook_stale(course: Course, points: Points) -> None:
    assignment = course()
    build_assignment(assignment, points)
    assert is_stale(assignment, {**points, "double": 5})


def test_the_solved_notebook_differs_in_solutions_alone(course: Course, points: Points) -> None:
    assignment = course()
    solved, built = solved_notebook(assignment, points), build_notebook(assignment, points)
    for right, empty in zip(solved.cells, built.cells, strict=True):
        assert right.metadata == empty.metadata
        assert (right.source != empty.source) is bool(empty.metadata.nbgrader.solution), (
            empty.metadata.nbgrader.grade_id
        )
    assert cells(solved)["double"].source.endswith("    doubled = x + x\n    return doubled")
    assert "SOLUTION" not in render(solved)


def test_the_solved_notebook_passes_its_own_asserts(course: Course, points: Points) -> None:
    namespace: dict[str, object] = {}
    for cell in solved_notebook(course(), points).cells:
        if cell.cell_type == "code":
            exec(cell.source, namespace)
    assert namespace["heights"] == [0, 2, 4]


def test_every_cell_of_the_template_is_as_given_out(course: Course, points: Points) -> None:
    assignment = course()
    assert all(map(is_as_given_out, build_notebook(assignment, points).cells))
    for cell in solved_notebook(assignment, points).cells:
        assert is_as_given_out(cell) is not cell.metadata.nbgrader.solution


def test_restoring_the_solved_notebook_changes_nothing(course: Course, points: Points) -> None:
    assignment = course()
    solved, template = solved_notebook(assignment, points), build_notebook(assignment, points)
    assert restore_locked_cells(solved, template) == (solved, ())
    assert [p.answer for p in written_answers(solved, template, assignment.questions)] == [
        "Because addition is repeated.",
        "",
    ]


def test_the_source_notebook_keeps_the_regions(course: Course, points: Points) -> None:
    assert "### BEGIN SOLUTION" in cells(source_notebook(course(), points))["double"].source


def test_the_reference_imports_as_plain_functions(course: Course) -> None:
    spec = importlib.util.spec_from_file_location("demo_reference", course().reference)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.double(3) == 6
    assert not hasattr(module, "heights")


def test_nbgraders_source_folder_gets_the_notebook_with_solutions(
    course: Course, points: Points, tmp_path: Path
) -> None:
    assignment = course()
    path = build_source(assignment, points, tmp_path / "source")
    assert path == tmp_path / "source" / "demo" / "demo.ipynb"
    assert path.read_text(encoding="utf-8") == render(source_notebook(assignment, points))
    assert not assignment.template.exists()


def test_changed_limits_make_notebook_and_readme_stale(course: Course, points: Points) -> None:
    assignment = course()
    assignment.readme.parent.mkdir()
    marks = "<!-- limits: begin, written by autograder build -->\n<!-- limits: end -->\n"
    assignment.readme.write_text(f"Read me.\n\n{marks}", encoding="utf-8")
    build_assignment(assignment, points)
    assert "| `demo.ipynb` | 1 minute | 30 seconds |" in assignment.readme.read_text(encoding="utf-8")
    assert not is_stale(assignment, points)
    stricter = replace(assignment, limits=replace(assignment.limits, call_timeout_s=7))
    assert is_stale(stricter, points)
    assert build_assignment(stricter, points)
    assert not is_stale(stricter, points)
    assert "| `demo.ipynb` | 1 minute | 7 seconds |" in assignment.readme.read_text(encoding="utf-8")
    assignment.readme.write_text(f"Read me.\n\n{marks}", encoding="utf-8")
    assert is_stale(stricter, points)


def test_a_course_without_a_readme_gets_none(course: Course, points: Points) -> None:
    assignment = course()
    build_assignment(assignment, points)
    assert not assignment.readme.exists()
    assert not is_stale(assignment, points)


def test_the_limits_of_a_reference_without_text_come_first(
    course: Course, points: Points, reference_text: str
) -> None:
    text = reference_text.replace("# %% [markdown]\n# # Doubling\n#\n# Größe mal zwei: $2x$.\n\n", "")
    names = list(cells(build_notebook(course(text), points)))
    assert names[:3] == ["stated-goals", "stated-limits", "demo-01"]


HEADED = """# %% [markdown]
# ## Twice
#
# Write it.

# %%
import cmath

# %% task="double"
"""


def test_points_and_minutes_stand_below_the_tasks_heading(
    course: Course, points: Points, reference_text: str
) -> None:
    assignment = course(reference_text.replace('# %% task="double"\n', HEADED))
    first, second = assignment.tasks
    timed = replace(assignment, tasks=(replace(first, minutes=20), second))
    notebook = build_notebook(timed, points)
    assert cells(notebook)["demo-04"].source == "## Twice\n\n*2 points, about 20 minutes*\n\nWrite it."
    assert "stated-work-double" not in cells(notebook)
    # The heading is that of the first task alone.
    assert cells(notebook)["stated-work-halve"].source == "*1.5 points*"
    assert is_locked(cells(notebook)["stated-work-halve"])


def test_a_question_has_its_points_above_the_answer(course: Course, points: Points) -> None:
    notebook = build_notebook(course(), points)
    names = list(cells(notebook))
    assert names[names.index("question-why") - 1] == "stated-work-question-why"
    assert cells(notebook)["stated-work-question-why"].source == "*3 points*"


def test_goals_stand_behind_the_first_text(course: Course, points: Points) -> None:
    notebook = build_notebook(replace(course(), goals=("You can double.",)), points)
    assert notebook.cells[1].source.startswith("**Goals**\n\n- You can double.\n\n**Points and time.**")


def test_long_ids_of_generated_cells_are_cut(course: Course, points: Points, reference_text: str) -> None:
    name = "question-" + "x" * 60
    assignment = course(reference_text.replace("question-why", name))
    why, more = assignment.questions
    notebook = build_notebook(replace(assignment, questions=(replace(why, id=name), more)), points)
    nbformat.validate(notebook)
    assert cells(notebook)[f"stated-work-{name}"].source == "*3 points*"


def test_ids_are_those_of_the_notebook_without_generated_text(course: Course, points: Points) -> None:
    assignment = course()
    plain = replace(assignment, goals=("You can double.",))
    kept = [name for name in cells(build_notebook(plain, points)) if not name.startswith("stated-")]
    assert kept == [
        *("demo-01", "demo-02", "demo-03", "double", "check-double", "halve", "check-halve"),
        *("plot-doubles", "question-why", "question-more"),
    ]


def test_a_text_with_a_marker_leaves_the_numbers_of_the_others(
    course: Course, points: Points, reference_text: str
) -> None:
    added = reference_text.replace(
        "# %%\nimport math", '# %% [markdown] text="corners"\n# Mind 0.\n\n# %%\nimport math'
    )
    before = list(cells(build_notebook(course(), points)))
    notebook = cells(build_notebook(course(added), points))
    assert [name for name in notebook if name != "demo-corners"] == before
    assert notebook["demo-corners"].source == "Mind 0."
    assert is_locked(notebook["demo-corners"])


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("2", "texts without a marker have numbers"),
        ("a b", "is not a valid id"),
        ("one", "2 cells have this"),
    ],
)
def test_a_marker_of_a_text_is_an_id_of_its_own(
    marker: str, problem: str, course: Course, points: Points, reference_text: str
) -> None:
    cell = f'# %% [markdown] text="{marker}"\n# Mind 0.\n\n'
    text = reference_text.replace(
        "# %%\nimport math", f'{cell}# %% [markdown] text="one"\n# 1\n\n# %%\nimport math'
    )
    with pytest.raises(AssignmentError, match=problem):
        build_notebook(course(text), points)
