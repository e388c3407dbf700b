"""Measure an assignment's tolerances with its own checks: what they compare is what is measured.

The checks are run for several made-up students on their own inputs. The reference answers in float64; in the
student's place stand, one after another, right ways to compute in float32 (the reference on one thread and on two, with
fused and with plain attention, every variant of equivalents.py and every accepted one) and every known mistake.
`assert_close`, `assert_matches` and `within` then judge nothing, they note how far the answer is from the gold one, by
the tolerance that they name.

A mistake counts for a tolerance with w = min over students of max over inputs of its distance: one wrong input is
enough to lose a check.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from autograder.authoring.calibrate.measuring import measure_checks
from autograder.checks.course_context import load_course
from autograder.comparison.measured_distances import (
    MeasuredSet,
    Measurement,
    add_set,
    combine,
    load_distances,
    load_sets,
    write_sets,
)
from autograder.comparison.tolerances import (
    ADVICE,
    describe_origin,
    load_tolerances,
    measure,
    write_tolerances,
)
from autograder.course.profiles import stated_models
from autograder.course.versions import versions
from autograder.errors import AssignmentError
from autograder.records import Assignment, Tolerance

__all__ = ["STUDENTS", "Calibrated", "calibrate", "calibrated_before", "measure_checks", "tolerances_of"]

STUDENTS = 6
"""Made-up students; each asks for inputs of their own."""

_LIBRARIES = ("python", "torch", "transformers", "captum", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a calibration came to."""

    assignment: Assignment
    """The assignment."""

    profile: str
    """Which models."""

    measured: Measurement
    """All distances, those of other devices among them."""

    tolerances: Mapping[str, Tolerance]
    """By key."""

    path: Path | None
    """The file of tolerances that was written."""


def calibrate(
    assignment: Assignment,
    *,
    profile: str = "tiny",
    device: str = "cpu",
    students: int = STUDENTS,
    write: bool = True,
    forget: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Calibrated:
    """Measure an assignment's tolerances, and store them and all distances beside it.

    A device takes the place of its own earlier run; what other devices measured stays and counts as well.

    Args:
        assignment: With its student notebook built.
        profile: Which models.
        device: Where right ways and mistakes are computed.
        students: How many made-up students ask.
        write: Whether to store anything.
        forget: Drop what other devices measured before.
        progress: Told each variant's name before it is run.

    Raises:
        AssignmentError: If right and wrong cannot be told apart tenfold, or a file cannot be used.
    """
    course = load_course(assignment, device=device, profile=profile)
    found = measure_checks(course, students=students, progress=progress)
    new = MeasuredSet(
        date=datetime.date.today().isoformat(),
        versions={name: number for name, number in versions().items() if name in _LIBRARIES},
        students=students,
        otherwise=tuple(sorted(found.otherwise)),
        tolerances=found.distances,
    )
    before = {} if forget else load_sets(assignment.generated_dir, profile)
    sets = add_set(before, device_name(device), new)
    measured = combine(sets)
    tolerances = tolerances_of(measured, course.tolerances, _origin(measured))
    path = None
    if write:
        write_sets(assignment.generated_dir, sets, profile)
        path = write_tolerances(assignment.generated_dir, tolerances, profile)
    return Calibrated(
        assignment=assignment, profile=profile, measured=measured, tolerances=tolerances, path=path
    )


def calibrated_before(assignment: Assignment, *, profile: str = "tiny") -> Calibrated:
    """Return what the last calibration came to, as it is stored beside the assignment.

    Raises:
        AssignmentError: If nothing is stored, or a file cannot be used.
    """
    stated_models(assignment, profile)  # an unknown profile is an error of its own
    measured = load_distances(assignment.generated_dir, profile)
    if measured is None:
        raise AssignmentError(
            f"{assignment.generated_dir}: holds no measured distances for the profile {profile!r}.\n"
            f"Measure them with: autograder calibrate {assignment.slug}"
        )
    return Calibrated(
        assignment=assignment,
        profile=profile,
        measured=measured,
        tolerances=load_tolerances(assignment.generated_dir, profile),
        path=None,
    )


def device_name(device: str) -> str:
    """Return the name that a device has in distances.json: CPU, or what the GPU calls itself."""
    return "CPU" if device == "cpu" else torch.cuda.get_device_name(device)


def _origin(measured: Measurement) -> str:
    inputs = max((found.inputs for found in measured.distances.values()), default=0)
    newest = max(one.date for one in measured.sets.values())
    return describe_origin(inputs=inputs, devices=", ".join(measured.sets), date=newest)


def tolerances_of(measured: Measurement, old: Mapping[str, Tolerance], origin: str) -> dict[str, Tolerance]:
    """Place a bound between right and wrong for each tolerance that the checks use.

    Args:
        measured: From `measure_checks`, or from the files of distances.
        old: Tolerances up to now: they say the metric; those that no check names are dropped.
        origin: See `comparison.tolerances.describe_origin`.

    Raises:
        AssignmentError: If right and wrong cannot be told apart tenfold, with advice.
    """
    found: dict[str, Tolerance] = {}
    for key, distances in measured.distances.items():
        told = measured.told_by(key)
        if not told:
            raise _tells_nothing(key, measured)
        metric = old[key].metric if key in old else "relative_l2"
        found[key] = (
            old[key]
            if metric == "exact"
            else measure(distances.right, told, metric=metric, origin=origin, key=key)
        )
    return found


def _tells_nothing(key: str, measured: Measurement) -> AssignmentError:
    distances = measured.distances[key]
    said = f"No known mistake is told from right answers by the tolerance {key!r} of {', '.join(distances.checks)}"
    if not (distances.right and distances.wrong):
        return AssignmentError(f"{said}.\nAdd the mistakes that the check is for to misconceptions.py.")
    way = max(distances.right, key=lambda name: distances.right[name])
    mistake = min(distances.wrong, key=lambda name: distances.wrong[name])
    return AssignmentError(
        f"{said}: the right {way!r} lies {distances.right[way]:.3g} off, the mistake {mistake!r} "
        f"{distances.wrong[mistake]:.3g}, and no other ten times as far as the right one.\n{ADVICE}"
    )
