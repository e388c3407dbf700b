"""The table is complete: every attack of the threat model is tried somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import ELSEWHERE

LAST = 62
SINCE = range(64, 73)
THREAT_MODEL = Path(__file__).parents[2] / "docs" / "threat_model.md"


def _tried() -> set[str]:
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    written = re.findall(r'(?:number=|attack\(\s*|": \()"([\dx,]+)"', "\n".join(sources))
    return {number for numbers in written for number in numbers.split(",")} | ELSEWHERE.keys()


def test_every_attack_of_the_threat_model_is_tried() -> None:
    assert {str(number) for number in (*range(1, LAST + 1), *SINCE)} - _tried() == set()


def test_the_threat_model_lists_the_attacks_that_came_later() -> None:
    listed = re.findall(r"^\| (1\d\d) \|", THREAT_MODEL.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(number for number in _tried() if re.fullmatch(r"1\d\d", number))
