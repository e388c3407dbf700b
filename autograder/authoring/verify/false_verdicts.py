"""The false-verdict rate: how often checks misjudge a program because its answers, or its inputs, are drawn at random.

An assignment with such a task has a `verification/luck.py`. Its `SIMULATIONS` name programs, each with a function that
simulates many whole gradings and counts those that take points. The count of false verdicts is tested against the
allowed rate by the tail of the binomial distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from autograder.checks.course_context import Course, load_course
from autograder.course.assignment import load_module
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment

SIMULATIONS_FILE = "luck.py"
"""The instructor's file with the simulations."""

RIGHT_RATE = 1e-4
"""The allowed probability that a correct program loses points."""

WRONG_RATE = 1e-2
"""The allowed probability that a wrong program keeps them."""

SIGNIFICANCE = 1e-3
"""A count that is less probable than this under the allowed rate is a fault."""

Simulate = Callable[[Course, ModuleType, int, int], int]
"""Takes the course, the module of its checks, a number of gradings and a seed; returns how many took points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One program whose gradings are simulated."""

    task: str
    """The contract's function that the program implements."""

    title: str
    """What the program does, and what is drawn, in a few words."""

    run: Simulate
    """Runs the gradings."""

    right: bool = True
    """Whether all points are expected, or a loss."""

    @property
    def rate(self) -> float:
        """The allowed probability of a false verdict."""
        return RIGHT_RATE if self.right else WRONG_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseVerdicts:
    """The simulated gradings of one program."""

    simulation: Simulation
    """The program."""

    gradings: int
    """How many were simulated."""

    count: int
    """Those with a false verdict: a correct program that lost points, or a wrong one that kept them."""

    @property
    def name(self) -> str:
        """Which program."""
        return self.simulation.title

    @property
    def reason(self) -> str:
        """What is wrong, if something is."""
        if self.good:
            return ""
        verdict = "lost points" if self.simulation.right else "kept its points"
        return (
            f"It {verdict} in {self.count} of {self.gradings} gradings; {self.simulation.rate:g} is allowed."
        )

    @property
    def good(self) -> bool:
        """Whether the count is compatible with the allowed rate."""
        return binomial_tail(self.count, self.gradings, self.simulation.rate) >= SIGNIFICANCE


def binomial_tail(count: int, gradings: int, rate: float) -> float:
    """Return P(X >= count) for X ~ Binomial(gradings, rate)."""
    if count == 0:
        return 1.0
    below = 0.0
    for fewer in range(count):
        ways = math.lgamma(gradings + 1) - math.lgamma(fewer + 1) - math.lgamma(gradings - fewer + 1)
        below += math.exp(ways + fewer * math.log(rate) + (gradings - fewer) * math.log1p(-rate))
    return max(0.0, 1.0 - below)


def simulations_of(assignment: Assignment) -> tuple[Simulation, ...]:
    """Return an assignment's simulations; none if it has no luck.py.

    Raises:
        AssignmentError: If the file cannot be imported or has no SIMULATIONS, or one is of no task.
    """
    path = assignment.verification_dir / SIMULATIONS_FILE
    if not path.is_file():
        return ()
    found = getattr(load_module(path, f"luck_{assignment.slug}"), "SIMULATIONS", None)
    if not isinstance(found, tuple) or not all(isinstance(one, Simulation) for one in found):
        raise AssignmentError(
            f"{path}: SIMULATIONS must be a tuple of Simulation(task=..., title=..., run=...)."
        )
    tasks = [task.name for task in assignment.tasks]
    for one in found:
        if one.task not in tasks:
            near = did_you_mean(one.task, tasks)
            raise AssignmentError(f"{path}: {one.title}: {one.task!r} is no task of assignment.toml.{near}")
    return found


def measure_false_verdicts(
    assignment: Assignment, gradings: int, *, seed: int = 0, profile: str = "tiny"
) -> Iterator[FalseVerdicts]:
    """Simulate gradings of each program of luck.py.

    Args:
        assignment: The assignment.
        gradings: Of each program.
        seed: Of what the simulations draw.
        profile: Which models.

    Yields:
        The false verdicts on each.

    Raises:
        AssignmentError: If luck.py cannot be used.
    """
    simulations = simulations_of(assignment)
    if not simulations:
        return
    course = load_course(assignment, profile=profile)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    for one in simulations:
        lost = int(one.run(course, checks, gradings, seed))
        count = lost if one.right else gradings - lost
        yield FalseVerdicts(simulation=one, gradings=gradings, count=count)
