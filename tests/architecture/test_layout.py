"""The layout of the package: few entries side by side, short modules, one class a name."""

import ast
from collections import defaultdict

from ..conftest import ROOT

PACKAGE = ROOT / "autograder"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_ENTRIES = 18
MOST_LINES = 300


def test_the_package_has_few_entries_side_by_side():
    entries = sorted(path.name for path in PACKAGE.iterdir() if path.name != "__pycache__")
    assert len(entries) <= MOST_ENTRIES, entries


def test_no_module_is_long():
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_every_package_and_module_says_what_it_is():
    nameless = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert nameless == []


def test_no_two_classes_share_a_public_name():
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
