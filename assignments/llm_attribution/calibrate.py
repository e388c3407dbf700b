"""Measure the tolerances; writes calibration.json beside this file.

    python assignments/llm_attribution/calibrate.py

To be run again when a model, the pool or a mistake changes. Gold answers are the reference's in float64, norms
included; right ones are float32 in every way that may change the last bits; wrong ones are the executed
misconceptions, each on the models that can show it: without a BOS nothing can be wrong with it.
"""

from __future__ import annotations

import copy
import datetime
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from captum.attr import (
    FeatureAblation,
    LayerIntegratedGradients,
    LLMAttribution,
    LLMGradientAttribution,
    ShapleyValues,
    TextTemplateInput,
    TextTokenInput,
)
from torch import Tensor

from autograder.assignments import load_assignment, load_module, load_reference
from autograder.calibration import describe_origin, measure, write_tolerances
from autograder.diagnosis import misconceptions_of
from autograder.models import load, use_student_dir
from autograder.tensors import as_tensor, distance

HERE = Path(__file__).resolve().parent
INPUTS = 10
"""Inputs of each kind a model."""
SEEDS = 2
"""Of sampling, an input."""
OFTEN = 1
"""Inputs a model on which right answers are computed in the slow ways, too."""

KEYS = {
    "ablate_tokens": "tokens",
    "ablate_template": "effects",
    "ablate_groups": "effects",
    "shapley_groups": "shapley",
    "attribute_examples": "examples",
    "integrated_gradients": "gradients",
}

ONLY_WITHOUT_BOS = {"tokens_first_dropped", "gradients_first_dropped"}

INEFFICIENT = {
    *(
        "shapley_cached",
        "shapley_sum_of_all",
        "shapley_sizes_not_averaged",
        "shapley_sign",
        "shapley_normalised",
    ),
    *("shapley_mean", "shapley_first_token", "shapley_probability", "sampled_not_divided"),
    *("sampled_divided_by_groups", "sampled_sign", "sampled_mean", "sampled_probability"),
    *("examples_cached", "examples_mean", "examples_sign", "examples_normalised", "examples_probability"),
}
"""Mistakes that no input lets add up."""

INCOMPLETE = {
    *("gradients_plain", "gradients_times_input", "gradients_at_the_end", "gradients_times_embedding"),
    *("gradients_not_multiplied", "gradients_mean_over_hidden", "gradients_norm_over_hidden"),
    *(
        "gradients_magnitudes",
        "gradients_of_probability",
        "gradients_mean_over_target",
        "gradients_normalised",
    ),
    *("gradients_sign",),
}

Distances = dict[str, float]


class DoubleNorm(torch.nn.Module):
    """RMSNorm in its input's precision; Llama's own computes in float32 whatever the model's."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.eps = norm.weight, norm.variance_epsilon

    def forward(self, state: Tensor) -> Tensor:
        """Divide by the root of the mean square, then weigh."""
        return self.weight * state * (state.square().mean(dim=-1, keepdim=True) + self.eps).rsqrt()


def exact(model: Any) -> Any:
    """Return a copy of a Llama that computes in float64 throughout."""
    double = copy.deepcopy(model).double()
    for module in list(double.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ == "LlamaRMSNorm":
                setattr(module, name, DoubleNorm(child))
    return double


def off(actual: Any, expected: Tensor) -> float:
    """Return the distance; very large where the form differs."""
    got = as_tensor(actual)
    return 1e9 if got is None else min(distance(got, expected, "relative_l2"), 1e9)


def keep_worst(found: Distances, name: str, value: float, pick: Callable[..., float] = max) -> None:
    """Keep the largest (or smallest) distance of a name."""
    found[name] = pick(found.get(name, value), value)


def front_of(tokenizer: Any) -> int:
    """Return how many tokens the tokenizer puts in front."""
    return len(tokenizer("a")["input_ids"]) - len(tokenizer("a", add_special_tokens=False)["input_ids"])


def by_captum(
    task: str, model: Any, tokenizer: Any, question: tuple[Any, ...], slow: bool
) -> Iterator[tuple[str, Tensor]]:
    """Yield Captum's right answers, those that take seconds only where asked."""
    *_, target = question
    if task == "integrated_gradients":
        skipped = [tokenizer.bos_token_id] if front_of(tokenizer) else None
        explained = LLMGradientAttribution(
            LayerIntegratedGradients(model, model.get_input_embeddings()), tokenizer
        )
        for size in (None, 1, 10) if slow else (10,):
            text = TextTokenInput(question[0], tokenizer, skip_tokens=skipped)
            found = explained.attribute(text, target=target, internal_batch_size=size)
            yield f"Captum, internal_batch_size {size}", found.seq_attr
        return
    method = {"shapley_groups": ShapleyValues}.get(task, FeatureAblation)
    explained = LLMAttribution(method(model), tokenizer)
    if task == "ablate_tokens":
        skipped = [tokenizer.bos_token_id] if front_of(tokenizer) else None
        text: Any = TextTokenInput(question[0], tokenizer, skip_tokens=skipped)
    elif task == "attribute_examples":
        return
    else:
        template, values, baselines, *mask, _ = question
        text = TextTemplateInput(template, values=values, baselines=baselines, mask=mask[0] if mask else None)
    ways: dict[str, dict[str, bool]] = {"by sequence": {"forward_in_tokens": False}}
    if slow:
        ways["not cached"] = {"use_cached_outputs": False}
    for name, options in ways.items():
        found = explained.attribute(text, target=target, **options)
        yield f"Captum, {name}", found.token_attr if task == "ablate_tokens" else found.seq_attr


