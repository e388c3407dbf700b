"""grade.json, grades.csv and the pages say what people decided, and what is still open."""

import csv
import io
import json
import threading
from dataclasses import replace

import jsonschema
import pytest

from autograder.marking.actions import Marking
from autograder.marking.on_checks import comment_on_check, override
from autograder.marking.pages import grade_of, refresh, refresh_class
from autograder.marking.records import SUBMISSION, Given
from autograder.marking.rubric import add_item, change_item
from autograder.marking.store import STORE_NAME
from autograder.records import FinalGrade
from autograder.report import write_submission
from autograder.report.grade_file import grade_schema
from autograder.report.rewrite import rewrite

from .conftest import BROKEN, FAITH, STUDENTS, WORDS, answered, hand_in, make_class


def grades_csv(results):
    text = (results / "grades.csv").read_bytes().decode("utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def final(row):
    return [row[name] for name in ("auto", "written", "adjustments", "total", "of", "state")]


def page(results, student, name="feedback.html"):
    return (results / student / name).read_text(encoding="utf-8")


def grade_json(results, student):
    return json.loads((results / student / "grade.json").read_bytes())


@pytest.fixture
def marked(marking):
    """A class of which Bo is marked, Ana half, and the broken submission decided."""
    first, second = (item.id for item in marking.state.rubric(WORDS))
    slip = add_item(marking, WORDS, "mixes up <sign> & size", -0.5, by="Ines")
    given = Given(
        items=(first, second, slip.id), adjustment=0.25, comment="Well **seen**, Bo.", note="copied?"
    )
    marking.mark("Bo", WORDS, given, by="Ines")
    marking.mark("Ana", WORDS, Given(adjustment=4), by="Omar")
    override(marking, "Bo", "test_merge", 0.5, by="Ada", reason="Two of your pieces swap.")
    comment_on_check(marking, "Bo", "test_baseline", "A `neat` line.", by="Ada")
    override(marking, BROKEN, SUBMISSION, 6, by="Ada", reason="Your code was read on paper.")
    refresh(marking)
    return marking


def test_grades_csv_gains_the_final_grade_and_keeps_its_columns(marked, results, course_assignment):
    rows = grades_csv(results)
    columns = list(rows["Bo"])
    tasks = [task.name for task in course_assignment.tasks]
    base = ["student", "score", "max_score", "pending_points", "needs_review", "problem"]
    assert columns == [*base, *tasks, "mistakes", "auto", "written", "adjustments", "total", "of", "state"]
    assert final(rows["Bo"]) == ["24", "3.75", "-0.5", "27.25", "30", "complete"]
    assert final(rows["Ana"]) == ["24", "4", "0", "", "30", f"incomplete: {FAITH}"]
    assert final(rows["王伟"]) == ["24", "0", "0", "", "30", f"incomplete: {WORDS}"]
    assert final(rows[BROKEN]) == ["0", "0", "6", "6", "30", "complete"]
    assert [rows[name]["pending_points"] for name in ("Bo", "Ana", "王伟")] == ["0", "2", "4"]
    assert rows["Bo"]["score"] == "24"


def test_a_submission_that_could_not_be_run_is_a_problem_until_it_is_decided(marking, results):
    refresh(marking)
    assert final(grades_csv(results)[BROKEN]) == ["0", "0", "0", "", "30", "problem"]
    assert "<strong>0 of 30</strong> points until now, not final" in page(results, BROKEN)


def test_grade_json_follows_its_schema(marked, results):
    schema = grade_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for student in (*STUDENTS, BROKEN):
        validator.validate(grade_json(results, student))
    plain = grade_json(results, "Bo")
    assert (plain["total"], plain["of"], plain["state"]) == (27.25, 30, "complete")
    assert "copied?" not in json.dumps(plain)
    assert set(schema["properties"]) == set(FinalGrade.__dataclass_fields__)
    assert not validator.is_valid({**plain, "total": None})
    assert not validator.is_valid({**plain, "note": "x"})


def test_the_student_reads_points_items_and_comments(marked, results):
    text = page(results, "Bo")
    assert "<strong>27.25 of 30</strong> points" in text
    assert "24 automatic, 3.75 for written answers, −0.5 adjusted" in text
    assert "mixes up &lt;sign&gt; &amp; size" in text
    assert "<strong>seen</strong>" in text
    assert "from 1 to 0.5 of 1: Two of your pieces swap." in text
    assert "<code>neat</code>" in text
    assert "copied?" not in text
    assert "Ines" not in text
    assert "With a person" not in text


def test_a_page_without_all_manual_points_says_so(marked, results):
    ana = page(results, "Ana")
    score = "<strong>28 of 30</strong> points until now, not final"
    assert score in ana
    assert "24 automatic, 4 for written answers" in ana
    assert "+ up to 2 for written answers" in ana
    assert score in page(results, "Ana", "instructor.html")
    overview = (results / "class.html").read_text(encoding="utf-8")
    assert overview.count("not final") == 3
    assert "2 of 5 complete" in overview


def test_a_submission_decided_on_paper_says_so(marked, results):
    text = page(results, BROKEN)
    assert "<strong>6 of 30</strong> points" in text
    assert "Your code was read on paper." in text


def test_the_instructor_sees_what_was_given(marked, results):
    text = page(results, "Bo", "instructor.html")
    assert "Two of your pieces swap." in text
    assert "<strong>3.75</strong> of 4" in text


def test_repricing_reaches_every_page(marked, results):
    first = marked.state.rubric(WORDS)[0].id
    change_item(marked, first, by="Ines", points=0)
    refresh(marked)
    assert final(grades_csv(results)["Bo"])[3] == "25.25"
    assert "<strong>25.25 of 30</strong> points" in page(results, "Bo")


def test_what_has_not_changed_is_not_written_again(marked, results):
    before = (results / "Bo" / "feedback.html").stat().st_mtime_ns
    marked.mark("王伟", WORDS, Given(adjustment=1), by="Ines")
    refresh(marked)
    assert (results / "Bo" / "feedback.html").stat().st_mtime_ns == before
    assert final(grades_csv(results)["王伟"])[3] == "25"


def test_grading_again_keeps_decisions(marked, results, course_assignment):
    report = (results / "Bo" / "report.json").read_bytes()
    _, bo, *_ = make_class()
    again = answered(replace(bo, score=23.0), "Another answer.", "")
    grade = grade_of(results, course_assignment, again, None)
    write_submission(again, None, course_assignment, results / "Bo", grade=grade)
    grades = refresh_class([again], course_assignment, results)
    assert grades["Bo"].review == (WORDS,)
    assert final(grades_csv(results)["Bo"]) == ["23", "3.75", "-0.5", "26.25", "30", "complete"]
    assert "Graded, looked at again" in page(results, "Bo")
    hand_in(bo, course_assignment, results)
    assert (results / "Bo" / "report.json").read_bytes() == report


def test_without_a_log_the_class_is_incomplete_and_no_log_is_made(results, course_assignment):
    grades = refresh_class(make_class(), course_assignment, results)
    assert grades["Bo"].state_words == f"incomplete: {WORDS}"
    assert final(grades_csv(results)["Ana"])[-1] == f"incomplete: {WORDS}; {FAITH}"
    assert not (results / STORE_NAME).exists()


def test_writing_all_pages_again_keeps_the_marks(marked, results, course_assignment):
    before = {path.name: path.read_bytes() for path in (results / "Bo").iterdir()}
    for path in (results / "Bo").iterdir():
        if path.name != "report.json":
            path.unlink()
    (results / "grades.csv").unlink()
    list(rewrite(results.parent, lambda slug: course_assignment, grader=grade_of, bom=True))
    assert {path.name: path.read_bytes() for path in (results / "Bo").iterdir()} == before
    assert final(grades_csv(results)["Bo"])[3] == "27.25"
    refresh(marked)
    assert (results / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_two_that_refresh_at_once_leave_the_latest(results, course_assignment):
    def work(name, student):
        with Marking(results, course_assignment) as own:
            for number in range(4):
                own.mark(student, WORDS, Given(adjustment=number), by=name)
                refresh(own, [student])

    workers = [threading.Thread(target=work, args=pair) for pair in (("Ines", "Bo"), ("Omar", "王伟"))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [final(grades_csv(results)[name])[1] for name in ("Bo", "王伟")] == ["3", "3"]
    assert grade_json(results, "Bo")["written"] == 3
