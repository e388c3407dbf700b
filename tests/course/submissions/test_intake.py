"""What students and learning platforms hand in: everybody has one row, and the right file is graded."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.records import Submission

SLUG = "token_attribution"
ROOT = Path(__file__).parents[3]
STUB = (ROOT / "student_template" / f"{SLUG}.ipynb").read_text(encoding="utf-8")
OTHER = (ROOT / "student_template" / "logit_lens.ipynb").read_text(encoding="utf-8")


def answered(*names: str, template: str = STUB) -> str:
    """Return the student notebook with something written into these cells."""
    notebook: dict[str, Any] = json.loads(template)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") in names:
            cell["source"] = f"def {cell['id']}(*args):\n    return args"
    return json.dumps(notebook)


LITTLE, DONE = answered("build_baseline"), answered("build_baseline", "merge_subtokens", "token_importance")
Tree = Mapping[str, str | bytes]


def packed(files: Tree) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Tree) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else content.encode()
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def write(root: Path, files: Tree) -> Path:
    for number, (name, content) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (10**9 + number, 10**9 + number))
    return root


def find(tmp_path: Path, files: Tree, inside: str = "class") -> dict[str, Submission]:
    write(tmp_path / inside, files)
    assignment = load_assignment(ROOT, SLUG)
    return {
        found.student: found
        for found in discover([tmp_path / inside], SLUG, tmp_path / "scratch", assignment)
    }


def taken(found: Mapping[str, Submission]) -> dict[str, str]:
    return {student: one.path.name for student, one in found.items()}


def test_one_students_virtual_environment_costs_nobody_anything(tmp_path: Path) -> None:
    site = {f"interp/venv/lib/site-packages/p{n // 100}/m{n}.py": "x" for n in range(20_500)}
    files = {f"{name}.zip": packed({f"{SLUG}.ipynb": DONE}) for name in ("anna", "carla", "dora")}
    files["bob.zip"] = packed({f"interp/{SLUG}.ipynb": DONE} | site)
    found = find(tmp_path, files)
    assert sorted(found) == ["anna", "bob", "carla", "dora"]
    assert {one.problem for one in found.values()} == {""}


@pytest.mark.parametrize(
    "ending",
    [
        "ipynb.txt",
        "ipynb.json",
        "json",
        "txt",
        "ipynb.download",
        "IPYNB",
        "ipynb.",
        "ipynb~",
        "ipynb.bak",
        "ipynb.html",
        "ipynb.ipynb",
        "ipynb.crdownload",
        "ipynb_",
        "ipynb(1)",
        "zip",
        "tar.gz",
    ],
)
def test_a_notebook_is_read_whatever_its_ending(ending: str, tmp_path: Path) -> None:
    found = find(tmp_path, {"anna.ipynb": STUB, f"bob.{ending}": DONE, "kim": DONE})
    assert sorted(found) == ["anna", "bob", "kim"]
    assert {one.problem for one in found.values()} == {""}


@pytest.mark.parametrize(
    "name", ["emil.py", "fred.pdf", "gina.html", "hans.7z", "jan.rar", "lea", "mia.docx", "nils.json", "o.gz"]
)
@pytest.mark.parametrize("with_others", [True, False])
def test_what_is_no_notebook_has_a_row_that_says_so(name: str, with_others: bool, tmp_path: Path) -> None:
    found = find(tmp_path, {name: "x = 1"} | ({"anna.ipynb": STUB} if with_others else {}))
    student = name.partition(".")[0]
    assert sorted(found) == (["anna"] if with_others else []) + [student]
    assert found[student].problem.startswith(f"You handed in {name}, which is not a notebook.")


def test_a_folder_of_other_files_has_a_row_that_lists_them(tmp_path: Path) -> None:
    found = find(tmp_path, {"anna/x.ipynb": DONE, **{f"bob/{n}.pdf": "" for n in range(6)}})
    assert found["bob"].problem.startswith(
        "You handed in 0.pdf, 1.pdf, 2.pdf, 3.pdf and 2 more, none of which is a notebook."
    )


@pytest.mark.parametrize("name", ["iris.tar.gz", "iris.zip", "iris.tgz", "iris.tar"])
def test_a_broken_archive_has_a_row(name: str, tmp_path: Path) -> None:
    found = find(tmp_path, {name: "x", "anna.ipynb": STUB})
    assert found["iris"].problem.startswith(f"{name} is no readable ")


@pytest.mark.parametrize("name", ["bob.tar.gz", "bob.tgz"])
def test_a_tar_is_read(name: str, tmp_path: Path) -> None:
    found = find(tmp_path, {name: tarred({f"work/{SLUG}.ipynb": DONE}), "anna.ipynb": STUB})
    assert found["bob"].path.read_text() == DONE


COPIES: dict[str, tuple[Tree, str]] = {
    "Jupyter's copy": ({f"{SLUG}.ipynb": STUB, f"{SLUG}-Copy1.ipynb": DONE}, "as they were given out"),
    "a browser's copy": ({f"{SLUG}.ipynb": STUB, f"{SLUG} (1).ipynb": DONE}, "as they were given out"),
    "Colab's copy": ({f"{SLUG}.ipynb": STUB, f"Copy of {SLUG}.ipynb": DONE}, "as they were given out"),
    "an archive beside it": ({f"{SLUG}.ipynb": STUB, "loesung.zip": packed({"x.ipynb": DONE})}, "given out"),
    "a name of one's own": ({f"{SLUG}.ipynb": STUB, "my solution.ipynb": DONE}, "as they were given out"),
    "the original is the work": ({f"{SLUG}-Copy1.ipynb": STUB, f"{SLUG}.ipynb": DONE}, "as they were given"),
    "more is answered": ({f"{SLUG}-Copy2.ipynb": LITTLE, f"{SLUG}.ipynb": DONE}, "answers more (3 cells"),
    "another assignment": (
        {"a.ipynb": answered("layer_probabilities", "target_rank", template=OTHER), "b.ipynb": DONE},
        "another assignment",
    ),
    "a damaged copy": ({f"{SLUG}.ipynb": DONE[:-9], "b.ipynb": DONE}, "no other can be read"),
    "the later copy": ({f"{SLUG}-Copy1.ipynb": DONE + " ", f"{SLUG}-Copy2.ipynb": DONE}, "the later copy"),
    "a wrong ending": ({f"{SLUG}.ipynb.txt": DONE + " ", f"{SLUG}.ipynb": DONE}, "ends in .ipynb"),
    "the newer file": ({"a.ipynb": DONE + " ", "b.ipynb": DONE}, "changed last"),
    "a folder deeper": ({f"{SLUG}.ipynb": STUB, f"old/work/{SLUG}.ipynb": DONE}, "as they were given out"),
}


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name in COPIES for place in ("folder", "zip", "nbgrader")],
)
def test_of_several_notebooks_the_work_is_taken_and_the_reason_told(
    name: str, place: str, tmp_path: Path
) -> None:
    files, reason = COPIES[name]
    if place == "zip":
        tree: Tree = {"bob.zip": packed(files), "anna.ipynb": STUB}
    else:
        below = f"submitted/bob/{SLUG}" if place == "nbgrader" else "bob"
        tree = {f"{below}/{key}": value for key, value in files.items()}
        tree |= {} if place == "nbgrader" else {"anna/x.ipynb": STUB}
    if place == "zip" and reason == "changed last":
        reason = "nothing tells them apart"  # the test's zip states one time for both
    bob = find(tmp_path, tree)["bob"]
    (remark,) = bob.remarks
    assert reason in remark and bob.problem == ""
    assert bob.path.read_text() == DONE or "nothing tells" in reason


def test_marks_that_an_editor_removed_do_not_hide_the_work(tmp_path: Path) -> None:
    notebook = json.loads(DONE)
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]
    files = {f"bob/{SLUG}.ipynb": STUB, "bob/x.ipynb": json.dumps(notebook), "anna/x.ipynb": STUB}
    assert taken(find(tmp_path, files)) == {"anna": "x.ipynb", "bob": "x.ipynb"}


def gradescope(*entries: tuple[str, str, list[tuple[str, str]]]) -> str:
    lines = []
    for number, lateness, students in entries:
        lines.append(f"submission_{number}:\n  :submitters:")
        lines += [f"  - :name: {name}\n    :sid: '{sid}'\n    :email: x@y.z" for name, sid in students]
        lines.append(f"  :created_at: 2026-11-01 10:20:30 Z\n  :lateness: {lateness}\n  :score: 0.0")
    return "\n".join(lines)


IPYNB = f"{SLUG}.ipynb"
BLACKBOARD = "Token Attribution_{}_attempt_2026-11-{:02}-10-20-30"
LAYOUTS: dict[str, tuple[Tree, dict[str, str], dict[str, dict[str, str]]]] = {
    "Moodle": (
        {
            f"Anna A_1_assignsubmission_file/interp/{IPYNB}": DONE,
            "Anna A_1_assignsubmission_onlinetext/onlinetext.html": "<p>Here it is.</p>",
            f"Bo_b B_2_assignsubmission_file_/{IPYNB}": DONE,
            "Cem C_3_assignsubmission_onlinetext_/onlinetext.html": "<p>My work.</p>",
        },
        {"Anna A": IPYNB, "Bo_b B": IPYNB, "Cem C": "onlinetext.html"},
        {
            "Anna A": {"platform": "Moodle", "id": "1", "place": "Anna A_1_assignsubmission_file/"},
            "Bo_b B": {"platform": "Moodle", "id": "2", "place": "Bo_b B_2_assignsubmission_file_/"},
            "Cem C": {"platform": "Moodle", "id": "3", "place": "Cem C_3_assignsubmission_onlinetext_/"},
        },
    ),
    "Moodle without folders": (
        {f"Anna A_1_assignsubmission_file_{IPYNB}": DONE, f"Bob B_2_assignsubmission_file_{IPYNB}": DONE},
        {
            "Anna A": f"Anna A_1_assignsubmission_file_{IPYNB}",
            "Bob B": f"Bob B_2_assignsubmission_file_{IPYNB}",
        },
        {"Anna A": {"platform": "Moodle", "id": "1", "place": "Anna A_1_assignsubmission_file_"}},
    ),
    "Moodle, blind": (
        {
            f"Participant_7_assignsubmission_file/{IPYNB}": DONE,
            f"Participant_8_assignsubmission_file/{IPYNB}": DONE,
        },
        {"Participant (7)": IPYNB, "Participant (8)": IPYNB},
        {},
    ),
    "two of one name": (
        {f"Anna A_7_assignsubmission_file/{IPYNB}": DONE, f"Anna A_8_assignsubmission_file/{IPYNB}": DONE},
        {"Anna A (7)": IPYNB, "Anna A (8)": IPYNB},
        {
            "Anna A (8)": {
                "platform": "Moodle",
                "id": "8",
                "name": "Anna A",
                "place": "Anna A_8_assignsubmission_file/",
            }
        },
    ),
    "Canvas": (
        {
            f"adamsanna_12345_9001_{IPYNB}": DONE,
            f"brownbob_LATE_12346_9002_{IPYNB}": DONE,
            f"brownbob_LATE_12346_9003_{SLUG}-1.ipynb": LITTLE,
            f"brownbob_LATE_12346_9004_{SLUG}-2.ipynb": STUB,
            "clarkcem_12347_text.html": "<p>see the link</p>",
            "o'neil-ann_12348_9005_my_work.ipynb": DONE,
        },
        {
            "adamsanna": f"adamsanna_12345_9001_{IPYNB}",
            "brownbob": f"brownbob_LATE_12346_9003_{SLUG}-1.ipynb",
            "clarkcem": "clarkcem_12347_text.html",
            "o'neil-ann": "o'neil-ann_12348_9005_my_work.ipynb",
        },
        {"brownbob": {"platform": "Canvas", "id": "12346", "late": "yes", "attempt": "2"}},
    ),
    "Canvas, anonymous": (
        {f"anon_aB3_9001_{IPYNB}": DONE, f"LATE_anon_xY9_9002_{IPYNB}": DONE},
        {"anon aB3": f"anon_aB3_9001_{IPYNB}", "anon xY9": f"LATE_anon_xY9_9002_{IPYNB}"},
        {"anon xY9": {"platform": "Canvas", "id": "xY9", "late": "yes"}},
    ),
    "Blackboard": (
        {
            f"{BLACKBOARD.format('s123', 1)}_{IPYNB}": DONE,
            f"{BLACKBOARD.format('s123', 2)}_{IPYNB}": LITTLE,
            f"{BLACKBOARD.format('s123', 2)}.txt": "Name: Anna (s123)",
            f"{BLACKBOARD.format('s456', 1)}_work.zip": packed({f"deep/er/{IPYNB}": DONE}),
            f"{BLACKBOARD.format('s789', 1)}.txt": "Name: Cem (s789)",
        },
        {
            "Anna": f"{BLACKBOARD.format('s123', 2)}_{IPYNB}",
            "s456": IPYNB,
            "Cem": f"{BLACKBOARD.format('s789', 1)}.txt",
        },
        {"Anna": {"platform": "Blackboard", "id": "s123", "at": "2026-11-02-10-20-30", "attempt": "2"}},
    ),
    "Blackboard, ids of several words": (
        {
            f"{BLACKBOARD.format('anna_adams', 1)}_{IPYNB}": DONE,
            f"{BLACKBOARD.format('anna_brown', 1)}_{IPYNB}": DONE,
        },
        {
            "anna_adams": f"{BLACKBOARD.format('anna_adams', 1)}_{IPYNB}",
            "anna_brown": f"{BLACKBOARD.format('anna_brown', 1)}_{IPYNB}",
        },
        {"anna_adams": {"platform": "Blackboard", "id": "anna_adams", "at": "2026-11-01-10-20-30"}},
    ),
    "Blackboard, the ids in its own files": (
        {
            f"Week_1_anna_a_attempt_2026-11-01-10-20-30_{IPYNB}": DONE,
            "Week_1_anna_a_attempt_2026-11-01-10-20-30.txt": "Name: Anna (A.) Adams (anna_a)\nAssignment: Week_1",
            f"Week_1_anna_b_attempt_2026-11-01-10-20-30_{IPYNB}": DONE,
            "Week_1_anna_b_attempt_2026-11-01-10-20-30.txt": "Name: Anna Brown (anna_b)\nAssignment: Week_1",
        },
        {
            "Anna (A.) Adams": f"Week_1_anna_a_attempt_2026-11-01-10-20-30_{IPYNB}",
            "Anna Brown": f"Week_1_anna_b_attempt_2026-11-01-10-20-30_{IPYNB}",
        },
        {},
    ),
    "Blackboard, words that all names begin with": (
        {f"Week_1_{name}_attempt_2026-11-01-10-20-30_{IPYNB}": DONE for name in ("anna_a", "ben_b")},
        {name: f"Week_1_{name}_attempt_2026-11-01-10-20-30_{IPYNB}" for name in ("anna_a", "ben_b")},
        {},
    ),
    "Moodle, a folder that holds nothing": (
        {
            f"Anna A_1_assignsubmission_file/{IPYNB}": DONE,
            "Ben B_2_assignsubmission_file/.DS_Store": "",
        },
        {"Anna A": IPYNB, "Ben B": IPYNB},
        {},
    ),
    "Moodle, in groups": (
        {
            f"G1/Anna A_1_assignsubmission_file/{IPYNB}": DONE,
            f"G1/Ben B_2_assignsubmission_file/{IPYNB}": DONE,
            f"G2/Cem C_3_assignsubmission_file/{IPYNB}": DONE,
        },
        {"Anna A": IPYNB, "Ben B": IPYNB, "Cem C": IPYNB},
        {
            "Cem C": {
                "platform": "Moodle",
                "id": "3",
                "group": "G2",
                "place": "Cem C_3_assignsubmission_file/",
            }
        },
    ),
    "Sakai": (
        {
            f"Token Attribution/Adams, Anna(s123)/Submission attachment(s)/{IPYNB}": DONE,
            "Token Attribution/Adams, Anna(s123)/timestamp.txt": "20261101102030",
            f"Token Attribution/Brown, Bob(s124)/Submission attachment(s)/{IPYNB}": DONE,
            "Token Attribution/grades.csv": "x",
        },
        {"Anna Adams": IPYNB, "Bob Brown": IPYNB},
        {"Anna Adams": {"platform": "Sakai", "id": "s123"}},
    ),
    "Google Classroom": (
        {f"Anna Adams - {IPYNB}": DONE, f"Bob Brown - Copy of {IPYNB}": DONE},
        {"Anna Adams": f"Anna Adams - {IPYNB}", "Bob Brown": f"Bob Brown - Copy of {IPYNB}"},
        {},
    ),
    "Gradescope": (
        {
            "submission_metadata.yml": gradescope(
                ("11", "00:00:00", [("Anna Adams", "007")]),
                ("12", "01:30:00", [("Bob Brown", "8"), ("Cem Clark", "9")]),
            ),
            f"submission_11/{IPYNB}": DONE,
            f"submission_12/answers/{IPYNB}": DONE,
        },
        {"Anna Adams": IPYNB, "Bob Brown": IPYNB, "Cem Clark": IPYNB},
        {
            "Anna Adams": {
                "platform": "Gradescope",
                "id": "007",
                "email": "x@y.z",
                "at": "2026-11-01 10:20:30 Z",
            },
            "Cem Clark": {
                "platform": "Gradescope",
                "id": "9",
                "email": "x@y.z",
                "at": "2026-11-01 10:20:30 Z",
                "late": "yes",
            },
        },
    ),
    "Brightspace": (
        {
            "index.html": "<html>",
            f"101-5 - Anna Adams - Nov 1, 2026 1020 AM/{IPYNB}": DONE,
            f"101-5 - Anna Adams - Nov 1, 2026 0120 PM/{IPYNB}": LITTLE,
            f"102-6 - Bob Brown - Dec 11, 2026 9_05 AM/{IPYNB}": DONE,
        },
        {"Anna Adams": IPYNB, "Bob Brown": IPYNB},
        {"Anna Adams": {"platform": "Brightspace", "id": "101", "at": "Nov 1, 2026 0120 PM", "attempt": "2"}},
    ),
    "ILIAS": (
        {
            f"Adams_Anna_aadams_3001/20261101102030_{IPYNB}": DONE,
            f"Adams_Anna_aadams_3001/20261102102030_{IPYNB}": LITTLE,
            f"Brown_Bob Lee_bbrown_3002/20261101102030_{IPYNB}": DONE,
        },
        {"Anna Adams": f"20261102102030_{IPYNB}", "Bob Lee Brown": f"20261101102030_{IPYNB}"},
        {
            "Anna Adams": {
                "platform": "ILIAS",
                "id": "3001",
                "login": "aadams",
                "at": "20261102102030",
                "attempt": "2",
            }
        },
    ),
    "nbgrader": (
        {
            f"submitted/dora/{SLUG}/student_template/{IPYNB}": DONE,
            f"submitted/emil/token-attribution/{IPYNB}": DONE,
            f"submitted/fred/{SLUG}/{IPYNB}": STUB,
            f"submitted/gina/work/{IPYNB}": DONE,
            f"submitted/fred/{SLUG}/timestamp.txt": "2026-11-01 10:20:30 UTC",
        },
        dict.fromkeys(("dora", "emil", "fred", "gina"), IPYNB),
        {"fred": {"platform": "nbgrader", "at": "2026-11-01 10:20:30 UTC"}, "dora": {}},
    ),
    "a student alone, some folders down": ({f"anna/interp/{IPYNB}": DONE}, {"anna": IPYNB}, {}),
    "a student alone, with a copy": (
        {f"anna/{IPYNB}": STUB, f"anna/{SLUG}-Copy1.ipynb": DONE},
        {"anna": f"{SLUG}-Copy1.ipynb"},
        {},
    ),
    "names that no platform wrote": (
        dict.fromkeys(("12345_anna.ipynb", "2026_11_30_bob.ipynb", "007.ipynb", "a_1_b.ipynb"), DONE),
        {
            "12345_anna": "12345_anna.ipynb",
            "2026_11_30_bob": "2026_11_30_bob.ipynb",
            "007": "007.ipynb",
            "a_1_b": "a_1_b.ipynb",
        },
        {},
    ),
    "an instructor's own files": (
        {"anna.ipynb": DONE, "README.md": "", "grades.csv": "", "images/a.png": "", "solution/x.ipynb": DONE},
        {"anna": "anna.ipynb"},
        {},
    ),
}


@pytest.mark.parametrize("platform", LAYOUTS)
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_platforms_download_is_one_row_a_student(platform: str, is_zip: bool, tmp_path: Path) -> None:
    tree, expected, stated = LAYOUTS[platform]
    found = find(tmp_path, {"class.zip": packed(tree)} if is_zip else tree)
    if is_zip:
        assignment = load_assignment(ROOT, SLUG)
        archive = tmp_path / "class" / "class.zip"
        found = {each.student: each for each in discover([archive], SLUG, tmp_path / "s", assignment)}
    assert taken(found) == expected
    for student, fields in stated.items():
        assert found[student].handed_in == fields
    late = {student for student, one in found.items() if any("as late" in remark for remark in one.remarks)}
    assert late == {student for student, fields in stated.items() if "late" in fields} | (
        {"Bob Brown"} if platform == "Gradescope" else set()
    )
