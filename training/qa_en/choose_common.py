"""Choose which questions of the two pools everyone is asked, and which are some student's own; marks them there.

    python -m training.qa_en.choose_common bert_qa_embeddings
    python -m training.qa_en.choose_common bert_qa_attention

Points of a program must not depend on what is drawn. Every program with a known grade (misconceptions and
`verification/borderline.py`) answers every question, and four questions become everyone's: two of one model, of equal
length and for the same position (an answer that was stored under a shape is asked for another input of that shape), a
start and an end of the other. Of all such choices that one is taken with which no program lies near the tolerance that
calibration would place. A question stays for the draw if it finds nothing against a program that everyone's questions
do not find. To be run again, before calibration, when a model changes.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

import torch

from autograder.authoring.verify.name_invariance import NamedProgram, programs_of
from autograder.checks.course_context import Course, load_course
from autograder.comparison.tensors import as_tensor, distance
from autograder.comparison.tolerances import measure
from autograder.course.assignment import load_assignment
from autograder.course.models import load
from autograder.errors import AssignmentError
from training.qa_en import PROJECT
from training.qa_en.select_pool import ROLES, write

CLEAR = 1.2
"""How far from the tolerance a distance has to lie, as a factor, so that another machine gives the same verdict."""
RIGHT = ("reference", "equivalent", "accepted variant")
ENOUGH = 6
"""Questions to draw from, for each model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of the pool for a function, a model and a position."""

    number: int
    """Its row in the pool."""

    function: str
    """Whose it is."""

    role: str
    """The model's."""

    position: str
    """start or end."""

    length: int
    """How many tokens the model reads."""


Distances = Mapping[NamedProgram, Mapping[Asked, float]]
"""By program: how far it lies off on which question."""


def off(actual: Any, expected: Any) -> float:
    """Return the relative distance of an answer, of the worst part or layer; infinite for another form."""
    if isinstance(expected, dict):
        return max(off(actual[name], values) for name, values in expected.items())
    got = as_tensor(actual)
    if got is None or got.shape != expected.shape:
        return math.inf
    return float(distance(got, expected, "relative_l2", 0 if expected.dim() > 1 else None))


def purposes(row: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield for which function, model and position a row of either pool may be asked."""
    if "function" in row:
        yield row["function"], row["model"], row["position"]
        return
    for role, position in product(ROLES, ("start", "end")):
        if row[f"{role}_{position}"]:
            yield "attention_attributions", role, position


def ask_all(course: Course, table: Sequence[Mapping[str, str]], function: str) -> Distances:
    """Ask every program every question of a function."""
    found: dict[NamedProgram, dict[Asked, float]] = {}
    loaded = {
        spec.role: load(spec, course.assignment.student_dir) for spec in course.assignment.models["tiny"]
    }
    programs = [one for one in programs_of(course) if one.task == function]
    for number, row in enumerate(table):
        for name, role, position in purposes(row):
            if name != function:
                continue
            inputs = course.reference.build_inputs(loaded[role].tokenizer, row["question"], row["text"])
            length = inputs["input_ids"].shape[1]
            asked = Asked(number=number, function=name, role=role, position=position, length=length)
            arguments = loaded[role].model, inputs, position
            expected = getattr(course.reference, function)(*arguments)
            for program in programs:
                answer = program.run(course.reference, *arguments)
                found.setdefault(program, {})[asked] = off(answer, expected)
            print(function, number, role, position, flush=True)
    return found


def choices(every: Sequence[Asked]) -> Iterator[tuple[Asked, ...]]:
    """Yield what everyone may be asked."""
    for alike, other in (ROLES, ROLES[::-1]):
        pairs = [
            pair
            for pair in combinations([one for one in every if one.role == alike], 2)
            if len({(one.position, one.length) for one in pair}) == 1
        ]
        starts, ends = (
            [one for one in every if (one.role, one.position) == (other, position)]
            for position in ("start", "end")
        )
        mixed = [both for both in product(starts, ends) if both[0].length != both[1].length]
        yield from (pair + both for pair, both in product(pairs, mixed))


def drawn(common: Sequence[Asked], distances: Distances, tau: float) -> list[Asked]:
    """Return the questions that may be drawn beside everyone's."""
    accepted = [one for one in distances.values() if max(one[asked] for asked in common) <= tau * CLEAR]
    return [
        asked
        for asked in next(iter(distances.values()))
        if asked not in common and all(one[asked] <= tau / CLEAR for one in accepted)
    ]


def tolerance(common: Sequence[Asked], distances: Distances) -> float:
    """Return the bound that calibration would place if these were asked."""
    right = {program.id: max(one.values()) for program, one in distances.items() if program.kind in RIGHT}
    wrong = {
        program.id: max(one[asked] for asked in common)
        for program, one in distances.items()
        if program.kind == "misconception"
    }
    return measure(right, wrong).tau


def worth(common: Sequence[Asked], distances: Distances) -> tuple[int, float]:
    """Return how many questions are left to draw from, and how far from the bound the nearest program lies."""
    try:
        tau = tolerance(common, distances)
    except AssignmentError:
        return 0, 0.0
    left = [one.role for one in drawn(common, distances, tau)]
    found = [max(one[asked] for asked in common) / tau for one in distances.values()]
    clear = min(abs(math.log(each)) for each in found if each)
    return min(ENOUGH, *(left.count(role) for role in ROLES)), clear


def mark(table: Sequence[dict[str, str]], common: Sequence[Asked], own: Sequence[Asked]) -> None:
    """Write into the rows of a pool who is asked them."""
    for kind, chosen in (("everyone", common), ("own", own)):
        for one in chosen:
            row = table[one.number]
            if "function" in row:
                row["asked"] = kind
            else:
                row[kind] = " ".join([*row[kind].split(), f"{one.role}_{one.position}"])


def main(slug: str) -> None:
    """Choose and mark."""
    torch.set_num_threads(1)
    course = load_course(load_assignment(PROJECT, slug))
    path: Path = course.assignment.data_dir / "pool.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in table:
        row.update(dict.fromkeys(["asked"] if "function" in row else ["everyone", "own"], ""))
    for function in dict.fromkeys(name for row in table for name, *_ in purposes(row)):
        distances = ask_all(course, table, function)
        every = list(next(iter(distances.values())))
        common = max(choices(every), key=partial(worth, distances=distances))
        own = drawn(common, distances, tolerance(common, distances))
        mark(table, common, own)
        print(function, "everyone:", common, "own:", len(own), "worth:", worth(common, distances))
    write(path, [tuple(table[0]), *(tuple(row.values()) for row in table)])


if __name__ == "__main__":
    main(sys.argv[1])
