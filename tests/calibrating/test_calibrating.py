"""Tolerances measured by an assignment's own checks."""

import json

import pytest

from autograder.assignments import load_assignment
from autograder.build import build_assignment
from autograder.calibrating import calibrate, measure_checks
from autograder.checks.marks import collect, points_by_task
from autograder.checks.opening import load_course
from autograder.errors import AssignmentError


@pytest.fixture
def assignment(mini_course):
    found = load_assignment(mini_course, "standardise")
    build_assignment(found, points_by_task(collect(found)))
    return found


def changed(assignment, old, new, name="misconceptions.py"):
    path = assignment.folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_right_ways_lie_near_and_mistakes_far(assignment):
    measured = measure_checks(load_course(assignment), students=3)
    assert measured.distances.keys() == {"centre", "standardise"}
    centre, standardise = measured.distances["centre"], measured.distances["standardise"]
    assert max(centre.right.values()) < 1e-5
    assert set(centre.wrong) == {"overall_mean", "row_mean"} and min(centre.wrong.values()) > 0.05
    assert set(standardise.wrong) == {"by_variance"}
    # An alternative that a check accepts is a right way, too: it lies at its own values, not at the reference's.
    assert standardise.right["accepted: population"] < 1e-5
    assert measured.inseparable() == []


def test_the_bound_is_written_with_its_origin(assignment):
    (assignment.folder / "calibration.json").unlink()
    found = calibrate(assignment, students=2)
    written = json.loads(found.path.read_text())
    assert written.keys() == {"centre", "standardise"}
    for entry in written.values():
        assert entry["right"] < entry["tau"] < entry["wrong"]
        assert entry["origin"].startswith(("4 inputs; torch", "6 inputs; torch"))


def test_the_same_again_gives_the_same_bounds(assignment):
    first = calibrate(assignment, students=2).path.read_bytes()
    assert calibrate(assignment, students=2).path.read_bytes() == first


def test_nothing_is_written_when_only_asked(assignment):
    before = (assignment.folder / "calibration.json").read_bytes()
    assert calibrate(assignment, students=1, write=False).path is None
    assert (assignment.folder / "calibration.json").read_bytes() == before


def test_a_mistake_too_near_to_be_told_is_an_error_with_advice(assignment):
    changed(assignment, "return values - values.mean()", "return reference.centre(values) * (1 + 1e-7)")
    before = (assignment.folder / "calibration.json").read_bytes()
    with pytest.raises(AssignmentError) as caught:
        calibrate(assignment, students=2)
    assert "the mistake 'overall_mean' only" in str(caught.value)
    assert "Take another metric" in str(caught.value)
    assert (assignment.folder / "calibration.json").read_bytes() == before


def test_a_mistake_that_another_assertion_finds_needs_no_distance(assignment):
    changed(assignment, "return values - values.mean()", "return None")
    measured = measure_checks(load_course(assignment), students=2)
    assert "overall_mean" in measured.otherwise
    assert measured.inseparable() == []


def test_a_right_way_that_a_check_refuses_is_an_error(assignment):
    changed(assignment, "return reference.standardise(values, correction=0)", "raise ValueError('no')")
    with pytest.raises(
        AssignmentError, match=r"right way 'accepted: population'|cannot be run on accepted: population"
    ):
        measure_checks(load_course(assignment), students=1)


def test_a_tolerance_that_no_mistake_belongs_to_is_an_error(assignment):
    changed(assignment, 'task="standardise", title="Divided', 'task="centre", title="Divided')
    with pytest.raises(
        AssignmentError, match="No known mistake is told from right answers by the tolerance 'stand"
    ):
        calibrate(assignment, students=1)
