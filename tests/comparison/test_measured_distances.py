"""Distances of several devices, as they are stored and put together."""

from dataclasses import replace

import pytest

from autograder.comparison.measured_distances import (
    Distances,
    MeasuredSet,
    add_set,
    combine,
    load_distances,
    load_sets,
    write_sets,
)
from autograder.errors import AssignmentError


def measured(right, wrong, *, otherwise=(), key="scores", instead_of=()):
    return MeasuredSet(
        date="2026-11-23",
        versions={"torch": "2.13.0"},
        students=2,
        otherwise=otherwise,
        tolerances={
            key: Distances(right=right, wrong=wrong, inputs=4, checks=("test_a",), instead_of=instead_of)
        },
    )


CPU = measured({"float32": 1e-6}, {"mean": 0.5, "sign": 2.0})


def test_another_device_widens_what_is_right():
    sets = add_set({"CPU": CPU}, "a GPU", measured({"float32": 5e-6}, {"mean": 0.4, "sign": 2.0}))
    found = combine(sets).distances["scores"]
    assert max(found.right.values()) == 5e-6
    assert found.right["float32, a GPU"] == 5e-6 and found.right["float32"] == 1e-6
    assert found.wrong == {"mean": 0.4, "sign": 2.0}


def test_another_device_never_narrows_what_is_right():
    sets = add_set({"CPU": CPU}, "a GPU", measured({"float32": 1e-9}, {"mean": 0.9, "sign": 2.0}))
    found = combine(sets).distances["scores"]
    assert max(found.right.values()) == 1e-6
    assert found.wrong["mean"] == 0.5


def test_a_device_takes_the_place_of_its_own_earlier_run():
    sets = add_set({"CPU": CPU}, "CPU", measured({"float32": 1e-8}, {"mean": 0.5}))
    assert combine(sets).distances["scores"].right == {"float32": 1e-8}


def test_mistakes_and_tolerances_that_are_gone_are_forgotten_on_all_devices():
    sets = add_set({"CPU": CPU}, "a GPU", measured({"float32": 1e-6}, {"mean": 0.5}))
    assert combine(sets).distances["scores"].wrong == {"mean": 0.5}
    sets = add_set({"CPU": CPU}, "a GPU", measured({"float32": 1e-6}, {"mean": 0.5}, key="others"))
    assert combine(sets).distances.keys() == {"others"}


def test_what_is_written_is_read(tmp_path):
    sets = {"CPU": CPU, "a GPU": replace(CPU, students=5, otherwise=("shape",))}
    write_sets(tmp_path, sets)
    assert load_sets(tmp_path) == sets
    assert load_distances(tmp_path).otherwise == {"shape"}
    assert load_distances(tmp_path, "hub") is None
    assert write_sets(tmp_path, sets, "hub").name == "distances.hub.json"


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path):
    (tmp_path / "distances.json").write_text('{"CPU": {"date": "2026"}}')
    with pytest.raises(AssignmentError, match="autograder calibrate"):
        load_sets(tmp_path)


def test_a_mistake_is_told_only_by_a_tolerance_that_lies_tenfold_from_what_is_right():
    found = combine(
        {"CPU": measured({"float32": 1e-3}, {"near": 5e-3, "far": 0.1, "shape": 1e-3}, otherwise=("shape",))}
    )
    assert found.told_by("scores") == {"near": 5e-3, "far": 0.1}
    assert found.inseparable() == ["near"]


def test_one_of_two_tolerances_is_not_enough_where_either_makes_an_answer_right():
    tight = Distances(right={"float32": 1e-6}, wrong={"steps": 0.01}, instead_of=("rules",))
    rules = Distances(right={"left": 1e-3}, wrong={"steps": 2e-3}, instead_of=("tight",))
    one = replace(CPU, tolerances={"tight": tight, "rules": rules})
    assert combine({"CPU": one}).inseparable() == ["steps"]
