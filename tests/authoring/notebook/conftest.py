from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.records import Assignment, Limits, Task, WrittenQuestion

REFERENCE = '''\
"""Reference of a small course: nobody but the grader reads this line."""

# %% [markdown]
# # Doubling
#
# Größe mal zwei: $2x$.

# %%
import math

# %% tags=["active-ipynb"]
# # an example
# half_turn = math.pi
# print(half_turn)


# %% task="double"
def double(x):
    """Double a number."""
    ### BEGIN SOLUTION
    doubled = x + x
    return doubled
    ### END SOLUTION


# %% check="double" tags=["active-ipynb"]
# assert double(2) == 4

# %% task="halve"
def halve(x):
    """Halve a number."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


# %% check="halve" tags=["active-ipynb"]
# assert halve(2) == 1
# ### BEGIN HIDDEN TESTS
# assert halve(4) == 2
# ### END HIDDEN TESTS

# %% plot="plot-doubles" tags=["active-ipynb"]
# heights = [double(x) for x in range(3)]
# print(heights)

# %% [markdown] question="question-why"
# **Why does it work?**
#
# ### BEGIN SOLUTION
# Because addition is repeated.
# ### END SOLUTION

# %% [markdown] question="question-more"
# **What else?**
#
# YOUR ANSWER HERE
'''

POINTS = {"double": 2.0, "halve": 1.5}


@pytest.fixture
def course(tmp_path: Path) -> Callable[..., Assignment]:
    """Make a course with one assignment; the argument is the reference's text."""

    def make(text: str = REFERENCE) -> Assignment:
        folder = tmp_path / "course"
        (folder / "reference").mkdir(parents=True, exist_ok=True)
        (folder / "assignments" / "demo").mkdir(parents=True, exist_ok=True)
        (folder / "reference" / "demo.py").write_text(text, encoding="utf-8")
        return Assignment(
            slug="demo",
            title="Demo",
            points=3.5,
            course_dir=folder,
            folder=folder / "assignments" / "demo",
            reference=folder / "reference" / "demo.py",
            template=folder / "student_template" / "demo.ipynb",
            tasks=(
                Task(name="double", title="Double", expected="twice"),
                Task(name="halve", title="Halve", expected="half"),
            ),
            questions=(
                WrittenQuestion(id="question-why", title="Why?", points=3),
                WrittenQuestion(id="question-more", title="What else?", points=1),
            ),
            models={},
            limits=Limits(),
        )

    return make


@pytest.fixture
def points() -> dict[str, float]:
    return dict(POINTS)


@pytest.fixture
def reference_text() -> str:
    return REFERENCE
