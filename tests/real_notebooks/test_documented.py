"""docs/real_notebooks.md lists what these tests grade."""

from __future__ import annotations

import pytest

from ..conftest import ROOT
from . import devices, executing, intake, outputs, reading, state
from .handed_in import Case
from .intake import Class

CASES = [
    case
    for kind in (executing, devices, reading, outputs, state, intake)
    for case in (*kind.REPORTED, *kind.INVENTED)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_has_its_row(case: Case | Class) -> None:
    text = (ROOT / "docs" / "real_notebooks.md").read_text(encoding="utf-8")
    assert f"| {case.does} | {case.happens} |" in text


def test_names_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_what_waits_is_listed_as_not_done_yet() -> None:
    text = (ROOT / "docs" / "real_notebooks.md").read_text(encoding="utf-8")
    rows = text.partition("## Not done yet")[2].splitlines()
    waiting = [case for case in CASES if isinstance(case, Case) and case.waits_for]
    assert {row for row in rows if row.startswith("| ")} - {"| the student | waits for |"} == {
        f"| {case.does} | {case.waits_for} |" for case in waiting
    }
