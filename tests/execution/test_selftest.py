from __future__ import annotations

import pytest

from autograder.execution import linux, selftest

pytestmark = pytest.mark.sandbox


def test_the_mode_of_this_machine_is_found() -> None:
    assert selftest.sandbox_problem() == ""
    assert selftest.sandbox_mode() in ("namespaces", "full")


def test_a_refused_layer_ends_the_test_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(flags: int) -> None:
        raise OSError(1, "unshare: Operation not permitted")

    monkeypatch.setattr(linux, "unshare", refuse)
    with pytest.raises(SystemExit, match="unshare: Operation not permitted"):
        selftest.report({"root": "/nowhere", "student_dir": "/", "gpu": False, "path": []})
