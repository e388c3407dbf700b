"""The example class's maker, loaded from its file: examples/ is no package."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def maker():
    """The module examples/make_class.py."""
    spec = importlib.util.spec_from_file_location("make_class", ROOT / "examples" / "make_class.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules["make_class"] = module
    spec.loader.exec_module(module)
    return module


def pytest_generate_tests(metafunc):
    """Ask the tests of a whole class of each row of its table."""
    if metafunc.cls is not None and "row" in metafunc.fixturenames and hasattr(metafunc.cls, "table"):
        metafunc.parametrize("row", metafunc.cls.table.CLASS, ids=lambda row: row.student)
