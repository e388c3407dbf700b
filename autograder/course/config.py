"""Read `assignment.toml` into records, collecting every problem rather than the first."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.course.feedback_config import BEGINS, LEVEL, read_policy
from autograder.course.misplaced import misplaced_files
from autograder.errors import did_you_mean
from autograder.records import Assignment, Limits, ModelSpec, Task, WrittenQuestion

_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_REVISION = re.compile(r"([0-9a-f]{40})?")
_ATTENTION = ("eager", "sdpa")
_KEYS = frozenset(
    {"title", "points", "limits", "tasks", "questions", "profiles", "metrics", "goals", LEVEL, BEGINS}
)


class ConfigReader:
    """Turns the parsed TOML of one assignment into a record.

    Args:
        config: The parsed file.

    Attributes:
        problems: A sentence for each setting that is wrong, missing or unknown.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.problems: list[str] = []
        self._task_names: list[str] = []

    def assignment(self, course_dir: Path, folder: Path, slug: str) -> Assignment | None:
        """Return the assignment, or None where there are problems."""
        if not _SLUG.fullmatch(slug):
            self.problems.append(
                f"the folder's name {slug!r} is no slug: use lower-case letters, digits and underscores."
            )
        self._unknown(self.config, _KEYS, "")
        reference = course_dir / "reference" / f"{slug}.py"
        for needed in (reference, folder / "checks.py"):
            if not needed.is_file():
                self.problems.append(f"{needed.relative_to(course_dir)} is missing.")
        self.problems += misplaced_files(folder)
        title = self._get(self.config, "title", str, "")
        points = self._get(self.config, "points", (int, float), "")
        tasks = tuple(self._tasks())
        questions = tuple(self._questions())
        models = self._models(course_dir, folder)
        metrics = self._metrics()
        goals = self._sentences(self.config, "goals", "")
        feedback = read_policy(self.config, self.problems)
        limits = self._limits(self.config, Limits(), "")
        profile_limits = self._profile_limits(limits)
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
            goals=goals,
            metrics=metrics,
            limits=limits,
            profile_limits=profile_limits,
            feedback=feedback,
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

    def _unrepeated(self, tables: str, key: str, names: list[Any]) -> list[str]:
        """Report names that several tables have; return each name once."""
        counts = Counter(name for name in names if isinstance(name, str) and name)
        self.problems += [
            f"{tables}: {count} have the {key} {name!r}. Rename all but one."
            for name, count in counts.items()
            if count > 1
        ]
        return list(counts)

    def _tasks(self) -> list[Task]:
        tasks = []
        for number, table in enumerate(self._tables("tasks"), start=1):
            where = f"tasks[{number}]: "
            self._unknown(table, frozenset({"name", "title", "expected", "minutes"}), where)
            name, title, expected = (
                self._get(table, key, str, where) for key in ("name", "title", "expected")
            )
            if isinstance(name, str) and name and not name.isidentifier():
                self.problems.append(f"{where}'name' is {name!r}, which is no Python function's name.")
            tasks.append((name, title, expected, self._minutes(table, where)))
        self._task_names = self._unrepeated("tasks", "name", [name for name, *_ in tasks])
        if not tasks:
            self.problems.append("'tasks' is missing: name at least one function with [[tasks]].")
        return [] if self.problems else [Task(name=n, title=t, expected=e, minutes=m) for n, t, e, m in tasks]

    def _questions(self) -> list[WrittenQuestion]:
        found = []
        for number, table in enumerate(self._tables("questions"), start=1):
            where = f"questions[{number}]: "
            self._unknown(table, frozenset({"id", "title", "points", "rubric", "minutes"}), where)
            identity, title = (self._get(table, key, str, where) for key in ("id", "title"))
            points = self._get(table, "points", (int, float), where)
            rubric = self._sentences(table, "rubric", where)
            found.append((identity, title, points, rubric, self._minutes(table, where)))
        for identity in self._unrepeated("questions", "id", [identity for identity, *_ in found]):
            cells = dict.fromkeys(self._task_names, "cell")
            cells |= {f"check-{name}": "check cell" for name in self._task_names}
            if identity in cells:
                self.problems.append(
                    f"questions: {identity!r} is the id of a task's {cells[identity]} as well. Choose another id."
                )
        if self.problems:
            return []
        return [
            WrittenQuestion(id=identity, title=title, points=float(points), rubric=rubric, minutes=minutes)
            for identity, title, points, rubric, minutes in found
        ]

    def _minutes(self, table: Mapping[str, Any], where: str) -> Any:
        return self._get(table, "minutes", (int, float), where) if "minutes" in table else 0.0

    def _sentences(self, table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        lines = table.get(key, [])
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            self.problems.append(f"{where}{key!r} must be a list of sentences.")
            return ()
        return tuple(lines)

    def _metrics(self) -> dict[str, str]:
        """Read the sentences that say what measured figures mean."""
        table = self.config.get("metrics", {})
        if not isinstance(table, dict):
            self.problems.append("'metrics' must be a table: write [metrics].")
            return {}
        return {name: self._get(table, name, str, "metrics: ") for name in table}

    def _limits(self, holder: Mapping[str, Any], otherwise: Limits, where: str) -> Limits:
        """Read a table `limits`; what it leaves out stays as it is otherwise."""
        table = holder.get("limits", {})
        kinds = dataclasses.asdict(otherwise)
        if not isinstance(table, dict):
            self.problems.append(f"{where}'limits' must be a table: write [{where}limits].")
            return otherwise
        where += "limits: "
        self._unknown(table, frozenset(kinds), where)
        chosen: dict[str, Any] = {}
        for key in kinds.keys() & table.keys():
            value = self._get(table, key, (int, float), where)
            if value == 0:
                self.problems.append(f"{where}{key!r} is 0: it must be above 0.")
            elif isinstance(value, (int, float)):
                chosen[key] = type(kinds[key])(value)
        found = dataclasses.replace(otherwise, **chosen)
        if found.threads > found.most_threads:
            self.problems.append(
                f"{where}'threads' is {found.threads}: half of 'processes' ({found.processes}) at most."
            )
        return found

    def _profile_limits(self, otherwise: Limits) -> dict[str, Limits]:
        profiles = self.config.get("profiles", {})
        if not isinstance(profiles, dict):
            return {}
        return {
            name: self._limits(table, otherwise, f"profiles.{name}.")
            for name, table in profiles.items()
            if isinstance(table, dict) and "limits" in table
        }

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
            self._unknown(roles, frozenset({"shipped", "hidden", "limits"}), f"profiles.{profile}: ")
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
        self._unknown(
            table, frozenset({"path", "loader", "tokenizer", "attention", "hub", "revision"}), where
        )
        attention = table.get("attention", "")
        if attention not in ("", *_ATTENTION):
            self.problems.append(
                f"{where}'attention' is {attention!r}: it must be one of {', '.join(_ATTENTION)}."
            )
            return None
        if "hub" in table:
            return self._hub_model(table, role, where, attention)
        path, loader = (self._get(table, key, str, where) for key in ("path", "loader"))
        has_tokenizer = table.get("tokenizer") is not False
        tokenizer = table.get("tokenizer", path) if has_tokenizer else path
        if "revision" in table:
            self.problems.append(f"{where}'revision' belongs to a model of the hub: name it with 'hub'.")
        if not (isinstance(tokenizer, str) and tokenizer) and path is not None:
            self.problems.append(
                f"{where}'tokenizer' is {tokenizer!r}: write the tokenizer's folder, or false for a model without one."
            )
        if not all(isinstance(value, str) and value for value in (path, loader, tokenizer)):
            return None
        if ":" not in loader:
            self.problems.append(f"{where}'loader' is {loader!r}: write module:Class.")
        return ModelSpec(
            role=role,
            path=base / path,
            loader=loader,
            tokenizer=base / tokenizer,
            has_tokenizer=has_tokenizer,
            attention=attention,
        )

    def _hub_model(self, table: Mapping[str, Any], role: Any, where: str, attention: str) -> ModelSpec | None:
        name, loader = (self._get(table, key, str, where) for key in ("hub", "loader"))
        revision = table.get("revision", "")
        if not (isinstance(revision, str) and _REVISION.fullmatch(revision)):
            self.problems.append(
                f"{where}'revision' is {revision!r}: write the whole hash of a commit, 40 of 0-9 and a-f, so that "
                "every machine gets the same weights."
            )
        for key in {"path", "tokenizer"} & table.keys():
            self.problems.append(
                f"{where}{key!r} belongs to a folder; a model of the hub has 'hub' and 'revision'."
            )
        if not all(isinstance(value, str) and value for value in (name, loader)):
            return None
        if ":" not in loader:
            self.problems.append(f"{where}'loader' is {loader!r}: write module:Class.")
        return ModelSpec(
            role=role,
            path=Path(),
            loader=loader,
            tokenizer=Path(),
            attention=attention,
            hub=name,
            revision=str(revision),
        )