def right_answers(
    reference: Any, task: str, model: Any, eager: Any, tokenizer: Any, question: tuple[Any, ...], slow: bool
) -> Iterator[tuple[str, Tensor]]:
    """Yield float32 answers."""
    function = getattr(reference, task)
    threads = torch.get_num_threads()
    for count in sorted({1, threads} if slow else {1}):
        torch.set_num_threads(count)
        for kind, one in (("sdpa", model), ("eager", eager)):
            yield f"{task}, {count} threads, {kind}", function(one, tokenizer, *question)
    torch.set_num_threads(threads)
    for name, answer in by_captum(task, model, tokenizer, question, slow):
        yield f"{task}, {name}", answer


def tell(title: str, found: Distances) -> None:
    """Print distances, nearest first."""
    print(f"\n{title}")
    for name, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"  {value:10.3g}  {name}")


class Measured:
    """Distances of right and wrong answers by tolerance key."""

    def __init__(self, mistakes: Any, reference: Any, checks: Any) -> None:
        keys = {*KEYS.values(), "efficiency", "completeness"}
        self.right: dict[str, Distances] = {key: {} for key in keys}
        self.wrong: dict[str, Distances] = {key: {} for key in keys}
        self._mistakes, self._reference, self._checks = mistakes, reference, checks

    def answers(
        self, task: str, loaded: Any, eager: Any, gold: Tensor, question: tuple[Any, ...], slow: bool
    ) -> dict[str, Any]:
        """Measure a function on one input; return the mistakes' answers by their names."""
        key, tokenizer = KEYS[task], loaded.tokenizer
        right = right_answers(self._reference, task, loaded.model, eager, tokenizer, question, slow)
        for name, answer in right:
            keep_worst(self.right[key], name, off(answer, gold))
        found = {}
        for known in self.shown(task, tokenizer):
            found[known.id] = known.run(self._reference, loaded.model, tokenizer, *question)
            keep_worst(self.wrong[key], known.id, off(found[known.id], gold), min)
        return found

    def shown(self, task: str, tokenizer: Any) -> Iterator[Any]:
        """Yield the mistakes of a task that a tokenizer can show."""
        for known in self._mistakes:
            hidden = known.id in ONLY_WITHOUT_BOS if front_of(tokenizer) else "_bos" in known.id
            if known.task == task and not (hidden and "cached" not in known.id):
                yield known

    def sums(self, key: str, name: str, total: float, scores: Any, *, right: bool) -> None:
        """Measure how far scores are from adding up."""
        values = as_tensor(scores).double()
        value = abs(float(values.sum()) - total) / max(float(values.abs().sum()), 1e-9)
        keep_worst((self.right if right else self.wrong)[key], name, value, max if right else min)

    def filling(self, loaded: Any, eager: Any, double: Any, filling: Any, slow: bool) -> None:
        """Measure the functions of templates."""
        reference, made = self._reference, {}
        for task in ("ablate_template", "ablate_groups", "shapley_groups"):
            question = filling.features if task == "ablate_template" else filling.arguments
            gold = getattr(reference, task)(double, loaded.tokenizer, *question)
            made = self.answers(task, loaded, eager, gold, question, slow)
        total, arguments = self._checks.whole_effect(loaded, filling), filling.arguments
        exact_values = reference.shapley_groups(loaded.model, loaded.tokenizer, *arguments)
        self.sums("efficiency", "exact", total, exact_values[filling.members], right=True)
        for seed in range(SEEDS):
            question = (loaded.model, loaded.tokenizer, *arguments, 40, seed)
            sampled = reference.shapley_sampled(*question)
            self.sums("efficiency", "sampled", total, sampled[filling.members], right=True)
            for known in self.shown("shapley_sampled", loaded.tokenizer):
                if known.id in INEFFICIENT:
                    made[known.id] = known.run(reference, *question)
        for name, scores in made.items():
            if name in INEFFICIENT:
                self.sums("efficiency", name, total, scores[filling.members], right=False)

    def shots(self, loaded: Any, eager: Any, double: Any, shots: Any, slow: bool) -> None:
        """Measure attribute_examples."""
        reference, arguments = self._reference, shots.arguments
        gold = reference.attribute_examples(double, loaded.tokenizer, *arguments)
        made = self.answers("attribute_examples", loaded, eager, gold, arguments, slow)
        total = self._checks.examples_effect(reference, loaded, shots)
        right = reference.attribute_examples(loaded.model, loaded.tokenizer, *arguments)
        self.sums("efficiency", "examples", total, right, right=True)
        for name, scores in made.items():
            if name in INEFFICIENT:
                self.sums("efficiency", name, total, scores, right=False)

    def text(self, loaded: Any, eager: Any, double: Any, text: Any, slow: bool) -> None:
        """Measure the functions of tokens."""
        reference, arguments, made = self._reference, text.arguments, {}
        for task in ("ablate_tokens", "integrated_gradients"):
            gold = getattr(reference, task)(double, loaded.tokenizer, *arguments)
            made = self.answers(task, loaded, eager, gold.detach(), arguments, slow)
        # Asked on the shipped model alone: there fifty steps are enough for the digits that are looked at.
        if loaded.spec.role != "shipped":
            return
        total = self._checks.path_difference(loaded.model, loaded.tokenizer, *arguments)
        for name, one in (("sdpa", loaded.model), ("eager", eager)):
            right = reference.integrated_gradients(one, loaded.tokenizer, *arguments)
            self.sums("completeness", name, total, right, right=True)
        for name, scores in made.items():
            if name in INCOMPLETE:
                self.sums("completeness", name, total, scores, right=False)


