import pytest

from autograder.checks.scoring import points_for


@pytest.mark.parametrize(
    ("outcome", "fraction", "points"),
    [
        ("passed", None, 4.0),
        ("passed", 1.0, 4.0),
        ("failed", None, 0.0),
        ("failed", 0.25, 1.0),
        ("failed", 7.0, 4.0),
        ("failed", -1.0, 0.0),
        ("errored", 0.5, 0.0),
        ("timed_out", 0.5, 0.0),
        ("skipped", None, 0.0),
    ],
)
def test_points_of_a_check(outcome, fraction, points):
    assert points_for(outcome, 4.0, fraction) == points
