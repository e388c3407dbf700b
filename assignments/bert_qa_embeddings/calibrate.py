"""Measure the tolerances; writes calibration.json beside this file.

    python assignments/bert_qa_embeddings/calibrate.py

To be run again when a model, the pool or a mistake changes. Gold answers are the reference's in float64; right ones are
float32 in every way that may change the last bits; wrong ones are the executed misconceptions. Distances are taken as
the checks take them: part by part, layer by layer, the worst counts.
"""

from __future__ import annotations

import copy
import datetime
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import LayerConductance, LayerIntegratedGradients
from torch import Tensor

from autograder.assignments import load_assignment, load_module, load_reference
from autograder.calibration import describe_origin, measure, write_tolerances
from autograder.diagnosis import misconceptions_of
from autograder.models import load, use_student_dir
from autograder.tensors import as_tensor, distance

HERE = Path(__file__).resolve().parent
TABLES = 12
"""Made-up scores a model, for the entropy; the pool has as many questions for each of the other functions."""

FUNCTIONS = {
    "attributions": "embedding_attributions",
    "parts": "subembedding_attributions",
    "conductance": "layer_conductance",
    "entropy": "attribution_entropy",
}
"""Tolerance to function."""

Distances = dict[str, float]


def off(actual: Any, expected: Any) -> float:
    """Return the worst item's distance; very large where the form differs."""
    if isinstance(expected, dict):
        return max(off(actual[name], values) for name, values in expected.items())
    got = as_tensor(actual)
    # Entropies are items by themselves, rows of conductance too; the scores of the tokens are one.
    axis = 0 if expected.dim() == 2 else None
    return 1e9 if got is None else min(distance(got, expected, "relative_l2", axis), 1e9)


def entropy_off(actual: Any, expected: Tensor) -> float:
    """Return the worst layer's distance."""
    got = as_tensor(actual)
    return 1e9 if got is None else min(distance(got, expected, "relative_l2", 0), 1e9)


def keep_worst(found: Distances, name: str, value: float, pick: Callable[..., float] = max) -> None:
    """Keep the largest (or smallest) distance of a name."""
    found[name] = pick(found.get(name, value), value)


# Right answers by other ways


