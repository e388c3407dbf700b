"""`autograder totals` and the exports report what course.toml makes of grades; the grades stay as they are."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.course.policy.attempts import Attempt
from autograder.errors import AssignmentError
from autograder.exchange.releases import releases, see_that_it_may_be_sent
from autograder.grading.journal import Journal
from autograder.records.course_settings import AssignmentDates, CourseSettings

from .conftest import Said
from .results_maker import QUESTION, SLUG, Student, canvas_student, make_results
from .test_canvas import HEADER, POSSIBLE, ROWS
from .test_feedback import files_below

ROSTER = "id,name,email,section,group\ns1,Anna Adams,a@uni.de,Mo,G1\ns2,Bob Brown,b@uni.de,Tu,G1\ns3,Cem Çelik,,,\n"
DATES = (
    f'time_zone = "UTC"\nlate = {{ percent_per_day = 10 }}\n[assignments.{SLUG}]\ndue = 2026-12-10T12:00:00\n'
)


def gradescope(name: str, sid: str, at: str, **more: object) -> Student:
    handed_in = {"platform": "Gradescope", "id": sid, "at": at}
    return Student(name=name, handed_in=handed_in, **more)  # type: ignore[arg-type]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    (folder / "assignments" / SLUG).mkdir(parents=True)
    (folder / "assignments" / SLUG / "assignment.toml").write_text("")
    return folder


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_dates_change_the_reported_total_and_nothing_else(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    late = gradescope("Anna Adams", "s1", "2026-12-11 13:00:00 Z", score=30.0)
    in_time = gradescope("Bob Brown", "s2", "2026-12-10 12:00:00 Z")
    results = make_results(tmp_path, late, in_time)
    before = files_below(results)
    (course / "course.toml").write_text(DATES)
    code, said, _ = autograder("totals", results, "--course", course)
    assert code == 0 and "2 students, 1 totals changed" in said
    rows = table(results / SLUG / "totals.csv")
    anna, bob = rows["Anna Adams"], rows["Bob Brown"]
    assert (anna["graded"], anna["adjustment"], anna["total"]) == ("30", "-6", "24")
    assert "1 day 1 h late, 2 days begun: 20 % taken" in anna["why"]
    assert (bob["graded"], bob["adjustment"], bob["total"], bob["why"]) == ("38.5", "0", "38.5", "")
    after = {
        name: content for name, content in files_below(results).items() if not name.endswith("totals.csv")
    }
    assert after == before

    (course / "course.toml").write_text(DATES.replace("2026-12-10", "2026-12-12"))
    autograder("totals", results, "--course", course)
    assert table(results / SLUG / "totals.csv")["Anna Adams"]["total"] == "30"


def test_a_time_that_no_download_states_is_written_into_the_course(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    anna = Student(
        name="adamsanna", handed_in={"platform": "Canvas", "id": "12345", "late": "yes"}, score=30.0
    )
    results = make_results(tmp_path, anna)
    (course / "course.toml").write_text(DATES)
    autograder("totals", results, "--course", course)
    row = table(results / SLUG / "totals.csv")["adamsanna"]
    assert row["total"] == "30" and "not known when" in row["why"]
    (course / "course.toml").write_text(
        f"{DATES}[assignments.{SLUG}.handed_in]\n12345 = 2026-12-10T13:00:00\n"
    )
    autograder("totals", results, "--course", course)
    assert table(results / SLUG / "totals.csv")["adamsanna"]["total"] == "27"


def test_everybody_on_the_roster_has_a_row_and_others_are_told(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams"), Student(name="Cem Celik"))
    (course / "roster.csv").write_text(ROSTER.replace(",G1", ","), encoding="utf-8")
    code, said, _ = autograder("totals", results, "--course", course)
    assert code == 0 and "Cem Celik is not on the roster. Is it Cem Çelik?" in said
    rows = table(results / SLUG / "totals.csv")
    assert {name: row["state"] for name, row in rows.items()} == {
        "Anna Adams": "complete",
        "Cem Celik": "complete",
        "Bob Brown": "no submission",
        "Cem Çelik": "no submission",
    }
    assert (rows["Anna Adams"]["id"], rows["Anna Adams"]["section"]) == ("s1", "Mo")
    assert rows["Bob Brown"]["total"] == ""


@pytest.mark.parametrize("by", ["roster", "course.toml"])
def test_all_members_of_a_group_get_the_grade(
    by: str, autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, canvas_student("adamsanna", 12345))
    roster = ROSTER if by == "roster" else ROSTER.replace(",G1", ",")
    (course / "roster.csv").write_text(roster, encoding="utf-8")
    if by == "course.toml":
        (course / "course.toml").write_text('[groups]\nG1 = ["s1", "Bob Brown"]\n')
    autograder("totals", results, "--course", course)
    rows = table(results / SLUG / "totals.csv")
    assert rows["Bob Brown"]["total"] == "38.5" and "handed in by adamsanna" in rows["Bob Brown"]["why"]
    assert rows["Cem Çelik"]["state"] == "no submission"

    book = tmp_path / "Grades.csv"
    row = ROWS[1].replace('""Bob""', "Bob")
    book.write_text("\n".join((HEADER, POSSIBLE, ROWS[0], row)), encoding="utf-8")
    where = [
        results,
        "--assignment",
        SLUG,
        "--gradebook",
        book,
        "--out",
        tmp_path / "out",
        "--course",
        course,
    ]
    code, said, _ = autograder("export", "canvas", *where)
    assert code == 0 and said.startswith("2 grades")
    exported = table_of(tmp_path / "out" / "Grades.csv")
    assert exported["Brown, Bob"]["Lab 1: Token Attribution (71)"] == "38.5"

    where = [results, "--assignment", SLUG, "--out", tmp_path / "feedback", "--course", course]
    autograder("feedback", *where)
    given = files_below(tmp_path / "feedback")
    assert given["Bob Brown/feedback.html"] == given["adamsanna/feedback.html"]
    assert [row[1] for row in releases(results / SLUG) if row[4] == "feedback.html"] == [
        "adamsanna",
        "Bob Brown",
    ]


def table_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["Student"]: row for row in csv.DictReader(file)}


def test_a_group_that_handed_in_twice_is_told(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams"), Student(name="Bob Brown", score=1.0))
    (course / "roster.csv").write_text(ROSTER, encoding="utf-8")
    _, said, _ = autograder("totals", results, "--course", course)
    assert "G1 handed in several times (Anna Adams, Bob Brown)" in said
    assert table(results / SLUG / "totals.csv")["Bob Brown"]["total"] == "1"


@pytest.mark.parametrize(("policy", "total"), [("last", "20"), ("best", "35"), ("average", "27.5")])
def test_the_course_says_which_attempt_counts(
    policy: str, total: str, autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams", score=20.0))
    (results / SLUG / ".journal").mkdir()
    with Journal(results / SLUG / ".journal") as journal:
        for digest, score in (("a", 35.0), ("b", 20.0)):
            attempt = Attempt(folder="Anna Adams", submission=digest, at="", score=score)
            journal.record_attempts([attempt])
    (course / "course.toml").write_text(f'attempts = "{policy}"\n')
    autograder("totals", results, "--course", course)
    row = table(results / SLUG / "totals.csv")["Anna Adams"]
    assert row["total"] == total
    assert row["why"] == ("" if policy == "last" else f"{policy} of 2 attempts (35, 20)")


def test_the_lowest_share_of_points_is_dropped(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams", score=20.0), Student(name="Bob", score=40.0))
    other = make_results(tmp_path / "more", Student(name="Anna Adams", score=30.0))
    (other / SLUG).rename(results / "logit_lens")
    (course / "course.toml").write_text("drop_lowest = 1\n")
    autograder("totals", results, "--course", course)
    rows = table(results / "totals.csv")
    anna, bob = rows["Anna Adams"], rows["Bob"]
    assert (anna["logit_lens"], anna[SLUG], anna["dropped"], anna["total"]) == ("30", "20", SLUG, "30")
    assert (bob["logit_lens"], bob["dropped"], bob["total"]) == ("0", "logit_lens", "40")


def test_nothing_is_dropped_while_a_grade_is_open(
    autograder: Callable[..., Said], course: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams", pending=(QUESTION,)))
    (course / "course.toml").write_text("drop_lowest = 1\n")
    autograder("totals", results, "--course", course)
    row = table(results / "totals.csv")["Anna Adams"]
    assert (row["dropped"], row["total"]) == ("", "")


def test_nothing_is_sent_before_its_date() -> None:
    date = datetime(2026, 12, 20, tzinfo=UTC)
    dated = CourseSettings(time_zone=UTC, assignments={SLUG: AssignmentDates(release=date)})
    undated = CourseSettings(time_zone=UTC)
    see_that_it_may_be_sent(dated, SLUG, date, released=False)
    see_that_it_may_be_sent(undated, SLUG, date, released=True)
    with pytest.raises(AssignmentError, match=r"released on 2026-12-20 00:00\. Give --release"):
        see_that_it_may_be_sent(dated, SLUG, date.replace(day=19), released=False)
    with pytest.raises(AssignmentError, match=r"course\.toml states no date"):
        see_that_it_may_be_sent(undated, SLUG, date, released=False)
