"""On what a grading rests, with every choice made."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.records.assignment import Assignment, Limits, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingSettings:
    """An assignment with its profile, limits and device chosen; `course.profiles.resolve` makes it, once a command."""

    assignment: Assignment
    """As `assignment.toml` states it."""

    profile: str
    """Which models: a name in assignment.toml, or a model's absolute folder."""

    models: tuple[ModelSpec, ...]
    """The profile's models, found on this machine, the shipped one first."""

    limits: Limits
    """What one submission may use in this profile, with the chosen number of threads."""

    device: str
    """Where references and submissions compute: cpu, cuda or cuda:i."""
