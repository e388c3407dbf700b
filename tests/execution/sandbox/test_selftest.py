from __future__ import annotations

import pytest

from autograder.execution.sandbox import box, landlock, seccomp, selftest, syscalls

pytestmark = pytest.mark.sandbox


def test_the_mode_of_this_machine_is_found() -> None:
    found = selftest.find_mode_here()

    assert found.mode == ("full" if landlock.version() else "namespaces")
    assert found.layers == tuple(sorted(box.MODES[found.mode]))


def find(tmp_path_factory: pytest.TempPathFactory) -> selftest.Found:
    folders = {part: str(tmp_path_factory.mktemp(part)) for part in ("root", "student_dir", "box", "sockets")}
    return selftest.find_mode(
        {**folders, "candidates": selftest.candidates(tuple(box.MODES)), "gpu": False, "path": []}
    )


def found_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, module: object, name: str
) -> selftest.Found:
    """Run the self-test on a machine that refuses something."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, f"{name}: Operation not permitted")

    monkeypatch.setattr(module, name, refuse)
    return find(tmp_path_factory)


def test_without_landlock_the_mode_is_namespaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = found_where(monkeypatch, tmp_path_factory, landlock, "restrict")

    assert found.mode == "namespaces"
    assert found.problems == (("full", "restrict: Operation not permitted"),)
    assert found.why() == "mode full: restrict: Operation not permitted"


def test_a_layer_that_does_not_hold_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(seccomp, "install", lambda **_: None)
    found = find(tmp_path_factory)

    assert found.mode == "none"
    assert found.problems[1] == ("namespaces", "the system call filter does not hold")


def test_without_namespaces_full_and_namespaces_say_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = found_where(monkeypatch, tmp_path_factory, syscalls, "unshare")

    assert found.mode in ("landlock", "none")
    assert dict(found.problems)["full"] == "unshare: Operation not permitted"
    assert dict(found.problems)["namespaces"] == "unshare: Operation not permitted"


def test_modes_that_a_test_weakens_are_named_after_what_is_left() -> None:
    weakened = selftest.candidates(("full",), frozenset({"network"}))
    assert weakened == [("landlock", sorted(box.LAYERS - {"network"}))]
