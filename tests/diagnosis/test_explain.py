"""Explanations of wrong answers: what is named, what both share, and what is left unnamed."""

import types
from dataclasses import replace
from functools import partial

import pytest
import torch

from autograder.comparison.tensors import relative_l2
from autograder.diagnosis import Misconception, Question, Subject, explain
from autograder.diagnosis.composition import DidNotComposeError, composed, following, names_used, pairs
from autograder.diagnosis.itemwise import mixed

SOURCE = """
def weights(x):
    return x / x.sum()

def score(x):
    return _twice(weights(x)) * x.square() + x.sin()

def _twice(x):
    return 2 * x
"""
reference = types.ModuleType("small_reference")
exec(SOURCE, vars(reference))

X = torch.tensor([1.0, 2.0, 4.0, 7.0, 3.5, 9.0])
AXES = ("token",)
TAU = 1e-4


def mistake(name, run, task="score", calls=()):
    return Misconception(
        id=name, task=task, title=f"title of {name}.", hint=f"hint of {name}.", run=run, calls=calls
    )


def negated(reference, x):
    return -reference.score(x) + x.cos()


def halved(reference, x):
    return reference.score(x / 2)


def unrelated(reference, x):
    return x.exp().log1p()


NEGATED, HALVED = (mistake(run.__name__, run, calls=("score",)) for run in (negated, halved))
UNRELATED = mistake("unrelated", unrelated)
KNOWN = [NEGATED, HALVED, UNRELATED]
NOT_DIVIDED = mistake("not_divided", lambda reference, x: x, task="weights")


def explained(
    actual,
    candidates=KNOWN,
    mistaken=None,
    consistent=lambda run: True,
    select=lambda result: result,
    noise=TAU,
):
    subject = Subject(
        actual=actual,
        expected=reference.score(X),
        axes=AXES,
        items=None,
        metric="relative_l2",
        select=select,
        noise=noise,
    )
    question = Question(
        task="score",
        reference=reference,
        args=(X,),
        kwargs={},
        nearness=lambda result: relative_l2(actual, result),
        tau=TAU,
        subject=subject,
        consistent=consistent,
    )
    return explain(candidates, question, mistaken=mistaken)


def named(*args, **kwargs):
    found = explained(*args, **kwargs).diagnosis
    return found.misconception if found else None


@pytest.mark.parametrize("known", KNOWN)
def test_a_single_mistake_is_named(known):
    assert named(known.run(reference, X)) == known.id


def test_a_right_answer_times_a_factor_is_told_the_factor():
    found = explained(reference.score(X) / 2)
    assert found.diagnosis.misconception == "one_factor_for_all"
    assert "1/2 times" in found.diagnosis.hint
    assert found.known == () and found.diagnosis.mistakes == ()


def test_two_mistakes_of_which_one_calls_the_other_are_named_both():
    both = composed(NEGATED, {"score": HALVED})(reference, X)
    assert named(both) == "negated + halved"
    found = explained(both)
    assert [one.title for one in found.diagnosis.mistakes] == [one.title for one in found.known]
    assert len(found.known) == 2


def test_a_mistake_and_a_transform_are_named_both():
    assert named(unrelated(reference, X).flip(0)) == "unrelated + reversed_along_token"


def test_a_right_function_on_a_wrong_one_names_the_wrong_one():
    answer = following("score", {"weights": NOT_DIVIDED})(reference, X)
    found = explained(answer, mistaken={"weights": NOT_DIVIDED})
    assert found.diagnosis.misconception == "not_divided"
    assert found.diagnosis.title.startswith("This follows from weights")
    # Nobody else's mistakes are tried.
    assert explained(answer).diagnosis is None


def test_a_mistake_on_a_wrong_function_is_named_with_it():
    answer = composed(SHIFTED, {"weights": NOT_DIVIDED})(reference, X)
    found = explained(answer, [*KNOWN, SHIFTED], mistaken={"weights": NOT_DIVIDED})
    assert found.diagnosis.misconception == "shifted + not_divided"


def shifted(reference, x):
    return reference.weights(x) * x + x.cos()


SHIFTED = mistake("shifted", shifted, calls=("weights",))


def test_a_mistake_known_of_a_function_below_goes_before_one_that_gives_the_same():
    answer = composed(NEGATED, {"weights": NOT_DIVIDED})(reference, X)
    same = mistake("same", following("score", {"weights": NOT_DIVIDED}))
    assert named(answer, [*KNOWN, same]) == "negated + same"
    assert named(answer, [*KNOWN, same], mistaken={"weights": NOT_DIVIDED}) == "negated + not_divided"


