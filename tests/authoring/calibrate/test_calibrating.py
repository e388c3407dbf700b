"""Tolerances measured by an assignment's own checks."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from autograder.authoring.calibrate import calibrate, calibrated_before, measure_checks
from autograder.authoring.notebook import build_assignment
from autograder.checks.course_context import load_course, variants_of
from autograder.checks.decorators import collect, points_by_task
from autograder.checks.float64_reference import in_double
from autograder.comparison.measured_distances import load_sets, write_sets
from autograder.course.assignment import load_assignment
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
    (assignment.generated_dir / "calibration.json").unlink()
    found = calibrate(assignment, students=2)
    written = json.loads(found.path.read_text())
    assert written.keys() == {"centre", "standardise"}
    for entry in written.values():
        assert entry["right"] < entry["tau"] < entry["wrong"]
        assert entry["origin"].startswith(("4 inputs; torch", "6 inputs; torch"))


def test_a_tolerance_that_no_check_names_any_more_is_dropped(assignment):
    path = assignment.generated_dir / "calibration.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "of an earlier check": stored["centre"]}))
    found = calibrate(assignment, students=1)
    assert found.tolerances.keys() == {"centre", "standardise"}
    assert json.loads(path.read_text()).keys() == {"centre", "standardise"}


def test_the_same_again_gives_the_same_bounds(assignment):
    first = calibrate(assignment, students=2).path.read_bytes()
    assert calibrate(assignment, students=2).path.read_bytes() == first


def test_nothing_is_written_when_only_asked(assignment):
    before = (assignment.generated_dir / "calibration.json").read_bytes()
    assert calibrate(assignment, students=1, write=False).path is None
    assert (assignment.generated_dir / "calibration.json").read_bytes() == before


def test_a_mistake_too_near_to_be_told_is_an_error_with_advice(assignment):
    changed(assignment, "return values - values.mean()", "return reference.centre(values) * (1 + 1e-7)")
    before = (assignment.generated_dir / "calibration.json").read_bytes()
    with pytest.raises(AssignmentError) as caught:
        calibrate(assignment, students=2)
    assert "the mistake 'overall_mean' only" in str(caught.value)
    assert "Take another metric" in str(caught.value)
    assert (assignment.generated_dir / "calibration.json").read_bytes() == before


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


class SingleNorm(nn.Module):
    """A norm that casts to float32 whatever it is given."""

    def forward(self, state):
        single = state.to(torch.float32)
        single = single * torch.rsqrt(single.float().square().mean(dim=-1, keepdim=True))
        return nn.functional.softmax(single, dim=-1, dtype=torch.float32).to(state.dtype)


def test_exact_answers_are_float64_throughout():
    state = torch.randn(4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3
    exact = (state / state.square().mean(dim=-1, keepdim=True).sqrt()).softmax(dim=-1)
    assert float((SingleNorm()(state) - exact).abs().max()) > 1e-9
    with in_double():
        assert float((SingleNorm()(state) - exact).abs().max()) < 1e-15
        assert torch.zeros(2).dtype is torch.float64
    assert torch.zeros(2).dtype is torch.float32


def test_a_tolerance_that_tells_nothing_tenfold_names_the_nearest_and_the_farthest(assignment):
    near = "return reference.centre(values) * (1 + 1e-7)"
    changed(assignment, "return values - values.mean()", near)
    changed(assignment, "return values - values.mean(dim=1, keepdim=True)", near)
    with pytest.raises(AssignmentError) as caught:
        calibrate(assignment, students=2)
    message = str(caught.value)
    assert "by the tolerance 'centre'" in message and "the right '" in message
    assert "more steps" in message and "other inputs" in message


def test_what_another_device_measured_widens_the_bound_and_a_further_run_does_not_narrow_it(assignment):
    first = calibrate(assignment, students=2)
    (cpu,) = load_sets(assignment.generated_dir).values()
    wide = dataclasses.replace(
        cpu,
        tolerances={
            key: dataclasses.replace(found, right=dict.fromkeys(found.right, 0.0001))
            for key, found in cpu.tolerances.items()
        },
    )
    write_sets(assignment.generated_dir, {"CPU": cpu, "a GPU": wide})
    second = calibrate(assignment, students=2)
    assert second.tolerances["centre"].right == 1e-4 > first.tolerances["centre"].right
    assert second.tolerances["centre"].tau > first.tolerances["centre"].tau
    assert "; CPU, a GPU; " in second.tolerances["centre"].origin
    assert calibrated_before(assignment).tolerances == second.tolerances
    assert calibrate(assignment, students=2, forget=True).tolerances == first.tolerances


EQUIVALENTS = """
from autograder.checks import equivalent


@equivalent(task="centre", slow=True)
def rounded(reference, values):
    return reference.centre(values) * (1 + 1e-4)
"""


def test_programs_of_equivalents_py_are_right_ways(assignment):
    (assignment.verification_dir / "equivalents.py").write_text(EQUIVALENTS)
    assert "rounded" in [variant.id for variant in variants_of(assignment)]
    measured = measure_checks(load_course(assignment), students=2)
    assert measured.distances["centre"].right["equivalent: rounded"] == pytest.approx(1e-4, rel=0.01)


def test_an_axiom_that_a_check_measures_itself_has_a_tolerance_too(assignment):
    changed(
        assignment,
        '        values = table(rng)\n        actual = submission.call("centre", values)',
        '        values = table(rng)\n        actual = submission.call("centre", values)\n'
        '        assert within("zero", float(actual.mean(dim=0).abs().max()))',
        "checks.py",
    )
    changed(assignment, "import assert_close, ", "import assert_close, within, ", "checks.py")
    found = calibrate(assignment, students=2)
    assert found.measured.distances["zero"].right and found.tolerances["zero"].tau < 1
