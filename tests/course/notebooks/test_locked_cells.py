from __future__ import annotations

import copy
import random
from collections.abc import Callable

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from autograder.course.notebooks import restore_locked_cells
from autograder.course.notebooks.cell_marks import grade_id_of
from autograder.course.notebooks.locked_cells import SKIP_TAG

STRIPPED = (
    "The notebook came without the course's cell marks (some editors remove them); "
    "its cells were recognised by their text."
)


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id_of(cell) == name)


def names(notebook: NotebookNode) -> list[str]:
    return [grade_id_of(cell) or f"own:{cell.source}" for cell in notebook.cells]


def own(source: str, name: str = "mine") -> NotebookNode:
    return nbformat.v4.new_code_cell(source, id=name)


def without_marks(notebook: NotebookNode) -> NotebookNode:
    stripped = copy.deepcopy(notebook)
    for number, cell in enumerate(stripped.cells):
        cell.metadata = NotebookNode()
        cell.id = f"colab-{number}"
    return stripped


def test_restoring_the_template_is_the_identity(template: NotebookNode) -> None:
    before = copy.deepcopy(template)
    restored, remarks = restore_locked_cells(template, template)
    assert restored == before
    assert remarks == ()
    assert template == before


def test_keeps_the_students_solutions_and_extra_cells(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, "double").source = "def double(x):\n    return x + x"
    submitted.cells.insert(3, own("scratch = 1"))
    restored, remarks = restore_locked_cells(submitted, template)
    assert names(restored) == [
        "demo-01",
        "demo-02",
        "double",
        "own:scratch = 1",
        "check-double",
        "halve",
        "check-halve",
        "plot-x",
        "question-why",
    ]
    assert cell_of(restored, "double").source == "def double(x):\n    return x + x"
    assert remarks == ()


def test_restores_an_edited_locked_cell(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, "check-double").source = "assert True"
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    assert remarks == ("A read-only cell (“assert double(2) == 4”) had been changed; the original was used.",)


def test_says_nothing_of_white_space(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, "check-double").source += "  \n\n"
    assert restore_locked_cells(submitted, template) == (template, ())


