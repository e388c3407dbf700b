"""The table is complete: every attack of the threat model is tried somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import ELSEWHERE

LAST = 62
SINCE = range(64, 73)


def test_every_attack_of_the_threat_model_is_tried() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    written = re.findall(r'(?:number=|attack\(\s*|": \()"([\dx,]+)"', "\n".join(sources))
    tried = {number for numbers in written for number in numbers.split(",")} | ELSEWHERE.keys()

    assert {str(number) for number in (*range(1, LAST + 1), *SINCE)} - tried == set()
