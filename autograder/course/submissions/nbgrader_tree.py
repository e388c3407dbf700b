"""Read `timestamp.txt`, which nbgrader writes beside what a student handed in."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from autograder.course.submissions.layouts import Stated

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\w:.+/ -]{0,40}")
_MAX_BYTES = 200


def with_timestamp(stated: Stated, folder: Path) -> Stated:
    """Add when a student handed in, where the folder says so.

    Whether that was late depends on a date that only the course knows.
    """
    path = folder / "timestamp.txt"
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return stated
        moment = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return stated
    if not _MOMENT.fullmatch(moment):
        return stated
    return replace(stated, platform="nbgrader", attempt=moment, handed_in=moment)
