"""Modules exchange records, not sentences: nothing reads meaning out of text that was written for people."""

import pytest

from ..conftest import ROOT
from .text_protocol import parsed_texts

ALLOWED: dict[str, str] = {
    "autograder/comparison/blame.py": "torch's allocator of the CPU has no class of its own for a want of memory",
}
"""Modules that may take such a text apart, and why."""

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "autograder").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_parses_text_written_for_people(module):
    found = [] if module in ALLOWED else list(parsed_texts((ROOT / module).read_text(encoding="utf-8")))
    assert [f"{module}:{place.line}: {place.text}" for place in found] == []


def test_every_exception_is_still_needed():
    needless = [name for name in ALLOWED if not list(parsed_texts((ROOT / name).read_text(encoding="utf-8")))]
    assert needless == []


@pytest.mark.parametrize(
    "expression",
    [
        "'figure' in result.detail.lower()",
        "str(error).partition('() ')[2]",
        "failure.message.startswith('NameError')",
        "'DidNotComposeError' in (result.fault or result.detail)",
        "re.search('raised', check.feedback)",
        "found.removesuffix(check.hint)",
        "sentence in session.remarks",
    ],
)
def test_it_is_found_wherever_it_stands(expression):
    source = f"def look(result, check, session, failure, found, error: Exception):\n    return {expression}\n"
    assert [place.line for place in parsed_texts(source)] == [2]


@pytest.mark.parametrize(
    "expression",
    [
        "path.name.startswith('.')",
        "'--jobs' in arguments",
        "f'{error}: {result.detail}'",
        "str(path).split('/')",
    ],
)
def test_other_text_may_be_parsed(expression):
    source = f"def look(path, arguments, result, error: Exception):\n    return {expression}\n"
    assert list(parsed_texts(source)) == []
