import math

import pytest

from autograder.report.text import clean, number, one_line, plural, points, strip_ansi


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[1;38;5;196mbright\x1b[K", "bright"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
    ],
)
def test_ansi_sequences_go(raw: str, shown: str) -> None:
    assert strip_ansi(raw) == shown


def test_direction_and_control_characters_become_visible() -> None:
    assert clean("grade\u202egpj.exe\u2066\x00\x08") == "grade\ufffdgpj.exe\ufffd\ufffd\ufffd"


def test_lone_surrogates_become_visible() -> None:
    assert clean("a\udc80b").encode() == "a\ufffdb".encode()


def test_letters_newlines_and_tabs_stay() -> None:
    assert clean("Größe\t王伟\r\nनमस्ते 👩‍🔬") == "Größe\t王伟\nनमस्ते 👩‍🔬"


def test_one_line_joins_white_space() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(4.0, "4"), (3.5, "3.5"), (8 / 3, "2.67"), (-0.001, "0"), (10.0, "10"), (math.inf, "inf")],
)
def test_points_are_short(value: float, shown: str) -> None:
    assert points(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0012345, "0.001234"), (72.5, "72.5"), (123456.0, "123456"), (math.nan, "nan")]
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


def test_plural() -> None:
    assert (plural(1, "point"), plural(2, "point"), plural(0.5, "point")) == (
        "1 point",
        "2 points",
        "0.5 points",
    )
