"""Name what explains a wrong answer, in one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.diagnosis.misconceptions import Misconception
from autograder.diagnosis.query import Explanation
from autograder.diagnosis.transforms import Transformed
from autograder.records import Diagnosis, NamedMistake

JOIN = " + "
"""Between the ids of a diagnosis that names several things."""


@dataclass(frozen=True, slots=True)
class Match:
    """Something that reproduces the answer."""

    known: tuple[Misconception, ...]
    """The mistakes that were made, the outer one first."""

    distance: float
    """From what they give to the answer, in the check's metric."""

    prefix: str = ""
    """What goes before the title."""

    where: str = ""
    """In which items, where it is not in all."""

    transform: Transformed | None = None
    """What was done to their result."""

    @property
    def ids(self) -> frozenset[str]:
        """What the known mistakes are called."""
        return frozenset(one.id for one in self.known)


def named(found: Sequence[Match]) -> Explanation:
    """Name what all explanations have in common, if they have anything."""
    if not found:
        return Explanation()
    if len(found) > 1 and len({one.ids for one in found}) > 1:
        shared = frozenset.intersection(*(one.ids for one in found))
        detail = "The values equal those of each of these, so that none is named: " + "; ".join(
            JOIN.join(known.id for known in one.known) for one in found
        )
        known = tuple(one for one in found[0].known if one.id in shared)
        if not known or any(one.transform for one in found):
            return Explanation(detail=detail)
        best = replace(found[0], known=known)
        return replace(_of(best, " Another mistake goes with it."), detail=detail)
    return _of(min(found, key=lambda one: one.distance))


def _of(found: Match, suffix: str = "") -> Explanation:
    ids = [one.id for one in found.known] + ([found.transform.id] if found.transform else [])
    titles = [one.title for one in found.known] + ([found.transform.title] if found.transform else [])
    apart = "Apart from that: " if found.known else ""
    hints = [one.hint for one in found.known] + ([apart + found.transform.hint] if found.transform else [])
    title = found.prefix + " And: ".join(titles) + found.where + suffix
    return Explanation(
        diagnosis=Diagnosis(
            misconception=JOIN.join(ids),
            title=title,
            hint=" ".join(hints),
            distance=found.distance,
            mistakes=tuple(NamedMistake(title=one.title, hint=one.hint) for one in found.known),
        ),
        known=found.known,
        detail=found.transform.detail if found.transform else "",
    )
