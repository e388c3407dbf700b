import math

import pytest

from autograder.records import TokenStrip
from autograder.report.token_heatmap import COLUMN_LIMIT, heat, strip_view


def strip(tokens: tuple[str, ...], actual: tuple[float, ...], expected: tuple[float, ...] = ()) -> TokenStrip:
    return TokenStrip(title="t", tokens=tokens, actual=actual, expected=expected)


@pytest.mark.parametrize(
    ("score", "level", "text"),
    [
        (1.0, "p4", "+1.00"),
        (-1.0, "n4", "−1.00"),
        (0.5, "p3", "+0.50"),
        (-0.1, "n1", "−0.10"),
        (0.01, "zero", "+0.01"),
        (0.0, "zero", "0"),
        (0.0001234, "zero", "+0.00012"),
        (math.nan, "odd", "nan"),
        (math.inf, "odd", "inf"),
    ],
)
def test_a_cell_shows_sign_and_size(score: float, level: str, text: str) -> None:
    cell = heat(score, 1.0)
    assert (cell.level, cell.text) == (level, text)


def test_each_row_is_coloured_by_its_own_largest_value() -> None:
    view = strip_view(strip(("a", "b"), (100.0, -50.0), (0.001, -0.0005)))
    assert [column.actual.level for column in view.columns] == ["p4", "n3"]
    assert [column.expected.level for column in view.columns if column.expected] == ["p4", "n3"]


def test_a_row_of_zeros_or_nans_is_drawn() -> None:
    view = strip_view(strip(("a", "b"), (0.0, 0.0), (math.nan, math.nan)))
    assert [column.actual.level for column in view.columns] == ["zero", "zero"]
    assert [column.expected.level for column in view.columns if column.expected] == ["odd", "odd"]


def test_a_row_too_short_leaves_gaps() -> None:
    view = strip_view(strip(("a", "b", "c"), (0.5,), (0.5, 0.1, 0.2)))
    assert [column.actual.level for column in view.columns] == ["p4", "none", "none"]


def test_silent_padding_is_folded() -> None:
    tokens = ("[CLS]", "Wecker", *("[PAD]",) * 30)
    view = strip_view(strip(tokens, (0.0, 1.0) + (0.0,) * 30, (0.0, 1.0) + (0.0,) * 30))
    assert [(column.token, column.repeats) for column in view.columns] == [
        ("[CLS]", 1),
        ("Wecker", 1),
        ("[PAD]", 30),
    ]
    assert view.left_out == 0


def test_padding_with_a_score_is_not_folded() -> None:
    tokens = ("Wecker", *("[PAD]",) * 5)
    view = strip_view(strip(tokens, (1.0, 0.1, 0.1, 0.1, 0.1, 0.1)))
    assert len(view.columns) == 6


def test_pieces_are_marked_and_empty_tokens_named() -> None:
    view = strip_view(strip(("Weck", "##er", ""), (1.0, 0.5, 0.2)))
    assert [(column.token, column.piece) for column in view.columns] == [
        ("Weck", False),
        ("##er", True),
        ("(empty)", False),
    ]


def test_a_very_long_strip_is_cut_and_says_so() -> None:
    count = COLUMN_LIMIT + 50
    view = strip_view(strip(tuple(map(str, range(count))), (1.0,) * count))
    assert (len(view.columns), view.left_out) == (COLUMN_LIMIT, 50)


def test_the_summary_names_the_largest_in_words() -> None:
    view = strip_view(strip(("a", "b", "c", "d"), (0.1, -0.9, 0.5, 0.4), (0.1, 0.2, 0.3, 0.4)))
    assert (
        view.summary
        == "Largest: b (−0.90), c (+0.50), d (+0.40). In the reference: d (+0.40), c (+0.30), b (+0.20)."
    )


def test_no_tokens_is_an_empty_strip() -> None:
    assert strip_view(strip((), (), ())).columns == ()
