"""What a result depends on, as one hash: the same key means that grading again would give the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from autograder.comparison import measured_distances
from autograder.course.requirements import grading_requirements
from autograder.course.versions import file_hash, source_hash, versions
from autograder.errors import AssignmentError
from autograder.records import GradingSettings, Submission
from autograder.seeds import course_key


def course_fingerprint(settings: GradingSettings) -> str:
    """Return a hash of all that the results of an assignment depend on, but the submissions and the sandbox.

    It covers the instructor's files except those that only `calibrate` and `verify` read, the student's folder
    without other assignments' notebooks and its README, the course's key, the harness's source, the versions of the
    libraries and of what `requirements-grading.txt` names, the kind of device, the profile and the threads of a kernel.

    Args:
        settings: From `profiles.resolve`; of the device only the kind counts.

    Raises:
        AssignmentError: If a file cannot be read.
    """
    course_dir = settings.assignment.course_dir
    try:
        files = [[name, file_hash(path)] for name, path in _files(settings)]
        source = source_hash()
    except OSError as error:
        raise AssignmentError(f"{error.filename}: cannot be read: {error.strerror}.") from None
    stated = grading_requirements(course_dir)
    parts = {
        "requirements": list(stated.installed) if stated is not None else [],
        "files": sorted(files),
        "models": [spec.identity for spec in settings.models],
        "course_key": hashlib.sha256(course_key(course_dir).encode()).hexdigest(),
        "source": source,
        "versions": versions(),
        "device": settings.device.partition(":")[0],
        "profile": settings.profile,
        "threads": settings.limits.threads,
    }
    return _digest(parts, str(course_dir))


def _digest(parts: dict[str, object], course_dir: str) -> str:
    # A course that was moved is the same course.
    text = json.dumps(parts, sort_keys=True).replace(json.dumps(course_dir)[1:-1], "")
    return hashlib.sha256(text.encode()).hexdigest()


def _files(settings: GradingSettings) -> Iterator[tuple[str, Path]]:
    assignment = settings.assignment
    yield "reference", assignment.reference
    ungraded = set(assignment.generated_dir.glob(measured_distances.ALL_FILES))
    for name, path in _below(assignment.folder, "assignment"):
        if path not in ungraded and not path.is_relative_to(assignment.verification_dir):
            yield name, path
    for name, path in _below(assignment.student_dir, "student"):
        other = path.suffix == ".ipynb" and path.parent == assignment.student_dir
        # The README states the limits of every assignment.
        if path != assignment.readme and (not other or path == assignment.template):
            yield name, path
    # Resolved: "../other/data" is below this folder by its letters alone.
    bases = [base.resolve() for base in (assignment.folder, assignment.student_dir)]
    for spec in settings.models:
        if spec.hub:
            continue  # its commit says what is in it, and that is part of its identity
        for folder in {spec.path.resolve(), spec.tokenizer.resolve()}:
            if folder.is_dir() and not any(folder.is_relative_to(base) for base in bases):
                yield from _below(folder, f"model {spec.role}")


def _below(folder: Path, label: str) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder but what programs leave there: caches, checkpoints, dot files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield f"{label}/{'/'.join(parts)}", path


def folder_hash(folder: Path) -> str:
    """Return a hash of the files below a folder, names and contents."""
    files = [[name, file_hash(path)] for name, path in _below(folder, "")]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def submission_key(submission: Submission, course: str) -> str:
    """Return the key of a submission's result.

    Args:
        submission: The file; an unreadable one counts as no file.
        course: From `course_fingerprint`.
    """
    try:
        content = file_hash(submission.path)
    except OSError:
        content = "no file"
    parts: list[object] = [course, submission.student, submission.problem, content]
    parts += [list(submission.remarks), dict(submission.handed_in)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
