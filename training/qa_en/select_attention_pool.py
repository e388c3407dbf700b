"""Choose the questions that the hidden checks of bert_qa_attention ask; writes its pool.

    python -m training.qa_en.select_attention_pool

To be run again when a model changes, before the tolerances are measured. Candidates are questions that training never
saw, and only those are kept that both models answer. Conductance of a largest logit depends on where it stands along
the path, so every question gets a mark for each model and position: `moves` where to keep one position all along the
path is more than MOVED off; `stays` where it hardly shows; none where 50 and 51 steps differ by more than ROUGH, or
the two best logits come too close at a node: rounding would decide there. Then questions are added until for each model
and position there are PAIRED lengths at which one `moves` and another `stays`: the checks ask for two inputs of equal
length, so that answers stored under a shape show.
"""

from __future__ import annotations

import csv
from typing import Any

import torch
from torch import Tensor

from autograder.comparison.tensors import distance
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from training.qa_en import PROJECT
from training.qa_en.text import examples

SLUG = "bert_qa_attention"
SEED = 77
CANDIDATES = 2000
EACH = 6
"""Questions kept with each mark of each model and position."""

PAIRED = 5
"""Lengths at which there is a question with each mark, of each model and position."""

ROUGH = 0.01
MOVED = 0.1
CLOSE = 1e-3
"""Least difference of the two largest logits at every node."""

POSITIONS = ("start", "end")
KINDS = ("moves", "stays")


def answers(model: Any, inputs: dict[str, Tensor], tokenizer: Any) -> str:
    """Return a model's answer, without blanks."""
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    with torch.no_grad():
        output = model(**{name: inputs[name] for name in names})
    first, last = int(output.start_logits.argmax()), int(output.end_logits.argmax())
    return tokenizer.decode(inputs["input_ids"][0, first : last + 1]).replace(" ", "").lower()


def mark(mistakes: Any, model: Any, inputs: dict[str, Tensor], position: str) -> str:
    """Return what the largest logit does on the path; empty if the input should not be asked."""
    seen: list[Tensor] = []

    def largest(logits: Tensor) -> Tensor:
        seen.append(logits.detach())
        return logits.max(dim=-1).values

    expected = mistakes._Path(model, inputs, position, score=largest).conductance()
    best = seen[0].topk(2, dim=-1)
    finer = mistakes._Path(model, inputs, position, nodes=mistakes._nodes(52)).conductance()
    near = float((best.values[:, 0] - best.values[:, 1]).min())
    if near < CLOSE or distance(finer, expected, "relative_l2", 0) > ROUGH:
        return ""
    fixed = mistakes.fixed_position(None, model, inputs, position)
    return "moves" if distance(fixed, expected, "relative_l2", 0) > MOVED else "stays"


class Chosen:
    """The questions kept so far, and the lengths of those with each mark."""

    def __init__(self, columns: list[str]) -> None:
        self.rows: list[list[str]] = []
        self.lengths: dict[tuple[str, str], list[int]] = {
            (column, kind): [] for column in columns for kind in KINDS
        }

    def full(self) -> bool:
        """Say whether all columns have enough of both marks."""
        return all(len(found) >= EACH for found in self.lengths.values())

    def paired(self, column: str) -> set[int]:
        """Return the lengths at which a column has both marks."""
        first, second = (set(self.lengths[column, kind]) for kind in KINDS)
        return first & second

    def wants(self, column: str, length: int) -> list[str]:
        """Return the marks for which a question of this length would be kept in a column."""
        if not self.full():
            return [kind for kind in KINDS if len(self.lengths[column, kind]) < EACH]
        paired = self.paired(column)
        if len(paired) >= PAIRED or length in paired:
            return []
        return [
            kind
            for kind, other in zip(KINDS, KINDS[::-1], strict=True)
            if length in self.lengths[column, other]
        ]

    def consider(self, question: str, text: str, marks: dict[str, str], lengths: dict[str, int]) -> None:
        """Keep a question if one of its marks is still wanted."""
        found = {
            column: kind for column, kind in marks.items() if kind in self.wants(column, lengths[column])
        }
        for column, kind in found.items():
            self.lengths[column, kind].append(lengths[column])
        if found:
            # Marks beyond what is wanted are left out, so that every kind is asked as often.
            self.rows.append([question, text, *(found.get(column, "") for column in marks)])


def main() -> None:
    """Choose and write."""
    assignment = load_assignment(PROJECT, SLUG)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    mistakes = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    models = [load(spec, assignment.student_dir) for spec in assignment.models["tiny"]]
    columns = [f"{one.spec.role}_{position}" for one in models for position in POSITIONS]
    chosen, tried = Chosen(columns), 0
    for example in examples(CANDIDATES, SEED, held_out=True):
        if chosen.full() and all(len(chosen.paired(column)) >= PAIRED for column in columns):
            break
        given = [reference.build_inputs(one.tokenizer, example.question, example.text) for one in models]
        wanted = example.answer.replace(" ", "").lower()
        pairs = list(zip(models, given, strict=True))
        if any(answers(one.model, inputs, one.tokenizer) != wanted for one, inputs in pairs):
            continue
        tried += 1
        asked = [(one.model, inputs, position) for one, inputs in pairs for position in POSITIONS]
        lengths = {
            column: inputs["input_ids"].shape[1]
            for column, (_, inputs, _) in zip(columns, asked, strict=True)
        }
        marks = {
            column: mark(mistakes, *each) if chosen.wants(column, lengths[column]) else ""
            for column, each in zip(columns, asked, strict=True)
        }
        chosen.consider(example.question, example.text, marks, lengths)
    with (assignment.data_dir / "pool.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE)
        writer.writerows([["question", "text", *columns], *chosen.rows])
    print(f"{len(chosen.rows)} questions of {tried} that both models answer.")
    for (column, kind), found in chosen.lengths.items():
        print(f"{column:15} {kind:6} {len(found)} of lengths {sorted(found)}")


if __name__ == "__main__":
    main()
