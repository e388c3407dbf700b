"""Find and read assignments: folders, `assignment.toml`, the reference and the instructor's modules."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment, Limits, ModelSpec, Task, WrittenQuestion

CONFIG = "assignment.toml"
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_ATTENTION = ("eager", "sdpa")
_KEYS = frozenset({"title", "points", "limits", "tasks", "questions", "profiles"})


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
        "Change into the course's folder, or name it with --course DIR."
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
    reader = _Reader(config)
    assignment = reader.assignment(course_dir, folder, slug)
    if reader.problems or assignment is None:
        lines = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise AssignmentError(f"{path}: {len(reader.problems)} problem(s):\n{lines}")
    return assignment


class _Reader:
    """Turn the parsed TOML into a record, collecting every problem rather than the first."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.problems: list[str] = []

    def assignment(self, course_dir: Path, folder: Path, slug: str) -> Assignment | None:
        if not _SLUG.fullmatch(slug):
            self.problems.append(
                f"the folder's name {slug!r} is no slug: use lower-case letters, digits and underscores."
            )
        self._unknown(self.config, _KEYS, "")
        reference = course_dir / "reference" / f"{slug}.py"
        for needed in (reference, folder / "checks.py"):
            if not needed.is_file():
                self.problems.append(f"{needed.relative_to(course_dir)} is missing.")
        title = self._get(self.config, "title", str, "")
        points = self._get(self.config, "points", (int, float), "")
        tasks = tuple(self._tasks())
        questions = tuple(self._questions())
        models = self._models(course_dir, folder)
        limits = self._limits()
        if self.problems:
            return None
        return Assignment(
            slug=slug,
            title=title,
            points=float(points),
            course_dir=course_dir,
            folder=folder,
            reference=reference,
            template=course_dir / "student_template" / f"{slug}.ipynb",
            tasks=tasks,
            questions=questions,
            models=models,
            limits=limits,
            hidden_dir=folder,
        )

    def _unknown(self, table: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        for key in table:
            if key not in known:
                self.problems.append(f"{where}{key!r} is not a setting.{did_you_mean(key, known)}")

    def _get(self, table: Mapping[str, Any], key: str, kind: Any, where: str) -> Any:
        value = table.get(key)
        if value is None:
            self.problems.append(f"{where}{key!r} is missing.")
        elif not isinstance(value, kind) or isinstance(value, bool):
            self.problems.append(f"{where}{key!r} is {value!r}, which is of the wrong type.")
        elif isinstance(value, (int, float)) and not 0 <= value < float("inf"):
            self.problems.append(f"{where}{key!r} is {value!r}: it must be a number from 0.")
        elif value == "":
            self.problems.append(f"{where}{key!r} is empty.")
        return value

    def _tables(self, key: str) -> list[Mapping[str, Any]]:
        value = self.config.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.problems.append(f"{key!r} must be tables: write [[{key}]].")
            return []
        return value

    def _tasks(self) -> list[Task]:
        tasks = []
        for number, table in enumerate(self._tables("tasks"), start=1):
            where = f"tasks[{number}]: "
            self._unknown(table, frozenset({"name", "title", "expected"}), where)
            name, title, expected = (
                self._get(table, key, str, where) for key in ("name", "title", "expected")
            )
            if isinstance(name, str) and name and not name.isidentifier():
                self.problems.append(f"{where}'name' is {name!r}, which is no Python function's name.")
            tasks.append((name, title, expected))
        names = [name for name, _, _ in tasks]
        self.problems += [f"tasks: {name!r} stands twice." for name in set(names) if names.count(name) > 1]
        if not tasks:
            self.problems.append("'tasks' is missing: name at least one function with [[tasks]].")
        return [] if self.problems else [Task(name=n, title=t, expected=e) for n, t, e in tasks]

    def _questions(self) -> list[WrittenQuestion]:
        found = []
        for number, table in enumerate(self._tables("questions"), start=1):
            where = f"questions[{number}]: "
            self._unknown(table, frozenset({"id", "title", "points", "rubric"}), where)
            identity, title = (self._get(table, key, str, where) for key in ("id", "title"))
            points = self._get(table, "points", (int, float), where)
            rubric = table.get("rubric", [])
            if not isinstance(rubric, list) or not all(isinstance(line, str) for line in rubric):
                self.problems.append(f"{where}'rubric' must be a list of sentences.")
            found.append((identity, title, points, rubric))
        if self.problems:
            return []
        return [
            WrittenQuestion(id=identity, title=title, points=float(points), rubric=tuple(rubric))
            for identity, title, points, rubric in found
        ]

    def _limits(self) -> Limits:
        table = self.config.get("limits", {})
        kinds = dataclasses.asdict(Limits())
        if not isinstance(table, dict):
            self.problems.append("'limits' must be a table: write [limits].")
            return Limits()
        self._unknown(table, frozenset(kinds), "limits: ")
        chosen: dict[str, Any] = {}
        for key in kinds.keys() & table.keys():
            value = self._get(table, key, (int, float), "limits: ")
            if value == 0:
                self.problems.append(f"limits: {key!r} is 0: it must be above 0.")
            elif isinstance(value, (int, float)):
                chosen[key] = type(kinds[key])(value)
        return Limits(**chosen)

    def _models(self, course_dir: Path, folder: Path) -> dict[str, tuple[ModelSpec, ...]]:
        profiles = self.config.get("profiles", {})
        if not isinstance(profiles, dict):
            self.problems.append("'profiles' must be tables: write [profiles.tiny.shipped].")
            return {}
        found: dict[str, tuple[ModelSpec, ...]] = {}
        for profile, roles in profiles.items():
            if not isinstance(roles, dict) or "shipped" not in roles:
                self.problems.append(f"profiles.{profile}: [profiles.{profile}.shipped] is missing.")
                continue
            self._unknown(roles, frozenset({"shipped", "hidden"}), f"profiles.{profile}: ")
            bases = {"shipped": course_dir / "student_template", "hidden": folder}
            specs = [
                self._model(roles[role], role, base, f"profiles.{profile}.{role}: ")
                for role, base in bases.items()
                if role in roles
            ]
            found[profile] = tuple(spec for spec in specs if spec is not None)
        return found

    def _model(self, table: Any, role: Any, base: Path, where: str) -> ModelSpec | None:
        if not isinstance(table, dict):
            self.problems.append(f"{where}must be a table.")
            return None
        self._unknown(table, frozenset({"path", "loader", "tokenizer", "attention"}), where)
        path, loader = (self._get(table, key, str, where) for key in ("path", "loader"))
        tokenizer = table.get("tokenizer", path)
        if not all(isinstance(value, str) and value for value in (path, loader, tokenizer)):
            return None
        if ":" not in loader:
            self.problems.append(f"{where}'loader' is {loader!r}: write module:Class.")
        attention = table.get("attention", "")
        if attention not in ("", *_ATTENTION):
            self.problems.append(
                f"{where}'attention' is {attention!r}: it must be one of {', '.join(_ATTENTION)}."
            )
            return None
        return ModelSpec(
            role=role, path=base / path, loader=loader, tokenizer=base / tokenizer, attention=attention
        )


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
        raise AssignmentError(f"{path}: importing it raised {type(error).__name__}: {error}") from error
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
