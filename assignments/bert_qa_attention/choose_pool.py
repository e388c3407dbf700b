"""Choose the hidden checks' questions; writes pool.tsv beside this file.

    python assignments/bert_qa_attention/choose_pool.py

To be run again when a model changes, before calibrate.py. Candidates are questions that training never saw, and only
those are kept that both models answer. Conductance of a largest logit depends on where the logit stands along the path,
so every question gets a mark for each model and position: `moves` where the largest logit goes from token to token, so
that to keep one position is more than MOVED off; `stays` where it stands still; none where 50 and 51 steps differ by
more than ROUGH, or the two best logits come too close at a node: rounding would decide there.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from autograder.assignments import load_assignment, load_module, load_reference  # noqa: E402
from autograder.models import load, use_student_dir  # noqa: E402
from autograder.tensors import distance  # noqa: E402
from training.qa_en.text import examples  # noqa: E402

SEED = 77
CANDIDATES = 400
EACH = 6
"""Questions kept with each mark of each model and position."""

ROUGH = 0.01
MOVED = 0.1
CLOSE = 1e-3
"""Least difference of the two largest logits at every node."""

POSITIONS = ("start", "end")


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

    path = mistakes._Path(model, inputs, position, score=largest)
    expected = path.conductance()
    best = seen[0].topk(2, dim=-1)
    finer = mistakes._Path(model, inputs, position, nodes=mistakes._nodes(52)).conductance()
    if distance(finer, expected, "relative_l2", 0) > ROUGH or float(-best.values.diff(dim=-1).max()) < 0:
        return ""
    if float((best.values[:, 0] - best.values[:, 1]).min()) < CLOSE:
        return ""
    if len(set(best.indices[:, 0].tolist())) == 1:
        return "stays"
    fixed = mistakes.fixed_position(None, model, inputs, position)
    return "moves" if distance(fixed, expected, "relative_l2", 0) > MOVED else ""


def main() -> None:
    """Choose and write."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    mistakes = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    models = [load(spec, assignment.student_dir) for spec in assignment.models["tiny"]]
    columns = [f"{one.spec.role}_{position}" for one in models for position in POSITIONS]
    counts: dict[tuple[str, str], int] = {}
    rows, tried = [], 0
    for example in examples(CANDIDATES, SEED, held_out=True):
        given = [reference.build_inputs(one.tokenizer, example.question, example.text) for one in models]
        wanted = example.answer.replace(" ", "").lower()
        if any(
            answers(one.model, inputs, one.tokenizer) != wanted
            for one, inputs in zip(models, given, strict=True)
        ):
            continue
        tried += 1
        marks = [
            mark(mistakes, one.model, inputs, position)
            for one, inputs in zip(models, given, strict=True)
            for position in POSITIONS
        ]
        found = list(zip(columns, marks, strict=True))
        if any(kind and counts.get((column, kind), 0) < EACH for column, kind in found):
            for key in found:
                counts[key] = counts.get(key, 0) + 1
            rows.append([example.question, example.text, *marks])
    with (HERE / "pool.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE)
        writer.writerows([["question", "text", *columns], *rows])
    print(f"{len(rows)} questions of {tried} that both models answer.")
    for (column, kind), count in sorted(counts.items()):
        print(f"{column:15} {kind or '-':6} {count}")


if __name__ == "__main__":
    main()