@pytest.mark.parametrize("known", KNOWN)
def test_what_is_nearly_a_mistake_is_not_named(known):
    answer = known.run(reference, X)
    answer[2] += 3 * TAU * answer.norm()
    assert named(answer) is None


def test_mistakes_that_give_the_same_are_not_named_and_the_instructor_reads_which():
    same = mistake("same", lambda reference, x: x.exp().log1p())
    found = explained(unrelated(reference, X), [*KNOWN, same])
    assert found.diagnosis is None
    assert "unrelated; same" in found.detail


def test_a_mistake_that_gives_something_else_where_the_student_was_right_is_not_named():
    assert named(unrelated(reference, X), consistent=lambda run: False) is None


def test_what_only_one_of_two_mistakes_would_show_is_no_pair():
    with pytest.raises(DidNotComposeError):
        composed(UNRELATED, {"score": HALVED})(reference, X)
    assert {outer.id for outer, _ in pairs(KNOWN)} == {"negated", "halved"}


def test_composing_leaves_the_reference_as_it_was():
    before = reference.score(X)
    following("score", {"weights": NOT_DIVIDED})(reference, X)
    assert torch.equal(reference.score(X), before)


def test_functions_are_found_that_a_function_calls_through_others():
    assert "weights" in names_used(reference.score)
    assert "score" not in names_used(reference.weights)


def test_where_a_wrong_answer_differs_is_said_without_its_values():
    answer = reference.score(X)
    answer[-1] += 1.2345
    found = explained(answer)
    assert found.diagnosis is None
    assert found.said == "Your values differ at the last token alone; all others are right."
    assert "entries 5 of 0..5" in found.detail


def by_layer(actual, candidates, axes=("layer", "token"), part=False, **kwargs):
    """Explain an answer of shape (layer, token), of which the reference gives three layers; asked as a part, too."""
    expected = layers(reference, X)
    subject = Subject(
        actual=actual,
        expected=expected,
        axes=axes,
        items=None,
        metric="relative_l2",
        select=lambda result: result,
    )
    question = Question(
        task="layers",
        reference=reference,
        args=(X,),
        kwargs={},
        nearness=lambda result: relative_l2(actual, result),
        tau=TAU,
        subject=subject,
        **kwargs,
    )
    return explain(candidates, question, part=replace(question, args=(X.clone(),)) if part else None)


def layers(reference, x):
    return torch.stack([reference.score(x), reference.score(x / 2), reference.score(x / 3)])


reference.layers = partial(layers, reference)

WITHOUT_SINE = mistake("without_sine", lambda reference, x: layers(reference, x) - x.sin(), task="layers")
OTHER = mistake("other", lambda reference, x: layers(reference, x) + x.cos(), task="layers")
PLACES = {
    "in all layers but the last": [True, True, False],
    "in all layers but the first": [False, True, True],
    "in the last layer alone": [False, False, True],
    "in 1 of 3 layers": [False, True, False],
}


@pytest.mark.parametrize("where", PLACES)
def test_a_mistake_in_some_layers_is_named_with_its_place(where):
    wrong = torch.tensor(PLACES[where])[:, None]
    actual = torch.where(wrong, WITHOUT_SINE.run(reference, X), layers(reference, X))
    found = by_layer(actual, [WITHOUT_SINE, OTHER])
    assert found.diagnosis.misconception == "without_sine"
    assert found.diagnosis.title == f"title of without_sine. This holds {where}."
    assert [one.title for one in found.diagnosis.mistakes] == ["title of without_sine."]


def test_two_mistakes_in_different_layers_are_not_named_as_one():
    actual = torch.stack([one.run(reference, X)[n] for n, one in enumerate([WITHOUT_SINE, OTHER, OTHER])])
    assert by_layer(actual, [WITHOUT_SINE, OTHER]).diagnosis is None


def test_a_layer_that_is_neither_right_nor_the_mistakes_is_not_named():
    actual = layers(reference, X)
    actual[0] = WITHOUT_SINE.run(reference, X)[0] * 1.01
    assert by_layer(actual, [WITHOUT_SINE, OTHER]).diagnosis is None


def test_a_mistake_that_other_inputs_rule_out_is_not_named_in_some_layers():
    actual = layers(reference, X)
    actual[0] = WITHOUT_SINE.run(reference, X)[0]
    assert by_layer(actual, [WITHOUT_SINE], consistent=lambda run: False).diagnosis is None


def in_places(known, *places):
    """Return the right layers with those of a mistake in some places."""

    def run(reference, x):
        answer = layers(reference, x).clone()
        answer[list(places)] = known.run(reference, x)[list(places)]
        return answer

    return run


