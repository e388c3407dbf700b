"""Each mutant of the source differs in one place, and does what its name says."""

import ast

import pytest

from autograder.authoring.verify.mutation.mutate_source import mutate_source

SOURCE = '''
def best(scores, k=2):
    """Return the k best, 1 or more."""
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    found = []
    for index in order[:k]:
        if scores[index] > 0 and not index == 7:
            found.append((index, scores[index] * 1.5))
    return found
'''


def ran(source, *args):
    names = {}
    exec(compile(source, "<test>", "exec"), names)
    return names["best"](*args)


def named(text):
    return next(mutant for mutant in mutate_source(SOURCE) if text in mutant.name)


@pytest.mark.parametrize(
    ("name", "scores", "expected"),
    [
        ("scores[index] > 0 -> scores[index] >= 0", [0.0, -1.0], [(0, 0.0)]),
        ("scores[index] * 1.5 -> scores[index] / 1.5", [3.0], [(0, 2.0)]),
        ("-scores[index] -> scores[index]", [1.0, 2.0, 3.0], [(0, 1.5), (1, 3.0)]),
        (":k -> :k - 1", [1.0, 2.0], [(1, 3.0)]),
        ("2 -> 3", [1.0, 1.0, 1.0], [(0, 1.5), (1, 1.5), (2, 1.5)]),
        ("(index, scores[index] * 1.5) -> (scores[index] * 1.5, index)", [2.0], [(3.0, 0)]),
        ("the last one left out", [1.0, 2.0], [(1, 3.0)]),
        ("return found -> return None", [1.0], None),
        ("left out: found.append", [1.0], []),
    ],
)
def test_it_does_what_its_name_says(name, scores, expected):
    assert ran(named(name).source, scores) == expected


def test_each_is_another_program_and_none_is_the_same():
    sources = [mutant.source for mutant in mutate_source(SOURCE)]
    assert len(sources) > 25
    assert len(set(sources)) == len(sources)
    assert ast.unparse(ast.parse(SOURCE)) not in sources
    assert len({mutant.name for mutant in mutate_source(SOURCE)}) == len(sources)


def test_text_that_is_not_code_stays():
    for mutant in mutate_source(SOURCE):
        assert "Return the k best, 1 or more." in mutant.source


def test_names_hold_when_lines_move():
    moved = "import math\n\n\n" + SOURCE.replace("    found = []", "    # what is kept\n\n    found = []")
    assert [mutant.name for mutant in mutate_source(moved)] == [
        mutant.name for mutant in mutate_source(SOURCE)
    ]
