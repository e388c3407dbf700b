"""What the checks give for right answers in every form, for honest samples, and for wrong forms."""

import json
import math
import random
from functools import partial

import pytest
import torch

from autograder.checks.decorators import collect
from autograder.comparison.tensors import distance

TASKS = (
    "ablate_tokens",
    "ablate_template",
    "ablate_groups",
    "shapley_groups",
    "shapley_sampled",
    "attribute_examples",
    "integrated_gradients",
)
TOKENS, TEMPLATE, GROUPS, SHAPLEY, SAMPLED, EXAMPLES, GRADIENTS = TASKS


def lost(results):
    return {
        name: result.detail or result.feedback
        for name, result in results.items()
        if result.outcome != "passed"
    }


def test_points_sum_to_those_of_the_assignment(setting):
    assert sum(info.points for info in collect(setting.assignment)) == setting.assignment.points == 40


def test_every_function_has_a_visible_and_a_hidden_check(setting):
    found = {(info.task, info.visibility) for info in collect(setting.assignment)}
    assert found == {(task, kind) for task in TASKS for kind in ("visible", "hidden")}


@pytest.mark.parametrize(
    "student", ["ana", *[pytest.param(name, marks=pytest.mark.long) for name in ("李雷", "jörg")]]
)
def test_the_reference_has_full_marks_without_a_remark(setting, student):
    results = setting.grade(student=student)
    assert lost(results) == {}
    assert sum(result.points for result in results.values()) == 40
    assert not any(result.remarks or result.measured for result in results.values())


def test_targets_have_three_tokens_and_games_three_players(setting):
    texts, fillings, shots = setting.checks.pool(setting.assignment)
    for loaded in setting.models:
        for one in (*texts, *fillings, *shots, setting.checks.SHOWN, setting.checks.SHOWN_SHOTS):
            assert len(loaded.tokenizer(one.target, add_special_tokens=False)["input_ids"]) >= 3, one
    assert min(max(one.mask) + 1 for one in fillings) >= 3 and min(len(one.examples) for one in shots) >= 3
    assert all(len(set(one.mask)) < len(one.mask) for one in fillings)
    assert all(sorted(set(one.mask)) == list(range(max(one.mask) + 1)) for one in fillings)
    assert min(map(len, (texts, fillings, shots))) >= 20


@pytest.mark.long
@pytest.mark.parametrize("number", [0, 1], ids=["shipped", "hidden"])
def test_groups_and_examples_of_the_pool_interact(setting, number):
    """Where nothing interacted, ablation would be right for Shapley values."""
    loaded = setting.models[number]
    known = {one.id: one for one in setting.misconceptions}
    _, fillings, shots = setting.checks.pool(setting.assignment)
    for name, inputs in (("shapley", fillings[:8]), ("examples", shots[:6])):
        for one in inputs:
            task = {"shapley": SHAPLEY, "examples": EXAMPLES}[name]
            question = (loaded.model, loaded.tokenizer, *one.arguments)
            right = getattr(setting.reference, task)(*question)
            wrong = known[f"{name}_leave_one_out"].run(setting.reference, *question)
            assert float((wrong - right).norm() / right.norm()) > 0.02, one


@pytest.mark.long
def test_no_probability_of_the_checks_underflows(setting):
    for loaded in setting.models:
        for one in setting.checks.pool(setting.assignment)[1][:12]:
            for values in (one.values, one.baselines):
                prompt = one.template.format(*values)
                score = setting.checks.target_score(loaded.model, loaded.tokenizer, prompt, one.target)
                assert -60 < score < 0


def in_form(form, function):
    """Return the function with its result in another form."""

    def change(*args):
        value = function(*args)
        return {
            "float64": lambda: value.double(),
            "numpy": lambda: value.numpy(),
            "gradient": lambda: (value * 1.0).requires_grad_(),
            "strided": lambda: torch.stack([value, value], dim=-1)[..., 0],
            "list": lambda: value.tolist(),
        }[form]()

    return change


@pytest.mark.long
@pytest.mark.parametrize("form", ["float64", "numpy", "gradient", "strided", "list"])
def test_a_right_answer_never_loses_for_its_form(setting, form):
    functions = {name: in_form(form, run) for name, run in setting.functions().items()}
    assert lost(setting.grade(**functions)) == {}


