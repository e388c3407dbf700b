"""Measure the tolerances; writes calibration.json beside this file.

    python assignments/bert_qa_attention/calibrate.py

To be run again when a model, the pool or a mistake changes. Gold answers are the reference's in float64; right ones are
float32 in every way that may change the last bits, Captum's among them; wrong ones are the executed misconceptions.
Distances are taken as the checks take them, layer by layer.
"""

from __future__ import annotations

import copy
import datetime
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from captum.attr import LayerConductance
from torch import Tensor

from autograder.assignments import load_assignment, load_module, load_reference
from autograder.calibration import describe_origin, measure, write_tolerances
from autograder.checks.memo import MemoisedReference
from autograder.diagnosis import misconceptions_of
from autograder.models import load, use_student_dir
from autograder.tensors import as_tensor, distance

HERE = Path(__file__).resolve().parent
QUESTIONS = 12
"""Questions a model."""

KEYS = {
    "attention_matrices": "attention",
    "head_norm": "head_norm",
    "attention_attributions": "conductance",
    "transformed_vectors": "vectors",
    "weighted_norms": "weighted",
    "summed_norms": "summed",
}
"""The tolerance of each function's result."""

Answers = Iterator[tuple[str, Tensor]]


def off(actual: Any, expected: Tensor) -> float:
    """Return the worst layer's distance; very large where the form differs."""
    got = as_tensor(actual)
    return 1e9 if got is None else min(distance(got, expected, "relative_l2", 0), 1e9)


