from __future__ import annotations

import copy

import pytest
from nbformat import NotebookNode

from autograder.course.notebooks import restore_locked_cells
from autograder.course.notebooks.additions import added_statements

from .test_locked_cells import cell_of, names

SETUP = "import torch\nfrom x import y\n\ndata = load('data/words.txt')\nmodel = y(data)\nmodel.eval()"


@pytest.mark.parametrize(
    ("changed", "added"),
    [
        (SETUP, ""),
        (SETUP + "\nimport numpy as np\nimport math", "import numpy as np\nimport math"),
        ("import os\n" + SETUP, "import os"),
        (SETUP.replace("data/", "/kaggle/input/data/"), ""),
        (SETUP.replace("data/", "/content/") + "\nfrom collections import Counter\nPAD = 0", None),
        (SETUP.replace("import torch", "import torch, math"), "import torch, math"),
        (SETUP + "\n\n@decorator\ndef helper():\n    return 1", "@decorator\ndef helper():\n    return 1"),
        (SETUP + "\n!pip install x", "!pip install x"),
        ("%load_ext autoreload\n" + SETUP, "%load_ext autoreload"),
        (SETUP.replace("model.eval()", "model.eval();"), ""),
        (SETUP.replace("model.eval()", "model.train()"), ""),
        (SETUP + "  # my comment", ""),
        (SETUP + "\nmodel = None", ""),
        (SETUP + "\na = 1; b = 2", "a = 1; b = 2"),
        (
            SETUP + "\nif True:\n    !pip install x\n    more = 1",
            "if True:\n    !pip install x\n    more = 1",
        ),
        ("print(", ""),
        ("(" * 5000, ""),
        ("x = " + "-" * 15_000 + "1", ""),
    ],
)
def test_what_is_new_is_an_addition_and_what_was_changed_is_not(changed: str, added: str | None) -> None:
    expected = "from collections import Counter\nPAD = 0" if added is None else added
    assert added_statements(changed, SETUP) == expected


def test_changed_asserts_are_no_addition() -> None:
    assert added_statements("assert f(1) == 3\nassert True", "assert f(1) == 2") == ""


def test_an_addition_becomes_a_cell_behind_the_original(template: NotebookNode) -> None:
    submitted = copy.deepcopy(template)
    cell_of(submitted, "demo-02").source += "\nimport numpy as np"
    cell_of(submitted, "check-double").source += "\nprint(double(3))"
    restored, remarks = restore_locked_cells(submitted, template)

    assert names(restored)[:6] == [
        "demo-01",
        "demo-02",
        "own:import numpy as np",
        "double",
        "check-double",
        "own:print(double(3))",
    ]
    assert cell_of(restored, "demo-02").source == "import math"
    assert len({cell.id for cell in restored.cells}) == len(restored.cells)
    added = "What was added to a read-only cell ({}) runs as a cell of your own behind it."
    changed = "A read-only cell ({}) had been changed; the original was used."
    cells = ("“import math”", "“assert double(2) == 4”")
    assert remarks == (*map(added.format, cells), *map(changed.format, cells))
    assert restore_locked_cells(restored, template) == (restored, ())
