from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from autograder.authoring.notebook import build_notebook
from autograder.errors import AssignmentError
from autograder.records import Assignment

Course = Callable[..., Assignment]
Points = Mapping[str, float]

DOUBLE = '''\
# %% task="double"
def double(x):
    """Double a number."""
    ### BEGIN SOLUTION
    doubled = x + x
    return doubled
    ### END SOLUTION
'''

CHANGES = {
    "an unknown task": (
        ('task="halve"', 'task="halv"'),
        'task="halv": not among the tasks of assignment.toml. Did you mean halve?',
    ),
    "a missing task": (
        ('task="halve"', 'plot="halve"'),
        'no cell is marked task="halve", which is among the tasks of assignment.toml.',
    ),
    "a task twice": (
        (DOUBLE, DOUBLE + "\n\n" + DOUBLE),
        'task="double": 2 cells have this marker; leave one.',
    ),
    "a task without a region": (
        ("    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION", "    return x / 2"),
        'cell 7 (task="halve"): has no BEGIN SOLUTION and END SOLUTION: students would see the solution.',
    ),
    "a region without an end": (
        ("    return x / 2\n    ### END SOLUTION\n", "    return x / 2\n"),
        'cell 7 (task="halve"): BEGIN SOLUTION without END SOLUTION.',
    ),
    "two tasks in one cell": (
        (
            "    return doubled\n    ### END SOLUTION\n",
            "    return doubled\n    ### END SOLUTION\n\ndef halve(x): ...\n",
        ),
        'cell 5 (task="double"): defines the task halve too. Give each task a cell of its own.',
    ),
    "another function": (
        ("def halve(x)", "def halved(x)"),
        'cell 7 (task="halve"): does not define halve. Did you mean halved?',
    ),
    "bad Python": (("def halve(x)", "def halve(x"), 'cell 7 (task="halve"): is not valid Python.'),
    "an unknown question": (
        ('question="question-more"', 'question="question-mor"'),
        'question="question-mor": not among the questions of assignment.toml. '
        "Did you mean question-more or question-why?",
    ),
    "a missing question": (
        (' question="question-more"', ""),
        'no cell is marked question="question-more", which is among the questions of assignment.toml.',
    ),
    "a question in a code cell": (
        ('# %% [markdown] question="question-more"', '# %% question="question-more"'),
        'cell 11 (question="question-more"): is a code cell; a question is a markdown cell.',
    ),
    "a model answer in clear": (
        (
            "# ### BEGIN SOLUTION\n# Because addition is repeated.\n# ### END SOLUTION\n",
            "# Because addition is repeated.\n",
        ),
        'cell 10 (question="question-why"): marks neither the model answer nor the place of the student\'s, so '
        "students would see all of it. Put the model answer between BEGIN SOLUTION and END SOLUTION, or "
        "write YOUR ANSWER HERE where the student's goes.",
    ),
    "a check of nothing": (
        ('check="halve"', 'check="have"'),
        'cell 8 (check="have"): no task of assignment.toml has this name. Did you mean halve?',
    ),
    "a check twice": (
        ("# assert double(2) == 4\n", '# assert double(2) == 4\n\n# %% check="double"\n# assert True\n'),
        'check="double": 2 cells have this marker; leave one.',
    ),
    "a misspelt marker": (
        ('check="halve"', 'chek="halve"'),
        "cell 8: 'chek' is not a marker. Did you mean check?",
    ),
    "two markers": (
        ('task="halve"', 'task="halve" plot="p"'),
        "cell 7 has the markers task and plot. Give each a cell of its own.",
    ),
    "a bad id": (
        ('plot="plot-doubles"', 'plot="plot doubles"'),
        "cell 9 (plot=\"plot doubles\"): 'plot doubles' is not a valid id: "
        "use letters, digits, hyphens and underscores.",
    ),
    "one id for two": (
        ('plot="plot-doubles"', 'plot="double"'),
        "'double' names a plot and a task: give each cell an id of its own.",
    ),
    "a question with a plot's id": (
        ('plot="plot-doubles"', 'plot="question-why"'),
        "'question-why' names a plot and a question: give each cell an id of its own.",
    ),
    "a region in a locked cell": (
        ("import math\n", "### BEGIN SOLUTION\nimport math\n### END SOLUTION\n"),
        "cell 3: BEGIN SOLUTION in a cell that is not marked as a task, plot or question.",
    ),
    "hidden tests in a locked cell": (
        ("import math\n", "### BEGIN HIDDEN TESTS\nimport math\n### END HIDDEN TESTS\n"),
        "cell 3: HIDDEN TESTS in a cell that is not a check: students would see them.",
    ),
    "a solution in a worked example": (
        ("# half_turn = math.pi\n", "# doubled  = x + x\n# return doubled\n"),
        'cell 4: contains a part of the solution of cell 5 (task="double").',
    ),
    "a plot's solution in another cell": (
        ("import math\n", "import math\nheights = [double(x) for x in range(3)]\nprint(heights)\n"),
        'cell 3: contains a part of the solution of cell 9 (plot="plot-doubles").',
    ),
}


def problems(assignment: Assignment, points: Points) -> list[str]:
    with pytest.raises(AssignmentError) as raised:
        build_notebook(assignment, points)
    first, *lines = str(raised.value).splitlines()
    assert first == f"{assignment.reference}: {len(lines)} problem(s):"
    return [line.removeprefix("  - ") for line in lines]


@pytest.mark.parametrize("case", CHANGES)
def test_reports_the_problem(case: str, course: Course, points: Points, reference_text: str) -> None:
    (old, new), sentence = CHANGES[case]
    assert old in reference_text
    assert sentence in problems(course(reference_text.replace(old, new, 1)), points)


def test_reports_all_problems_at_once(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text
    for case in ("an unknown task", "a misspelt marker", "an unknown question"):
        text = text.replace(*CHANGES[case][0], 1)
    assert len(problems(course(text), points)) >= 3


def test_a_check_needs_points(course: Course) -> None:
    assert problems(course(), {"double": 1}) == [
        'cell 8 (check="halve"): checks.py gives this task no points, so the cell cannot be graded.'
    ]


def test_short_pieces_may_occur_elsewhere(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text.replace("# half_turn = math.pi\n", "# half_turn = math.pi\n# return x / 2\n")
    (shown,) = (cell for cell in build_notebook(course(text), points).cells if cell.id == "demo-03")
    assert shown.source.endswith("return x / 2\nprint(half_turn)")


def test_hidden_tests_without_an_end(course: Course, points: Points, reference_text: str) -> None:
    text = reference_text.replace("# ### END HIDDEN TESTS\n", "")
    with pytest.raises(AssignmentError, match="nbgrader does not accept it: No end hidden tests"):
        build_notebook(course(text), points)


def test_a_missing_reference(course: Course, points: Points) -> None:
    assignment = course()
    assignment.reference.unlink()
    with pytest.raises(AssignmentError, match=r"demo\.py: the reference file is missing"):
        build_notebook(assignment, points)


def test_says_how_to_get_jupytext(course: Course, tmp_path: Path) -> None:
    script = f"""
    import sys
    from pathlib import Path
    sys.modules["jupytext"] = None
    from types import SimpleNamespace
    from autograder.authoring.notebook import build_notebook
    from autograder.errors import AssignmentError
    try:
        build_notebook(SimpleNamespace(reference=Path({str(course().reference)!r})), {{}})
    except AssignmentError as error:
        print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "jupytext is not installed, so no notebook can be built. Install it: pip install jupytext\n"
    )
