from __future__ import annotations

import copy
from collections.abc import Callable

import nbformat
import pytest
from nbformat import NotebookNode

from autograder.course.notebooks import recognise_by_position, restore_locked_cells, written_answers
from autograder.records import WrittenQuestion

QUESTION = WrittenQuestion(id="question-why", title="Why?", points=3, rubric=("names a reason",))


@pytest.fixture
def asked(template: NotebookNode) -> NotebookNode:
    """The template with the question's text in a locked cell of its own, as courses have it."""
    text = copy.deepcopy(template.cells[0])
    text.source, text.id, text.metadata.nbgrader.grade_id = "**Why?**", "demo-03", "demo-03"
    end = copy.deepcopy(text)
    end.source, end.id, end.metadata.nbgrader.grade_id = "## The end", "demo-04", "demo-04"
    template.cells[-1].source = "YOUR ANSWER HERE"
    template.cells[-1:] = [text, template.cells[-1], end]
    return template


def handed_in(
    template: NotebookNode, change: Callable[[NotebookNode], object] = lambda _: None
) -> NotebookNode:
    notebook = copy.deepcopy(template)
    notebook.cells[6].source, notebook.cells[8].source = "draw()", "Because."
    change(notebook)
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell["id"] = NotebookNode(), f"cell-{number}"
    restored, _ = restore_locked_cells(notebook, template)
    return recognise_by_position(restored, template)


def answer(notebook: NotebookNode, template: NotebookNode) -> str:
    (pending,) = written_answers(notebook, template, [QUESTION])
    return pending.answer


def plotted(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if "plot" in cell.metadata.get("tags", [])]


def own_text(source: str, place: int) -> Callable[[NotebookNode], object]:
    return lambda notebook: notebook.cells.insert(place, nbformat.v4.new_markdown_cell(source))


CHANGES: dict[str, Callable[[NotebookNode], object]] = {
    "nothing else": lambda _: None,
    "a short note before": own_text("ok", 8),
    "a short note behind": own_text("ok", 9),
    "a note elsewhere": own_text("A long note about what I did in this task, and why.", 3),
    "the text behind is gone": lambda notebook: notebook.cells.pop(9),
    "the question is gone": lambda notebook: notebook.cells.pop(7),
    "an empty cell before": own_text("", 8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_and_a_plot_without_marks_are_known_by_their_place(
    change: str, asked: NotebookNode
) -> None:
    notebook = handed_in(asked, CHANGES[change])
    assert plotted(notebook) == ["draw()"]
    assert answer(notebook, asked) == "Because."


def test_all_cells_of_a_plot_are_tagged(asked: NotebookNode) -> None:
    notebook = handed_in(asked, lambda found: found.cells.insert(6, nbformat.v4.new_code_cell("x = 1")))
    assert plotted(notebook) == ["x = 1", "draw()"]


def test_nothing_changes_where_the_marks_are_there(asked: NotebookNode) -> None:
    restored, _ = restore_locked_cells(asked, asked)
    assert recognise_by_position(restored, asked) == restored
    assert answer(restored, asked) == ""


def answered_below(asked: NotebookNode, *below: tuple[int, NotebookNode]) -> NotebookNode:
    notebook = copy.deepcopy(asked)
    for place, cell in below:
        notebook.cells.insert(place, cell)
    restored, _ = restore_locked_cells(notebook, asked)
    return recognise_by_position(restored, asked)


def test_an_answer_below_the_cell_that_asks_for_it_is_read(asked: NotebookNode) -> None:
    below = nbformat.v4.new_markdown_cell("Because.")
    assert answer(answered_below(asked, (9, below)), asked) == "Because."


def test_an_answer_in_its_cell_is_not_replaced_by_a_note_below_it(asked: NotebookNode) -> None:
    asked_and_answered = copy.deepcopy(asked)
    asked_and_answered.cells[8].source = "Because."
    asked_and_answered.cells.insert(9, nbformat.v4.new_markdown_cell("A long note about something else."))
    restored, _ = restore_locked_cells(asked_and_answered, asked)
    assert answer(recognise_by_position(restored, asked), asked) == "Because."


@pytest.mark.parametrize("stub", ["# YOUR CODE HERE\nraise NotImplementedError()", "# YOUR CODE HERE", ""])
def test_a_plot_below_the_cell_for_it_is_tagged(stub: str, asked: NotebookNode) -> None:
    asked.cells[6].source = "# YOUR CODE HERE\nraise NotImplementedError()"
    notebook = copy.deepcopy(asked)
    notebook.cells[6].source = stub
    notebook.cells.insert(7, nbformat.v4.new_code_cell("draw()"))
    restored, _ = restore_locked_cells(notebook, asked)
    found = recognise_by_position(restored, asked)
    named = [
        cell.source for cell in found.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "plot-x"
    ]
    assert "draw()" in plotted(found) and named == ["draw()"]


@pytest.mark.parametrize("is_older", [True, False])
def test_generated_text_is_nobodys_neighbour(asked: NotebookNode, is_older: bool) -> None:
    newer = copy.deepcopy(asked)
    stated = copy.deepcopy(newer.cells[0])
    stated.source = "*3 points*"
    stated.id = stated.metadata.nbgrader.grade_id = "stated-work-question-why"
    newer.cells.insert(8, stated)
    notebook = copy.deepcopy(asked if is_older else newer)
    notebook.cells[8 if is_older else 9].source = "Because."
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell["id"] = NotebookNode(), f"cell-{number}"
    restored, _ = restore_locked_cells(notebook, newer)
    assert answer(recognise_by_position(restored, newer), newer) == "Because."
