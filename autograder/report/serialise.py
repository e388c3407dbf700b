"""GradeReport to JSON and back, exactly, by the published schema."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from autograder.errors import AutograderError
from autograder.records import REPORT_SCHEMA_VERSION, GradeReport

REPORT_NAME = "report.json"
_NONFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_SURROGATE = re.compile("[\ud800-\udfff]")


@functools.cache
def report_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of report.json."""
    source = resources.files("autograder.report") / "schema" / f"report-{REPORT_SCHEMA_VERSION}.schema.json"
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return schema


def to_plain(value: Any) -> Any:
    """Return JSON values for a record or for anything that a record may hold.

    A float that JSON cannot write becomes "inf", "-inf" or "nan": a distance that could not be
    measured must not make the file unreadable. What JSON does not know becomes its text.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _record_to_plain(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return str(value)


def _record_to_plain(record: Any) -> dict[str, Any]:
    record_type: Any = type(record)
    hints = _hints(record_type)
    plain = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        # An int where the record says float would read back as another type: the bytes must not depend on it.
        plain[entry.name] = to_plain(_as_floats(hints[entry.name], value))
    return plain


def _as_floats(hint: Any, value: Any) -> Any:
    if hint is float:
        return float(value)
    if get_origin(hint) is tuple and get_args(hint)[0] is float:
        return tuple(float(item) for item in value)
    if get_origin(hint) is Mapping and get_args(hint)[1] is float:
        return {key: float(item) for key, item in value.items()}
    return value


def dump(value: Any, *, indent: int = 2) -> bytes:
    """Return stable UTF-8 JSON of plain values: sorted keys, a newline at the end.

    A lone surrogate, as a file name that is not UTF-8 leaves it, is written as its JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=indent)
    escaped = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return f"{escaped}\n".encode()


def to_json(report: GradeReport) -> bytes:
    """Return the bytes of report.json; two equal reports give the same bytes."""
    return dump(to_plain(report))


def from_json(data: bytes | str, *, source: str = REPORT_NAME, own: bool = False) -> GradeReport:
    """Return the report that `to_json` wrote.

    Args:
        data: The file's content.
        source: What an error message names.
        own: It is known, by its hash, to be what this version wrote: not compared with the schema again.

    Raises:
        AutograderError: If it is no JSON, of another schema version, or not by the schema.
    """
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise AutograderError(
            f"{source}: not a report: it is no JSON ({error}). Grade this submission again."
        ) from error
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if version != REPORT_SCHEMA_VERSION:
        raise AutograderError(
            f"{source}: schema_version is {version!r}, but this version of autograder reads "
            f"{REPORT_SCHEMA_VERSION}. Grade the submission again, or read it with the version that wrote it."
        )
    problem = "" if own else _schema_problem(plain)
    if problem:
        raise AutograderError(f"{source}: not a report: {problem}. Grade this submission again.")
    report: GradeReport = _build(GradeReport, plain)
    return report


@functools.cache
def _validator() -> Any:
    # jsonschema takes 0.1 s to import, and writing alone does not need it.
    import jsonschema

    return jsonschema.Draft202012Validator(report_schema())


def _schema_problem(plain: Any) -> str:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(plain))
    if error is None:
        return ""
    message = error.message if len(error.message) <= 300 else f"{error.message[:300]}..."
    return f"at {error.json_path}: {message}"


@functools.cache
def _hints(record: Any) -> dict[str, Any]:
    return get_type_hints(record)


def _build(hint: Any, value: Any) -> Any:
    """Return the value that a type hint of a record describes, from schema-checked JSON."""
    return _builder(hint)(value)


@functools.cache
def _builder(hint: Any) -> Callable[[Any], Any]:
    """Return what makes a record's value from schema-checked JSON."""
    if is_dataclass(hint) and isinstance(hint, type):
        builders = {name: _builder(inner) for name, inner in _hints(hint).items()}
        return lambda value: hint(**{name: builders[name](item) for name, item in value.items()})
    if hint is float:
        return lambda value: _NONFINITE[value] if isinstance(value, str) else float(value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        one = _builder(arguments[0])
        return lambda value: tuple(map(one, value))
    if origin is Mapping:
        inner = _builder(arguments[1])
        return lambda value: {key: inner(item) for key, item in value.items()}
    if type(None) in arguments:  # only Diagnosis | None
        given = _builder(arguments[0])
        return lambda value: None if value is None else given(value)
    return lambda value: value


def light(report: GradeReport) -> GradeReport:
    """Return a report without pictures: what a class of a thousand may keep in memory of each."""
    checks = tuple(replace(check, strips=()) for check in report.checks)
    return replace(report, checks=checks, plots=(), shown=())


def read_report(path: Path) -> GradeReport:
    """Read one report.json.

    Raises:
        AutograderError: If the file cannot be read or is no report of this schema version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AutograderError(
            f"{path}: cannot be read ({error.strerror or error}). "
            "Name a report.json that `autograder grade` wrote."
        ) from error
    return from_json(data, source=str(path))


def load_results(folder: Path, damaged: list[str] | None = None) -> list[GradeReport]:
    """Read every report below a results folder, sorted by assignment and student.

    Args:
        folder: What `autograder grade --out` was given; reports lie at <slug>/<student>/report.json.
        damaged: Gets a sentence for each report that cannot be read; None: the first of them is an error.

    Raises:
        AutograderError: If the folder is missing or holds no report, or a report is unreadable.
    """
    if not folder.is_dir():
        raise AutograderError(f"{folder}: no such folder. Name the folder given to `autograder grade --out`.")
    reports: list[GradeReport] = []
    for path in sorted(folder.glob(f"*/*/{REPORT_NAME}")):
        try:
            reports.append(read_report(path))
        except AutograderError as error:
            if damaged is None:
                raise
            damaged.append(str(error))
    if not reports and not damaged:
        raise AutograderError(
            f"{folder}: holds no <assignment>/<student>/{REPORT_NAME}. "
            "Name the folder given to `autograder grade --out`."
        )
    return sorted(reports, key=lambda report: (report.assignment, report.student))
