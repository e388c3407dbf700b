from fractions import Fraction
from math import comb

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.authoring.verify.false_verdicts import (
    FalseVerdicts,
    Simulation,
    binomial_tail,
    measure_false_verdicts,
    simulations_of,
)
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.errors import AssignmentError

FILE = """
import torch
from autograder.authoring.verify.false_verdicts import Simulation

def rarely(course, checks, gradings, seed):
    assert callable(checks.test_centre_shape) and course.assignment.slug == "standardise"
    drawn = torch.rand(gradings, generator=torch.Generator().manual_seed(seed))
    return int((drawn < 1e-4).sum())

SIMULATIONS = (
    Simulation(task="centre", title="fails as often as it may", run=rarely),
    Simulation(task="centre", title="fails ten times as often", run=lambda c, k, gradings, s: gradings // 1000),
    Simulation(
        task="centre", title="is wrong, and keeps its points",
        run=lambda c, k, gradings, s: gradings - gradings // 20, right=False,
    ),
)
"""


def test_the_binomial_tail_is_exact():
    rate = Fraction(1, 10)
    exact = sum(comb(30, k) * rate**k * (1 - rate) ** (30 - k) for k in range(5, 31))
    assert binomial_tail(5, 30, 0.1) == pytest.approx(float(exact), rel=1e-9)
    assert binomial_tail(0, 30, 0.1) == 1


@pytest.mark.parametrize(("failed", "good"), [(0, True), (2, True), (3, True), (4, False), (25, False)])
def test_as_many_failures_as_the_rate_gives_are_no_fault(failed, good):
    program = Simulation(task="centre", title="-", run=lambda course, checks, gradings, seed: failed)
    found = FalseVerdicts(simulation=program, gradings=2500, count=failed)
    assert (found.good, found.reason == "") == (good, good)


@pytest.fixture
def course(mini_course):
    (mini_course / "assignments" / "standardise" / "verification" / "luck.py").write_text(FILE)
    return mini_course


def test_simulations_are_run(course):
    assignment = load_assignment(course, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    found = list(measure_false_verdicts(assignment, 20_000, seed=1))
    assert [one.name for one in found] == [
        "fails as often as it may",
        "fails ten times as often",
        "is wrong, and keeps its points",
    ]
    assert [one.good for one in found] == [True, False, False]
    assert [one.reason for one in found[1:]] == [
        "It lost points in 20 of 20000 gradings; 0.0001 is allowed.",
        "It kept its points in 1000 of 20000 gradings; 0.01 is allowed.",
    ]


def test_an_assignment_without_the_file_has_none(mini_course):
    assignment = load_assignment(mini_course, "standardise")
    assert (simulations_of(assignment), list(measure_false_verdicts(assignment, 5))) == ((), [])


def test_a_simulation_of_no_task_is_the_instructors_error(course):
    path = course / "assignments" / "standardise" / "verification" / "luck.py"
    path.write_text(FILE.replace('task="centre", title="fails t', 'task="center", title="fails t'))
    with pytest.raises(
        AssignmentError, match=r"fails ten times as often: 'center' is no task.*Did you mean centre"
    ):
        simulations_of(load_assignment(course, "standardise"))


@pytest.mark.parametrize("written", ["", "SIMULATIONS = [1]", "SIMULATIONS = (1,)"])
def test_a_file_without_simulations_is_the_instructors_error(course, written):
    (course / "assignments" / "standardise" / "verification" / "luck.py").write_text(written)
    with pytest.raises(AssignmentError, match="SIMULATIONS must be a tuple"):
        simulations_of(load_assignment(course, "standardise"))
