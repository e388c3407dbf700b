"""Read `submission_metadata.yml` of a Gradescope export: whose each `submission_<id>` folder is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from autograder.course.submissions.layouts import Stated
from autograder.course.submissions.names import GRADESCOPE_METADATA

_MAX_BYTES = 16 * 2**20


def read_metadata(folder: Path) -> dict[str, list[Stated]]:
    """Return the students of each folder of an export.

    Args:
        folder: Where the metadata lies; without a readable one nobody is named.
    """
    path = folder / GRADESCOPE_METADATA
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return {}
    if not isinstance(data, Mapping):
        return {}
    return {str(name): students for name, entry in data.items() if (students := _students(entry))}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads every scalar as text: an id of digits keeps its zeros, a date its form."""


_Loader.yaml_implicit_resolvers = {}


def _students(entry: Any) -> list[Stated]:
    # Gradescope is written in Ruby, so its keys are symbols: `:name`.
    if not isinstance(entry, Mapping):
        return []
    entry = {str(key).lstrip(":"): value for key, value in entry.items()}
    submitters = entry.get("submitters")
    found = []
    for submitter in submitters if isinstance(submitters, list) else []:
        if not isinstance(submitter, Mapping):
            continue
        fields = {
            str(key).lstrip(":"): value.strip() for key, value in submitter.items() if isinstance(value, str)
        }
        number = fields.get("sid") or fields.get("email") or ""
        name = fields.get("name") or number
        if name:
            created = _text(entry.get("created_at"))
            found.append(
                Stated(
                    student=name,
                    id=number,
                    email=fields.get("email", ""),
                    platform="Gradescope",
                    attempt=created,
                    handed_in=created,
                    is_late=_is_late(entry.get("lateness")),
                )
            )
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_late(lateness: Any) -> bool:
    """Return whether a lateness such as 00:12:30 or 750 seconds is more than none."""
    return any(letter in "123456789" for letter in _text(lateness))