def test_a_mistake_in_some_layers_may_pass_where_these_alone_are_wrong():
    asked = []

    def consistent(run):
        asked.append(run(reference, 3 * X))
        return relative_l2(asked[-1], in_places(WITHOUT_SINE, 0, 1)(reference, 3 * X)) < TAU

    found = by_layer(
        in_places(WITHOUT_SINE, 0, 1)(reference, X), [WITHOUT_SINE, OTHER], consistent=consistent
    )
    assert found.diagnosis.misconception == "without_sine"
    assert asked


def values(reference, x):
    return reference.score(x)[:4]


FEW_WITHOUT_SINE = mistake("few_without_sine", lambda reference, x: values(reference, x) - x[:4].sin())
FEW_OTHER = mistake("few_other", lambda reference, x: values(reference, x) + x[:4].cos())


def of_few(actual, candidates, metric="relative_l2"):
    """Explain an answer of shape (layer,), of which the reference gives four numbers."""
    expected = values(reference, X)
    subject = Subject(
        actual=actual,
        expected=expected,
        axes=("layer",),
        items=0,
        metric=metric,
        select=lambda result: result,
    )
    question = Question(
        task="score",
        reference=reference,
        args=(X,),
        kwargs={},
        nearness=lambda result: relative_l2(actual, result),
        tau=TAU,
        subject=subject,
    )
    return explain(candidates, question)


@pytest.mark.parametrize(
    ("wrong", "metric", "is_named"),
    [
        (3, "relative_l2", True),
        (2, "relative_l2", True),
        (1, "relative_l2", False),
        (3, "exact", False),
    ],
)
def test_two_wrong_numbers_show_a_mistake_but_one_or_a_few_classes_do_not(wrong, metric, is_named):
    actual = values(reference, X)
    actual[:wrong] = FEW_WITHOUT_SINE.run(reference, X)[:wrong]
    found = of_few(actual, [FEW_WITHOUT_SINE, FEW_OTHER], metric).diagnosis
    assert (found.misconception if found else None) == ("few_without_sine" if is_named else None)


def test_a_right_number_need_not_lie_far_from_what_the_mistake_gives():
    expected = values(reference, X)
    mistaken = expected * torch.tensor([2.0, 3.0, 4.0, 1 + 3 * TAU])
    actual = torch.cat([mistaken[:3], expected[3:]])
    found = mixed(actual, expected, mistaken, axes=("layer",), metric="relative_l2", tau=TAU)
    assert found is not None
    assert found.where == "in all layers but the last"
    nearly_right = expected * torch.tensor([1 + 2 * TAU, 1 + 3 * TAU, 1, 1])
    mistaken = torch.cat([nearly_right[:2], 2 * expected[2:]])
    assert mixed(nearly_right, expected, mistaken, axes=("layer",), metric="relative_l2", tau=TAU) is None


def test_a_mistake_that_shows_in_one_number_is_not_named_where_another_in_some_items_shows_the_same():
    actual = values(reference, X)
    actual[0] = FEW_WITHOUT_SINE.run(reference, X)[0]
    first = mistake("first_without_sine", lambda reference, x: actual)
    assert of_few(actual, [first, FEW_OTHER]).diagnosis.misconception == "first_without_sine"
    found = of_few(actual, [first, FEW_WITHOUT_SINE])
    assert found.diagnosis is None
    assert "first_without_sine; few_without_sine" in found.detail


def test_two_mistakes_that_agree_on_the_wrong_layers_are_not_named():
    actual = layers(reference, X)
    actual[0] = WITHOUT_SINE.run(reference, X)[0]
    same = mistake("first_layer", lambda reference, x: WITHOUT_SINE.run(reference, x) * 1.0, task="layers")
    found = by_layer(actual, [WITHOUT_SINE, same])
    assert found.diagnosis is None and "without_sine; first_layer" in found.detail


def test_what_is_only_nearly_a_factor_is_not_called_one():
    noisy = 2 * reference.score(X) * (1 + 0.3 * TAU * torch.tensor([1.0, -1.0] * 3))
    assert named(noisy, noise=1e-6) is None
    assert named(noisy) == "one_factor_for_all"


def test_a_factor_beside_a_mistake_is_told_apart_from_it():
    found = explained(2 * unrelated(reference, X))
    assert found.diagnosis.hint == (
        "hint of unrelated. Apart from that: All values are 2 times what they should be: "
        "look for a mean instead of a sum, a division, a step left out."
    )


@pytest.mark.parametrize("base", [2.0, 10.0])
def test_a_logarithm_to_another_base_is_asked_about(base):
    hint = explained(reference.score(X) / torch.tensor(base).log()).diagnosis.hint
    assert "which logarithm" in hint