@pytest.mark.long
@pytest.mark.parametrize("form", ["shape", "integers", "nan", "text", "none", "number"])
@pytest.mark.parametrize("task", TASKS)
def test_a_wrong_form_earns_nothing_and_is_no_fault_of_ours(setting, task, form):
    right = getattr(setting.reference, task)

    def wrong(*args):
        return {
            "shape": lambda: right(*args)[:-1],
            "integers": lambda: right(*args).long(),
            "nan": lambda: right(*args) * float("nan"),
            "text": lambda: "an attribution",
            "none": lambda: None,
            "number": lambda: 3.0,
        }[form]()

    results = setting.grade(only={task}, plots=(), **{task: wrong})
    assert setting.points(task, results) == 0
    assert not [result.detail for result in results.values() if result.fault]


@pytest.mark.long
def test_a_mistake_in_one_function_costs_no_other(setting):
    known = next(known for known in setting.misconceptions if known.id == "groups_ignored")
    results = setting.grade(**{GROUPS: partial(known.run, setting.reference)})
    assert {result.task for result in results.values() if result.outcome != "passed"} == {GROUPS}


@pytest.mark.long
def test_stored_outputs_of_the_shipped_model_earn_no_hidden_point(setting):
    loaded = setting.models[0]
    arguments = (loaded.model, loaded.tokenizer, *setting.checks.SHOWN_TEXT.arguments)
    stored = setting.module.ablate_tokens(*arguments)
    results = setting.grade(only={TOKENS}, **{TOKENS: lambda *args: stored})
    assert results["test_one_column_by_hand"].outcome == "passed"
    assert results["test_effects_of_unseen_prompts"].outcome == "failed"


@pytest.mark.parametrize("task", [task for task in TASKS if task != SAMPLED])
def test_answers_stored_under_the_text_alone_are_found(setting, task):
    stored = {}

    def by_text(model, tokenizer, *question):
        key = repr(question)
        if key not in stored:
            stored[key] = getattr(setting.reference, task)(model, tokenizer, *question)
        return stored[key]

    results = setting.grade(only={task}, **{task: by_text})
    hidden = [one for one in results.values() if one.task == task and one.id in HIDDEN]
    assert hidden and not any(one.points for one in hidden)


def test_groups_with_a_negative_effect_are_asked_under_every_name(setting):
    strata = json.loads((setting.assignment.data_dir / "strata.json").read_text())[GROUPS]
    fillings = setting.checks.pool(setting.assignment)[1]
    effects = [
        setting.reference.ablate_groups(loaded.model, loaded.tokenizer, *fillings[number].arguments)
        for loaded in setting.models
        for number in strata["everyone"]
    ]
    off = max(distance(effect.abs(), effect, "relative_l2") for effect in effects)
    assert off > 3 * setting.tolerances["effects"].tau


HIDDEN = {
    "test_effects_of_unseen_prompts",
    "test_effects_of_unseen_features",
    "test_effects_of_unseen_groups",
    "test_effects_of_groups_in_any_order",
    "test_shapley_values_of_unseen_groups",
    "test_shapley_values_of_groups_in_any_order",
    "test_values_of_unseen_examples",
    "test_gradients_of_unseen_prompts",
}
"""Hidden checks that ask both models."""


@pytest.mark.parametrize(
    ("known", "missed"),
    [
        ("tokens_first_dropped", "test_effects_where_no_bos_stands_in_front"),
        ("gradients_first_dropped", "test_gradients_where_no_bos_stands_in_front"),
        ("groups_in_order_of_appearance", "test_effects_of_groups_in_any_order"),
    ],
)
def test_a_corner_that_is_missed_costs_itself_alone(setting, known, missed):
    (mistake,) = [one for one in setting.misconceptions if one.id == known]
    results = setting.mistaken(mistake)
    assert setting.points(mistake.task, results) == setting.possible(mistake.task) - 1
    assert results[missed].outcome == "failed" and results[missed].diagnosis.misconception == known


