"""Read `course.toml` into a record, collecting every problem rather than the first."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autograder.errors import AssignmentError, did_you_mean
from autograder.records.course_settings import (
    AssignmentDates,
    AttemptPolicy,
    CourseSettings,
    Extension,
    LatePolicy,
)

COURSE_FILE = "course.toml"
_KEYS = {
    *("title", "time_zone", "public_address", "hand_in", "attempts", "drop_lowest", "late", "assignments"),
    *("extensions", "groups"),
}
_LATE = {"percent_per_day", "percent_per_hour", "grace_minutes", "free_days", "most_percent"}
_DATES = {"due", "release", "late", "handed_in"}
_EXTENSION = {"student", "group", "assignment", "days", "due"}
_END_OF_DAY = time(23, 59, 59)


def load_course(folder: Path, slugs: Collection[str] | None = None) -> CourseSettings | None:
    """Read a course's settings; None if it has no course.toml.

    Args:
        folder: The course's folder.
        slugs: Its assignments, against which names are checked; None: they are not.

    Raises:
        AssignmentError: With all problems of the file at once.
    """
    path = folder / COURSE_FILE
    if not path.is_file():
        return None
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path}: not readable as TOML: {error}") from None
    except OSError as error:
        raise AssignmentError(f"{path}: cannot be read: {error.strerror}.") from None
    reader = _Reader(slugs)
    settings = reader.course(config)
    if reader.problems:
        lines = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise AssignmentError(f"{path}: {len(reader.problems)} problem(s):\n{lines}")
    return settings


class _Reader:
    """Turns the parsed file into a record."""

    def __init__(self, slugs: Collection[str] | None) -> None:
        self.slugs = slugs
        self.problems: list[str] = []
        self.zone: tzinfo = UTC

    def course(self, config: Mapping[str, Any]) -> CourseSettings:
        self._unknown(config, _KEYS, "")
        self.zone = self._zone(config)
        attempts = config.get("attempts", "last")
        if attempts not in get_args(AttemptPolicy):
            self.problems.append(
                f"'attempts' is {attempts!r}: it must be one of {', '.join(get_args(AttemptPolicy))}."
            )
        assignments = {
            slug: self._dates(table, f"assignments.{slug}: ")
            for slug, table in self._table(config, "assignments", "").items()
            if self._is_known(slug, "assignments: ")
        }
        return CourseSettings(
            title=self._get(config, "title", str, "", ""),
            time_zone=self.zone,
            public_address=self._get(config, "public_address", str, "", ""),
            hand_in=self._get(config, "hand_in", str, "", ""),
            attempts=cast(AttemptPolicy, attempts),
            drop_lowest=self._get(config, "drop_lowest", int, 0, ""),
            late=self._late(self._table(config, "late", ""), "late: "),
            assignments=assignments,
            extensions=tuple(self._extensions(config)),
            groups=self._groups(config),
        )

    def _zone(self, config: Mapping[str, Any]) -> tzinfo:
        name = self._get(config, "time_zone", str, "UTC", "")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problems.append(f"'time_zone' is {name!r}: write a name such as Europe/Berlin.")
            return UTC

    def _unknown(self, table: Mapping[str, Any], known: Collection[str], where: str) -> None:
        self.problems += [
            f"{where}{key!r} is not a setting.{did_you_mean(key, known)}" for key in table if key not in known
        ]

    def _is_known(self, slug: str, where: str) -> bool:
        if self.slugs is None or slug in self.slugs:
            return True
        self.problems.append(
            f"{where}{slug!r} is no assignment of the course.{did_you_mean(slug, self.slugs)}"
        )
        return False

    def _get(self, table: Mapping[str, Any], key: str, kind: Any, otherwise: Any, where: str) -> Any:
        value = table.get(key, otherwise)
        if not isinstance(value, kind) or isinstance(value, bool):
            self.problems.append(f"{where}{key!r} is {value!r}, which is of the wrong type.")
            return otherwise
        if isinstance(value, (int, float)) and not 0 <= value < 10**6:
            self.problems.append(f"{where}{key!r} is {value!r}: it must be a number from 0.")
            return otherwise
        return value

    def _table(self, table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            self.problems.append(f"{where}{key!r} must be a table: write [{key}].")
            return {}
        return value

    def _date(self, table: Mapping[str, Any], key: str, where: str) -> datetime | None:
        """Return a date; a day without a time ends at midnight."""
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, date):
            self.problems.append(
                f"{where}{key!r} is {value!r}: write a date without quotation marks, as in {key} = 2026-12-24T18:00:00."
            )
            return None
        moment = value if isinstance(value, datetime) else datetime.combine(value, _END_OF_DAY)
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    def _late(self, table: Mapping[str, Any], where: str) -> LatePolicy:
        self._unknown(table, _LATE, where)
        if {"percent_per_day", "percent_per_hour"} <= table.keys():
            self.problems.append(
                f"{where}'percent_per_day' and 'percent_per_hour' are both there: keep one of them."
            )
        is_hourly = "percent_per_hour" in table
        per_cent = self._get(
            table, "percent_per_hour" if is_hourly else "percent_per_day", (int, float), 0, where
        )
        return LatePolicy(
            percent=float(per_cent),
            unit=timedelta(hours=1) if is_hourly else timedelta(days=1),
            grace=timedelta(minutes=self._get(table, "grace_minutes", (int, float), 0, where)),
            free_days=self._get(table, "free_days", int, 0, where),
            most_percent=float(min(100, self._get(table, "most_percent", (int, float), 100, where))),
        )

    def _dates(self, table: Any, where: str) -> AssignmentDates:
        if not isinstance(table, dict):
            self.problems.append(f"{where}must be a table.")
            return AssignmentDates()
        self._unknown(table, _DATES, where)
        times = self._table(table, "handed_in", where)
        handed_in = {name: self._date(times, name, f"{where}handed_in: ") for name in times}
        return AssignmentDates(
            due=self._date(table, "due", where),
            release=self._date(table, "release", where),
            late=self._late(self._table(table, "late", where), f"{where}late: ") if "late" in table else None,
            handed_in={name: moment for name, moment in handed_in.items() if moment is not None},
        )

    def _extensions(self, config: Mapping[str, Any]) -> list[Extension]:
        tables = config.get("extensions", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.problems.append("'extensions' must be tables: write [[extensions]].")
            return []
        found = []
        for number, table in enumerate(tables, start=1):
            where = f"extensions[{number}]: "
            self._unknown(table, _EXTENSION, where)
            who = [self._get(table, key, str, "", where) for key in ("student", "group") if key in table]
            if len(who) != 1:
                self.problems.append(f"{where}name either a 'student' or a 'group'.")
            if len({"days", "due"} & table.keys()) != 1:
                self.problems.append(f"{where}give either 'days' or 'due'.")
            slug = self._get(table, "assignment", str, "", where)
            if slug:
                self._is_known(slug, where)
            days, due = self._get(table, "days", (int, float), 0, where), self._date(table, "due", where)
            found.append(Extension(who=(who or [""])[0], assignment=slug, days=float(days), due=due))
        return found

    def _groups(self, config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        groups = self._table(config, "groups", "")
        for name, members in groups.items():
            if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
                self.problems.append(f'groups: {name!r} must be a list of names: {name} = ["Ada", "Bob"].')
        names = [
            one
            for members in groups.values()
            if isinstance(members, list)
            for one in members
            if isinstance(one, str)
        ]
        self.problems += [
            f"groups: {one!r} is in several groups." for one in dict.fromkeys(names) if names.count(one) > 1
        ]
        return {name: tuple(members) for name, members in groups.items() if isinstance(members, list)}
