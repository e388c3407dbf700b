"""Measure the tolerances and what chance reaches; writes calibration.json and chance.json beside this file.

    python assignments/token_attribution/calibrate.py [--chances]

To be run again when a model, the pool or a mistake changes. Gold answers are float64 and by the project's own
quadrature; right ones are float32 by Captum in every way that may change the last bits, and by every accepted rule;
wrong ones are the executed misconceptions. Distances are taken as the checks take them.
"""

from __future__ import annotations

import copy
import datetime
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from captum.attr import LayerIntegratedGradients
from torch import Tensor

from autograder import faithfulness, quadrature
from autograder.assignments import load_assignment, load_module, load_reference
from autograder.calibration import describe_origin, measure, write_tolerances
from autograder.checks.memo import MemoisedReference
from autograder.diagnosis import misconceptions_of
from autograder.models import load, use_student_dir
from autograder.records import Tolerance
from autograder.tensors import distance, structure_distance

HERE = Path(__file__).resolve().parent
TASK = "compute_feature_attribution_scores"
NOT_IN_THE_SCORES = {"predictions_as_probabilities", "predictions_as_classes", "results_swapped"}
INCOMPLETE = {
    "mean_over_hidden", "norm_over_hidden", "absolute_sum_over_hidden", "gradient_only", "gradient_times_input",
    "opposite_sign", "probability_as_target", "divided_by_norm", "weights_not_halved",
}  # fmt: skip
"""Mistakes that completeness must find; the others add up, but to another difference or along another path."""

Distances = dict[str, float]


class Case:
    """One group of sentences on one model, with all references that count."""

    def __init__(self, checks: Any, reference: Any, assignment: Any, loaded: Any, number: int) -> None:
        self.checks, self.loaded = checks, loaded
        self.batch = checks.batch_of(checks.group(assignment, number), loaded.tokenizer)
        ids = self.batch["input_ids"]
        kept = (ids == loaded.tokenizer.cls_token_id) | (ids == loaded.tokenizer.sep_token_id)
        padding = torch.full_like(ids, loaded.tokenizer.pad_token_id)
        self.baselines = {"": torch.where(kept, ids, padding), "padded": padding}
        rules = (*checks.CONTRACT, *checks.OTHER_RULES)
        self.names = [rule.name for rule in rules]
        double = copy.deepcopy(loaded.model).double()
        self.gold = {
            label: dict(zip(self.names, checks.integrate(self.batch, double, baseline, rules), strict=True))
            for label, baseline in self.baselines.items()
        }
        self.fine = [
            checks.integrate(self.batch, loaded.model, baseline, (checks.FINE_RULE,))[0]
            for baseline in self.baselines.values()
        ]
        self.reference = MemoisedReference(reference)

    def to_rule(self, scores: Tensor, label: str, name: str) -> float:
        """Return the distance of scores (sentence, token) from one gold answer, as the check measures it."""
        return distance(scores, self.gold[label][name], "relative_l2", 0)

    def to_accepted(self, scores: Tensor) -> float:
        """Return the distance from the nearest exactly reproducible answer."""
        return min(self.to_rule(scores, label, name) for label in self.gold for name in self.names)

    def to_fine(self, scores: Tensor) -> float:
        """Return the distance from the nearest answer by a thousand steps."""
        return min(distance(scores, fine, "relative_l2", 0) for fine in self.fine)


def captum(case: Case, model: Any, method: str, chunk: int | None, label: str = "") -> Tensor:
    """Return what Captum gives."""
    ids, mask = case.batch["input_ids"], case.batch["attention_mask"]

    def forward(rows_of_ids: Tensor, rows_of_mask: Tensor) -> Tensor:
        return model({"input_ids": rows_of_ids, "attention_mask": rows_of_mask})

    with torch.no_grad():
        target = forward(ids, mask).argmax(dim=-1)
    explainer = LayerIntegratedGradients(forward, model.embedding_model.embeddings)
    vectors = explainer.attribute(
        ids, baselines=case.baselines[label], target=target, additional_forward_args=(mask,), n_steps=50,
        method=method, internal_batch_size=chunk,
    )  # fmt: skip
    return vectors.sum(dim=-1).detach()


