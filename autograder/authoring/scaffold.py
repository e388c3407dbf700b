"""Begin a new assignment: a small one that already builds, verifies and grades, to be changed step by step."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from autograder.errors import AssignmentError
from autograder.records.assignment import VERIFICATION

_SLUG = re.compile(r"[a-z][a-z0-9_]*")


def create(course_dir: Path, slug: str, title: str = "") -> list[Path]:
    """Write the files of a new assignment, and those of the course that are missing.

    Args:
        course_dir: The course's folder; made into one if it is none yet.
        slug: The assignment's name: lower-case letters, digits and underscores.
        title: For people; by default the slug in words.

    Returns:
        The files that were written.

    Raises:
        AssignmentError: If the slug is none, or any of the files is there already: nothing is written then.
    """
    if not _SLUG.fullmatch(slug):
        raise AssignmentError(
            f"{slug!r} is no slug: use lower-case letters, digits and underscores, a letter first."
        )
    if set(title) & set('"\\\n'):
        raise AssignmentError(f"The title {title!r} holds a quotation mark or a backslash: leave them out.")
    folder = course_dir / "assignments" / slug
    targets = {
        "assignment.toml": folder / "assignment.toml",
        "checks.py": folder / "checks.py",
        "misconceptions.py": folder / "misconceptions.py",
        "equivalents.py": folder / VERIFICATION / "equivalents.py",
        "reference.py": course_dir / "reference" / f"{slug}.py",
    }
    taken = [path for path in targets.values() if path.exists()]
    if taken:
        raise AssignmentError(f"{taken[0]} is there already. Choose another name, or remove it.")
    # A course has these once. Another file in a folder that students have would regrade its other assignments.
    readme, tests = (
        course_dir / "student_template" / "README.md",
        course_dir / "tests" / "test_assignments.py",
    )
    if not readme.parent.exists():
        targets["README.md"] = readme
    if not tests.exists():
        targets["test_assignments.py"] = tests
    words = {"slug": slug, "title": title or slug.replace("_", " ").capitalize()}
    for name, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files("autograder.authoring").joinpath("templates", f"{name}.in").read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    return list(targets.values())
