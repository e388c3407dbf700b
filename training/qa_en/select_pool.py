"""Choose the questions that the hidden checks ask: those on which mistakes show, by measurement on both models.

    python -m training.qa_en.select_pool

A candidate is taken for a position (start or end) if on both models

- it is answered rightly,
- 50 and 51 nodes of Gauss-Legendre give attributions less than STEADY apart (the largest logit makes the path rough: in
  between, an answer would depend on the last bits), and likewise for the conductance,
- the token that wins at the end of the path, explained all along it, gives attributions more than MOVING off: on the
  way another token has the largest logit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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
STEADY = 0.01
MOVING = 0.10
POOL_SIZE = 24
CANDIDATES = 600
SHOWN = 24


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

    def kept_positions(self, one: Example) -> list[str]:
        """Return the positions that a question may be asked for."""
        if not all(self.is_right(model, tokenizer, one) for model, tokenizer in self.models):
            return []
        return [
            position
            for position in ("start", "end")
            if all(self.shows(model, tokenizer, one, position) for model, tokenizer in self.models)
        ]

    def is_right(self, model: Any, tokenizer: Any, one: Example) -> bool:
        """Say whether a model answers the question."""
        answer = self.reference.predict_answer(model, tokenizer, one.question, one.text)[2]
        return "".join(answer.split()) == "".join(one.answer.lower().split())

    def shows(self, model: Any, tokenizer: Any, one: Example, position: str) -> bool:
        """Say whether a question is steady and shows a fixed position, in all three functions."""
        inputs = self.reference.build_inputs(tokenizer, one.question, one.text)
        return all(
            relative_l2(by(gauss_legendre(more)), right) < STEADY and relative_l2(fixed, right) > MOVING
            for by, more, right, fixed in self.measured(model, inputs, position)
        )

    def measured(
        self, model: Any, inputs: dict[str, Tensor], position: str
    ) -> Iterator[tuple[Callable[..., Tensor], int, Tensor, Tensor]]:
        """Yield, by function: scores by a rule, its number of nodes and one more, the right scores, a fixed position's."""
        mistakes = self.mistakes

        def whole(rule: Any) -> Tensor:
            return mistakes._summarised(mistakes._whole(model, inputs, position, rule=rule))

        def parts(rule: Any) -> Tensor:
            return torch.cat([mistakes._summarised(one) for one in mistakes._parts(model, inputs, position, rule=rule)])

        def flow(rule: Any) -> Tensor:
            return mistakes._rows(mistakes._conducted(mistakes._flow(model, inputs, position, rule=rule)))

        run = partial(self.reference_answer, model, inputs, position)
        yield whole, 51, run("embedding_attributions"), mistakes.fixed_position(None, model, inputs, position)
        yield parts, 51, run("subembedding_attributions"), self.joined(
            mistakes.parts_fixed_position(None, model, inputs, position)
        )
        yield flow, 52, run("layer_conductance"), mistakes.conductance_of_a_fixed_position(
            None, model, inputs, position
        )

    def reference_answer(self, model: Any, inputs: dict[str, Tensor], position: str, function: str) -> Tensor:
        """Return a function's scores as one tensor."""
        return self.joined(getattr(self.reference, function)(model, inputs, position))

    @staticmethod
    def joined(scores: Any) -> Tensor:
        """Return scores by name as one tensor, others as they are."""
        return torch.cat(list(scores.values())) if isinstance(scores, dict) else scores


def candidates() -> list[Example]:
    """Return questions about held-out pairs, in passages of two and three sentences."""
    return examples(CANDIDATES, TEXT_SEED + 10, (2, 3, 3), held_out=True)


def select(progress: Callable[[str], None] = print) -> list[tuple[Example, str]]:
    """Return the pool: questions with their positions, as many starts as ends."""
    course = Course()
    found: dict[str, list[Example]] = {"start": [], "end": []}
    for number, one in enumerate(candidates()):
        for position in course.kept_positions(one):
            # No question stands in the pool twice.
            if len(found[position]) < POOL_SIZE // 2 and one not in found["start"]:
                found[position].append(one)
        if number % 20 == 19:
            progress(f"{number + 1} candidates: {', '.join(f'{len(v)} {k}s' for k, v in found.items())}")
        if all(len(kept) == POOL_SIZE // 2 for kept in found.values()):
            break
    return [(one, position) for position, kept in found.items() for one in kept]


def shown() -> list[Example]:
    """Return questions for the students: the one of the notebook first, then one of each frame and more."""
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
    known = [one for one in shown() if all(course.is_right(*pair, one) for pair in course.models)]
    write(
        EXAMPLES_FILE,
        [("question", "text", "answer"), *((one.question, one.text, one.answer) for one in known)],
    )
    pool = select()
    write(
        POOL_FILE,
        [
            ("question", "text", "answer", "position"),
            *((one.question, one.text, one.answer, position) for one, position in pool),
        ],
    )
    print(f"{len(known)} questions for students, {len(pool)} in the pool")


if __name__ == "__main__":
    main()