def test_puts_a_removed_locked_cell_back_in_its_place(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    submitted.cells = [c for c in submitted.cells if grade_id_of(c) not in ("demo-01", "check-double")]
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    assert remarks == (
        "A read-only cell (“# Doubling”) was missing; it was put back.",
        "A read-only cell (“assert double(2) == 4”) was missing; it was put back.",
    )


def test_puts_asserts_back_behind_a_solution_that_was_moved(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    double = cell_of(submitted, "double")
    submitted.cells = [c for c in submitted.cells if grade_id_of(c) not in ("double", "check-double")] + [
        double
    ]
    restored, _ = restore_locked_cells(submitted, template)
    assert names(restored)[-2:] == ["double", "check-double"]


def test_does_not_put_a_removed_solution_cell_back(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    submitted.cells = [c for c in submitted.cells if grade_id_of(c) != "double"]
    restored, remarks = restore_locked_cells(submitted, template)
    assert "double" not in names(restored)
    assert remarks == ()


def test_removes_a_copy_of_a_locked_cell(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    twin = copy.deepcopy(cell_of(submitted, "check-double"))
    twin.id = "copy"
    submitted.cells.append(twin)
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    assert remarks == ("A read-only cell (“assert double(2) == 4”) was there twice; the copy was removed.",)


def test_a_changed_copy_of_a_locked_cell_is_a_cell_of_ones_own(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    work = copy.deepcopy(cell_of(submitted, "demo-02"))
    work.source, work.id = "import math, cmath", "copy"
    submitted.cells.insert(2, work)
    restored, remarks = restore_locked_cells(submitted, template)
    assert names(restored)[:4] == ["demo-01", "demo-02", "own:import math, cmath", "double"]
    assert "nbgrader" not in restored.cells[2].metadata
    assert remarks == (
        "A read-only cell (“import math”) was there twice; the changed copy counts as a cell of your own.",
    )


def test_both_halves_of_a_split_solution_cell_stay(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    half = copy.deepcopy(cell_of(submitted, "double"))
    half.source, half.id = "def help_me(): ...", "half"
    submitted.cells.insert(3, half)
    restored, _ = restore_locked_cells(submitted, template)
    assert names(restored)[2:4] == ["double", "own:def help_me(): ..."]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("check-double", {"points": 100}),
        ("check-double", {"locked": False, "solution": True}),
        ("double", {"grade": True, "points": 50}),
        ("double", {"schema_version": 1}),
        ("demo-02", {"locked": False}),
    ],
)
def test_resets_grade_metadata(name: str, changes: dict[str, object], template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, name).metadata["nbgrader"].update(changes)
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    quote = cell_of(template, name).source.splitlines()[0]
    assert remarks == (
        f"The grading marks of a cell (“{quote}”) had been changed; the original ones were used.",
    )


def test_removes_skip_grading_from_a_locked_cell(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, "demo-02").metadata["tags"] = ["skip-grading"]
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    assert remarks == ("The tag skip-grading was removed from a read-only cell (“import math”).",)


def test_keeps_skip_grading_where_the_template_has_it(template: NotebookNode) -> None:
    cell_of(template, "demo-02").metadata["tags"] = ["skip-grading"]
    submitted = copy.deepcopy(template)
    del cell_of(submitted, "demo-02").metadata["tags"]
    restored, _ = restore_locked_cells(submitted, template)
    assert cell_of(restored, "demo-02").metadata["tags"] == ["skip-grading"]


def test_keeps_skip_grading_on_cells_of_ones_own(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell = own("while True: pass")
    cell.metadata["tags"] = ["skip-grading"]
    submitted.cells.append(cell)
    restored, _ = restore_locked_cells(submitted, template)
    assert restored.cells[-1].metadata["tags"] == ["skip-grading"]


def test_a_solution_turned_into_text_is_code_again(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    index = names(submitted).index("double")
    text = nbformat.v4.new_markdown_cell("def double(x):\n    return 2 * x", id="double")
    text.metadata = submitted.cells[index].metadata
    submitted.cells[index] = text
    restored, remarks = restore_locked_cells(submitted, template)
    assert cell_of(restored, "double").cell_type == "code"
    assert cell_of(restored, "double").source == "def double(x):\n    return 2 * x"
    assert remarks == ("A cell (“def double(x):”) had changed its type; it was made a code cell again.",)


def test_recognises_cells_whose_marks_were_stripped(template: NotebookNode) -> None:
    submitted = without_marks(template)
    submitted.cells[2].source = "def double(x):\n    return 2*x"
    submitted.cells[3].source = "assert  double(2)==4\n"
    submitted.cells[7].source = "**Why?**\n\nBecause."
    restored, remarks = restore_locked_cells(submitted, template)
    assert names(restored) == names(template)
    assert cell_of(restored, "double").source == "def double(x):\n    return 2*x"
    assert cell_of(restored, "check-double").source == "assert double(2) == 4"
    assert cell_of(restored, "question-why").source == "**Why?**\n\nBecause."
    assert remarks == (STRIPPED,)


def test_recognises_edited_cells_by_their_cell_id(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    for cell in submitted.cells:
        cell.metadata = NotebookNode()
    submitted.cells[3].source = "assert True"
    restored, remarks = restore_locked_cells(submitted, template)
    assert restored == template
    assert remarks == (
        STRIPPED,
        "A read-only cell (“assert double(2) == 4”) had been changed; the original was used.",
    )


def test_an_unknown_notebook_gets_the_setup_first_and_the_asserts_last(template: NotebookNode) -> None:
    submitted = nbformat.v4.new_notebook(cells=[own("double = lambda x: 2 * x")])
    restored, _ = restore_locked_cells(submitted, template)
    assert names(restored) == [
        "demo-01",
        "demo-02",
        "own:double = lambda x: 2 * x",
        "check-double",
        "check-halve",
    ]


def test_cell_ids_stay_unique_when_a_students_cell_carries_one_of_the_templates(
    template: NotebookNode,
) -> None:
    submitted = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("hi", id="double")])
    restored, _ = restore_locked_cells(submitted, template)
    nbformat.validate(restored)
    assert [c.id for c in restored.cells if not grade_id_of(c)] == ["extra-0"]


def shuffle(notebook: NotebookNode, rng: random.Random) -> NotebookNode:
    """Do to a notebook what students and attackers do."""
    mutant = copy.deepcopy(notebook)

    def edit() -> None:
        rng.choice(mutant.cells).source = rng.choice(["", "x = 1", "def halve(x):\n    pass", "**Why?** so"])

    def remove() -> None:
        mutant.cells.pop(rng.randrange(len(mutant.cells)))

    def repeat() -> None:
        cell = copy.deepcopy(rng.choice(mutant.cells))
        mutant.cells.insert(rng.randrange(len(mutant.cells) + 1), cell)

    def reorder() -> None:
        rng.shuffle(mutant.cells)

    def rename() -> None:
        cell = rng.choice(mutant.cells)
        cell.metadata["nbgrader"] = {"grade_id": rng.choice(["double", "check-halve", "nobody"])}

    def strip() -> None:
        rng.choice(mutant.cells).metadata.clear()

    def swap_ids() -> None:
        rng.choice(mutant.cells).id = rng.choice(mutant.cells).id

    changes: list[Callable[[], None]] = [edit, remove, repeat, reorder, rename, strip, swap_ids]
    for _ in range(rng.randint(1, 12)):
        if mutant.cells:
            rng.choice(changes)()
    return mutant


@pytest.mark.parametrize("seed", range(10))
def test_restoring_is_complete_and_idempotent(seed: int, template: NotebookNode) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        mutant = shuffle(template, rng)
        restored, _ = restore_locked_cells(mutant, template)
        for original in template.cells:
            if original.metadata.nbgrader.locked:
                assert [c for c in restored.cells if grade_id_of(c) == grade_id_of(original)] == [original]
        assert len({cell.id for cell in restored.cells}) == len(restored.cells)
        assert restore_locked_cells(restored, template)[0] == restored
        assert restore_locked_cells(mutant, template)[0] == restored


def test_a_notebook_of_another_assignment_is_said_to_be_one(template: NotebookNode) -> None:
    other = nbformat.v4.new_notebook(cells=[own("print(1)")])
    restored, remarks = restore_locked_cells(other, template)
    assert "own:print(1)" in names(restored)
    assert remarks == (
        "None of the assignment's cells was found in this notebook: it may be another assignment's. "
        "Look at the file that you handed in.",
        "4 read-only cells (“# Doubling”, “import math”, “assert double(2) == 4” and more) were missing; "
        "they were put back.",
    )


@pytest.fixture
def earlier(template: NotebookNode) -> NotebookNode:
    """An earlier version of the template: other text, another check with other points; checksums as nbgrader's."""
    found = copy.deepcopy(template)
    found.cells[0].source = "# Doubles"
    found.cells[3].source = "twice = double(2)\nassert twice == 4"
    found.cells[3].metadata.nbgrader.points = 1
    for cell in found.cells:
        cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return found


def test_an_earlier_version_is_no_change_of_the_students(
    earlier: NotebookNode, template: NotebookNode
) -> None:
    earlier.cells[2].source = "def double(x):\n    return x + x"
    restored, remarks = restore_locked_cells(earlier, template)
    assert remarks == (
        "The notebook was made from an earlier version of the assignment; its read-only cells were replaced by "
        "those of the current version.",
    )
    # What an old check bound is no addition of the student's either.
    assert [cell.source for cell in restored.cells if grade_id_of(cell) != "double"] == [
        cell.source for cell in template.cells if grade_id_of(cell) != "double"
    ]


def test_what_is_changed_in_an_earlier_version_is_the_students(
    earlier: NotebookNode, template: NotebookNode
) -> None:
    earlier.cells[3].source += "\nmine = 3"
    restored, remarks = restore_locked_cells(earlier, template)
    assert any("What was added to a read-only cell" in remark for remark in remarks)
    assert [cell.source for cell in restored.cells if "mine" in cell.source] == [
        "twice = double(2)\nmine = 3"
    ]


def test_the_tag_goes_from_an_unchanged_cell_too(earlier: NotebookNode) -> None:
    tagged = copy.deepcopy(earlier)
    tagged.cells[3].metadata["tags"] = [SKIP_TAG]
    restored, remarks = restore_locked_cells(tagged, earlier)
    assert "tags" not in restored.cells[3].metadata
    assert len(remarks) == 1
    assert "skip-grading was removed" in remarks[0]
