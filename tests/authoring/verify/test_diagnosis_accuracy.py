"""Diagnosis accuracy on the small course."""

from dataclasses import replace

import torch

from autograder.authoring.verify.diagnosis_accuracy import accuracy_by_kind, measure_diagnosis_accuracy
from autograder.diagnosis import Misconception
from autograder.diagnosis.composition import pairs


def counts(programs):
    return {
        one.kind: (one.right, one.wrong, one.none, one.no_points_lost) for one in accuracy_by_kind(programs)
    }


def untold(programs):
    """Return how many programs of each kind cannot be told from others."""
    return {one.kind: one.cannot_be_told for one in accuracy_by_kind(programs)}


def with_mistakes(course, *more, keep=()):
    """Return the course with these mistakes in `centre`, and those of its own of these names."""
    own = tuple(one for one in course.misconceptions if one.id in keep)
    known = (
        Misconception(id=run.__name__, task="centre", title=run.__name__, hint="-", run=run, calls=calls)
        for run, calls in more
    )
    return replace(course, misconceptions=(*own, *known))


def test_known_mistakes_are_diagnosed_right_and_correct_programs_never(course):
    found = counts(measure_diagnosis_accuracy(course, students=2))
    assert found["single"] == (6, 0, 0, 0)
    assert found["correct"][:2] == (0, 0)
    assert found["unknown"] == (0, 0, 3, 0)
    assert found["two functions"][1] == 0


def test_each_student_is_one_grading(course):
    one, three = (
        counts(measure_diagnosis_accuracy(course, students=n, kinds=("single",)))["single"] for n in (1, 3)
    )
    assert sum(three) == 3 * sum(one) == 9


def test_two_known_mistakes_that_give_the_same_have_no_diagnosis(course):
    first = course.misconceptions[0]
    twin = Misconception(id="twin", task=first.task, title="twin", hint="twin", run=first.run)
    doubled = replace(course, misconceptions=(*course.misconceptions, twin))
    found = counts(measure_diagnosis_accuracy(doubled, students=1, kinds=("single",)))["single"]
    assert found[1:3] == (0, 2)


def test_mistakes_that_do_not_compose_are_left_out(course):
    def never_asks(reference, values):
        return values if values is not None else reference.centre(values)

    inner = next(one for one in course.misconceptions if one.task == "centre")
    outer = Misconception(
        id="never_asks", task="centre", title="-", hint="-", run=never_asks, calls=("centre",)
    )
    two = replace(course, misconceptions=(inner, outer))
    assert [one.id for both in pairs(two.misconceptions) for one in both] == ["never_asks", inner.id]
    assert measure_diagnosis_accuracy(two, students=1, kinds=("pair",)) == []


def overall_again(reference, values):
    return values - values.mean()


def overall_but_the_last(reference, values):
    answer = reference.centre(values).clone()
    answer[:-1] = (values - values.mean())[:-1]
    return answer


def overall_but_the_last_and_hardly(reference, values):
    return overall_but_the_last(reference, values) * (1 + 3e-5)


def twice(reference, values):
    return reference.centre(values) * 2


def fourfold(reference, values):
    return reference.centre(values) * 4


def sixfold(reference, values):
    return reference.centre(values) * 6


def threefold(reference, values):
    return reference.centre(values) * 3


def transposed(reference, values):
    return reference.centre(values).T


def summed_rows(reference, values):
    return reference.centre(values) @ torch.ones(3, 3)


def test_mistakes_that_give_the_same_in_every_call_cannot_be_told_where_they_are_made_in_part(course):
    found = measure_diagnosis_accuracy(
        with_mistakes(course, (overall_again, ()), keep=("overall_mean",)), students=1, kinds=("partly",)
    )
    assert untold(found)["partly"] == 2
    assert counts(found)["partly"] == (0, 0, 0, 0)
    assert accuracy_by_kind(found)[0].asked == 0


def test_another_name_is_right_for_the_very_same_values_alone(course):
    for other, outcome in ((overall_but_the_last, "right"), (overall_but_the_last_and_hardly, "wrong")):
        found = measure_diagnosis_accuracy(
            with_mistakes(course, (other, ()), keep=("overall_mean",)), students=1, kinds=("partly",)
        )
        made = {one.made: (one.outcome, one.diagnosed) for one in found}
        assert made["overall_mean",] == (outcome, other.__name__)


def test_a_pair_may_be_named_as_the_one_mistake_that_gives_the_same_but_not_as_another_pair(course):
    factors = [(run, ("centre",)) for run in (twice, threefold, fourfold, sixfold)]
    found = measure_diagnosis_accuracy(with_mistakes(course, *factors), students=1, kinds=("pair",))
    outcomes = {frozenset(one.made): one.outcome for one in found}
    assert outcomes[frozenset({"twice", "threefold"})] == "right"
    assert outcomes[frozenset({"twice", "sixfold"})] == "cannot be told"
    assert outcomes[frozenset({"threefold", "fourfold"})] == "cannot be told"
    assert outcomes[frozenset({"fourfold", "sixfold"})] == "right"


def test_a_pair_that_ends_with_an_error_cannot_be_told(course):
    found = measure_diagnosis_accuracy(
        with_mistakes(course, (summed_rows, ("centre",)), (transposed, ("centre",))),
        students=1,
        kinds=("pair",),
    )
    outcomes = {one.made: one.outcome for one in found}
    assert outcomes["summed_rows", "transposed"] == "cannot be told"
