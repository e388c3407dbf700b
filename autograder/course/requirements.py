"""What a course's notebooks import beyond the harness's own libraries: `requirements-grading.txt` of the course."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

FILE_NAME = "requirements-grading.txt"
"""Lies beside `assignments/`; pip reads it."""

_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingRequirements:
    """The file, compared with what is installed."""

    installed: tuple[str, ...]
    """Packages that are there, with their versions: `shap 0.48.0`."""

    problems: tuple[str, ...]
    """A sentence for each package that is missing or of another version, and for each line that is none."""


def grading_requirements(course_dir: Path) -> GradingRequirements | None:
    """Compare the course's file with what is installed; None if the course has none.

    Only the packages that it names are looked at; options, such as `-r other.txt`, are left to pip.

    Args:
        course_dir: The course's folder.
    """
    try:
        text = (course_dir / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        return GradingRequirements(installed=(), problems=(f"{FILE_NAME} cannot be read: {error}.",))
    installed: list[str] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stated = _COMMENT.sub("", line).strip()
        if not stated or stated.startswith("-"):
            continue
        try:
            requirement = Requirement(stated)
        except InvalidRequirement:
            problems.append(f"{FILE_NAME}, line {number}: {stated!r} is not a requirement.")
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            _compare(requirement, installed, problems)
    return GradingRequirements(installed=tuple(installed), problems=tuple(problems))


def _compare(requirement: Requirement, installed: list[str], problems: list[str]) -> None:
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        problems.append(f"{requirement} is not installed.")
        return
    source = json.loads(found.read_text("direct_url.json") or "{}")
    if not requirement.specifier.contains(found.version, prereleases=True):
        problems.append(f"{requirement} is stated, but {found.version} is installed.")
    elif source.get("dir_info", {}).get("editable"):
        problems.append(
            f"{requirement} is installed in editable mode, so kernels do not see it: install a copy."
        )
    else:
        installed.append(f"{requirement.name} {found.version}")
