"""Claims of a kernel about what it skipped, hostile ones among them."""

from __future__ import annotations

import pytest

from autograder.execution.kernel_notes import KernelNotes


def notes(*entries: object) -> KernelNotes:
    return KernelNotes({"notes": list(entries)})


def test_only_names_of_modules_are_believed() -> None:
    claimed = ["shap", "a.b", "<b>x</b>", "x" * 51, "größe", "a\nb", "shap", "_lime2", ""]
    assert notes(*(["module", 1, name, ""] for name in claimed)).missing_modules() == ("shap", "_lime2")


def test_not_more_modules_are_believed_than_a_notebook_has() -> None:
    found = notes(*(["module", 1, f"m{number}", ""] for number in range(50))).missing_modules()
    assert found == tuple(f"m{number}" for number in range(20))


@pytest.mark.parametrize("claim", [["module", "1", "shap", ""], ["module", 1, 7, ""], "module", None, {}])
def test_malformed_claims_are_passed_over(claim: object) -> None:
    assert notes(claim).missing_modules() == ()
