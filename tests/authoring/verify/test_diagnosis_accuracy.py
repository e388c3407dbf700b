"""Diagnosis accuracy on the small course."""

from dataclasses import replace

from autograder.authoring.verify.diagnosis_accuracy import accuracy_by_kind, measure_diagnosis_accuracy
from autograder.diagnosis import Misconception
from autograder.diagnosis.composition import pairs


def counts(programs):
    return {
        one.kind: (one.right, one.wrong, one.none, one.no_points_lost) for one in accuracy_by_kind(programs)
    }


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