def right_scores(case: Case, eager: Any) -> Iterator[tuple[str, float]]:
    """Yield how far off the exact ways are, each from its own gold answer."""
    model = case.loaded.model
    threads = torch.get_num_threads()
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        for chunk in (len(case.batch["input_ids"]), 10, None) if count == 1 else (None,):
            scores = captum(case, model, "gausslegendre", chunk)
            yield f"{count} threads, chunks of {chunk}", case.to_rule(scores, "", case.names[0])
        yield (
            f"{count} threads, eager",
            case.to_rule(captum(case, eager, "gausslegendre", None), "", case.names[0]),
        )
    torch.set_num_threads(threads)
    methods = ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
    for label in case.gold:
        for method, name in zip(methods, case.names[:5], strict=True):
            yield f"{method} {label}", case.to_rule(captum(case, model, method, None, label), label, name)


def finer_scores(case: Case) -> Iterator[tuple[str, Tensor]]:
    """Yield answers by more steps than asked for."""
    rules = [quadrature.gauss_legendre(steps) for steps in (64, 100)]
    rules += [quadrature.riemann_middle(steps) for steps in (100, 200)]
    rules += [quadrature.riemann_right(100), quadrature.captum_trapezoid(100), quadrature.riemann_left(60)]
    results = case.checks.integrate(case.batch, case.loaded.model, case.baselines[""], rules)
    yield from zip((rule.name for rule in rules), results, strict=True)


def keep_worst(found: Distances, name: str, value: float, pick: Callable[..., float] = max) -> None:
    """Keep the largest (or smallest) distance of a name."""
    found[name] = pick(found.get(name, value), value)


def measure_scores(
    cases: list[Case], eager: dict[int, Any], mistakes: Any, origin: str
) -> dict[str, Tolerance]:
    """Measure the three tolerances of attributions."""
    right: Distances = {}
    finer: Distances = {}
    sums: Distances = {}
    wrong: Distances = {}
    far: Distances = {}
    incomplete: Distances = {}
    for case in cases:
        expected_sums = case.checks.differences(case.batch, case.loaded.model, case.baselines[""])
        for name, value in right_scores(case, eager[id(case.loaded)]):
            keep_worst(right, name, value)
        for name in case.names:
            keep_worst(sums, name, case.checks.incompleteness(case.gold[""][name], expected_sums))
        for name, scores in finer_scores(case):
            keep_worst(finer, name, case.to_fine(scores))
        for known in mistakes:
            scores = known.run(case.reference, case.batch, case.loaded.model, case.loaded.tokenizer)[0]
            if known.id not in NOT_IN_THE_SCORES:
                keep_worst(wrong, known.id, case.to_accepted(scores), min)
                keep_worst(far, known.id, case.to_fine(scores), min)
            if known.id in INCOMPLETE:
                keep_worst(incomplete, known.id, case.checks.incompleteness(scores, expected_sums), min)
    (
        tell("right", right),
        tell("finer rules", finer),
        tell("wrong", wrong),
        tell("wrong, from the fine rule", far),
    )
    tell("sums of accepted rules", sums), tell("sums of mistakes", incomplete)
    completeness = measure(sums, incomplete, metric="max_abs", origin=origin)
    return {
        "attributions": measure(right, wrong, origin=origin),
        # The right set is open-ended here, any finer rule: it lies nearer to the wrong one than round-off does.
        "attributions_rules": measure(finer, far, origin=origin, usable=2.0),
        # An axiom, not a value: twice what the roughest accepted rule is off, far below every mistake.
        "completeness": replace(completeness, tau=2 * completeness.right),
    }


def measure_predictions(
    cases: list[Case], eager: dict[int, Any], mistakes: Any, origin: str
) -> dict[str, Tolerance]:
    """Measure the tolerance of the logits."""
    right: Distances = {}
    wrong: Distances = {}
    for case in cases:
        model = case.loaded.model
        with torch.no_grad():
            gold = copy.deepcopy(model).double()(case.batch)
            for name, way in (("sdpa", model), ("eager", eager[id(case.loaded)])):
                keep_worst(right, name, distance(way(case.batch), gold, "relative_l2", 0))
        for known in mistakes:
            if known.id in NOT_IN_THE_SCORES:
                found = known.run(case.reference, case.batch, model, case.loaded.tokenizer)[1]
                value = distance(found, gold, "relative_l2", 0)
                keep_worst(wrong, known.id, min(value, 1e9), min)
    return {"predictions": measure(right, wrong, origin=origin)}


