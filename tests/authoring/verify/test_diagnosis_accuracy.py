"""The measure of naming, on the small course, and the page that shows it."""

from dataclasses import replace

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.authoring.verify.diagnosis_accuracy import measure_naming, rates_of
from autograder.authoring.verify.gate import Finding, write_page
from autograder.checks.course_context import load_course
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.diagnosis import Misconception


@pytest.fixture
def course(mini_course):
    assignment = load_assignment(mini_course, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    return load_course(assignment)


def counts(namings):
    return {
        rate.kind: (rate.right, rate.wrong, rate.not_named, rate.not_noticed) for rate in rates_of(namings)
    }


def test_known_mistakes_are_named_right_and_right_programs_never(course):
    found = counts(measure_naming(course, students=2))
    assert found["single"] == (6, 0, 0, 0)
    assert found["right"][:2] == (0, 0)
    assert found["unknown"] == (0, 0, 3, 0)
    assert found["two functions"][1] == 0


def test_each_student_is_one_grading(course):
    one, three = (counts(measure_naming(course, students=n, kinds=("single",)))["single"] for n in (1, 3))
    assert sum(three) == 3 * sum(one) == 9


def test_two_known_mistakes_that_give_the_same_are_counted_as_not_named(course):
    first = course.misconceptions[0]
    twin = Misconception(id="twin", task=first.task, title="twin", hint="twin", run=first.run)
    doubled = replace(course, misconceptions=(*course.misconceptions, twin))
    found = counts(measure_naming(doubled, students=1, kinds=("single",)))["single"]
    assert found[1:3] == (0, 2)


def finding(**changes):
    values = {
        "kind": "misconception",
        "name": "overall_mean",
        "good": True,
        "score": 3.0,
        "lost": ("test_centre_values",),
        "named": "overall_mean",
        "problem": "",
    }
    return Finding(**{**values, **changes})


def test_the_page_holds_what_was_tried_and_only_that(course, tmp_path):
    path = write_page(course.assignment, tmp_path, [finding()])
    page = path.read_text(encoding="utf-8")
    assert path.name == "standardise.html"
    assert "overall_mean" in page
    assert "Everything is as it must be." in page
    assert "How often a mistake is called by its name" not in page
    assert "nobody wrote by hand" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_shows_faults_names_and_other_programs(course, tmp_path):
    namings = measure_naming(course, students=1, kinds=("single",))
    trial = finding(kind="mutant", name="minus <for> plus", good=False, problem="it loses no points")
    page = write_page(course.assignment, tmp_path / "one.html", [finding()], namings, [trial]).read_text(
        "utf-8"
    )
    assert "100.0 %" in page
    assert "minus &lt;for&gt; plus" in page
    assert "it loses no points" in page
    assert "Everything is as it must be." not in page
