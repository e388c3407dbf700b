"""Which models an assignment is graded on: a profile of assignment.toml, or any folder with a model.

A profile names the model that students have (`shipped`) and a second one (`hidden`). Instead of a profile's name, a
folder may be given: its model takes the place of the shipped one, the rest stays as in the first profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from autograder.course.hub import fetch_snapshot, find_snapshot
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment, Limits, ModelSpec


def choose_profile(assignment: Assignment, profile: str) -> Assignment:
    """Return the assignment with this profile's models found, and this profile's limits.

    Args:
        assignment: As loaded; one that was returned by this function stays as it is.
        profile: A name in assignment.toml, or an absolute folder.

    Raises:
        AssignmentError: If there is no such profile or folder, or the hub's cache lacks a model.
    """
    if not assignment.models:
        return assignment
    specs = tuple(
        _found(spec, f"autograder fetch {assignment.slug} --profile {profile}")
        for spec in _specs(assignment, profile)
    )
    limits = assignment.profile_limits.get(profile, assignment.limits)
    if Path(profile).is_absolute():
        limits = _widest([assignment.limits, *assignment.profile_limits.values()])
    return replace(assignment, models={**assignment.models, profile: specs}, limits=limits)


def on_threads(assignment: Assignment, threads: int) -> Assignment:
    """Return the assignment with kernels of so many threads, whichever profile is chosen.

    Args:
        assignment: As loaded.
        threads: Of each kernel; 0: as many as its limits say.

    Raises:
        AssignmentError: If that is more than a kernel may have: the student's function would end for it.
    """
    if threads == 0:
        return assignment
    every = (assignment.limits, *assignment.profile_limits.values())
    least = min(every, key=lambda limits: limits.processes)
    if threads > least.most_threads:
        raise AssignmentError(
            f"--threads {threads}: a kernel of {assignment.slug} may have {least.processes} processes and threads in "
            f"all, and compute on {least.most_threads} of them. Raise 'processes' in its [limits] for more."
        )
    others = {name: replace(limits, threads=threads) for name, limits in assignment.profile_limits.items()}
    return replace(assignment, limits=replace(assignment.limits, threads=threads), profile_limits=others)


def _widest(found: list[Limits]) -> Limits:
    """Return the largest of each limit: a folder may hold a model of any size."""
    return Limits(**{each.name: max(getattr(one, each.name) for one in found) for each in fields(Limits)})


def profile_named(text: str) -> str:
    """Return a profile as every process understands it: a folder's path absolute, a name unchanged."""
    looks_like_a_path = "/" in text or text in (".", "..")
    return str(Path(text).expanduser().resolve()) if looks_like_a_path else text


def fetch(assignment: Assignment, profile: str) -> Iterator[tuple[ModelSpec, Path]]:
    """Download a profile's models of the hub into this machine's cache.

    Yields:
        Each model with its folder, as it comes.

    Raises:
        AssignmentError: If there is no such profile, or the hub cannot give a model.
    """
    for spec in _specs(assignment, profile):
        if spec.hub:
            yield spec, fetch_snapshot(spec.hub, spec.revision)


def _specs(assignment: Assignment, profile: str) -> tuple[ModelSpec, ...]:
    if profile in assignment.models:
        return assignment.models[profile]
    folder = Path(profile)
    if folder.is_absolute():
        if not folder.is_dir():
            raise AssignmentError(f"{folder}: no such folder. --profile names a profile or a model's folder.")
        shipped, *others = next(iter(assignment.models.values()))
        return (replace(shipped, path=folder, tokenizer=folder, hub="", revision=""), *others)
    raise AssignmentError(
        f"{assignment.folder / 'assignment.toml'}: no profile {profile!r}."
        f"{did_you_mean(profile, assignment.models)}\nProfiles: {', '.join(sorted(assignment.models))}; "
        "or the folder of a model, with a / in it."
    )


def _found(spec: ModelSpec, remedy: str) -> ModelSpec:
    if not spec.hub or spec.path.is_absolute():
        return spec
    folder = find_snapshot(spec.hub, spec.revision, remedy=remedy)
    return replace(spec, path=folder, tokenizer=folder, revision=folder.name)
