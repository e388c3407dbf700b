"""Choose the questions that the hidden checks ask: those on which mistakes show, by measurement on both models.

    python -m training.qa_en.select_pool

What the file holds is kept, and completed where something is missing; remove it to choose all anew, after a model
changed. Then training.qa_en.choose_common marks which of them everyone is asked.

A candidate is taken for a model, a function and a position (start or end) if

- both models answer it rightly,
- one node of Gauss-Legendre more gives scores less than STEADY apart (the largest logit makes the path rough: in
  between, an answer would depend on the last bits),
- where a start is asked for: the token that wins at the end of the path, explained all along it, gives scores more than
  MOVING off: on the way another token has the largest logit. Every check asks for a start and an end of each model.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging

from autograder.attribution.quadrature import gauss_legendre
from autograder.comparison.tensors import relative_l2
from autograder.course.assignment import load_assignment, load_module, load_reference
from training.qa_en import PROJECT
from training.qa_en.text import Example, examples
from training.qa_en.train import HIDDEN_FOLDER, SHIPPED_FOLDER, TEXT_SEED

SLUG = "bert_qa_embeddings"
POOL_FILE = PROJECT / "assignments" / SLUG / "data" / "pool.tsv"
EXAMPLES_FILE = PROJECT / "student_template" / "data" / "qa_en_examples.tsv"
ROLES = ("shipped", "hidden")
FUNCTIONS = ("embedding_attributions", "subembedding_attributions", "layer_conductance")
STEADY = 0.01
MOVING = 0.10
EACH = 6
"""Questions for each model, function and position."""
PAIRED = 5
"""Lengths of which there are two starts, for each model and function, as far as the candidates go."""
CANDIDATES = 3000
SHOWN = 24

Purpose = tuple[str, str, str]
"""Model, function and position."""


class Course:
    """The two models, the reference and the mistakes."""

    def __init__(self) -> None:
        assignment = load_assignment(PROJECT, SLUG)
        self.reference = load_reference(assignment)
        self._lengths: dict[tuple[str, Example], int] = {}
        self.mistakes = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{SLUG}")
        self.models = [
            (
                AutoModelForQuestionAnswering.from_pretrained(folder).eval(),
                AutoTokenizer.from_pretrained(folder),
            )
            for folder in (SHIPPED_FOLDER, HIDDEN_FOLDER)
        ]

    def is_answered(self, one: Example) -> bool:
        """Say whether both models answer the question."""
        return all(self.is_right(*pair, one) for pair in self.models)

    def is_right(self, model: Any, tokenizer: Any, one: Example) -> bool:
        """Say whether a model answers the question."""
        answer = self.reference.predict_answer(model, tokenizer, one.question, one.text)[2]
        return "".join(answer.split()) == "".join(one.answer.lower().split())

    def length(self, role: str, one: Example) -> int:
        """Return the number of tokens that a model reads."""
        if (role, one) not in self._lengths:
            _, tokenizer = self.models[ROLES.index(role)]
            self._lengths[role, one] = len(tokenizer(one.question, one.text)["input_ids"])
        return self._lengths[role, one]

    def shows(self, one: Example, role: str, function: str, position: str) -> bool:
        """Say whether a question is steady and, for a start, shows a fixed position."""
        model, tokenizer = self.models[ROLES.index(role)]
        inputs = self.reference.build_inputs(tokenizer, one.question, one.text)
        asked = (model, inputs, position)
        right = self.scores(function, asked)
        if relative_l2(self.scores(function, asked, more=1), right) >= STEADY:
            return False
        return position == "end" or relative_l2(self.fixed(function, asked), right) > MOVING

    def scores(self, function: str, asked: tuple[Any, ...], more: int = 0) -> Tensor:
        """Return a function's scores with that many nodes more than the contract's."""
        made = self.mistakes
        if function == "embedding_attributions":
            return made._summarised(made._whole(*asked, rule=gauss_legendre(50 + more)))
        if function == "subembedding_attributions":
            return self.joined(made._summarised_parts(made._parts(*asked, rule=gauss_legendre(50 + more))))
        return made._rows(made._conducted(made._flow(*asked, rule=gauss_legendre(51 + more))))

    def fixed(self, function: str, asked: tuple[Any, ...]) -> Tensor:
        """Return the scores of the token that wins at the end of the path."""
        name = {
            "embedding_attributions": "fixed_position",
            "subembedding_attributions": "parts_fixed_position",
            "layer_conductance": "conductance_of_a_fixed_position",
        }[function]
        return self.joined(getattr(self.mistakes, name)(None, *asked))

    @staticmethod
    def joined(scores: Any) -> Tensor:
        """Return scores by name as one tensor, others as they are."""
        return torch.cat(list(scores.values())) if isinstance(scores, dict) else scores


def candidates() -> list[Example]:
    """Return questions about held-out pairs, in passages of one to three sentences."""
    return examples(CANDIDATES, TEXT_SEED + 10, (1, 2, 2, 3), held_out=True)


class Kept:
    """The questions kept so far, by purpose: first EACH, then more starts of the same lengths."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.found: dict[Purpose, list[Example]] = {
            (role, function, position): []
            for role in ROLES
            for function in FUNCTIONS
            for position in ("start", "end")
        }

    def take_over(self, path: Path) -> None:
        """Begin with what a pool file holds."""
        known = {(one.question, one.text): one for one in candidates()}
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                purpose = row["model"], row["function"], row["position"]
                self.found[purpose].append(known[row["question"], row["text"]])

    def holds(self, one: Example) -> bool:
        """Say whether a question is kept already."""
        return any(one in found for found in self.found.values())

    def lengths(self, purpose: Purpose) -> Counter[int]:
        """Return how many questions of a purpose have which length."""
        return Counter(self.course.length(purpose[0], one) for one in self.found[purpose])

    def wanting(self) -> list[Purpose]:
        """Return the purposes that want questions, the one that wants most first."""
        few = [purpose for purpose, found in self.found.items() if len(found) < EACH]
        starts = [
            purpose for purpose in self.found if purpose[2] == "start" and self.paired(purpose) < PAIRED
        ]
        return sorted(few or starts, key=lambda purpose: len(self.found[purpose]))

    def paired(self, purpose: Purpose) -> int:
        """Return at how many lengths there are two questions at least."""
        return sum(count > 1 for count in self.lengths(purpose).values())

    def fits(self, one: Example, purpose: Purpose) -> bool:
        """Say whether a question has a length that is wanted for a purpose."""
        few = len(self.found[purpose]) < EACH
        return few or self.lengths(purpose)[self.course.length(purpose[0], one)] == 1


