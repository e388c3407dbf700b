"""What students are given of one assignment: the notebook and what it needs, and nothing of the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.course.notebooks.stated_limits import limits_cell, with_row
from autograder.errors import AssignmentError
from autograder.records import Assignment
from autograder.records.course_settings import CourseSettings
from autograder.report.text import plural

_GITHUB = re.compile(
    r"https://github\.com/(?P<repo>[^/]+/[^/]+?)(?:\.git)?(?:/(?:tree|blob)/(?P<branch>[^/]+)(?P<folder>/.*)?)?/?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """The files of a handout."""

    files: dict[str, bytes]
    """By their paths."""

    left_out: tuple[str, ...]
    """Files of the students' folder that neither the assignment nor another one names."""


def make_handout(assignment: Assignment, course: CourseSettings | None) -> Handout:
    """Collect what belongs to an assignment: the notebook, what it names, and what is for all.

    Args:
        assignment: The assignment.
        course: For the due date and the address; None: the course has no course.toml.

    Raises:
        AssignmentError: If the notebook is missing or cannot be read.
    """
    folder = assignment.student_dir
    try:
        texts = [_text(assignment.template)]
    except (OSError, ValueError) as error:
        raise AssignmentError(
            f"{assignment.template}: cannot be read ({error}). Run `autograder build {assignment.slug}`."
        ) from None
    texts += [spec.loader for specs in assignment.models.values() for spec in specs]
    paths = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    chosen = _chosen(paths, texts, assignment)
    others = "\n".join(_text(path) for path in folder.glob("*.ipynb") if path != assignment.template)
    left_out = [name for name in paths.keys() - chosen if "/" in name and not _names(others, name)]
    files = {name: path.read_bytes() for name, path in paths.items() if name in chosen}
    readme = assignment.readme
    files[readme.name] = _readme(readme, assignment, course).encode()
    unused = [name for name in left_out if not name.endswith(".py")]
    return Handout(files=dict(sorted(files.items())), left_out=tuple(sorted(unused)))


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def _text(notebook: Path) -> str:
    """Return the sources of a notebook, without what was attached to it."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def _chosen(paths: dict[str, Path], texts: list[str], assignment: Assignment) -> set[str]:
    """Return the files that the assignment names, and those that these name in turn."""
    shared = {name for name in paths if "/" not in name and not name.endswith(".ipynb")}
    chosen = shared | {assignment.template.name}
    while True:
        text = "\n".join(texts)
        new = {name for name in paths.keys() - chosen if _is_meant(text, name)}
        packages = {str(PurePosixPath(name).parent / "__init__.py") for name in new if name.endswith(".py")}
        new |= packages & paths.keys() - chosen
        if not new:
            return chosen
        chosen |= new
        texts += [paths[name].read_text(encoding="utf-8") for name in new if name.endswith(".py")]


def _is_meant(text: str, name: str) -> bool:
    """Return whether a text names a file, or as a module what the file defines."""
    path = PurePosixPath(name)
    if path.suffix == ".py" and path.stem != "__init__":
        package, module = map(re.escape, (".".join(path.parent.parts), path.stem))
        return bool(
            re.search(rf"\b{package}\.{module}\b|\bfrom {package} import [^\n]*\b{module}\b", text)
        ) or _names(text, name)
    return _names(text, name)


def _names(text: str, name: str) -> bool:
    """Return whether a text names a file or the folder of a model that it lies in."""
    path = PurePosixPath(name)
    named = [path, *(parent for parent in path.parents if len(parent.parts) > 1)]
    return any(re.search(rf"(?<![\w-]){re.escape(str(one))}(?![\w-])", text) for one in named)


def _readme(path: Path, assignment: Assignment, course: CourseSettings | None) -> str:
    """Return the course's README with the assignment's facts above it and its own limits alone."""
    facts = {"Points": _points(assignment)}
    dates = course.dates(assignment.slug) if course else None
    if course and dates and dates.due:
        due = dates.due.astimezone(course.time_zone)
        facts["Due"] = f"{due:%A}, {due.day} {due:%B %Y, %H:%M} ({course.time_zone})"
    facts["Hand in"] = (
        course.hand_in if course else ""
    ) or f"`{assignment.template.name}`, the notebook alone."
    if course and course.public_address:
        facts |= _links(course.public_address, assignment.template.name)
    rows = "\n".join(f"| {name} | {fact} |" for name, fact in facts.items())
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    own = with_row(text, assignment.slug, assignment.limits, frozenset())
    if own == text and f"`{assignment.template.name}`" not in text:
        own = f"{text}\n{limits_cell(assignment.limits)}\n"
    return f"# {assignment.title}\n\n| | |\n|---|---|\n{rows}\n\n{own.lstrip()}"


def _points(assignment: Assignment) -> str:
    written = sum(question.points for question in assignment.questions)
    automatic = plural(assignment.points, "point")
    return f"{automatic}, and {plural(written, 'point')} for written answers" if written else automatic


def _links(address: str, notebook: str) -> dict[str, str]:
    """Return links to the notebook: in Colab for a repository on GitHub, else to the address as it is."""
    match = _GITHUB.fullmatch(address)
    if match is None:
        return {"Online": address}
    folder = match["folder"] if match["branch"] else "/student_template"
    where = f"{match['repo']}/blob/{match['branch'] or 'main'}{(folder or '').rstrip('/')}/{notebook}"
    return {"In Colab": f"[open the notebook](https://colab.research.google.com/github/{where})"}
