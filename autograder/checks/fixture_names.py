"""Find misspelt fixtures in checks.py before a submission is graded: pytest notices them only when it runs a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from autograder.errors import AssignmentError, did_you_mean


def refuse_unknown_fixtures(items: Iterable[pytest.Item]) -> None:
    """Look up every fixture that collected checks ask for, themselves or through other fixtures.

    Raises:
        AssignmentError: With all that do not exist.
    """
    problems: dict[str, None] = {}
    for item in items:
        if isinstance(item, pytest.Function):
            problems |= dict.fromkeys(_problems(item))
            path = item.path
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise AssignmentError(f"{path}: {len(problems)} problem(s):\n{lines}")


def _problems(item: pytest.Function) -> Iterator[str]:
    given = {"request", *(item.callspec.params if hasattr(item, "callspec") else ())}
    found = {name: _definitions(item, name) for name in item.fixturenames}
    for name in found:
        if found[name] or name in given:
            continue
        askers = [other for other, defined in found.items() if defined and name in defined[-1].argnames]
        who = f"the fixture {askers[0]}" if askers else item.originalname
        yield f"{who}: there is no fixture {name!r}.{did_you_mean(name, _known(item))}"


def _definitions(item: pytest.Function, name: str) -> Sequence[pytest.FixtureDef[Any]]:
    # pytest has no public way to look a fixture up.
    return item.session._fixturemanager.getfixturedefs(name, item) or ()


def _known(item: pytest.Function) -> list[str]:
    """List the fixtures of checks.py and of all plugins."""
    places = (item.module, *item.config.pluginmanager.get_plugins())
    return sorted({name for place in places for name in dir(place) if _definitions(item, name)})
