"""Folders as instructors download them: who is in the class, and which file of each is graded."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.records import Submission

from ..conftest import ROOT
from .intake import DONE, GIVEN, INVENTED, REPORTED, SLUG, STUB, WORK, Class


def what(submission: Submission) -> str:
    """Say which notebook a submission is, or why there is none."""
    if submission.problem:
        return submission.problem
    return {DONE: WORK, STUB: GIVEN}.get(submission.path.read_text(encoding="utf-8"), "something else")


@pytest.mark.parametrize("one", [*REPORTED, *INVENTED], ids=lambda one: one.name)
def test_everybody_is_there_with_the_right_file(one: Class, tmp_path: Path) -> None:
    for name, content in one.files().items():
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = discover([tmp_path / "class"], SLUG, tmp_path / "scratch", load_assignment(ROOT, SLUG))
    assert [submission.student for submission in found] == sorted(one.found)
    assert [
        (submission.student, what(submission))
        for submission in found
        if one.found[submission.student] not in what(submission)
    ] == []
