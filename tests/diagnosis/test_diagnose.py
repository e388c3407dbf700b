import math
import types

import pytest
import torch

from autograder.comparison.tensors import relative_l2
from autograder.diagnosis import Feedback, Misconception, diagnose, misconceptions_around, misconceptions_of


def mistake(name, run):
    return Misconception(id=name, task="f", title=name, hint=f"hint of {name}", run=run)


def nearness_to(actual):
    return lambda result: relative_l2(actual, result)


X = torch.tensor([1.0, 2.0, 4.0])
NEGATED = mistake("negated", lambda reference, x: -x)
DOUBLED = mistake("doubled", lambda reference, x: 2 * x)
BROKEN = mistake("broken", lambda reference, x: 1 / 0)


@pytest.mark.parametrize(("actual", "named"), [(-X, "negated"), (2 * X, "doubled"), (3 * X, None), (X, None)])
def test_the_one_mistake_that_reproduces_the_answer_is_named(actual, named):
    found = diagnose([NEGATED, DOUBLED, BROKEN], None, (X,), {}, nearness_to(actual), 1e-3)
    assert (found.misconception if found else None) == named


def test_two_mistakes_that_give_the_same_answer_are_not_named():
    same = mistake("times minus one", lambda reference, x: x * -1)
    assert diagnose([NEGATED, same], None, (X,), {}, nearness_to(-X), 1e-3) is None


def test_a_mistake_that_gives_nan_is_never_named():
    nan = mistake("nan", lambda reference, x: x * math.nan)
    assert diagnose([nan], None, (X,), {}, nearness_to(X * math.nan), 1e-3) is None


def test_the_student_reads_the_hint_and_the_instructor_the_distance():
    found = diagnose([NEGATED], None, (X,), {}, nearness_to(-X * 1.0001), 1e-3)
    assert found.hint == "hint of negated"
    assert found.distance == pytest.approx(1e-4, rel=1e-3)


def test_an_assertion_of_a_tables_step_explains_nothing_and_one_of_a_library_is_ours():
    def refuses(right, x):
        raise AssertionError("the step asks for something else")

    table = misconceptions_around(task="double", refuses=Feedback("Refuses.", "Why?").on(refuses))
    reference = types.SimpleNamespace(double=lambda x: 2 * x)
    (known,) = misconceptions_of(types.SimpleNamespace(table=table))
    assert diagnose([known], reference, (X,), {}, nearness_to(-X), 1e-3) is None

    library = types.ModuleType("library")
    exec("def double(x):\n    assert False, 'a library is wrong'", vars(library))
    asks = misconceptions_around(task="double", asks=Feedback("Asks.", "Why?").on(lambda right, x: right(x)))
    (known,) = misconceptions_of(types.SimpleNamespace(table=asks))
    with pytest.raises(AssertionError, match="a library is wrong"):
        diagnose([known], library, (X,), {}, nearness_to(-X), 1e-3)