def given_to(model: Any, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Return what the model gets beside ids or vectors."""
    return inputs["token_type_ids"], inputs["position_ids"], inputs["attention_mask"]


def by_captum(model: Any, inputs: dict[str, Tensor], position: str, chunk: int | None) -> Tensor:
    """Return Captum's conductances."""

    def forward(points: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        output = model(
            inputs_embeds=points, token_type_ids=types, position_ids=positions, attention_mask=mask
        )
        logits: Tensor = output.start_logits if position == "start" else output.end_logits
        return logits.max(dim=-1).values

    table = model.bert.embeddings.word_embeddings
    start, end = (table(inputs[name]).detach() for name in ("baseline_ids", "input_ids"))
    rows = []
    for layer in model.bert.encoder.layer:
        found = LayerConductance(forward, layer.attention.self).attribute(
            end, baselines=start, additional_forward_args=given_to(model, inputs), n_steps=50,
            internal_batch_size=chunk,
        )  # fmt: skip
        rows.append(found[1][0].detach())
    return torch.stack(rows)


def by_a_loop(model: Any, inputs: dict[str, Tensor], position: str, reference: Any) -> Tensor:
    """Return conductances by one backward pass a node."""
    table = model.bert.embeddings.word_embeddings
    start, end = (table(inputs[name]).detach() for name in ("baseline_ids", "input_ids"))
    types, positions, mask = given_to(model, inputs)
    total, last = None, None
    for node in (reference.np.polynomial.legendre.leggauss(51)[0] + 1) / 2:
        points = (start + float(node) * (end - start)).requires_grad_()
        output = model(
            inputs_embeds=points, token_type_ids=types, position_ids=positions, attention_mask=mask,
            output_attentions=True,
        )  # fmt: skip
        logits = output.start_logits if position == "start" else output.end_logits
        gradients = torch.autograd.grad(logits.max(), output.attentions)
        weights = torch.cat([one.detach() for one in output.attentions])
        if last is not None:
            step = (weights - last[0]) * last[1]
            total = step if total is None else total + step
        last = weights, torch.cat(gradients)
    assert total is not None
    return total


def right_conductances(model: Any, inputs: dict[str, Tensor], position: str, reference: Any) -> Answers:
    """Yield float32 answers; the contract leaves no other rule."""
    threads = torch.get_num_threads()
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        yield f"{count} threads", reference.attention_attributions(model, inputs, position)
    torch.set_num_threads(threads)
    for chunk in (1, 10, None):
        yield f"Captum, internal_batch_size {chunk}", by_captum(model, inputs, position, chunk)
    yield "one node at a time", by_a_loop(model, inputs, position, reference)


def by_modules(model: Any, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return attention and f(x) from hooks on the layers and products of the weights' slices."""
    kept: list[Tensor] = []
    hooks = [
        layer.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
        for layer in model.bert.encoder.layer
    ]
    try:
        with torch.no_grad():
            types, positions, mask = given_to(model, inputs)
            model(
                inputs["input_ids"],
                token_type_ids=types,
                position_ids=positions,
                attention_mask=mask,
            )
    finally:
        for hook in hooks:
            hook.remove()
    matrices, vectors = [], []
    width = model.config.hidden_size // model.config.num_attention_heads
    with torch.no_grad():
        for layer, state in zip(model.bert.encoder.layer, kept, strict=True):
            part, rows = layer.attention.self, []
            for first in range(0, model.config.hidden_size, width):
                mine = slice(first, first + width)
                query, key, value = (
                    state[0] @ one.weight[mine].T + one.bias[mine]
                    for one in (part.query, part.key, part.value)
                )
                matrices.append((query @ key.T / width**0.5).softmax(dim=-1))
                rows.append(value @ layer.attention.output.dense.weight[:, mine].T)
            vectors.append(torch.stack(rows))
    found = torch.stack(vectors)
    return torch.stack(matrices).view(*found.shape[:3], found.shape[2]), found


def right_flows(model: Any, inputs: dict[str, Tensor], reference: Any) -> Iterator[tuple[str, str, Tensor]]:
    """Yield float32 answers of the functions of model and inputs, each with the function's name."""
    threads = torch.get_num_threads()
    names = ("attention_matrices", "transformed_vectors", "weighted_norms", "summed_norms")
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        for name in names:
            yield name, f"{count} threads", getattr(reference, name)(model, inputs)
    torch.set_num_threads(threads)
    matrices, vectors = by_modules(model, inputs)
    yield "attention_matrices", "by slices of the weights", matrices
    yield "transformed_vectors", "by slices of the weights", vectors
    flows = matrices[..., None] * vectors[:, :, None]  # (layer, head, query, key, hidden)
    yield "weighted_norms", "every vector", flows.norm(dim=-1)
    yield "summed_norms", "every vector", flows.sum(dim=1).norm(dim=-1)


class Measured:
    """Distances of right and wrong answers by function."""

    def __init__(self, mistakes: Any, reference: Any) -> None:
        self.right: dict[str, dict[str, float]] = {name: {} for name in KEYS}
        self.wrong: dict[str, dict[str, float]] = {name: {} for name in KEYS}
        self._mistakes, self._reference = mistakes, reference

    def keep_right(self, function: str, name: str, value: float) -> None:
        """Keep the farthest right answer of a name."""
        self.right[function][name] = max(self.right[function].get(name, 0.0), value)

    def keep_wrong(
        self, function: str, gold: Tensor, *args: Any, without: frozenset[str] = frozenset()
    ) -> None:
        """Keep each mistake's nearest answer, but those of some."""
        # Mistakes share most of their work: a reference that keeps answers keeps it for one question.
        remembering = MemoisedReference(self._reference)
        for known in self._mistakes:
            if known.task == function and known.id not in without:
                value = off(known.run(remembering, *args), gold)
                self.wrong[function][known.id] = min(self.wrong[function].get(known.id, value), value)

    def flows(self, model: Any, double: Any, inputs: dict[str, Tensor]) -> Tensor:
        """Measure the functions of model and inputs; return the gold attention."""
        gold = {
            name: getattr(self._reference, name)(double, inputs)
            for name in ("attention_matrices", "transformed_vectors", "weighted_norms", "summed_norms")
        }
        for function, name, answer in right_flows(model, inputs, self._reference):
            self.keep_right(function, name, off(answer, gold[function]))
        for function, answer in gold.items():
            self.keep_wrong(function, answer, model, inputs)
        found: Tensor = gold["attention_matrices"]
        return found

    def head_norm(self, matrices: Tensor) -> None:
        """Measure head_norm of attention in float64."""
        gold, single = self._reference.head_norm(matrices), matrices.float()
        self.keep_right("head_norm", "norm", off(single.norm(dim=1), gold))
        self.keep_right("head_norm", "root of the sum of squares", off(single.square().sum(1).sqrt(), gold))
        self.keep_right("head_norm", "NumPy", off((single.numpy() ** 2).sum(1) ** 0.5, gold))
        self.keep_wrong("head_norm", gold, single)

    def conductance(
        self, model: Any, double: Any, inputs: dict[str, Tensor], position: str, path: str
    ) -> None:
        """Measure attention_attributions."""
        gold = self._reference.attention_attributions(double, inputs, position)
        for name, answer in right_conductances(model, inputs, position, self._reference):
            self.keep_right("attention_attributions", name, off(answer, gold))
        # The check asks each model for a path on which the largest logit moves, too: there it must show.
        without = frozenset() if path == "moves" else frozenset({"fixed_position"})
        self.keep_wrong("attention_attributions", gold, model, inputs, position, without=without)


def tell(title: str, found: dict[str, float]) -> None:
    """Print distances, nearest first."""
    print(f"\n{title}")
    for name, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"  {value:10.3g}  {name}")


def paths_of(checks: Any, assignment: Any, role: str) -> list[tuple[str, str, Any]]:
    """Return what conductance is asked for: position, whether the largest logit moves, and the question."""
    chosen = []
    for position in checks.POSITIONS:
        for path in ("moves", "stays"):
            found = [one for one in checks.pool(assignment) if one.path(role, position) == path]
            chosen += [(position, path, one) for one in found[: QUESTIONS // 4]]
    return chosen


def main() -> None:
    """Measure everything and write the file."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    module = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    found = Measured(misconceptions_of(module), reference)
    inputs_measured = 0
    for spec in assignment.models["tiny"]:
        loaded = load(spec, assignment.student_dir)
        double = copy.deepcopy(loaded.model).double()
        for number, asked in enumerate(random.Random(1).sample(checks.pool(assignment), QUESTIONS)):
            inputs = checks.inputs_of(reference, loaded.tokenizer, asked)
            found.head_norm(found.flows(loaded.model, double, inputs))
            found.head_norm(checks.made_up(random.Random(number), 3, 4, 5).double())
        for position, path, asked in paths_of(checks, assignment, spec.role):
            inputs = checks.inputs_of(reference, loaded.tokenizer, asked)
            found.conductance(loaded.model, double, inputs, position, path)
            inputs_measured += 1
    for name in KEYS:
        tell(f"right {name}", found.right[name]), tell(f"wrong {name}", found.wrong[name])
    origin = describe_origin(inputs=inputs_measured, devices="CPU", date=datetime.date.today().isoformat())
    tolerances = {
        key: measure(found.right[name], found.wrong[name], origin=origin) for name, key in KEYS.items()
    }
    print()
    for key, one in sorted(tolerances.items()):
        print(f"{key:14} r {one.right:.3g}  w {one.wrong:.3g}  tau {one.tau:.3g}")
    print(write_tolerances(assignment.folder, tolerances))


if __name__ == "__main__":
    main()
