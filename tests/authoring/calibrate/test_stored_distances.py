"""Right and wrong answers of the course's assignments, measured again: no order has flipped."""

from pathlib import Path

import pytest

from autograder.authoring.calibrate import measure_checks
from autograder.checks.course_context import load_course
from autograder.comparison.measured_distances import load_distances
from autograder.comparison.tolerances import USABLE, load_tolerances
from autograder.course.assignment import list_slugs, load_assignment

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("slug", list_slugs(ROOT))
def test_every_stored_bound_lies_between_what_was_measured(slug):
    folder = load_assignment(ROOT, slug).generated_dir
    measured, bounds = load_distances(folder), load_tolerances(folder)
    assert measured is not None, f"{slug} has no stored distances"
    assert measured.inseparable() == []
    for key in measured.distances:
        right, wrong = measured.distances[key].right, measured.told_by(key)
        assert max(right.values()) < bounds[key].tau < min(wrong.values()), key
        assert min(wrong.values()) >= USABLE * max(right.values()), key


@pytest.mark.long
@pytest.mark.parametrize("slug", list_slugs(ROOT))
def test_no_order_flips_when_right_and_wrong_are_run_again(slug):
    course = load_course(load_assignment(ROOT, slug))
    measured = measure_checks(course, students=2)
    assert measured.inseparable() == []
    for key, found in measured.distances.items():
        tau, wrong = course.tolerances[key].tau, measured.told_by(key)
        assert max(found.right.values()) < tau < min(wrong.values()), key
