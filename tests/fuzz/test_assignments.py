"""Each check of the assignments, asked with answers that are odd in some place: none becomes a fault of ours."""

import math
import random
from functools import cache, partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.checks.check_run import begin_checks
from autograder.checks.course_context import load_course
from autograder.checks.runner import with_checks
from autograder.checks.submission_proxy import LocalFunctions
from autograder.course.assignment import load_assignment
from autograder.execution.wire import describe_figure, figures

from ..conftest import ROOT
from .answers import answers, spoilt
from .conftest import CASES

SLUGS = ("token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention", "logit_lens")
HUGE = 2**2000
HOSTILE = (
    *(None, True, HUGE, -HUGE, math.nan, "", "\ud800", "x" * 10**6, {}, [], (), {"a": HUGE}, {1: 2}),
    *([HUGE, HUGE, "x"], (HUGE, HUGE, HUGE), [[HUGE]], [("a", HUGE, 0.5)] * 3, [[[]]], [None, None]),
    *(torch.tensor(math.nan), torch.zeros(0), torch.ones(3, dtype=torch.complex64), torch.ones(2).half()),
    *(torch.tensor([True]), torch.zeros((1,) * 16), torch.ones(2**20, dtype=torch.uint8)),
)


@cache
def course_of(slug):
    return load_course(load_assignment(ROOT, slug))


TASKS = [(slug, task.name) for slug in SLUGS for task in load_assignment(ROOT, slug).tasks]


class Functions(LocalFunctions):
    """The reference's functions, one of which answers oddly."""

    def __init__(self, course, task, answer):
        functions = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
        super().__init__({**functions, task: partial(answer, functions[task])})


def plain(value):
    """Return a figure as a kernel describes it, and any other value as it is."""
    return describe_figure.describe(value, picture=False) if describe_figure.is_figure(value) else value


def rebuilt(value):
    """Return a description as the grader gets it; None where it is malformed."""
    if isinstance(value, dict) and "png" in value:
        try:
            return figures.rebuild(value)
        except figures.FigureError:
            return None
    return value


def faults(run, course, task, answer):
    """Run a task's checks, and those that need it; return the faults."""
    checks = tuple(info for info in course.checks if info.task == task)
    started = begin_checks(
        course, Functions(course, task, answer), student="ana", checks=checks, misconceptions=()
    )
    return {result.id: result.detail for result in run(started) if result.fault}


def each(slug, body):
    """Have pytest collect the checks once, and try many answers."""
    course = course_of(slug)
    with_checks(course.assignment, course.checks, lambda run: body(course, run))


@pytest.mark.parametrize(("slug", "task"), TASKS, ids=[task for _, task in TASKS])
@pytest.mark.long
def test_hostile_answers(slug, task):
    def body(course, run):
        for hostile in HOSTILE:
            assert faults(run, course, task, lambda right, *args, hostile=hostile: hostile) == {}, repr(
                hostile
            )[:80]

    each(slug, body)


DTYPES = [value for value in vars(torch).values() if isinstance(value, torch.dtype)]


def in_dtype(answer, dtype):
    """Return an answer with its tensors in another dtype, as they were where torch cannot cast them."""
    if isinstance(answer, torch.Tensor):
        try:
            return answer.to(dtype)
        except (NotImplementedError, RuntimeError):
            return answer
    if isinstance(answer, (list, tuple)):
        return type(answer)(in_dtype(one, dtype) for one in answer)
    if isinstance(answer, dict):
        return {key: in_dtype(one, dtype) for key, one in answer.items()}
    return answer


@pytest.mark.parametrize(("slug", "task"), TASKS, ids=[task for _, task in TASKS])
@pytest.mark.long
def test_answers_of_every_dtype(slug, task):
    def body(course, run):
        for dtype in DTYPES:
            cast = lambda right, *args, dtype=dtype: in_dtype(plain(right(*args)), dtype)  # noqa: E731
            assert faults(run, course, task, cast) == {}, dtype

    each(slug, body)


@pytest.mark.parametrize(("slug", "task"), TASKS, ids=[task for _, task in TASKS])
@pytest.mark.long
def test_answers_that_are_odd_in_one_place(slug, task):
    def body(course, run):
        assert faults(run, course, task, lambda right, *args: right(*args)) == {}

        # The first run fills the cache of the reference's answers; no deadline holds for a whole set of checks.
        @settings(max_examples=max(50, CASES // 50), deadline=None)
        @given(seed=st.integers(0, 2**32), odd=st.lists(answers, min_size=1, max_size=3))
        def attempt(seed, odd):
            rng = random.Random(seed)

            def answer(right, *args):
                return rebuilt(spoilt(plain(right(*args)), rng, odd))

            assert faults(run, course, task, answer) == {}

        attempt()

    each(slug, body)
