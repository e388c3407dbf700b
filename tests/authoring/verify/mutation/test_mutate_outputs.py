"""Mutations of outputs do what their names say."""

import pytest
import torch

from autograder.authoring.verify.mutation.mutate_outputs import output_mutations

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
def test_mutations_of_a_tensor(name, expected):
    found = dict(output_mutations(TABLE))[name](TABLE)
    assert torch.equal(found, expected)
    assert torch.equal(TABLE, torch.arange(1.0, 7.0).reshape(2, 3))


def test_noise_is_a_twentieth():
    value = torch.randn(4000, generator=torch.Generator().manual_seed(1))
    noisy = dict(output_mutations(value))["5 % noise"](value)
    assert float((noisy - value).norm() / value.norm()) == pytest.approx(0.05, rel=0.05)


def test_parts_of_an_answer_are_mutated_one_at_a_time():
    answer = (TABLE, ["a", "b"], {"x": TABLE, "y": -TABLE})
    mutations = dict(output_mutations(answer))
    assert torch.equal(mutations["[0] sign"](answer)[0], -TABLE)
    assert mutations["[0] sign"](answer)[1] == ["a", "b"]
    assert mutations["[1] shifted by one"](answer)[1] == ["b", "a"]
    assert torch.equal(mutations["[2] 'x' and 'y' swapped"](answer)[2]["x"], -TABLE)
    assert torch.equal(mutations["[2]['x'] zeros"](answer)[2]["y"], -TABLE)
    assert mutations["nothing"](answer) is None


def test_lists_of_pairs_are_mutated():
    words = [("a", 1.0), ("b", 2.0)]
    mutations = dict(output_mutations(words))
    assert mutations["numbers negated"](words) == [("a", -1.0), ("b", -2.0)]
    assert mutations["members reversed"](words) == [(1.0, "a"), (2.0, "b")]
    assert mutations["flat"](words) == ["a", 1.0, "b", 2.0]