def measure_pure(checks: Any, reference: Any, mistakes: Any, origin: str) -> dict[str, Tolerance]:
    """Measure the tolerances of token_importance and merge_subtokens, which ask no model."""
    right: dict[str, Distances] = {"importance": {}, "merged": {}}
    wrong: dict[str, Distances] = {"importance": {}, "merged": {}}
    for seed in range(24):
        scores, mask = checks.masked_scores(random.Random(seed))
        gold = reference.token_importance(scores.double(), mask)
        keep_worst(
            right["importance"],
            "float32",
            distance(reference.token_importance(scores, mask), gold, "relative_l2", 0),
        )
        tokens, numbers = checks.pieces_of(random.Random(seed))
        merged = reference.merge_subtokens(tokens, numbers)
        single = reference.merge_subtokens(tokens, torch.tensor(numbers))
        keep_worst(right["merged"], "float32", structure_distance(single, merged, "relative_l2"))
        for known in mistakes:
            if known.task == "token_importance":
                value = distance(known.run(reference, scores, mask), gold, "relative_l2", 0)
                keep_worst(wrong["importance"], known.id, min(value, 1e9), min)
            if known.task == "merge_subtokens" and known.id != "leading_piece_dropped":
                value = structure_distance(known.run(reference, tokens, numbers), merged, "relative_l2")
                keep_worst(wrong["merged"], known.id, min(value, 1e9), min)
    for key in right:
        tell(f"right {key}", right[key]), tell(f"wrong {key}", wrong[key])
    return {key: measure(right[key], wrong[key], origin=origin) for key in right}


def tell(title: str, found: Distances) -> None:
    """Print distances, nearest first."""
    print(f"\n{title}")
    for name, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"  {value:10.3g}  {name}")


def write_chances(checks: Any, assignment: Any, loaded: Any) -> None:
    """Measure what random rankings reach on the suitable sentences of the pool, and store it."""
    # Importable only once the student folder is on the path.
    from course.intent_classifier import encode

    found: dict[str, faithfulness.Chance] = {}
    for sentence in checks.pool(assignment):
        ids = encode([sentence.text], None, loaded.tokenizer)["input_ids"]
        number = len(checks.inner_places(ids[0], loaded.tokenizer))
        if not 5 <= number <= 16:
            continue
        everything, nothing = frozenset(range(number)), frozenset()
        score = checks.left_over(loaded.model, loaded.tokenizer, ids)
        full, empty = score([(0, everything), (0, nothing)])
        # A sentence whose prediction stays without any word says nothing about a ranking of its words.
        if full - empty < 0.3:
            continue
        found[sentence.id] = checks.chances_of(ids, loaded.model, loaded.tokenizer)[0]
    path = assignment.folder / checks.CHANCES
    faithfulness.write_chances(path, checks.fingerprint(loaded.model), found)
    print(f"{path}: {len(found)} sentences")


def main() -> None:
    """Measure everything and write the files."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    reference = load_reference(assignment)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    module = load_module(assignment.folder / "misconceptions.py", f"misconceptions_{assignment.slug}")
    specs = assignment.models["tiny"]
    models = [load(spec, assignment.student_dir) for spec in specs]
    if "--chances" in sys.argv[1:]:
        write_chances(checks, assignment, models[0])
        return
    eager = {id(one): type(one.model).from_pretrained(spec.path, attn_implementation="eager").eval()
             for one, spec in zip(models, specs, strict=True)}  # fmt: skip
    cases = [
        Case(checks, reference, assignment, one, number) for one in models for number in range(checks.GROUPS)
    ]
    today = datetime.date.today().isoformat()
    origin = describe_origin(inputs=3 * len(cases), devices="CPU", date=today)
    known = misconceptions_of(module)
    mistakes = [one for one in known if one.task == TASK]
    found = measure_scores(cases, eager, mistakes, origin)
    found |= measure_predictions(cases, eager, mistakes, origin)
    found |= measure_pure(checks, reference, known, origin)
    for key, one in sorted(found.items()):
        print(f"{key:20} r {one.right:.3g}  w {one.wrong:.3g}  tau {one.tau:.3g}")
    print(write_tolerances(assignment.folder, found))


if __name__ == "__main__":
    main()
