"""How often luck decides a verdict: whole gradings simulated where an answer, or what is asked, is drawn at random.

An assignment with such a task has a `verification/luck.py`. Its `SIMULATIONS` name programs, each with a
function that simulates many gradings and counts those that take points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

from autograder.checks.course_context import Course, load_course
from autograder.course.assignment import load_module
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment

LUCK = "luck.py"
"""The file of an assignment that has simulations."""

RIGHT_RATE = 1e-4
"""A right program's largest probability to lose points by luck."""

WRONG_RATE = 1e-2
"""A wrong program's largest probability to keep them."""

SURPRISE = 1e-3
"""More failures than a rate gives with this probability say that the rate is higher."""

Simulate = Callable[[Course, ModuleType, int, int], int]
"""Takes the course, the module of its checks, a number of gradings and a seed; returns how many took points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One program whose gradings are simulated."""

    task: str
    """The contract's function that the program stands for."""

    title: str
    """What the program does, and what is drawn, in a few words."""

    run: Simulate
    """Simulates."""

    right: bool = True
    """Whether it is due all points, or must lose some."""

    @property
    def rate(self) -> float:
        """The largest probability of a wrong verdict that is allowed."""
        return RIGHT_RATE if self.right else WRONG_RATE


@dataclass(frozen=True, kw_only=True)
class Luck:
    """What the simulated gradings of one program came to."""

    simulation: Simulation
    """The program."""

    gradings: int
    """How many were simulated."""

    mistaken: int
    """Those with a wrong verdict: a right program that lost points, or a wrong one that kept them."""

    kind: ClassVar[str] = "simulated gradings"
    """What was tried."""

    @property
    def name(self) -> str:
        """Which program."""
        return self.simulation.title

    @property
    def reason(self) -> str:
        """What is wrong, if something is."""
        due = "lost points" if self.simulation.right else "kept its points"
        said = (
            f"It {due} in {self.mistaken} of {self.gradings} gradings; {self.simulation.rate:g} is allowed."
        )
        return "" if self.good else said

    @property
    def good(self) -> bool:
        """Whether so many are no surprise at the rate that is allowed."""
        return chance_of_as_many(self.mistaken, self.gradings, self.simulation.rate) >= SURPRISE


def chance_of_as_many(count: int, gradings: int, rate: float) -> float:
    """Return the probability of at least `count` events in so many independent gradings, each with this rate."""
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
    path = assignment.verification_dir / LUCK
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


def measure_luck(
    assignment: Assignment, gradings: int, *, seed: int = 0, profile: str = "tiny"
) -> Iterator[Luck]:
    """Simulate gradings of each program of luck.py.

    Args:
        assignment: The assignment.
        gradings: Of each program.
        seed: Of what is drawn.
        profile: Which models.

    Yields:
        What each came to.

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
        yield Luck(simulation=one, gradings=gradings, mistaken=lost if one.right else gradings - lost)
