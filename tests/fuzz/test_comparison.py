"""Nothing that a student returns makes a comparison fail but in the student's name, and nothing keeps it busy."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.checks import Part, assert_close, assert_integers_equal, assert_matches, read_answer
from autograder.checks.comparing import Mismatch
from autograder.checks.recorder import Recorder
from autograder.comparison.structures import compare_structures, structure_distance
from autograder.comparison.tensors import as_tensor, compare, distance
from autograder.diagnosis import Misconception, Question, explain
from autograder.errors import SubmissionError, UnusableAnswerError, did_you_mean
from autograder.records import Tolerance

from .answers import answers, fault_of, near, nests, spoilt_tensor, tensors, texts

HERE = Path(__file__)
METRICS = st.sampled_from(["relative_l2", "max_abs", "exact"])
SCORES = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -0.125]])
IDS = torch.tensor([[1, 5, 0], [7, 2**40, 3]])
TABLE = {"words": [("a", 1.5), ("##b", -2.0)], 3: (SCORES, None, True), "n": 2**70, "0": torch.tensor(4.0)}
TOLERANCE = Tolerance(metric="relative_l2", tau=1e-3)

rights = st.sampled_from([SCORES, IDS, SCORES.double(), SCORES[:0], SCORES[0, 0], IDS.bool()])


def tolerances():
    return st.builds(lambda metric: Tolerance(metric=metric, tau=0.0 if metric == "exact" else 1e-3), METRICS)


@given(answer=st.one_of(answers, near(SCORES), near(IDS)), expected=rights, tolerance=tolerances())
def test_compare(answer, expected, tolerance):
    axes = [f"axis {number}" for number in range(expected.dim())]
    items = axes[0] if axes else None
    try:
        found = compare(answer, expected, tolerance, axes=axes, items=items)
    except SubmissionError:
        return
    assert found.close == (found.problem == "")
    if found.close:
        got, want = (np.asarray(as_tensor(one).double().tolist()) for one in (answer, expected))
        assert np.isfinite(got).all()
        assert np.allclose(got, want, rtol=2e-3, atol=2e-3 * max(1.0, np.abs(want).max(initial=0.0)))


@given(
    answer=st.one_of(answers, near(TABLE)), expected=st.one_of(st.just(TABLE), nests), tolerance=tolerances()
)
def test_compare_structures(answer, expected, tolerance):
    # What a course expects is of forms that a course can expect.
    try:
        compare_structures(expected, expected, tolerance)
    except (SubmissionError, ValueError, RuntimeError):
        return
    assert len(compare_structures(answer, expected, tolerance).message) < 5000
    assert structure_distance(answer, expected, tolerance.metric) >= 0


def test_a_structure_that_is_the_expected_one_is_close():
    assert compare_structures(TABLE, TABLE, Tolerance(metric="exact", tau=0.0)).close


@given(
    answer=st.one_of(tensors(), near(SCORES)),
    expected=rights,
    metric=METRICS,
    axis=st.sampled_from([None, 0]),
)
def test_distance(answer, expected, metric, axis):
    got = as_tensor(answer)
    if got is not None and expected.dim():
        assert distance(got, expected, metric, axis) >= 0


@given(answer=answers)
def test_as_tensor(answer):
    found = as_tensor(answer)
    assert found is None or isinstance(found, torch.Tensor)


@given(answer=st.one_of(answers, near(SCORES)), tolerance=tolerances())
def test_assert_close(answer, tolerance):
    def attempt():
        assert_close(
            answer,
            SCORES,
            name="scores",
            axes=("row", "column"),
            items="row",
            tolerance=tolerance,
            alternatives={"Twice is accepted.": 2 * SCORES, "Half, too.": lambda: SCORES / 2},
            part=Part(args=(), of=lambda scores: scores[-1:]),
            exact=lambda: SCORES.double(),
        )

    assert fault_of(attempt, HERE) == ""


@given(answer=st.one_of(answers, near(IDS)))
def test_assert_integers_equal(answer):
    assert (
        fault_of(lambda: assert_integers_equal(answer, IDS, name="ids", axes=("row", "column")), HERE) == ""
    )


@given(answer=st.one_of(answers, near(TABLE)), tolerance=tolerances())
def test_assert_matches(answer, tolerance):
    other = {"Another one is accepted.": lambda: [TABLE]}
    assert (
        fault_of(
            lambda: assert_matches(answer, TABLE, name="table", tolerance=tolerance, alternatives=other), HERE
        )
        == ""
    )


@given(answer=answers, tokens=st.lists(texts.filter(lambda text: len(text) < 100), max_size=4))
def test_strips(answer, tokens):
    record = Recorder()
    record.strip("Scores", tokens, answer, answer)
    assert all(math.isfinite(value) for strip in record.strips for value in strip.actual)


@given(name=texts, known=st.lists(texts.map(lambda text: text[:100]), max_size=200))
def test_did_you_mean(name, known):
    assert isinstance(did_you_mean(name[:100], known), str)


def twice(reference, *args):
    return 2 * SCORES


def turned(reference, *args):
    return SCORES.T


KNOWN = [
    Misconception(id=run.__name__, task="scores", title="A mistake.", hint="Think.", run=run)
    for run in (twice, turned)
]


@given(
    seed=st.integers(0, 2**32), other=tensors(), metric=METRICS, special=st.lists(st.booleans(), max_size=3)
)
def test_diagnosis(seed, other, metric, special):
    rng = random.Random(seed)
    answer = rng.choice([spoilt_tensor(SCORES, rng, [other]), spoilt_tensor(SCORES.T, rng, [other]), other])
    try:
        assert_close(
            answer,
            SCORES,
            name="scores",
            axes=("row", "token"),
            tolerance=Tolerance(metric=metric, tau=0.001),
        )
    except Mismatch as error:
        question = Question(
            task="scores",
            reference=None,
            args=(),
            kwargs={},
            nearness=error.nearness,
            tau=error.tau,
            subject=error.subject,
            special=special,
            sizes={"number of steps": 50},
        )
        try:
            explain(KNOWN, question)
        except UnusableAnswerError:
            return
    except SubmissionError:
        return


class TestWhoseItIs:
    """An error is the answer's where the expected value causes none, and ours everywhere else."""

    @staticmethod
    def test_what_only_the_answer_causes_is_the_answers():
        class Odd(list):
            def __len__(self):
                raise KeyError("odd")

        with pytest.raises(UnusableAnswerError) as caught:
            compare_structures(Odd(), [1, 2], TOLERANCE, name="table")
        assert str(caught.value) == "table: this value cannot be compared with the expected one."
        assert isinstance(caught.value.__cause__, KeyError)

    @staticmethod
    def test_what_the_expected_value_causes_as_well_is_ours():
        with pytest.raises(AttributeError):
            compare(torch.ones(2), "no tensor", TOLERANCE)

    @staticmethod
    @pytest.mark.parametrize("how", ["alternatives", "exact"])
    def test_what_a_callable_of_the_course_raises_is_ours(how):
        def broken():
            raise KeyError("ours")

        more = {"alternatives": {"": broken}} if how == "alternatives" else {"exact": broken}
        with pytest.raises(KeyError, match="ours"):
            assert_close(
                SCORES + 1, SCORES, name="scores", axes=("row", "column"), tolerance=TOLERANCE, **more
            )

    @staticmethod
    def test_an_assertion_about_the_answer_stays_what_it_is():
        def read(answer):
            assert answer == 6, "The answer is 6."

        with pytest.raises(AssertionError, match="The answer is 6"):
            read_answer(read, 5)

    @staticmethod
    def test_an_assertion_of_a_library_is_the_answers():
        with pytest.raises(UnusableAnswerError):
            read_answer(lambda answer: torch.testing.assert_close(answer, 6), 5)

    @staticmethod
    @pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 8 bytes")])
    def test_a_want_of_memory_is_ours(error):
        def read(answer):
            raise error

        with pytest.raises(type(error)):
            read_answer(read, 5)
