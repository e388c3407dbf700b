"""Slips do what their names say; work in children ends."""

import time

import pytest
import torch

from autograder.authoring.verify.mutation.children import in_children
from autograder.authoring.verify.mutation.outputs import slips_for
from autograder.authoring.verify.mutation.stored import Memorised

TABLE = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zeros", torch.zeros(2, 3)),
        ("sign", -TABLE),
        ("scaled by 2", 2 * TABLE),
        ("axis 1 shifted by one", torch.tensor([[3.0, 1.0, 2.0], [6.0, 4.0, 5.0]])),
        ("axis 0 reversed", TABLE.flip(0)),
        ("axes 0 and 1 swapped", TABLE.T),
        ("axis 1 without its last", TABLE[:, :2]),
        ("one axis more", TABLE[None]),
        ("axis 0 summed", TABLE.sum(dim=0)),
        ("one value wrong", torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]])),
    ],
)
def test_a_tensors_slips(name, expected):
    found = dict(slips_for(TABLE))[name](TABLE)
    assert torch.equal(found, expected)
    assert torch.equal(TABLE, torch.arange(1.0, 7.0).reshape(2, 3))


def test_noise_is_a_twentieth():
    value = torch.randn(4000, generator=torch.Generator().manual_seed(1))
    noisy = dict(slips_for(value))["5 % noise"](value)
    assert float((noisy - value).norm() / value.norm()) == pytest.approx(0.05, rel=0.05)


def test_parts_of_an_answer_slip_one_at_a_time():
    answer = (TABLE, ["a", "b"], {"x": TABLE, "y": -TABLE})
    slips = dict(slips_for(answer))
    assert torch.equal(slips["[0] sign"](answer)[0], -TABLE)
    assert slips["[0] sign"](answer)[1] == ["a", "b"]
    assert slips["[1] shifted by one"](answer)[1] == ["b", "a"]
    assert torch.equal(slips["[2] 'x' and 'y' swapped"](answer)[2]["x"], -TABLE)
    assert torch.equal(slips["[2]['x'] zeros"](answer)[2]["y"], -TABLE)
    assert slips["nothing"](answer) is None


def test_lists_of_pairs_slip():
    words = [("a", 1.0), ("b", 2.0)]
    slips = dict(slips_for(words))
    assert slips["numbers negated"](words) == [("a", -1.0), ("b", -2.0)]
    assert slips["members reversed"](words) == [(1.0, "a"), (2.0, "b")]
    assert slips["flat"](words) == ["a", 1.0, "b", 2.0]


def test_stored_answers_ignore_the_question():
    known = dict(Memorised(lambda value: value + 1, ((None, None),)).all())
    first, previous = known["its first answer for ever"], known["the answer to the question before"]
    shaped = known["its first answer to arguments of a shape"]
    assert [first(1), first(5), first(9)] == [2, 2, 2]
    assert [previous(1), previous(5), previous(9)] == [2, 2, 6]
    assert [shaped(torch.zeros(2))[0], shaped(torch.ones(2))[0], shaped(torch.ones(3))[0]] == [1, 1, 2]


def test_the_shipped_model_answers_for_all():
    ask = dict(Memorised(lambda model: model, (("shipped", None), ("hidden", None))).all())
    assert ask["the shipped model whatever is asked"]("hidden") == "shipped"


def endless():
    while True:
        pass


def greedy():
    return len(bytearray(3 * 2**30))


def test_a_child_that_never_ends_is_ended_and_the_others_answer():
    began = time.process_time()
    assert in_children([lambda: 1, endless, lambda: [2.5, "a"]], cpu_s=1, at_once=2) == [1, None, [2.5, "a"]]
    assert time.process_time() - began < 1


def test_a_child_that_takes_all_memory_is_ended():
    assert in_children([greedy, lambda: 3], cpu_s=10, memory_bytes=2**29) == [None, 3]


def test_a_fault_of_ours_in_a_child_is_told():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        in_children([lambda: 1 // 0], cpu_s=5)