def main() -> None:
    """Measure everything and write the file."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    module = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    found = Measured(misconceptions_of(module), reference, checks)
    for spec in assignment.models["tiny"]:
        loaded = load(spec, assignment.student_dir)
        eager = type(loaded.model).from_pretrained(spec.path, attn_implementation="eager").eval()
        double = exact(loaded.model)
        texts, fillings, shots = checks.pool(assignment)
        rng = random.Random(1)
        for number in range(INPUTS):
            slow = number < OFTEN
            found.text(loaded, eager, double, rng.choice(texts), slow)
            found.filling(loaded, eager, double, rng.choice(fillings), slow)
            found.shots(loaded, eager, double, rng.choice(shots), slow)
            print(spec.role, number + 1, flush=True)
    for key in found.right:
        tell(f"right {key}", found.right[key]), tell(f"wrong {key}", found.wrong[key])
    origin = describe_origin(inputs=2 * INPUTS, devices="CPU", date=datetime.date.today().isoformat())
    tolerances = {key: measure(found.right[key], found.wrong[key], origin=origin) for key in found.right}
    for key, one in sorted(tolerances.items()):
        print(
            f"{key:20} r {one.right:.3g}  w {one.wrong:.3g}  tau {one.tau:.3g}  w/r {one.wrong / one.right:.3g}"
        )
    print(write_tolerances(assignment.folder, tolerances))


if __name__ == "__main__":
    main()
