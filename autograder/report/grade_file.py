"""grade.json: the final grade, by the published schema."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from autograder.records import GRADE_SCHEMA_VERSION, FinalGrade
from autograder.report.serialise import dump, to_plain

GRADE_NAME = "grade.json"


@functools.cache
def grade_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of grade.json."""
    source = resources.files("autograder.report") / "schema" / f"grade-{GRADE_SCHEMA_VERSION}.schema.json"
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return schema


def grade_to_json(grade: FinalGrade) -> bytes:
    """Return the bytes of grade.json; two equal grades give the same bytes."""
    return dump(to_plain(grade))