def select(progress: Callable[[str], None] = print) -> list[tuple[Example, Purpose]]:
    """Return the pool: questions with their purpose, each question once; first those that it has."""
    course = Course()
    kept = Kept(course)
    if POOL_FILE.exists():
        kept.take_over(POOL_FILE)
    for number, one in enumerate(candidates(), start=1):
        wanting = kept.wanting()
        if not wanting:
            break
        fitting = [purpose for purpose in wanting if kept.fits(one, purpose)]
        if fitting and not kept.holds(one) and course.is_answered(one):
            chosen = next((purpose for purpose in fitting if course.shows(one, *purpose)), None)
            if chosen:
                kept.found[chosen].append(one)
        if number % 20 == 0:
            progress(f"{number} candidates: {[len(found) for found in kept.found.values()]}")
    return [(one, purpose) for purpose, found in kept.found.items() for one in found]


def shown() -> list[Example]:
    """Return questions for the students: one of each frame, then more."""
    drawn = examples(400, TEXT_SEED + 11, (2, 3))
    first: dict[str, Example] = {}
    for one in drawn:
        first.setdefault(one.frame, one)
    rest = [one for one in drawn if one not in first.values()]
    return [*first.values(), *rest][:SHOWN]


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Write a tab-separated table."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Write both files."""
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    course = Course()
    known = [one for one in shown() if course.is_answered(one)]
    write(
        EXAMPLES_FILE,
        [("question", "text", "answer"), *((one.question, one.text, one.answer) for one in known)],
    )
    pool = select(progress=lambda line: print(line, flush=True))
    write(
        POOL_FILE,
        [
            ("question", "text", "answer", "model", "function", "position"),
            *((one.question, one.text, one.answer, *purpose) for one, purpose in pool),
        ],
    )
    print(f"{len(known)} questions for students, {len(pool)} in the pool")


if __name__ == "__main__":
    main()
