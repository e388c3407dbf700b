"""What students hand in instead of a notebook, or beside it: each has a row with a sentence, none stops a class."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import Path

import pytest

from autograder.course.assignment import load_assignment
from autograder.grading.batch import Options, grade_class
from autograder.records import GradeReport

from .test_intake import DONE, OTHER, ROOT, SLUG, Tree, answered, discover, find, packed, taken, tarred, write

COLAB = "https://colab.research.google.com/drive/1aBcD?usp=sharing"
LINKS: Tree = {
    "bob.url": f"[InternetShortcut]\nURL={COLAB}\n",
    "bob.webloc": f"<plist><dict><key>URL</key><string>{COLAB}</string></dict></plist>",
    "bob.gdoc": '{"url": "https://docs.google.com/open?id=1"}',
    "bob.txt": f"Here is my notebook:\n{COLAB}\n",
    "bob.ipynb": COLAB,
    "bob": COLAB,
    "bob.html": f'<a href="{COLAB}">notebook</a>',
    "bob_12346_link.html": '<meta http-equiv="Refresh" content="0; url=https://example.org/x">',
    "bob b_1_assignsubmission_onlinetext/onlinetext.html": f"<p>{COLAB}</p>",
}


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_link_is_named_and_not_followed(name: str, is_zip: bool, tmp_path: Path) -> None:
    tree: Tree = (
        {"anna.ipynb": DONE} if "/" not in name else {f"anna_2_assignsubmission_file/{SLUG}.ipynb": DONE}
    )
    if is_zip and "/" not in name:
        found = find(tmp_path, {"bob.zip": packed({name: LINKS[name]})} | tree)
    else:
        found = find(tmp_path, {name: LINKS[name]} | tree)
    bob = next(one for student, one in found.items() if student.startswith("bob"))
    assert len(found) == 2
    assert bob.problem.startswith(f"You handed in a link ({Path(name).name}), not a notebook")
    assert "Download .ipynb" in bob.problem


@pytest.mark.parametrize(
    "text", ["My notes: see https://pytorch.org/docs for the layers.", "<html>https://pytorch.org</html>", ""]
)
def test_a_text_that_mentions_an_address_is_no_link(text: str, tmp_path: Path) -> None:
    found = find(tmp_path, {"bob.txt": text, "anna.ipynb": DONE})
    assert "which is not a notebook" in found["bob"].problem


def test_a_zip_named_as_a_notebook_is_opened(tmp_path: Path) -> None:
    found = find(tmp_path, {"bob.ipynb": packed({"work/x.ipynb": DONE}), "anna.ipynb": DONE})
    assert taken(found)["bob"] == "x.ipynb" and found["bob"].problem == ""


def test_an_archive_of_several_students_is_nobodys(tmp_path: Path) -> None:
    group = {
        f"{name}_{number}_assignsubmission_file/{SLUG}.ipynb": DONE
        for number, name in enumerate(("Ana", "Ben"))
    }
    found = find(tmp_path, {"group1.zip": packed(group), "cem.ipynb": DONE})
    assert found["group1"].problem == (
        "class/group1.zip holds what several students handed in (Ana, Ben). Give that archive itself to the command."
    )


def test_a_data_set_hides_no_notebook(tmp_path: Path) -> None:
    pictures = {f"bob/data/{number}.png": "" for number in range(6_000)}
    texts = {f"bob/data/{number}.json": "{}" for number in range(300)}
    found = find(tmp_path, pictures | texts | {f"bob/{SLUG}.ipynb": DONE, "anna/x.ipynb": DONE})
    assert taken(found) == {"anna": "x.ipynb", "bob": f"{SLUG}.ipynb"}


LEFT_BY_PROGRAMS = (
    "__MACOSX/._bob.ipynb",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "Icon\r",
    "._anna.ipynb",
    "~$bob.docx",
    ".~lock.bob.odt#",
    ".ipynb_checkpoints/bob-checkpoint.ipynb",
)


def test_what_programs_leave_behind_is_nobody(tmp_path: Path) -> None:
    found = find(tmp_path, {"anna.ipynb": DONE} | dict.fromkeys(LEFT_BY_PROGRAMS, "x"))
    assert list(found) == ["anna"]


def test_a_folder_of_nothing_but_such_files_is_a_student_without_a_notebook(tmp_path: Path) -> None:
    tree = {f"bob/{name}": "x" for name in LEFT_BY_PROGRAMS} | {"anna/x.ipynb": DONE}
    assert find(tmp_path, tree)["bob"].problem == "No notebook was handed in: class/bob holds none."


def of_another_code_page(name: str, content: str) -> bytes:
    """Return a zip as Windows' own Explorer writes it: the name in code page 437, without a word about that."""
    raw = name.encode("cp437")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("@" * len(raw), content)
    return buffer.getvalue().replace(b"@" * len(raw), raw)


def test_names_with_umlauts_are_one_however_they_are_written(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Jörg")
    tree = {
        "Jörg.ipynb": DONE,
        f"{decomposed}_{SLUG}.ipynb": DONE,
        "Zoë.zip": packed({f"{decomposed}.ipynb": DONE}),
    }
    assert sorted(find(tmp_path, tree)) == ["Jörg", "Zoë"]
    (tmp_path / "windows.zip").write_bytes(of_another_code_page("Jörg.ipynb", DONE))
    (found,) = discover([tmp_path / "windows.zip"], SLUG, tmp_path / "s")
    assert found.student == "Jörg"


@pytest.mark.long
def test_who_handed_in_nothing_gradable_still_has_a_report(tmp_path: Path) -> None:
    lens = answered("layer_probabilities", "target_rank", template=OTHER)
    tree: Tree = {
        "another.ipynb": lens,
        "Another.pdf": "%PDF-1.4",
        "broken.zip": "PK",
        "empty.ipynb": "",
        "emoji 🎉.py": "x = 1",
        "link.url": LINKS["bob.url"],
        f"{'long' * 55}.html": "<html>",
        "Zoë .7z": "7z",
        "dots...rar": "Rar!",
        "tape.tar": tarred({"x.csv": "1"}),
        "folder/notes.md": "x",
        "CON.docx": "",
    }
    write(tmp_path / "class", tree)
    assignment = load_assignment(ROOT, SLUG)
    found = discover([tmp_path / "class"], SLUG, tmp_path / "scratch", assignment)
    reports = grade_class(found, assignment, tmp_path / "out", Options(jobs=1))
    assert len(found) == len(reports) == len(tree)
    assert {report.score for report in reports} == {0} and all(report.problem for report in reports)
    assert {report.needs_review for report in reports} == {()}
    written = {path.parent.name for path in (tmp_path / "out" / SLUG).glob("*/report.json")}
    assert written == {report.folder_name for report in reports}
    assert of(reports, "another").problem == (
        "This is the notebook of another assignment (logit_lens), handed in for token_attribution. "
        "Hand in the right file."
    )
    assert of(reports, "empty").problem.startswith("empty.ipynb is empty.")


def of(reports: list[GradeReport], student: str) -> GradeReport:
    return next(report for report in reports if report.student == student)
