"""What hidden checks can tell students, counted in bits, is what the threat model states."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from autograder.checks.decorators import CheckInfo, collect, is_late
from autograder.course.assignment import list_slugs, load_assignment, load_module, load_reference
from autograder.diagnosis.composition import names_used, pairs
from autograder.diagnosis.misconceptions import (
    AcceptedVariant,
    Misconception,
    accepted_variants_of,
    misconceptions_of,
)
from autograder.records import Assignment

ROOT = Path(__file__).parents[2]
OTHERS = 7
"""Texts of a check beside mistakes' hints and remarks on accepted variants: passed, passed on an input for which single
precision is not enough, its own hint, raised, no usable answer, too slow, not written."""

SHARES = {"test_my_attribution_is_faithful": 1000}
"""Points that a check may give, for those that give shares: hundredths."""


def bits(assignment: Assignment) -> dict[str, float]:
    """Return the most that all late checks of an assignment can tell, by the feedback policy."""
    checks = collect(assignment)
    by_id = {info.id: info for info in checks}
    path = assignment.folder / "misconceptions.py"
    module = load_module(path, f"misconceptions_{assignment.slug}")
    known, variants = misconceptions_of(module), accepted_variants_of(module)
    late = [info for info in checks if is_late(info.id, by_id)]
    told = [_texts(info, assignment, known, variants) for info in late]
    # Arguments that were changed, a sentence for each function; models that were changed, one sentence.
    sentences = len({info.task for info in late}) + 1
    return {
        "hints": sentences + sum(math.log2(hints) for hints, _ in told),
        "names": sentences + sum(math.log2(names) for _, names in told),
    }


def _texts(
    info: CheckInfo,
    assignment: Assignment,
    known: tuple[Misconception, ...],
    variants: tuple[AcceptedVariant, ...],
) -> tuple[int, int]:
    """Return how many different things students read of a check under `hints` and `names`, its points included."""
    own = [one for one in known if one.task == info.task]
    called = names_used(getattr(load_reference(assignment), info.task)) - {info.task}
    earlier = [one for one in known if one.task in called]
    two = len(list(pairs(own))) + sum(
        one.task in names_used(outer.program) for one in earlier for outer in own
    )
    # It may also follow from one of the tasks before.
    before = [task.name for task in assignment.tasks].index(info.task)
    remarks = sum(one.task == info.task for one in variants)
    hints = len({one.hint for one in (*own, *earlier)}) + remarks + before + OTHERS + SHARES.get(info.id, 0)
    return hints, hints + two


def stated(policy: str) -> int:
    text = " ".join((ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8").split())
    (figure,) = re.findall(rf"\| `{policy}` \|[^|]*\| (\d+) bits", text)
    return int(figure)


@pytest.mark.parametrize("policy", ["hints", "names"])
def test_no_assignment_tells_more_than_the_threat_model_states(policy: str) -> None:
    most = max(bits(load_assignment(ROOT, slug))[policy] for slug in list_slugs(ROOT))
    assert most <= stated(policy) < most + 12
