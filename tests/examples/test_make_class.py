"""Making the example class: files that are current, markers that are understood, sentences where one is not."""

import nbformat
import pytest

from .class_table import CLASS
from .conftest import ROOT

SLUG = "token_attribution"


@pytest.fixture
def template():
    """A student notebook of three cells: a text, a function, a written question."""
    cells = [
        nbformat.v4.new_markdown_cell("# Title", id="title"),
        nbformat.v4.new_code_cell(
            'def double(x):\n    """Return twice x."""\n    # YOUR CODE HERE\n    raise NotImplementedError()',
            id="double",
        ),
        nbformat.v4.new_markdown_cell("YOUR ANSWER HERE", id="why"),
    ]
    for cell in cells:
        cell.metadata["nbgrader"] = {"grade_id": cell.id, "points": 1}
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def answers(tmp_path):
    """Write an answers file, return its folder."""

    def write(student, text):
        (tmp_path / f"{student}.py").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def handed_in(maker, template, folder, student):
    return maker.hand_in(template, maker.read_answers(folder, student)).cells


def test_class_in_the_repository_is_current(maker, capsys):
    assert maker.main(["--check"]) == 0, capsys.readouterr().err


def test_every_student_has_a_row_in_the_table_and_in_the_readme():
    students = {path.stem for path in (ROOT / "examples").glob(f"**/{SLUG}/*.ipynb")}
    assert students == {row.student for row in CLASS}
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert not [student for student in students if f"| {student} |" not in readme]


def test_same_answers_give_the_same_bytes(maker):
    assert maker.make_class(SLUG) == maker.make_class(SLUG)


def test_function_keeps_the_docstring_that_was_there(maker, template, answers):
    folder = answers("ada", '# %% task="double"\ndef double(x):\n    return x + x\n')
    cell = handed_in(maker, template, folder, "ada")[1]
    assert cell.source == 'def double(x):\n    """Return twice x."""\n    return x + x'


def test_what_is_not_answered_stays_untouched(maker, template, answers):
    folder = answers("ada", "# Handed in as it came.\n")
    assert handed_in(maker, template, folder, "ada") == template.cells


def test_answer_stands_where_the_notebook_asks_for_it(maker, template, answers):
    folder = answers("ada", '# %% [markdown] question="why"\n# Because.\n')
    assert handed_in(maker, template, folder, "ada")[2].source == "Because."


def test_own_cells_follow_in_the_order_of_the_file(maker, template, answers):
    folder = answers("ada", '# %% after="title"\na = 1\n\n# %% after="title"\nb = 2\n')
    sources = [cell.source for cell in handed_in(maker, template, folder, "ada")]
    assert sources[:3] == ["# Title", "a = 1", "b = 2"]


def test_cells_move(maker, template, answers):
    folder = answers("ada", '# %% move="double title" after="why"\n')
    assert [cell.id for cell in handed_in(maker, template, folder, "ada")] == ["why", "double", "title"]


def test_locked_cell_and_its_points_are_changed(maker, template, answers):
    folder = answers("ada", '# %% [markdown] replaces="title" points="9"\n# Mine\n')
    cell = handed_in(maker, template, folder, "ada")[0]
    assert (cell.source, cell.metadata.nbgrader.points) == ("Mine", 9)


def test_work_alike_is_taken_over_but_not_the_written_answers(maker, template, answers):
    text = (
        '# %% task="double"\ndef double(x):\n    return 2 * x\n\n# %% [markdown] question="why"\n# Because.\n'
    )
    answers("ada", text)
    folder = answers("bob", '# %% like="ada"\n')
    cells = handed_in(maker, template, folder, "bob")
    assert cells[1].source.endswith("return 2 * x")
    assert cells[2].source == "YOUR ANSWER HERE"


def test_truncated_file_is_no_json(maker, template, answers):
    folder = answers("ada", '# %% file="truncated"\n')
    with pytest.raises(nbformat.reader.NotJSONError):
        nbformat.reads(maker.make_file(template, maker.read_answers(folder, "ada")).decode(), as_version=4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('# %% task="double"\nx = 1\n\n# %%\ny = 2\n', "cell 2 has no marker. Give it one of: task, "),
        (
            '# %% like="nobody"\n',
            "there is no such answers file. Write it, or change like= where it is named.",
        ),
    ],
)
def test_answers_that_cannot_be_right_are_told(maker, answers, text, message):
    folder = answers("ada", text)
    with pytest.raises(maker.AnswersError, match=message.split(".")[0]) as raised:
        maker.read_answers(folder, "ada")
    assert message in str(raised.value)


def test_unknown_cell_is_told(maker, template, answers):
    folder = answers("ada", '# %% task="triple"\ndef triple(x):\n    return 3 * x\n')
    with pytest.raises(maker.AnswersError) as raised:
        handed_in(maker, template, folder, "ada")
    assert str(raised.value) == "The student notebook has no cell 'triple'. Correct the marker."


def test_stale_missing_and_left_over_files_are_told(maker, tmp_path, monkeypatch):
    monkeypatch.setattr(maker, "EXAMPLES", tmp_path)
    (tmp_path / SLUG).mkdir()
    (tmp_path / SLUG / "old.ipynb").write_bytes(b"{}")
    (tmp_path / SLUG / "ada.ipynb").write_bytes(b"{}")
    assert maker.stale_files(SLUG, {"ada.ipynb": b"{ }", "bob.ipynb": b"{}"}) == [
        "token_attribution/bob.ipynb is missing.",
        "token_attribution/old.ipynb has no answers file.",
        "token_attribution/ada.ipynb differs from what its answers give.",
    ]
    assert maker.write_class(SLUG, {"ada.ipynb": b"{ }", "bob.ipynb": b"{}"}) == 3
    assert maker.stale_files(SLUG, {"ada.ipynb": b"{ }", "bob.ipynb": b"{}"}) == []
