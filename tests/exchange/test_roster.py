"""Results and roster are joined by ids and equal names; similar names are suggested, never taken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.course.policy.roster import RosterEntry, join, read_roster
from autograder.errors import AssignmentError
from autograder.exchange.totals import StudentTotal


def student(shown: str, **handed_in: str) -> StudentTotal:
    return StudentTotal(
        student=shown, folder=Path(shown), handed_in=handed_in, total=1.0, auto=1.0, of=1.0, state="complete"
    )


def roster(folder: Path, text: str, encoding: str = "utf-8", **columns: str) -> list[RosterEntry]:
    path = folder / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path, columns)


ANNA = RosterEntry(
    name="Anna Adams", id="s1", email="anna@uni.de", section="Mo", group="G1", others=("aadams",)
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,name,email,section,group,login\ns1,Anna Adams,anna@uni.de,Mo,G1,aadams\n", "utf-8-sig"),
        (
            'Student,SIS User ID,SIS Login ID,Email,Section,Group\n"Adams, Anna",s1,aadams,anna@uni.de,Mo,G1',
            "utf-8",
        ),
        (
            "Vorname;Nachname;Matrikelnummer;E-Mail-Adresse;Sektion;Gruppe;Anmeldename\n"
            "Anna;Adams;s1;anna@uni.de;Mo;G1;aadams\n",
            "cp1252",
        ),
    ],
)
def test_rosters_of_platforms_are_read(text: str, encoding: str, tmp_path: Path) -> None:
    assert roster(tmp_path, text, encoding) == [ANNA]


def test_a_column_is_named_by_the_command(tmp_path: Path) -> None:
    text = "Wer,Nummer\nAnna Adams,s1\n"
    with pytest.raises(AssignmentError, match="--roster-column name=NAME: Wer, Nummer"):
        roster(tmp_path, text)
    assert roster(tmp_path, text, name="Wer", id="Nummer") == [RosterEntry(name="Anna Adams", id="s1")]
    with pytest.raises(AssignmentError, match="Did you mean Nummer"):
        roster(tmp_path, text, name="Wer", id="Numer")
    with pytest.raises(AssignmentError, match="nothing that a roster's column can be"):
        roster(tmp_path, text, nam="Wer")


def test_an_id_twice_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match="several rows have the id s1"):
        roster(tmp_path, "id,name\ns1,Anna\ns1,Bob\n")


@pytest.mark.parametrize(
    "one",
    [
        student("Anna Adams", platform="Moodle", id="77"),
        student("adamsanna", platform="Canvas", id="5"),
        student("A. A.", platform="Blackboard", id="S1"),
        student("A. A.", platform="ILIAS", id="9", login="aadams"),
        student("A. A.", platform="Gradescope", id="x", email="Anna@uni.de"),
        student("s1"),
        student("Adams, Anna"),
        student("Anna Adams (77)", platform="Moodle", id="77", name="Anna Adams"),
    ],
)
def test_a_student_is_found_whatever_the_platform_states(one: StudentTotal) -> None:
    bob = RosterEntry(name="Bob Brown", id="s2")
    joined = join([one], [bob, ANNA])
    assert joined.entries == {one.student: ANNA} and joined.missing == (bob,) and joined.unknown == {}


def test_a_platforms_own_number_is_nobodys_id() -> None:
    joined = join([student("Zoe Zed", platform="Moodle", id="s1")], [ANNA])
    assert joined.entries == {} and joined.unknown == {"Zoe Zed": ()}


def test_a_similar_name_is_suggested_and_not_taken() -> None:
    joined = join([student("Ana Adams")], [ANNA, RosterEntry(name="Bob Brown", id="s2")])
    assert joined.entries == {} and joined.unknown == {"Ana Adams": ("Anna Adams",)}
    assert ANNA in joined.missing


def test_two_of_one_name_are_not_guessed() -> None:
    twin = RosterEntry(name="Anna Adams", id="s9")
    joined = join([student("Anna Adams")], [ANNA, twin])
    assert joined.unknown == {"Anna Adams": ("Anna Adams (s1)", "Anna Adams (s9)")}


def test_twenty_thousand_students_take_seconds() -> None:
    entries = [RosterEntry(name=f"Student Nr{number}", id=f"m{number}") for number in range(20_000)]
    students = [student(f"Student Nr{number}") for number in range(0, 20_000, 2)] + [student("Studnt Nr1")]
    began = time.process_time()
    joined = join(students, entries)
    assert time.process_time() - began < 5
    assert len(joined.entries) == 10_000 and len(joined.missing) == 10_000 and len(joined.unknown) == 1
