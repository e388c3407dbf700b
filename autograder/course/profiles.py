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
from autograder.records import Assignment, GradingSettings, Limits, ModelSpec

DEFAULT_PROFILE = "tiny"
"""The profile of every command that is given none; an assignment without models has no other."""


def resolve(
    assignment: Assignment, *, profile: str = DEFAULT_PROFILE, device: str = "cpu", threads: int = 0
) -> GradingSettings:
    """Choose profile, limits and device of an assignment; a model of the hub is found in this machine's cache.

    Args:
        assignment: As loaded.
        profile: A name in assignment.toml, or an absolute folder.
        device: cpu, cuda or cuda:i.
        threads: Of each kernel; 0: as many as the profile's limits say.

    Raises:
        AssignmentError: If there is no such profile or folder, the hub's cache lacks a model, or a kernel may not
            have so many threads.
    """
    remedy = f"autograder fetch {assignment.slug} --profile {profile}"
    models = tuple(_found(spec, remedy) for spec in stated_models(assignment, profile))
    limits = assignment.profile_limits.get(profile, assignment.limits)
    if Path(profile).is_absolute():
        limits = _widest([assignment.limits, *assignment.profile_limits.values()])
    # Torch ends the process where it gets no thread, which would look like the student's doing.
    if threads > limits.most_threads:
        raise AssignmentError(
            f"--threads {threads}: a kernel of {assignment.slug} may have {limits.processes} processes and threads in "
            f"all, and compute on {limits.most_threads} of them. Raise 'processes' in its [limits] for more."
        )
    if threads:
        limits = replace(limits, threads=threads)
    return GradingSettings(
        assignment=assignment, profile=profile, models=models, limits=limits, device=device
    )


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
    for spec in stated_models(assignment, profile):
        if spec.hub:
            yield spec, fetch_snapshot(spec.hub, spec.revision)


def stated_models(assignment: Assignment, profile: str) -> tuple[ModelSpec, ...]:
    """Return a profile's models as they are stated, without looking for those of the hub.

    Raises:
        AssignmentError: If there is no such profile or folder.
    """
    config = assignment.folder / "assignment.toml"
    if profile in assignment.models:
        return assignment.models[profile]
    if not assignment.models:
        if profile == DEFAULT_PROFILE:
            return ()
        raise AssignmentError(
            f"{config}: no profile {profile!r}: an assignment without models has only the profile "
            f"{DEFAULT_PROFILE!r}.{did_you_mean(profile, [DEFAULT_PROFILE])}"
        )
    folder = Path(profile)
    if folder.is_absolute():
        if not folder.is_dir():
            raise AssignmentError(f"{folder}: no such folder. --profile names a profile or a model's folder.")
        shipped, *others = next(iter(assignment.models.values()))
        return (replace(shipped, path=folder, tokenizer=folder, hub="", revision=""), *others)
    raise AssignmentError(
        f"{config}: no profile {profile!r}."
        f"{did_you_mean(profile, assignment.models)}\nProfiles: {', '.join(sorted(assignment.models))}; "
        "or the folder of a model, with a / in it."
    )


def _found(spec: ModelSpec, remedy: str) -> ModelSpec:
    if not spec.hub or spec.path.is_absolute():
        return spec
    folder = find_snapshot(spec.hub, spec.revision, remedy=remedy)
    return replace(spec, path=folder, tokenizer=folder, revision=folder.name)
