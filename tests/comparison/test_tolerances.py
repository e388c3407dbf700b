import json
import math
from pathlib import Path

import pytest

from autograder.comparison.tolerances import (
    describe_origin,
    load_tolerances,
    measure,
    named_in,
    write_tolerances,
)
from autograder.errors import AssignmentError
from autograder.records import Tolerance


def test_the_bound_is_the_geometric_middle():
    found = measure({"float32": 1e-6, "float64": 0.0}, {"mean": 0.9, "five steps": 1e-2})
    assert (found.right, found.wrong) == (1e-6, 1e-2)
    assert found.tau == pytest.approx(math.sqrt(1e-6 * 1e-2))


def test_the_bound_is_at_least_ten_times_the_farthest_right_answer():
    assert measure({"a": 1e-3}, {"b": 0.05}).tau == pytest.approx(1e-2)


def test_the_bound_stays_below_a_third_of_the_nearest_wrong_answer():
    assert measure({"a": 1e-3}, {"b": 0.012}).tau == pytest.approx(0.004)


def test_right_answers_that_agree_to_the_last_bit_leave_room_for_the_next_machine():
    found = measure({"a": 0.0}, {"b": 0.5})
    assert found.right == 1e-7
    assert found.tau > 1e-5


def test_sets_that_lie_too_near_are_the_instructors_problem():
    with pytest.raises(AssignmentError) as caught:
        measure({"float32": 1e-7, "trapezoid": 0.01}, {"mean": 0.9, "twenty steps": 0.02})
    message = str(caught.value)
    assert "'trapezoid' lies 0.01 off, the mistake 'twenty steps' only 0.02" in message
    assert "Take another metric, other inputs" in message and "or more steps" in message


@pytest.mark.parametrize("right", [math.nan, math.inf])
def test_a_right_answer_that_is_not_finite_is_refused(right):
    with pytest.raises(AssignmentError, match="cannot be told apart"):
        measure({"a": right}, {"b": 1.0})


def test_an_empty_set_is_refused():
    with pytest.raises(AssignmentError, match="at least one right and one wrong"):
        measure({"a": 0.1}, {})


def test_what_is_written_is_read(tmp_path):
    origin = describe_origin(inputs=24, devices="CPU", date="2026-11-23")
    stored = {"attributions": measure({"a": 1e-6}, {"b": 0.1}, origin=origin)}
    write_tolerances(tmp_path, stored)
    assert load_tolerances(tmp_path) == stored
    assert "24 inputs; torch " in origin and origin.endswith("CPU; 2026-11-23")


def test_an_assignment_without_a_file_has_no_tolerances(tmp_path):
    assert load_tolerances(tmp_path) == {}


def write(folder, entries):
    (folder / "calibration.json").write_text(json.dumps(entries), encoding="utf-8")


def test_all_problems_are_named_at_once(tmp_path):
    good = {"metric": "relative_l2", "tau": 0.1, "right": 0.01, "wrong": 1.0, "origin": "x"}
    write(
        tmp_path,
        {"a": {**good, "tau": "1e-3"}, "b": {**good, "metric": "l2"}, "c": {**good, "tua": 1}, "d": good},
    )
    with pytest.raises(AssignmentError) as caught:
        load_tolerances(tmp_path)
    message = str(caught.value)
    assert "3 problem(s)" in message
    assert "a: 'tau' is '1e-3': it must be a finite number from 0." in message
    assert "b: 'metric' is 'l2'" in message
    assert "c: 'tua' is not a field of a tolerance." in message


@pytest.mark.parametrize("tau", [0.005, 1.5, True, None])
def test_a_bound_that_does_not_separate_is_refused(tmp_path, tau):
    write(tmp_path, {"a": {"metric": "max_abs", "tau": tau, "right": 0.01, "wrong": 1.0}})
    with pytest.raises(AssignmentError, match="'tau' is"):
        load_tolerances(tmp_path)


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "calibration.json").write_text("{", encoding="utf-8")
    with pytest.raises(AssignmentError, match=r"calibration\.json: cannot be read as JSON"):
        load_tolerances(tmp_path)


def test_an_exact_bound_may_be_written_by_hand(tmp_path):
    write(tmp_path, {"ids": {"metric": "exact", "tau": 0.0}})
    assert load_tolerances(tmp_path)["ids"] == Tolerance(metric="exact", tau=0.0)


def test_on_models_that_were_not_measured_bounds_are_wider_but_not_past_a_third_of_the_nearest_mistake(
    tmp_path,
):
    tight = {"metric": "relative_l2", "tau": 1e-4, "right": 1e-6, "wrong": 0.01}
    near = {"metric": "relative_l2", "tau": 2e-3, "right": 3e-4, "wrong": 0.012}
    write(tmp_path, {"tight": tight, "near": near, "ids": {"metric": "exact", "tau": 0.0}})
    for profile in ("hub", "/models/large"):
        found = load_tolerances(tmp_path, profile)
        assert {key: one.tau for key, one in found.items()} == {"tight": 1e-3, "near": 4e-3, "ids": 0.0}


def test_what_was_measured_on_a_profiles_models_goes_before(tmp_path):
    one = {"metric": "relative_l2", "tau": 1e-4, "right": 1e-6, "wrong": 0.01}
    write(tmp_path, {"sums": one, "rest": one})
    measured = Tolerance(metric="relative_l2", tau=3e-4, right=1e-5, wrong=0.01)
    for profile in ("hub", "/models/large"):
        write_tolerances(tmp_path, {"sums": measured}, profile)
        found = load_tolerances(tmp_path, profile)
        assert (found["sums"], found["rest"].tau) == (measured, 1e-3)
    assert load_tolerances(tmp_path)["sums"].tau == 1e-4


def test_tolerances_are_found_in_the_text_of_checks(tmp_path):
    path = tmp_path / "checks.py"
    path.write_text(
        'assert_close(1, 2, tolerance="close")\nassert within("sum", 0.1)\nassert_close(1, 2, tolerance=computed)\n'
        'other("no", tolerance=Tolerance(tau=1))\n'
    )
    assert named_in(path) == {"close", "sum"}
    path.write_text("def (")
    assert named_in(path) == named_in(tmp_path / "nothing") == set()


@pytest.mark.parametrize("folder", sorted((Path(__file__).parents[2] / "assignments").iterdir()), ids=str)
def test_each_assignment_has_measured_what_its_checks_name(folder):
    assert named_in(folder / "checks.py") <= load_tolerances(folder / "generated").keys()