def test_who_always_takes_the_first_token_for_a_bos_loses_the_corner_alone(setting):
    def gradients(model, tokenizer, prompt, target):
        first = setting.checks.TakenForBos(tokenizer, prompt)
        return setting.module.integrated_gradients(model, first, prompt, target)

    results = setting.grade(only={GRADIENTS}, **{GRADIENTS: gradients})
    assert setting.points(GRADIENTS, results) == setting.possible(GRADIENTS) - 1
    assert results["test_gradients_of_unseen_prompts"].measured == (setting.checks.NO_BOS,)


@pytest.mark.long
def test_hidden_checks_show_no_value_and_no_strip(setting):
    known = next(known for known in setting.misconceptions if known.id == "tokens_cached")
    hidden = setting.mistaken(known)["test_effects_of_unseen_prompts"]
    assert (hidden.feedback, hidden.hint, hidden.strips) == ("", known.hint, ())


@pytest.mark.parametrize("plots", [()])
def test_a_missing_plot_is_said_and_costs_nothing(setting, plots):
    results = setting.grade(only=set(), plots=plots)
    assert results["test_plot_is_a_figure"].outcome == "failed"
    assert results["test_plot_is_a_figure"].max_points == 0


# Sampling


def sampled_by(draw):
    """Return a shapley_sampled that draws its orders by a function from (groups, n_samples, seed)."""
    kept = {}

    def run(model, tokenizer, template, values, baselines, mask, target, n_samples, seed, checks):
        question = (template, tuple(values), tuple(baselines), tuple(mask), target, id(model))
        if question not in kept:
            kept[question] = checks.worths(model, tokenizer, template, values, baselines, mask, target)
        worth = kept[question]
        groups = max(mask) + 1
        total = torch.zeros(groups, dtype=torch.float64)
        orders = draw(groups, n_samples, seed)
        for order in orders:
            there = 0
            for group in order:
                total[group] += worth[there | 1 << group] - worth[there]
                there |= 1 << group
        return (total / len(orders))[mask].float()

    return run


def by_torch(groups, count, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(groups, generator=generator).tolist() for _ in range(count)]


