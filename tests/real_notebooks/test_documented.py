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
