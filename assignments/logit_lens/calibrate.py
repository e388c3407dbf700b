"""Measure the tolerances; writes calibration.json beside this file.

    python assignments/logit_lens/calibrate.py

To be run again when a model, the pool or a mistake changes. Gold answers are the reference's in float64; right ones are
float32 in every way that may change the last bits; wrong ones are the executed misconceptions. Distances are taken as
the checks take them, layer by layer.
"""

from __future__ import annotations

import copy
import datetime
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autograder.assignments import load_assignment, load_module, load_reference
from autograder.calibration import describe_origin, measure, write_tolerances
from autograder.diagnosis import misconceptions_of
from autograder.models import load, use_student_dir
from autograder.tensors import as_tensor, distance

HERE = Path(__file__).resolve().parent
PROMPTS = 12
"""Prompts a model."""

NOT_IN_THE_VALUES = {
    *("raw_pieces", "ids_instead_of_words", "one_string_a_layer", "flat_list_of_words", "words_transposed"),
}
"""Mistakes of top_predictions that leave the probabilities as they are."""

Distances = dict[str, float]


def off(actual: Any, expected: Tensor) -> float:
    """Return the worst layer's distance; very large where the form differs."""
    got = as_tensor(actual)
    return 1e9 if got is None else min(distance(got, expected, "relative_l2", 0), 1e9)


def keep_worst(found: Distances, name: str, value: float, pick: Callable[..., float] = max) -> None:
    """Keep the largest (or smallest) distance of a name."""
    found[name] = pick(found.get(name, value), value)


def by_hooks(model: Any, ids: Tensor) -> Tensor:
    """Decode all layers in one batch of states that hooks on the blocks caught."""
    states: list[Tensor] = []
    hooks = [
        block.register_forward_hook(
            lambda module, inputs, output: states.append(output[0] if isinstance(output, tuple) else output)
        )
        for block in model.transformer.h
    ]
    try:
        with torch.no_grad():
            model(ids)
    finally:
        for hook in hooks:
            hook.remove()
    stacked = torch.cat(states)
    with torch.no_grad():
        return model.lm_head(model.transformer.ln_f(stacked)).softmax(dim=-1)


def in_double_after_the_blocks(model: Any, ids: Tensor) -> Tensor:
    """Decode float32 states in float64."""
    double = copy.deepcopy(model).double()
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
        inner = [double.lm_head(double.transformer.ln_f(state[0].double())) for state in states[1:-1]]
        return torch.stack([*inner, double.lm_head(states[-1][0].double())]).softmax(dim=-1)


def right_lenses(reference: Any, model: Any, eager: Any, ids: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield float32 answers."""
    threads = torch.get_num_threads()
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        for kind, one in (("sdpa", model), ("eager", eager)):
            yield f"{count} threads, {kind}", reference.layer_probabilities(one, ids)
            yield f"{count} threads, {kind}, hooks", by_hooks(one, ids)
    torch.set_num_threads(threads)
    yield "softmax by log", reference.layer_probabilities(model, ids).log().softmax(dim=-1)
    yield "float64 after the blocks", in_double_after_the_blocks(model, ids)


def right_divergences(probabilities: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield float32 answers by usual formulas; zeros are handled in each."""
    final = probabilities[-1:].expand_as(probabilities)
    floor = 1e-30
    yield (
        "difference of logarithms",
        (final * (final.clamp_min(floor).log() - probabilities.clamp_min(floor).log())).sum(-1),
    )
    yield (
        "logarithm of the quotient",
        torch.special.xlogy(final, final / probabilities.clamp_min(floor)).sum(-1),
    )
    kl = torch.nn.functional.kl_div(probabilities.clamp_min(floor).log(), final, reduction="none")
    yield "kl_div", kl.sum(-1)
    small = 1e-12
    yield "a small number added", (final * ((final + small) / (probabilities + small)).log()).sum(-1)
    entropy = -torch.special.xlogy(final, final).sum(-1)
    yield "cross-entropy less entropy", -(final * probabilities.clamp_min(floor).log()).sum(-1) - entropy


def tell(title: str, found: Distances) -> None:
    """Print distances, nearest first."""
    print(f"\n{title}")
    for name, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"  {value:10.3g}  {name}")


class Measured:
    """Distances of right and wrong answers by tolerance key."""

    def __init__(self, mistakes: Any, reference: Any) -> None:
        self.right: dict[str, Distances] = {"probabilities": {}, "max_probs": {}, "divergence": {}}
        self.wrong: dict[str, Distances] = {"probabilities": {}, "max_probs": {}, "divergence": {}}
        self._mistakes, self._reference = mistakes, reference

    def _of(self, task: str) -> Iterator[Any]:
        return (known for known in self._mistakes if known.task == task and known.id not in NOT_IN_THE_VALUES)

    def lens(self, model: Any, eager: Any, double: Any, ids: Tensor) -> Tensor:
        """Measure layer_probabilities; return the gold answer."""
        gold: Tensor = self._reference.layer_probabilities(double, ids)
        for name, answer in right_lenses(self._reference, model, eager, ids):
            keep_worst(self.right["probabilities"], name, off(answer, gold))
        for known in self._of("layer_probabilities"):
            keep_worst(
                self.wrong["probabilities"], known.id, off(known.run(self._reference, model, ids), gold), min
            )
        return gold

    def table(self, gold: Tensor, tokenizer: Any) -> None:
        """Measure the functions of probabilities (layer, token, vocab), float64."""
        single = gold.float()
        values, _ = self._reference.top_predictions(gold, tokenizer)
        keep_worst(self.right["max_probs"], "float32", off(single.max(dim=-1).values, values))
        for known in self._of("top_predictions"):
            found = known.run(self._reference, single, tokenizer)[0]
            keep_worst(self.wrong["max_probs"], known.id, off(found, values), min)
        nats = self._reference.divergence_from_final(gold)
        for name, answer in right_divergences(single):
            keep_worst(self.right["divergence"], name, off(answer, nats))
        for known in self._of("divergence_from_final"):
            keep_worst(self.wrong["divergence"], known.id, off(known.run(self._reference, single), nats), min)


def main() -> None:
    """Measure everything and write the file."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    module = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    found = Measured(misconceptions_of(module), reference)
    for spec in assignment.models["tiny"]:
        loaded = load(spec, assignment.student_dir)
        eager = type(loaded.model).from_pretrained(spec.path, attn_implementation="eager").eval()
        double = copy.deepcopy(loaded.model).double()
        for number, fact in enumerate(random.Random(1).sample(checks.pool(assignment), PROMPTS)):
            gold = found.lens(loaded.model, eager, double, checks.ids_of(loaded.tokenizer, fact.prompt))
            found.table(gold, loaded.tokenizer)
            made = checks.made_up(random.Random(number), 4, 3, len(loaded.tokenizer))
            found.table(made.double(), loaded.tokenizer)
    for key in found.right:
        tell(f"right {key}", found.right[key]), tell(f"wrong {key}", found.wrong[key])
    origin = describe_origin(inputs=2 * PROMPTS, devices="CPU", date=datetime.date.today().isoformat())
    tolerances = {key: measure(found.right[key], found.wrong[key], origin=origin) for key in found.right}
    for key, one in sorted(tolerances.items()):
        print(f"{key:20} r {one.right:.3g}  w {one.wrong:.3g}  tau {one.tau:.3g}")
    print(write_tolerances(assignment.folder, tolerances))


if __name__ == "__main__":
    main()
