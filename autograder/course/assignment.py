"""Find and read assignments: folders, `assignment.toml`, the reference and the instructor's modules."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
import traceback
from pathlib import Path
from types import ModuleType

from autograder.course.config import ConfigReader
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment, GradingSettings, Loadable, ModelSpec

CONFIG = "assignment.toml"
CHECKS = "checks.py"
TOKENIZER_LOADER = "transformers:AutoTokenizer"
"""What loads every tokenizer."""


def find_course(start: Path | None = None) -> Path:
    """Return the course folder: `start`, or the nearest folder above it, that holds `assignments/`.

    Raises:
        AssignmentError: If there is none.
    """
    origin = (start or Path.cwd()).resolve()
    # A mistyped folder must not lead to the course above it.
    if not origin.is_dir():
        siblings = [path.name for path in origin.parent.iterdir()] if origin.parent.is_dir() else []
        raise AssignmentError(
            f"{origin}: no such folder.{did_you_mean(origin.name, siblings)}\n"
            "Name the course's folder with --course DIR."
        )
    for folder in (origin, *origin.parents):
        if (folder / "assignments").is_dir():
            return folder
    raise AssignmentError(
        f"{origin}: no course here: neither it nor a folder above holds assignments/.\n"
        "Change into the course's folder, or name it with --course DIR. `autograder new SLUG` begins a course."
    )


def list_slugs(course_dir: Path) -> list[str]:
    """Return the slugs of all assignments of a course, sorted."""
    return sorted(path.parent.name for path in (course_dir / "assignments").glob(f"*/{CONFIG}"))


def load_assignment(course_dir: Path, slug: str) -> Assignment:
    """Read one assignment.

    Args:
        course_dir: The folder with assignments, reference and student_template.
        slug: The assignment's name.

    Raises:
        AssignmentError: If there is no such assignment, or with all problems of its configuration at once.
    """
    known = list_slugs(course_dir)
    if slug not in known:
        listing = ", ".join(known) if known else "none"
        raise AssignmentError(
            f"{course_dir / 'assignments'}: no assignment {slug!r}.{did_you_mean(slug, known)}\n"
            f"Assignments of this course: {listing}."
        )
    folder = course_dir / "assignments" / slug
    path = folder / CONFIG
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path}: not readable as TOML: {error}") from None
    except OSError as error:
        raise AssignmentError(f"{path}: cannot be read: {error.strerror}.") from None
    reader = ConfigReader(config)
    assignment = reader.assignment(course_dir, folder, slug)
    if reader.problems or assignment is None:
        lines = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise AssignmentError(f"{path}: {len(reader.problems)} problem(s):\n{lines}")
    return assignment


def student_models(settings: GradingSettings) -> list[Loadable]:
    """List the models and tokenizers that lie in the student's folder."""
    shipped = [spec for spec in settings.models if spec.role == "shipped" and not spec.hub]
    found = [loadable for spec in shipped for loadable in loadables(spec).values()]
    inside = settings.assignment.student_dir.resolve()
    return [one for one in found if one.folder.is_dir() and one.folder.resolve().is_relative_to(inside)]


def loadables(spec: ModelSpec) -> dict[str, Loadable]:
    """Return how the parts of a model are loaded: `model`, and `tokenizer` where it has one."""
    found = {"model": Loadable(loader=spec.loader, folder=spec.path, options=spec.options)}
    if spec.has_tokenizer:
        found["tokenizer"] = Loadable(loader=TOKENIZER_LOADER, folder=spec.tokenizer)
    return found


def load_module(path: Path, name: str) -> ModuleType:
    """Import an instructor's file by its path.

    Args:
        path: The file.
        name: The module's name in `sys.modules`; a module of the same file is imported once.

    Raises:
        AssignmentError: If importing it raises, with the file and line.
    """
    present = sys.modules.get(name)
    if present is not None and getattr(present, "__file__", None) == str(path):
        return present
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AssignmentError(f"{path}: cannot be imported as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, (KeyboardInterrupt, MemoryError)):
            raise
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
        ]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        near = did_you_mean(error.name, vars(module)) if isinstance(error, NameError) and error.name else ""
        raise AssignmentError(
            f"{where}: importing it raised {type(error).__name__}: {str(error).rstrip('.')}.{near}"
        ) from error
    return module


def load_reference(assignment: Assignment) -> ModuleType:
    """Import `reference/<slug>.py`; importing it defines functions and runs no example.

    Raises:
        AssignmentError: If it cannot be imported, or lacks a task's function.
    """
    module = load_module(assignment.reference, f"reference_{assignment.slug}")
    missing = [task.name for task in assignment.tasks if not callable(getattr(module, task.name, None))]
    if missing:
        raise AssignmentError(
            f"{assignment.reference}: defines no {', '.join(missing)}.\n"
            "Every [[tasks]] of assignment.toml needs a function of its name in the reference."
        )
    return module
