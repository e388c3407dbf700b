from __future__ import annotations

import os
import random
import tempfile
import unicodedata
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from autograder.course.submissions import discover
from autograder.course.submissions.archives import Budget
from autograder.course.submissions.gathering import Gatherer, StudentPlace
from autograder.course.submissions.layouts import Stated
from autograder.errors import AssignmentError
from autograder.records import Submission

SLUG = "logit_lens"


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_text(f'"{name}"', encoding="utf-8")
    return root


def zipped(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def find(tmp_path: Path, *paths: Path) -> list[Submission]:
    return discover(paths, SLUG, tmp_path / "scratch")


def students(found: list[Submission]) -> list[str]:
    return [item.student for item in found]


def problems(found: list[Submission]) -> dict[str, str]:
    return {item.student: item.problem for item in found if item.problem}


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ana", "ana"),
        ("ana_logit_lens", "ana"),
        ("logit_lens-ana", "ana"),
        ("Logit Lens - ana", "ana"),
        ("ana.logit-lens", "ana"),
        ("logit_lens", "logit_lens"),
        ("logit_lens (1)", "logit_lens (1)"),
        ("logit_lens_ana (1)", "ana (1)"),
        ("logit_lens-.", "logit_lens-."),
        ("logit_lenses", "logit_lenses"),
        ("Jörg Müller", "Jörg Müller"),
        ("李雷_logit_lens", "李雷"),
        ("O'Neil, Ann (1)", "O'Neil, Ann (1)"),
        ("=cmd", "=cmd"),
    ],
)
def test_names_the_student_after_the_file(name: str, student: str, tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", f"{name}.ipynb")
    assert students(find(tmp_path, folder / f"{name}.ipynb")) == [student]
    assert students(find(tmp_path, folder)) == [student]


def test_a_decomposed_name_is_the_composed_one(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", unicodedata.normalize("NFD", "Jörg") + ".ipynb")
    assert students(find(tmp_path, folder)) == ["Jörg"]


def test_finds_a_folder_of_notebooks_in_the_order_of_names(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "zoe.ipynb", "Ana.ipynb", "ben.IPYNB", "notes.txt", "images/a.png")
    found = find(tmp_path, folder)
    assert students(found) == ["Ana", "ben", "zoe"]
    assert [item.origin for item in found] == ["in/Ana.ipynb", "in/ben.IPYNB", "in/zoe.ipynb"]
    assert [item.path for item in found] == [folder / "Ana.ipynb", folder / "ben.IPYNB", folder / "zoe.ipynb"]
    assert problems(found) == {}


def test_ignores_what_programs_leave_behind(tmp_path: Path) -> None:
    folder = tree(
        tmp_path / "in",
        "ana.ipynb",
        ".ipynb_checkpoints/ana-checkpoint.ipynb",
        "__MACOSX/._ana.ipynb",
        ".hidden.ipynb",
    )
    assert students(find(tmp_path, folder)) == ["ana"]


NBGRADER = (
    "submitted/ana/logit_lens/logit_lens.ipynb",
    "submitted/ana/logit_lens/timestamp.txt",
    "submitted/ben/logit_lens/work.ipynb",
    "submitted/cem/logit_lens/logit_lens.ipynb",
    "submitted/cem/logit_lens/scratch.ipynb",
    "submitted/cem/other/other.ipynb",
)


@pytest.mark.parametrize("given", ["course", "course/submitted"])
def test_finds_an_nbgrader_tree(given: str, tmp_path: Path) -> None:
    tree(tmp_path / "course", *NBGRADER, "source/logit_lens/logit_lens.ipynb", "release/x.ipynb")
    found = find(tmp_path, tmp_path / given)
    assert [(item.student, item.path.name) for item in found] == [
        ("ana", "logit_lens.ipynb"),
        ("ben", "work.ipynb"),
        ("cem", "logit_lens.ipynb"),
    ]
    assert problems(found) == {}


@pytest.mark.parametrize("given", ["ana", "ana/logit_lens", "ana/logit_lens/logit_lens.ipynb"])
def test_finds_one_student_of_an_nbgrader_tree(given: str, tmp_path: Path) -> None:
    tree(tmp_path, *NBGRADER)
    (found,) = find(tmp_path, tmp_path / "submitted" / given)
    assert (found.student, found.path.name, found.problem) == ("ana", "logit_lens.ipynb", "")


def test_a_tree_of_one_student(tmp_path: Path) -> None:
    tree(tmp_path / "course", "submitted/ana/logit_lens/logit_lens.ipynb")
    assert students(find(tmp_path, tmp_path / "course")) == ["ana"]


def test_finds_a_folder_for_each_student(tmp_path: Path) -> None:
    tree(tmp_path / "in", "ana/work.ipynb", "ben/logit_lens.ipynb", "ben/extra.ipynb", "cem/report.pdf")
    found = find(tmp_path, tmp_path / "in")
    assert [(item.student, item.path.name) for item in found[:2]] == [
        ("ana", "work.ipynb"),
        ("ben", "logit_lens.ipynb"),
    ]
    assert problems(found) == {
        "cem": "You handed in report.pdf, which is not a notebook. Hand in the notebook (.ipynb)."
    }


def test_goes_down_to_the_assignments_folder_that_all_students_share(tmp_path: Path) -> None:
    tree(tmp_path / "in", "logit_lens/ana.ipynb", "logit_lens/ben.ipynb", "other/ana.ipynb")
    assert students(find(tmp_path, tmp_path / "in")) == ["ana", "ben"]


def test_students_without_this_assignment_are_named(tmp_path: Path) -> None:
    tree(tmp_path, "submitted/ana/logit_lens/logit_lens.ipynb", "submitted/ben/other/other.ipynb")
    assert problems(find(tmp_path, tmp_path)) == {
        "ben": "No notebook was handed in: " + f"{tmp_path.name}/submitted/ben holds none."
    }


def remarks(found: list[Submission]) -> dict[str, tuple[str, ...]]:
    return {item.student: item.remarks for item in found if item.remarks}


def test_of_several_notebooks_one_is_chosen_and_the_student_is_told(tmp_path: Path) -> None:
    tree(tmp_path, "submitted/ana/logit_lens/a.ipynb", "submitted/ana/logit_lens/b-logit_lens.ipynb")
    tree(tmp_path, "submitted/ben/logit_lens/logit_lens.ipynb")
    found = find(tmp_path, tmp_path / "submitted")
    assert [item.path.name for item in found] == ["b-logit_lens.ipynb", "logit_lens.ipynb"]
    assert remarks(found) == {
        "ana": (
            "2 notebooks were handed in (a.ipynb and b-logit_lens.ipynb); b-logit_lens.ipynb was graded: "
            "it is named after the assignment.",
        )
    }


def test_two_files_of_one_student_are_one_submission(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ana.ipynb", "ana_logit_lens.ipynb", "ben.ipynb")
    found = find(tmp_path, folder)
    assert students(found) == ["ana", "ben"]
    assert list(remarks(found)) == ["ana"] and found[0].path.name == "ana_logit_lens.ipynb"


def test_the_same_file_given_twice_is_one_file(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ana.ipynb")
    assert problems(find(tmp_path, folder, folder / "ana.ipynb")) == {}


def test_finds_a_class_in_a_zip(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "class.zip", {"ana.ipynb": "1", "Jörg_logit_lens.ipynb": "2", "readme.txt": "3"}
    )
    found = find(tmp_path, archive)
    assert students(found) == ["Jörg", "ana"]
    assert [item.origin for item in found] == ["class.zip:Jörg_logit_lens.ipynb", "class.zip:ana.ipynb"]
    assert [item.path.read_text() for item in found] == ["2", "1"]


@pytest.mark.parametrize("wrapper", ["class/", "class/homework/", "submitted/"])
def test_finds_a_class_in_a_folder_in_a_zip(wrapper: str, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "class.zip", {f"{wrapper}ana.ipynb": "1", f"{wrapper}ben.ipynb": "2"})
    assert students(find(tmp_path, archive)) == ["ana", "ben"]


def test_finds_an_nbgrader_tree_in_a_zip(tmp_path: Path) -> None:
    members = dict.fromkeys((name for name in NBGRADER if name.endswith(".ipynb")), "1")
    assert students(find(tmp_path, zipped(tmp_path / "class.zip", members))) == ["ana", "ben", "cem"]


def test_finds_a_zip_for_each_student(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ben.ipynb")
    zipped(folder / "ana_logit_lens.zip", {"work/final.ipynb": "1", "data.csv": "2"})
    found = find(tmp_path, folder)
    assert [(item.student, item.path.name, item.origin) for item in found] == [
        ("ana", "final.ipynb", "in/ana_logit_lens.zip:work/final.ipynb"),
        ("ben", "ben.ipynb", "in/ben.ipynb"),
    ]


def test_finds_zips_of_students_in_a_zip(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a.ipynb": "1"}).read_bytes()
    found = find(tmp_path, zipped(tmp_path / "class.zip", {"ana.zip": inner, "ben.zip": inner}))
    assert students(found) == ["ana", "ben"]
    assert problems(found) == {}


@pytest.mark.parametrize("depth", [1, 2])
def test_finds_a_zip_in_a_students_zip(depth: int, tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ben.ipynb")
    inner = {"work/a.ipynb": b"1"}
    for number in range(depth):
        inner = {"inner.zip": zipped(tmp_path / f"{number}.zip", inner).read_bytes()}
    zipped(folder / "ana.zip", inner)
    ana, _ = find(tmp_path, folder)
    assert (ana.student, ana.problem, ana.path.read_text()) == ("ana", "", "1")
    assert ana.origin == "in/ana.zip:" + "inner.zip:" * depth + "work/a.ipynb"


def test_zips_in_zips_without_end_are_named(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ben.ipynb")
    inner = {"a.ipynb": b"1"}
    for number in range(4):
        inner = {"x.zip": zipped(tmp_path / f"{number}.zip", inner).read_bytes()}
    zipped(folder / "ana.zip", inner)
    assert problems(find(tmp_path, folder)) == {
        "ana": "in/ana.zip:x.zip:x.zip:x.zip is not opened: archives lie inside each other, or there are too many. "
        "Hand in the notebook itself."
    }


def test_all_archives_of_a_student_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.course.submissions.gathering.Budget", partial(Budget, total_bytes=2**20))
    noise = random.Random(0)
    folder = tree(tmp_path / "in", "ben.ipynb")
    for number in range(3):
        tree(folder, "ana/")
        zipped(folder / "ana" / f"{number}.zip", {f"{number}.ipynb": noise.randbytes(2**19)})
    gathered = Gatherer(tmp_path / "scratch").gather(
        StudentPlace(path=folder / "ana", origin="ana", stated=Stated(student="ana")), folder.resolve()
    )
    assert [item.problem for item in gathered] == [
        "",
        "",
        "2.zip unpacks to too many bytes. Pack the notebooks alone.",
    ]


def test_a_students_zip_without_a_notebook(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ben.ipynb")
    zipped(folder / "ana.zip", {"report.pdf": "1"})
    assert problems(find(tmp_path, folder)) == {
        "ana": "You handed in ana.zip:report.pdf, which is not a notebook. Hand in the notebook (.ipynb)."
    }


def test_a_students_broken_zip_stops_nobody_else(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ben.ipynb")
    (folder / "ana.zip").write_bytes(b"PK no zip")
    found = find(tmp_path, folder)
    assert students(found) == ["ana", "ben"]
    assert problems(found) == {"ana": "ana.zip is no readable zip: File is not a zip file. Pack it again."}


def test_does_not_follow_links_out_of_the_folder(tmp_path: Path) -> None:
    secret = tree(tmp_path / "secret", "reference.ipynb", "notes/logit_lens/logit_lens.ipynb")
    folder = tree(tmp_path / "in", "ben.ipynb")
    (folder / "ana.ipynb").symlink_to(secret / "reference.ipynb")
    (folder / "cem").symlink_to(secret / "notes")
    (folder / "circle").symlink_to(folder / "circle")
    found = find(tmp_path, folder)
    assert students(found) == ["ana", "ben"]
    assert problems(found) == {"ana": "ana.ipynb is a link that leads out of the folder; it is not followed."}


def test_does_not_follow_links_in_a_students_folder(tmp_path: Path) -> None:
    secret = tree(tmp_path / "secret", "logit_lens.ipynb")
    tree(tmp_path / "in", "submitted/ana/logit_lens/", "submitted/ben/logit_lens/logit_lens.ipynb")
    (tmp_path / "in/submitted/ana/logit_lens/logit_lens.ipynb").symlink_to(secret / "logit_lens.ipynb")
    assert list(problems(find(tmp_path, tmp_path / "in"))) == ["ana"]


def test_follows_links_within_the_folder(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "ana.ipynb")
    (folder / "ben.ipynb").symlink_to("ana.ipynb")
    assert problems(find(tmp_path, folder)) == {}


def test_a_missing_path_names_the_near_one(tmp_path: Path) -> None:
    tree(tmp_path, "submissions/ana.ipynb")
    with pytest.raises(AssignmentError) as raised:
        find(tmp_path, tmp_path / "submision")
    assert str(raised.value) == f"{tmp_path / 'submision'}: does not exist. Did you mean submissions?"


WHAT = (
    "Give a notebook (.ipynb), a folder of notebooks named after the students, "
    "an nbgrader submitted/ folder, or a zip of these."
)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError) as raised:
        find(tmp_path, tree(tmp_path / "in", "notes.txt"))
    assert str(raised.value) == f"{tmp_path / 'in'}: no submissions of logit_lens found.\n{WHAT}"


def test_a_tree_of_another_assignment_names_the_near_one(tmp_path: Path) -> None:
    tree(tmp_path, "submitted/ana/logit-lenses/x.ipynb", "submitted/ben/logit-lenses/x.ipynb")
    with pytest.raises(AssignmentError) as raised:
        find(tmp_path, tmp_path / "submitted")
    assert str(raised.value) == (
        f"{tmp_path / 'submitted'}: no submissions of logit_lens found. No notebook was handed in: "
        f"submitted/ana holds none. Folders there: logit-lenses. Did you mean logit-lenses?\n{WHAT}"
    )


def test_a_file_that_is_no_notebook(tmp_path: Path) -> None:
    tree(tmp_path, "ana.py")
    with pytest.raises(AssignmentError) as raised:
        find(tmp_path, tmp_path / "ana.py")
    assert str(raised.value) == f"{tmp_path / 'ana.py'}: is no notebook. {WHAT}"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_an_impossible_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"(cannot be read|does not exist)"):
        find(tmp_path, tmp_path / name)


def sentence_as_nobody(path: Path) -> str:
    """Return what discover says to a user who is not root: root may read every folder."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            discover([path], SLUG, path / "scratch")
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("closed", ["in", "in/ana", "in/ana/logit_lens"])
def test_an_unreadable_folder(closed: str, tmp_path: Path) -> None:
    # pytest's own folders are closed to others, so this one lies beside them.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        tree(root, "in/ana/logit_lens/logit_lens.ipynb")
        (root / closed).chmod(0)
        try:
            said = sentence_as_nobody(root / "in")
        finally:
            (root / closed).chmod(0o755)
    assert said.startswith(f"AssignmentError: {root / closed}")
    assert said.endswith(": cannot be read: Permission denied. Check the path and its permissions.")


def test_a_scratch_folder_may_be_used_twice(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "class.zip", {"ana.ipynb": "1"})
    first = find(tmp_path, archive)
    second = find(tmp_path, archive)
    assert first[0].path != second[0].path
    assert first[0].path.read_text() == "1"
