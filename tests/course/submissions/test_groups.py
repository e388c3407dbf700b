"""Folders of groups: their members are the students, however deep; what cannot be told is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.errors import AssignmentError

from .test_intake import DONE, LITTLE, ROOT, SLUG, STUB, Tree, find, packed

IPYNB = f"{SLUG}.ipynb"
GROUPS: dict[str, tuple[Tree, list[str]]] = {
    "a folder a student": (
        {f"groupA/ana/{IPYNB}": DONE, f"groupA/ben/{IPYNB}": DONE, "groupB/cem/work.ipynb": DONE},
        ["ana", "ben", "cem"],
    ),
    "a file a student": (
        {"week1/groupA/ana.ipynb": DONE, "week1/groupA/ben.ipynb": DONE, "week1/groupB/cem.ipynb": DONE},
        ["ana", "ben", "cem"],
    ),
    "an archive a student": (
        {"g1/ana.zip": packed({IPYNB: DONE}), "g1/ben.zip": packed({IPYNB: DONE}), "g2/cem.ipynb": DONE},
        ["ana", "ben", "cem"],
    ),
    "tutors": (
        {"Tutor Meier/ana/x.ipynb": DONE, "Tutor Meier/ben/x.ipynb": DONE, "Tutor Schulz/cem/x.ipynb": DONE},
        ["ana", "ben", "cem"],
    ),
    "two of one name": (
        {f"Gruppe {n}/{name}/x.ipynb": DONE for n, name in ((1, "ana"), (1, "ben"), (2, "ana"), (2, "cem"))},
        ["ana (Gruppe 1)", "ana (Gruppe 2)", "ben", "cem"],
    ),
    "weeks of the same students": (
        {"week1/ana.ipynb": LITTLE, "week2/ana.ipynb": DONE, "week2/ben.ipynb": DONE},
        ["ana", "ben"],
    ),
    "beside students": (
        {"Group B/ana/x.ipynb": DONE, "Group B/ben/x.ipynb": DONE, "cem.ipynb": DONE},
        ["ana", "ben", "cem"],
    ),
    "teams that hand in together": (
        {f"Team 1/{IPYNB}": DONE, f"Team 2/{IPYNB}": DONE, "Team 2/scratch.ipynb": STUB},
        ["Team 1", "Team 2"],
    ),
    "teams of a tutor": (
        {f"Tutor Meier/Team {number}/{IPYNB}": DONE for number in (1, 2)},
        ["Team 1", "Team 2"],
    ),
    "a student's versions": (
        {
            f"ana/v1/{IPYNB}": LITTLE,
            f"ana/v2/{IPYNB}": DONE,
            "ben/old/x.ipynb": LITTLE,
            "ben/work/x.ipynb": DONE,
        },
        ["ana", "ben"],
    ),
    "a student's parts": (
        {f"{name}/{part}.ipynb": DONE for name in ("ana", "ben", "cem") for part in ("idea", "plots", "x")},
        ["ana", "ben", "cem"],
    ),
    "files named after the student": (
        {f"{name}/{part}_{name}.ipynb": DONE for name in ("ana", "ben") for part in ("idea", "last")},
        ["ana", "ben"],
    ),
    "many with several files": (
        {f"{name}/{name[0]}{n}x.ipynb": DONE for name in ("ana", "ben", "cem") for n in (1, 2)}
        | {"dan/y.ipynb": DONE},
        ["ana", "ben", "cem", "dan"],
    ),
    "one student with much": (
        {"ana/red/x.ipynb": DONE, "ana/blue/x.ipynb": LITTLE, f"ben/{IPYNB}": DONE, f"cem/{IPYNB}": DONE},
        ["ana", "ben", "cem"],
    ),
}


@pytest.mark.parametrize("kind", GROUPS)
@pytest.mark.parametrize("is_zip", [False, True])
def test_each_member_of_a_group_is_a_student(kind: str, is_zip: bool, tmp_path: Path) -> None:
    tree, students = GROUPS[kind]
    if is_zip:
        (tmp_path / "class.zip").write_bytes(packed(tree))
        found = discover([tmp_path / "class.zip"], SLUG, tmp_path / "s", load_assignment(ROOT, SLUG))
    else:
        found = list(find(tmp_path, tree).values())
    assert [one.student for one in found] == students
    assert {one.problem for one in found} == {""}


@pytest.mark.parametrize("ending", ["/x.ipynb", ".ipynb", ".zip"])
def test_folders_that_may_be_groups_or_students_are_asked_about(ending: str, tmp_path: Path) -> None:
    content = packed({IPYNB: DONE}) if ending == ".zip" else DONE
    tree = {f"{folder}/{name}{ending}": content for folder, name in (("Rot", "ana"), ("Rot", "ben"))}
    tree |= {f"Blau/{name}{ending}": content for name in ("cem", "dan")}
    with pytest.raises(AssignmentError) as raised:
        find(tmp_path, tree)
    assert str(raised.value) == (
        "class: it is not clear who handed in what: class/Blau, class/Rot hold the work of several students each, or "
        "several folders of one. Give to the command the folders in which each student has one folder or file."
    )
    given = [tmp_path / "class" / name for name in ("Blau", "Rot")]
    assert [one.student for one in discover(given, SLUG, tmp_path / "s")] == ["ana", "ben", "cem", "dan"]