def test_an_empty_answer_has_no_place():
    empty = torch.zeros(0, 3)
    assert mixed(empty, empty, empty, axes=("layer", "token"), metric="relative_l2", tau=TAU) is None


def test_a_mistake_that_shows_on_the_whole_alone_is_not_looked_for_in_a_part():
    actual = layers(reference, X)
    actual[0] = WITHOUT_SINE.run(reference, X)[0]
    whole = replace(WITHOUT_SINE, needs_whole=True)
    assert by_layer(actual, [WITHOUT_SINE], part=True).diagnosis.misconception == "without_sine"
    assert by_layer(actual, [whole], part=True).diagnosis is None


def test_the_same_call_within_a_narrower_bound_goes_before_a_mistake_within_the_wide_one():
    near = mistake("near", lambda reference, x: layers(reference, x) * 1.3, task="layers")
    candidates = [replace(one, needs_whole=True) for one in (WITHOUT_SINE, near)]
    actual = in_places(WITHOUT_SINE, 0, 1)(reference, X)
    subject = Subject(
        actual=actual,
        expected=layers(reference, X),
        axes=("layer", "token"),
        items=None,
        metric="relative_l2",
        select=lambda result: result,
    )
    narrow = Question(
        task="layers",
        reference=reference,
        args=(X,),
        kwargs={},
        nearness=lambda result: relative_l2(actual, result),
        tau=TAU,
        subject=subject,
    )
    wide = replace(narrow, tau=0.5, subject=None)
    assert explain(candidates[1:], wide, part=narrow).diagnosis.misconception == "near"
    assert explain(candidates, wide, part=narrow).diagnosis.misconception == "without_sine"


def test_two_mistakes_that_make_a_factor_are_named_before_it():
    negative = mistake("negative", lambda reference, x: -reference.score(x), calls=("score",))
    shrunk = mistake("shrunk", lambda reference, x: reference.score(x) * 0.37, calls=("score",))
    grown = mistake("grown", lambda reference, x: reference.score(x) * -0.37 / x.numel(), calls=("score",))
    actual = reference.score(X) * -0.37
    assert set(named(actual, [negative, shrunk]).split(" + ")) == {"negative", "shrunk"}
    assert named(actual, [negative]) == "one_factor_for_all"
    by_size = mistake("by_size", lambda reference, x: reference.score(x) * x.numel(), calls=("score",))
    assert named(actual, [negative, shrunk, grown, by_size]) == "one_factor_for_all"


def in_rows(actual, candidates):
    """Explain an answer of shape (row, token) for three inputs, asked about the last row alone first."""

    def score_all(reference, rows):
        return torch.stack([reference.score(row) for row in rows])

    inputs = torch.stack([X, X / 2, X / 3])
    subject = Subject(
        actual=actual,
        expected=score_all(reference, inputs),
        axes=("row", "token"),
        items=0,
        metric="relative_l2",
        select=lambda result: result,
    )
    question = Question(
        task="rows",
        reference=reference,
        args=(inputs,),
        kwargs={},
        nearness=lambda result: relative_l2(actual, result),
        tau=TAU,
        subject=subject,
    )
    part = replace(
        question,
        args=(inputs[-1:],),
        nearness=lambda result: relative_l2(actual[-1:], result),
        subject=replace(subject, actual=actual[-1:], expected=subject.expected[-1:]),
    )
    return explain(candidates, question, part=part).diagnosis, subject.expected, inputs


def in_each_row(one):
    return mistake(
        one.id, lambda reference, rows: torch.stack([one.run(reference, row) for row in rows]), task="rows"
    )


def test_what_explains_a_part_alone_is_not_named():
    rows = [in_each_row(one) for one in KNOWN]
    _, _, inputs = in_rows(torch.zeros(3, 6), rows)
    actual = torch.stack([halved(reference, row) for row in inputs])
    assert in_rows(actual, rows)[0].misconception == "halved"
    actual[0] = unrelated(reference, inputs[0])
    assert in_rows(actual, rows)[0] is None


def test_a_mistake_that_a_part_does_not_show_is_looked_for_in_the_whole():
    rows = [in_each_row(one) for one in KNOWN]
    _, right, inputs = in_rows(torch.zeros(3, 6), rows)
    wrong = torch.stack([unrelated(reference, row) for row in inputs])
    for places in ([True, False, False], [False, False, True], [True, True, False]):
        found, _, _ = in_rows(torch.where(torch.tensor(places)[:, None], wrong, right), rows)
        assert found.misconception == "unrelated" and " row" in found.title