def by_pairs(groups, count, seed):
    """Draw each second order as the one before it, backwards: less variance, and as honest."""
    rng = random.Random(seed)
    orders = []
    for _ in range(count // 2):
        order = rng.sample(range(groups), groups)
        orders += [order, order[::-1]]
    return orders


def by_the_wall(groups, count, seed):
    rng = random.Random()
    return [rng.sample(range(groups), groups) for _ in range(count)]


@pytest.mark.long
@pytest.mark.parametrize("draw", [by_torch, by_pairs])
@pytest.mark.parametrize("student", ["ana", "ben", "chi"])
def test_honest_samples_of_any_generator_are_right(setting, draw, student):
    run = partial(sampled_by(draw), checks=setting.checks)
    results = setting.grade(only={SAMPLED, SHAPLEY}, student=student, **{SAMPLED: run})
    assert setting.points(SAMPLED, results) == 6, lost(results)
    assert not any(result.remarks or result.measured for result in results.values())


@pytest.mark.long
def test_a_seed_that_is_ignored_is_found_and_said(setting):
    run = partial(sampled_by(by_the_wall), checks=setting.checks)
    results = setting.grade(only={SAMPLED, SHAPLEY}, **{SAMPLED: run})
    assert "Two calls with the same seed differ" in results["test_sampling_repeats_and_is_efficient"].feedback


@pytest.mark.long
def test_a_single_sample_for_many_is_found(setting):
    run = partial(sampled_by(lambda groups, count, seed: by_torch(groups, 1, seed)), checks=setting.checks)
    results = setting.grade(only={SAMPLED, SHAPLEY}, **{SAMPLED: run})
    assert results["test_sampled_values_of_unseen_groups"].outcome == "failed"


def exact_instead(shapley):
    return lambda *arguments: shapley(*arguments[:7])


@pytest.mark.long
def test_an_exact_enumeration_is_right(setting):
    results = setting.grade(**{SAMPLED: exact_instead(setting.reference.shapley_groups)})
    assert lost(results) == {} and not any(result.remarks or result.measured for result in results.values())


@pytest.mark.long
def test_a_mistake_in_shapley_groups_does_not_cost_who_calls_it_again(setting):
    known = next(known for known in setting.misconceptions if known.id == "shapley_unweighted")
    wrong = partial(known.run, setting.reference)
    results = setting.grade(**{SHAPLEY: wrong, SAMPLED: exact_instead(wrong)})
    assert {result.task for result in results.values() if result.outcome != "passed"} == {SHAPLEY}
    remarks = [remark for result in results.values() for remark in (*result.remarks, *result.measured)]
    assert remarks == [setting.checks.OWN]


def distributions(setting):
    """Yield the distribution of each group's contribution, for some inputs of both models."""
    checks = setting.checks
    for loaded in setting.models:
        for filling in checks.pool(setting.assignment)[1][:6]:
            worth = checks.worths(loaded.model, loaded.tokenizer, *filling.arguments)
            groups = max(filling.mask) + 1
            yield [checks.contributions(worth, group) for group in range(groups)]


def test_the_distribution_of_a_contribution_is_that_of_all_orders(setting):
    import itertools

    rng = random.Random(2)
    worth = [rng.uniform(-5, 5) for _ in range(16)]
    for group in range(4):
        found = []
        for order in itertools.permutations(range(4)):
            before = sum(1 << other for other in order[: order.index(group)])
            found.append(worth[before | 1 << group] - worth[before])
        values, chances = setting.checks.contributions(worth, group)
        every = torch.tensor(found, dtype=torch.float64)
        assert float(chances.sum()) == pytest.approx(1)
        assert float((values * chances).sum()) == pytest.approx(float(every.mean()))
        assert float((values**2 * chances).sum()) == pytest.approx(float((every**2).mean()))


def tail(values, chances, count, bound):
    """Return the probability that a mean of `count` draws lies beyond the bound, by convolution on a fine grid."""
    mean = float((values * chances).sum())
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        return 0.0
    bins = 4096
    width = (high - low) / (bins - 1)
    places = ((values - low) / width).round().long()
    single = torch.zeros(bins * count, dtype=torch.float64).index_add(0, places, chances)
    together = torch.fft.irfft(torch.fft.rfft(single) ** count, n=len(single)).clamp_min(0)
    means = low + width * torch.arange(len(single), dtype=torch.float64) / count
    # A grid moves each draw by half a width at most, and so the mean.
    return float(together[(means - mean).abs() > bound + width].sum())


@pytest.mark.long
def test_an_honest_sample_fails_once_in_ten_thousand_at_most_by_calculation(setting):
    checks = setting.checks
    for groups in distributions(setting):
        for count in checks.SAMPLE_COUNTS:
            chance = checks.CHANCE / checks.CASES / len(groups)
            for values, chances in groups:
                bound = checks.sampling_bound(values, chances, count, chance)
                assert tail(values, chances, count, bound) <= chance
                # Far from never: a bound that nothing reaches would let everything pass.
                assert tail(values, chances, count, bound / 2) >= chance


@pytest.mark.long
def test_an_honest_sample_fails_once_in_ten_thousand_at_most_by_simulation(setting):
    checks, draws = setting.checks, 20_000
    generator = torch.Generator().manual_seed(7)
    failed = 0
    grids = list(distributions(setting))[::4]
    for groups in grids:
        chance = checks.CHANCE / checks.CASES / len(groups)
        for values, chances in groups:
            picked = torch.multinomial(chances, draws * 40, replacement=True, generator=generator)
            means = values[picked].view(draws, 40).mean(dim=1)
            bound = checks.sampling_bound(values, chances, 40, chance)
            failed += int(((means - (values * chances).sum()).abs() > bound).sum())
    # Of draws of one input the share CHANCE / CASES may fail; three inputs were simulated.
    allowed = len(grids) * draws * checks.CHANCE / checks.CASES
    assert failed <= allowed + 4 * math.sqrt(allowed)


def test_a_bound_is_wider_for_fewer_samples_and_smaller_chances(setting):
    values = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    chances = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    bound = partial(setting.checks.sampling_bound, values, chances)
    assert bound(400, 1e-4) < bound(40, 1e-4) < bound(40, 1e-8)
    spread = float(((values - 1.1) ** 2 * chances).sum().sqrt())
    # Of a normal distribution 3.9 standard errors hold all but 1e-4.
    assert 3.9 * spread / 20 < bound(400, 1e-4) < 5.2 * spread / 20
    assert setting.checks.sampling_bound(torch.full((4,), 2.0), torch.full((4,), 0.25), 40, 1e-4) == 0
