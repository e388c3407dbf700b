"""Each student is asked inputs of their own, the same ones at a regrade, and another student's answers earn nothing."""

import copy
from dataclasses import replace

import pytest
import torch

from autograder.checks.answer_cache import content_key
from autograder.checks.course_context import load_course
from autograder.checks.runner import with_checks
from autograder.checks.variants import grade_variant
from autograder.course.assignment import load_assignment

from .setting import ROOT

SLUGS = ("token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention", "logit_lens")
pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=SLUGS)
def course(request):
    return load_course(load_assignment(ROOT, request.param))


class Asked:
    """The reference's functions, which note what they are asked and what they answer."""

    def __init__(self, course):
        self.calls = {task.name: [] for task in course.assignment.tasks}
        self.functions = {name: self._noted(name, getattr(course.reference, name)) for name in self.calls}

    def _noted(self, name, function):
        def call(*args):
            answer = function(*args)
            self.calls[name].append((plain(args), answer))
            return answer

        return call

    def questions(self, task):
        return [content_key(args, []) for args, _ in self.calls[task]]


def plain(args):
    """Return arguments without the model and tokenizer, whose place is the same for all."""
    return tuple(
        copy.copy(value) for value in args if isinstance(value, (str, int, list, tuple, dict, torch.Tensor))
    )


def grade_hidden(course, functions, student):
    """Run the hidden checks alone."""
    checks = tuple(replace(info, requires=()) for info in course.checks if info.visibility == "hidden")
    alone = replace(course, checks=checks)
    return with_checks(
        course.assignment,
        course.checks,
        lambda run: grade_variant(alone, functions, student=student, run=run),
    )


def asked(course, student):
    noted = Asked(course)
    results = grade_hidden(course, noted.functions, student)
    assert all(result.outcome == "passed" for result in results), results
    return noted, results


@pytest.fixture(scope="module")
def ana(course):
    return asked(course, "ana")


def test_the_same_student_is_asked_the_same_again(course, ana):
    again, _ = asked(course, "ana")
    for task in ana[0].calls:
        assert again.questions(task) == ana[0].questions(task)


def test_students_are_asked_different_inputs(course, ana):
    others = [asked(course, student)[0] for student in ("ben", "eva")]
    for task in ana[0].calls:
        own = ana[0].questions(task)
        assert own, f"no hidden check asks {task}"
        assert any(other.questions(task) != own for other in others), task


def test_another_key_asks_other_inputs(course, ana):
    other, _ = asked(replace(course, key=course.key + "another"), "ana")
    assert any(other.questions(task) != ana[0].questions(task) for task in ana[0].calls)


def in_order(calls):
    """Answer with the stored answers, one after another."""
    count = iter(range(10**9))
    return lambda *args: calls[next(count) % len(calls)][1]


def to_the_nearest(calls):
    """Answer with the stored answer to the question that looks most like the one that is asked."""

    def call(*args):
        wanted = describe(plain(args))
        return max(calls, key=lambda one: likeness(describe(one[0]), wanted))[1]

    return call


def describe(value):
    if isinstance(value, torch.Tensor):
        return [("shape", tuple(value.shape)), *value.flatten()[:200].tolist()]
    if isinstance(value, dict):
        return [part for key in sorted(value) for part in describe(value[key])]
    if isinstance(value, (list, tuple)):
        return [part for one in value for part in describe(one)]
    return [value] if isinstance(value, int) else str(value).split()


def likeness(one, other):
    return sum(a == b for a, b in zip(one, other, strict=False)) - abs(len(one) - len(other))


@pytest.mark.parametrize("replay", [in_order, to_the_nearest])
def test_stored_answers_of_another_student_earn_nothing(course, ana, replay):
    stored = {task: replay(calls) for task, calls in ana[0].calls.items() if calls}
    for student in ("zoe", "tim"):
        earned = {
            result.id: result.points for result in grade_hidden(course, stored, student) if result.points
        }
        assert not earned, (student, earned)
