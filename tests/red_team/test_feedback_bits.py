"""What hidden checks can tell students, counted in bits, is what the threat model states."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from autograder.checks.decorators import CheckInfo, collect, is_late
from autograder.course.assignment import list_slugs, load_assignment, load_module, load_reference
from autograder.diagnosis import GENERAL, Misconception, misconceptions_of
from autograder.diagnosis.composition import names_used, pairs
from autograder.records import Assignment

ROOT = Path(__file__).parents[2]
MANNERS = 5
"""Texts of the first lost check beside hints at mistakes: its hint, raised, no usable answer, too slow, not written."""

SHARES = {"test_my_attribution_is_faithful": 1000}
"""Points that a check may give, for those that give shares: hundredths."""


def bits(assignment: Assignment) -> dict[str, float]:
    """Return the most that all late checks of an assignment can tell, by the feedback policy."""
    checks = collect(assignment)
    by_id = {info.id: info for info in checks}
    known = misconceptions_of(
        load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    )
    late = [info for info in checks if is_late(info.id, by_id)]
    order = [task.name for task in assignment.tasks]
    mistakes = [_mistakes(info, assignment, known) for info in late]
    points = [1 + SHARES.get(info.id, 1) for info in late]
    # Of each function: one point for changed arguments, and the earlier task that it may follow from. Whether a model
    # was changed is one sentence.
    fixed = 1 + sum(1 + math.log2(1 + order.index(task)) for task in {info.task for info in late})
    first = math.log2(MANNERS + len(GENERAL) + max(len({one.hint for one in own}) for own, _ in mistakes))
    named = [
        worth + len(own) + len(GENERAL) + pairs for worth, (own, pairs) in zip(points, mistakes, strict=True)
    ]
    return {
        "hints": fixed + first + sum(map(math.log2, points)),
        "names": fixed + first + sum(map(math.log2, named)),
    }


def _mistakes(
    info: CheckInfo, assignment: Assignment, known: tuple[Misconception, ...]
) -> tuple[list[Misconception], int]:
    """Return the mistakes that may be diagnosed in a check, and how many pairs of them."""
    own = [one for one in known if one.task == info.task]
    called = names_used(getattr(load_reference(assignment), info.task)) - {info.task}
    earlier = [one for one in known if one.task in called]
    two = len(list(pairs(own))) + sum(one.task in outer.calls for one in earlier for outer in own)
    return [*own, *earlier], two


def stated(policy: str) -> int:
    text = " ".join((ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8").split())
    (figure,) = re.findall(rf"\| `{policy}` \|[^|]*\| (\d+) bits", text)
    return int(figure)


@pytest.mark.parametrize("policy", ["hints", "names"])
def test_no_assignment_tells_more_than_the_threat_model_states(policy: str) -> None:
    most = max(bits(load_assignment(ROOT, slug))[policy] for slug in list_slugs(ROOT))
    assert most <= stated(policy) < most + 1
