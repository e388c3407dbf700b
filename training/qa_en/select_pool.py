"""Choose the questions that the hidden checks ask: those on which mistakes show, by measurement on both models.

    python -m training.qa_en.select_pool

A candidate is taken for a model, a function and a position (start or end) if

- both models answer it rightly,
- one node of Gauss-Legendre more gives scores less than STEADY apart (the largest logit makes the path rough: in
  between, an answer would depend on the last bits),
- where a start is asked for: the token that wins at the end of the path, explained all along it, gives scores more than
  MOVING off: on the way another token has the largest logit. Every check asks for a start and an end of each model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging

from autograder.assignments import load_assignment, load_module, load_reference
from autograder.quadrature import gauss_legendre
from autograder.tensors import relative_l2
from training.qa_en import PROJECT
from training.qa_en.text import Example, examples
from training.qa_en.train import HIDDEN_FOLDER, SHIPPED_FOLDER, TEXT_SEED

SLUG = "bert_qa_embeddings"
POOL_FILE = PROJECT / "assignments" / SLUG / "pool.tsv"
EXAMPLES_FILE = PROJECT / "student_template" / "data" / "qa_en_examples.tsv"
ROLES = ("shipped", "hidden")
FUNCTIONS = ("embedding_attributions", "subembedding_attributions", "layer_conductance")
STEADY = 0.01
MOVING = 0.10
EACH = 6
"""Questions for each model, function and position."""
CANDIDATES = 3000
SHOWN = 24

Purpose = tuple[str, str, str]
"""Model, function and position."""


class Course:
    """The two models, the reference and the mistakes."""

    def __init__(self) -> None:
        assignment = load_assignment(PROJECT, SLUG)
        self.reference = load_reference(assignment)
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


def select(progress: Callable[[str], None] = print) -> list[tuple[Example, Purpose]]:
    """Return the pool: questions with their purpose, as many starts as ends, each question once."""
    course = Course()
    kept: dict[Purpose, list[Example]] = {
        (role, function, position): []
        for role in ROLES
        for function in FUNCTIONS
        for position in ("start", "end")
    }
    for number, one in enumerate(candidates(), start=1):
        wanting = [purpose for purpose, found in kept.items() if len(found) < EACH]
        if not wanting:
            break
        if course.is_answered(one):
            # What is wanting most comes first.
            wanting.sort(key=lambda purpose: len(kept[purpose]))
            chosen = next((purpose for purpose in wanting if course.shows(one, *purpose)), None)
            if chosen:
                kept[chosen].append(one)
        if number % 20 == 0:
            progress(f"{number} candidates: {[len(found) for found in kept.values()]}")
    return [(one, purpose) for purpose, found in kept.items() for one in found]


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