def largest_logit(model: Any, position: str, *, embeds: bool) -> Callable[..., Tensor]:
    """Return a forward function for Captum."""

    def forward(first: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        given = {"inputs_embeds": first} if embeds else {"input_ids": first}
        output = model(**given, token_type_ids=types, position_ids=positions, attention_mask=mask)
        logits = output.start_logits if position == "start" else output.end_logits
        return logits.amax(dim=-1)

    return forward


def others(inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Return types, positions and mask."""
    return inputs["token_type_ids"], inputs["position_ids"], inputs["attention_mask"]


def unit(vectors: Tensor) -> Tensor:
    """Sum over the hidden dimension and bring to length 1."""
    return torch.nn.functional.normalize(vectors.squeeze(0).sum(dim=-1), dim=0)


def by_captum_in_batches(model: Any, inputs: dict[str, Tensor], position: str, rows: int) -> Tensor:
    """Compute embedding_attributions with an internal batch size."""
    forward = largest_logit(model, position, embeds=False)
    return unit(
        LayerIntegratedGradients(forward, model.bert.embeddings).attribute(
            inputs["input_ids"],
            baselines=inputs["baseline_ids"],
            additional_forward_args=others(inputs),
            internal_batch_size=rows,
        )
    )


def parts_in_batches(model: Any, inputs: dict[str, Tensor], position: str, rows: int) -> dict[str, Tensor]:
    """Compute subembedding_attributions with an internal batch size."""
    forward = largest_logit(model, position, embeds=False)
    tables = model.bert.embeddings
    found = LayerIntegratedGradients(
        forward, [tables.word_embeddings, tables.token_type_embeddings, tables.position_embeddings]
    ).attribute(
        (inputs["input_ids"], inputs["token_type_ids"], inputs["position_ids"]),
        baselines=tuple(inputs[f"baseline_{name}"] for name in ("ids", "token_type_ids", "position_ids")),
        additional_forward_args=(inputs["attention_mask"],),
        internal_batch_size=rows,
    )
    return dict(zip(("word", "token_type", "position"), map(unit, found), strict=True))


def conductance_in_batches(model: Any, inputs: dict[str, Tensor], position: str, rows: int) -> Tensor:
    """Compute layer_conductance with an internal batch size: Captum then goes on from the last node."""
    table = model.bert.embeddings.word_embeddings
    forward = largest_logit(model, position, embeds=True)
    vectors = [
        LayerConductance(forward, layer).attribute(
            table(inputs["input_ids"]).detach(),
            baselines=table(inputs["baseline_ids"]).detach(),
            additional_forward_args=others(inputs),
            n_steps=50,
            internal_batch_size=rows,
        )
        for layer in model.bert.encoder.layer
    ]
    return torch.stack([unit(one) for one in vectors])


def right_answers(
    key: str, reference: Any, mistakes: Any, model: Any, inputs: dict[str, Tensor], position: str
) -> Iterator[tuple[str, Any]]:
    """Yield float32 answers of one function: the reference's and one without Captum."""
    yield "the reference", getattr(reference, FUNCTIONS[key])(model, inputs, position)
    if key == "attributions":
        yield "plain autograd", mistakes._summarised(mistakes._whole(model, inputs, position))
    elif key == "parts":
        yield "plain autograd", mistakes._summarised_parts(mistakes._parts(model, inputs, position))
    else:
        yield "plain autograd", mistakes._rows(mistakes._conducted(mistakes._flow(model, inputs, position)))


def in_batches(key: str, model: Any, inputs: dict[str, Tensor], position: str) -> Iterator[tuple[str, Any]]:
    """Yield float32 answers of one function with internal batch sizes; these cost most."""
    ways = {
        "attributions": (by_captum_in_batches, (1, 10)),
        "parts": (parts_in_batches, (1, 10)),
        "conductance": (conductance_in_batches, (60,)),
    }
    compute, sizes = ways[key]
    for rows in sizes:
        yield f"batches of {rows}", compute(model, inputs, position, rows)


def by_numpy(scores: Tensor, bins: int, *, single: bool) -> Tensor:
    """Compute the entropies with NumPy's histogram."""
    rows = []
    for row in scores.numpy().astype(np.float32 if single else np.float64):
        counts, _ = np.histogram(row, bins=bins)
        shares = (counts[counts > 0] / row.size).astype(np.float32 if single else np.float64)
        rows.append(-(shares * np.log2(shares)).sum())
    return torch.tensor(np.array(rows))


def right_entropies(scores: Tensor, bins: int) -> Iterator[tuple[str, Tensor]]:
    """Yield entropies by usual ways."""
    yield "NumPy, float64", by_numpy(scores, bins, single=False)
    yield "NumPy, float32", by_numpy(scores, bins, single=True)
    counts = torch.stack([torch.histc(row, bins=bins) for row in scores])
    shares = counts / counts.sum(dim=1, keepdim=True)
    yield "histc, natural logarithm", torch.special.entr(shares).sum(dim=1) / np.log(2)
    yield "a small number added", -(shares * (shares + 1e-12).log2()).sum(dim=1)
    yield "Categorical", torch.distributions.Categorical(probs=shares).entropy() / np.log(2)


class Measured:
    """Distances of right and wrong answers by tolerance key."""

    def __init__(self, module: Any, reference: Any) -> None:
        self.right: dict[str, Distances] = {key: {} for key in FUNCTIONS}
        self.wrong: dict[str, Distances] = {key: {} for key in FUNCTIONS}
        self._module, self._reference = module, reference

    def _of(self, key: str) -> Iterator[Any]:
        return (known for known in misconceptions_of(self._module) if known.task == FUNCTIONS[key])

    def attributions(
        self, key: str, models: dict[str, Any], double: Any, inputs: dict[str, Tensor], position: str
    ) -> None:
        """Measure a function on a question that was chosen for it."""
        threads = torch.get_num_threads()
        gold = getattr(self._reference, FUNCTIONS[key])(double, inputs, position)
        for count in sorted({1, threads}):
            torch.set_num_threads(count)
            for kind, model in models.items():
                made = right_answers(key, self._reference, self._module, model, inputs, position)
                for name, answer in made:
                    keep_worst(self.right[key], f"{count} threads, {kind}, {name}", off(answer, gold))
        torch.set_num_threads(1)
        for name, answer in in_batches(key, models["sdpa"], inputs, position):
            keep_worst(self.right[key], name, off(answer, gold))
        for known in self._of(key):
            if gives_the_right_answer(known.id, position):
                continue
            answer = known.run(self._reference, models["sdpa"], inputs, position)
            keep_worst(self.wrong[key], known.id, off(answer, gold), min)
        torch.set_num_threads(threads)

    def entropy(self, scores: Tensor, bins: int) -> None:
        """Measure the entropies of made-up scores."""
        gold = self._reference.attribution_entropy(scores.double(), bins)
        for name, answer in right_entropies(scores, bins):
            keep_worst(self.right["entropy"], name, entropy_off(answer, gold))
        for known in self._of("entropy"):
            answer = known.run(self._reference, scores, bins)
            keep_worst(self.wrong["entropy"], known.id, entropy_off(answer, gold), min)


def gives_the_right_answer(mistake: str, position: str) -> bool:
    """Say whether a mistake may be none for this position.

    Who always explains the start is right where it is asked for; and the winner is known to move along the path where
    a start is asked for, while for an end it may be the same all along.
    """
    return mistake.endswith(f"always_{position}") or ("fixed_position" in mistake and position == "end")


def tell(title: str, found: Distances) -> None:
    """Print distances, nearest first."""
    print(f"\n{title}")
    for name, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"  {value:10.3g}  {name}")


def main() -> None:
    """Measure everything and write the file."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    module = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    found = Measured(module, reference)
    rows, keys = checks.pool(assignment), {function: key for key, function in FUNCTIONS.items()}
    for spec in assignment.models["tiny"]:
        loaded = load(spec, assignment.student_dir)
        read = partial(type(loaded.model).from_pretrained, spec.path)
        models = {kind: read(attn_implementation=kind).eval() for kind in ("sdpa", "eager")}
        double = copy.deepcopy(models["sdpa"]).double()
        for one in (row for row in rows if row.model == spec.role):
            inputs = reference.build_inputs(loaded.tokenizer, one.question, one.text)
            found.attributions(keys[one.function], models, double, inputs, one.position)
        config, rng = loaded.model.config, random.Random(1)
        for _ in range(TABLES):
            bins = rng.choice(checks.BINS)
            scores = checks.spread(rng, config.num_hidden_layers, config.hidden_size, bins)
            found.entropy(scores, bins)
    for key in found.right:
        tell(f"right {key}", found.right[key]), tell(f"wrong {key}", found.wrong[key])
    origin = describe_origin(inputs=2 * TABLES, devices="CPU", date=datetime.date.today().isoformat())
    tolerances = {key: measure(found.right[key], found.wrong[key], origin=origin) for key in found.right}
    for key, one in sorted(tolerances.items()):
        print(f"{key:20} r {one.right:.3g}  w {one.wrong:.3g}  tau {one.tau:.3g}")
    print(write_tolerances(assignment.folder, tolerances))


if __name__ == "__main__":
    main()
