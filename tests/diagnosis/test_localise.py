import pytest
import torch

from autograder.diagnosis.localise import where_it_differs

E = torch.randn((4, 6), generator=torch.Generator().manual_seed(1))
AXES = ("layer", "token")
SPECIAL = [True, False, False, True, False, True]


def said(actual, expected=E, axes=AXES, special=()):
    return where_it_differs(actual, expected, 1e-4, axes, special)[0]


def changed(layers=slice(None), tokens=slice(None)):
    actual = E.clone()
    actual[layers, tokens] = actual[layers, tokens] * -1.5 + 0.3
    return actual


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (
            changed(layers=slice(2, None)),
            "Your layers are right up to layer 2 (counted from 1), and differ from the next one on.",
        ),
        (changed(layers=slice(0, 2)), "Your first 2 layers differ, those after them are right."),
        (changed(layers=slice(3, 4)), "Your values differ at the last layer alone; all others are right."),
        (changed(layers=slice(0, 3)), "Your values are right at the last layer, and differ at all others."),
        (changed(tokens=slice(5, 6)), "Your values differ at the last token alone; all others are right."),
        (changed(tokens=slice(1, 6)), "Your values are right at the first token, and differ at all others."),
        (changed(tokens=[1, 3]), "Some entries of the axis 'token' are right and some differ."),
        (E * torch.nan, "Your result holds NaN."),
        (torch.zeros(4, 6), "All of your values are one and the same number."),
        (E[:3], "Your result has too few entries along the axis 'layer'."),
        (E.mean(dim=0), "Your result has an axis too few."),
        (changed(), ""),
    ],
)
def test_the_place_is_said_in_fixed_words(actual, words):
    assert said(actual) == words


def test_special_tokens_are_told_from_words():
    assert said(changed(tokens=[0, 3, 5]), special=SPECIAL) == (
        "Your values differ only where no word stands (special tokens, padding); all others are right."
    )
    assert said(changed(tokens=[1, 2, 4]), special=SPECIAL) == (
        "Your values are right where no word stands (special tokens, padding), and differ elsewhere."
    )


def test_no_value_and_no_number_of_a_token_reaches_the_student():
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        actual = E.clone()
        mask = torch.rand(E.shape, generator=generator) < 0.2
        actual[mask] = torch.randn(int(mask.sum()), generator=generator) * 7
        words = said(actual)
        assert not any(character.isdigit() for character in words if "layer" not in words)


def test_zeros_where_nothing_is_asked_are_not_called_right():
    expected = E.clone()
    expected[:, 4:] = 0
    actual = expected * torch.randn(E.shape, generator=torch.Generator().manual_seed(2))
    assert said(actual, expected) == ""
    # The control: as many right values say where the others differ.
    expected[:, 4:] = 1
    actual[:, 4:] = 1
    assert said(actual, expected) == "Some entries of the axis 'token' are right and some differ."
