"""What holds of all student notebooks: they open anywhere, and their locked cells leave students' names alone."""

import ast
import shutil
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.course.assignment import load_assignment
from tests.assignments.setting import ROOT

NOTEBOOKS = sorted((ROOT / "student_template").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def is_locked(cell) -> bool:
    return cell.metadata.nbgrader.locked


class Bound(ast.NodeVisitor):
    """The names that a cell binds in the notebook's own space, by kind."""

    def __init__(self, source: str) -> None:
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self.visit(ast.parse(source))

    def visit_FunctionDef(self, node):
        self.functions.add(node.name)

    def visit_Lambda(self, node):
        pass

    def visit_ListComp(self, node):
        pass

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_alias(self, node):
        self.names.add(node.asname or node.name.split(".")[0])


def test_there_are_five():
    assert len(NOTEBOOKS) == 5


def test_locked_cells_behind_a_students_take_no_name_that_could_be_theirs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first = next(place for place, cell in enumerate(code) if not is_locked(cell))
    theirs = {"few_shot_prompt"}  # given to students, who are told so
    for cell in filter(is_locked, code[first:]):
        bound = Bound(cell.source)
        plain = {name for name in bound.names if not (name.endswith("_") or name.isupper())}
        assert not plain, (cell.metadata.nbgrader.grade_id, plain)
        assert bound.functions <= theirs, cell.metadata.nbgrader.grade_id


def test_every_assertion_of_a_check_says_what_it_found(notebook):
    checks = [cell for cell in notebook.cells if cell.metadata.nbgrader.grade_id.startswith("check-")]
    assert len(checks) >= 5
    for cell in checks:
        asserts = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Assert)]
        silent = [ast.unparse(node) for node in asserts if not isinstance(node.msg, ast.JoinedStr)]
        assert not silent, (cell.metadata.nbgrader.grade_id, silent)
        assert asserts or "check_." in cell.source


def test_it_is_valid_and_asks_for_any_python_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.fixture
def way(notebook, tmp_path, monkeypatch):
    """Run the cell that looks for the student's folder, in an empty one; returns where it ends."""
    (source,) = (cell.source for cell in notebook.cells if "NEEDED = Path(" in cell.source)
    empty = tmp_path / "content"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run():
        exec(source, {})
        return str(Path.cwd())

    return run


def test_away_from_its_folder_it_says_what_to_do(way):
    with pytest.raises(
        FileNotFoundError, match=r"models/[a-z]+-[a-z]+ is not in .*content\. Open this notebook"
    ):
        way()


def test_it_unpacks_the_folder_that_was_uploaded(way, path, tmp_path):
    template = ROOT / "student_template"
    needed = next(line for line in path.read_text(encoding="utf-8").split("\\n") if "NEEDED = Path(" in line)
    (model,) = (folder for folder in (template / "models").iterdir() if folder.name in needed)
    with zipfile.ZipFile("other.zip", "w") as other:
        other.writestr("notes.txt", "not ours")
    with zipfile.ZipFile("course.zip", "w") as packed:
        for file in (*model.iterdir(), path):
            packed.write(file, f"student_template/{file.relative_to(template)}")
    ended = way()
    assert ended == str(tmp_path / "content" / "student_template")
    assert Path(f"models/{model.name}/config.json").is_file()
    assert sys.path[0] == ended
    assert not Path("../notes.txt").exists()


def test_it_goes_to_the_folder_that_lies_beside_it(way, tmp_path):
    shutil.copytree(ROOT / "student_template" / "models", tmp_path / "content" / "mine" / "models")
    assert way() == str(tmp_path / "content" / "mine")


def test_a_limit_that_a_text_mentions_is_the_assignments():
    assignment = load_assignment(ROOT, "token_attribution")
    assert "a call is stopped after five seconds" in assignment.reference.read_text(encoding="utf-8")
    assert assignment.limits.call_timeout_s == 5
