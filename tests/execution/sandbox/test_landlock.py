from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from autograder.execution.sandbox import landlock, restrict, syscalls
from autograder.execution.sandbox.layers import LAYERS, NAMESPACES, BoxPlan
from autograder.records import Limits

live = pytest.mark.skipif(
    landlock.version() == 0, reason="this kernel has no Landlock, or it is switched off"
)


@pytest.mark.parametrize(
    ("version", "files", "network", "scopes", "size"),
    [
        (1, 0x1FFF, 0, 0, 8),
        (2, 0x3FFF, 0, 0, 8),
        (3, 0x7FFF, 0, 0, 8),
        (4, 0x7FFF, 3, 0, 16),
        (5, 0xFFFF, 3, 0, 16),
        (6, 0xFFFF, 3, 3, 24),
        (7, 0xFFFF, 3, 3, 24),
    ],
)
def test_a_ruleset_takes_charge_of_all_that_a_version_knows(
    version: int, files: int, network: int, scopes: int, size: int
) -> None:
    made = landlock.ruleset(version)

    assert (made.files, made.network, made.scopes) == (files, network, scopes)
    assert made.packed() == struct.pack("QQQ", files, network, scopes)[:size]


def plan(layers: frozenset[str], *, gpu: bool = False) -> BoxPlan:
    return BoxPlan(
        layers=layers,
        box="/box",
        sockets="/run",
        student="/student",
        limits=Limits(),
        runtime=("/usr/lib",),
        gpu=gpu,
    )


def test_only_the_boxs_own_folders_may_be_changed() -> None:
    rules = restrict.path_rules(plan(LAYERS))

    changed = {path for path, rights in rules if rights & (landlock.MAKE_REG | landlock.REMOVE_FILE)}
    assert changed == {"/box", "/run", "/tmp", "/dev/shm"}
    run = {path for path, rights in rules if rights & landlock.EXECUTE}
    assert run == {"/usr/lib"}
    assert dict(rules)["/student"] == landlock.READ
    assert not any(rights & (landlock.MAKE_CHAR | landlock.MAKE_BLOCK) for _, rights in rules)


def test_on_the_machines_own_file_system_its_tmp_and_processes_are_out_of_reach() -> None:
    rules = dict(restrict.path_rules(plan(LAYERS - NAMESPACES)))

    assert "/tmp" not in rules and "/proc" not in rules and "/" not in rules and "/dev/pts" not in rules
    assert not rules["/dev/shm"] & landlock.READ_DIR
    assert restrict.is_offline(plan(LAYERS - NAMESPACES))
    assert not restrict.is_offline(plan(LAYERS))


def test_the_gpu_brings_its_devices() -> None:
    assert "/sys" not in dict(restrict.path_rules(plan(LAYERS)))
    assert dict(restrict.path_rules(plan(LAYERS, gpu=True)))["/sys"] == landlock.READ


def in_child(rules: Iterable[tuple[str, int]], action: Callable[[], object]) -> int:
    """Run an action under Landlock in a forked process; return its errno, or 0."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            syscalls.forbid_new_privileges()
            landlock.restrict(rules)
            code = 0
            action()
        except OSError as error:
            code = error.errno or 254
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@live
def test_what_no_rule_allows_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("x")
    rules = [(str(inside), landlock.CHANGE)]

    assert in_child(rules, lambda: (inside / "mine").write_text("x")) == 0
    assert in_child(rules, lambda: (inside / "mine").rename(inside / "yours")) == 0
    assert in_child(rules, lambda: (outside / "secret").read_text()) == errno.EACCES
    assert in_child(rules, lambda: (outside / "mine").write_text("x")) == errno.EACCES
    assert in_child(rules, lambda: (outside / "secret").unlink()) == errno.EACCES
    assert in_child(rules, lambda: list(outside.iterdir())) == errno.EACCES
    assert in_child([(str(outside), landlock.READ)], lambda: (outside / "secret").read_text()) == 0
    assert in_child([(str(outside), landlock.READ)], lambda: (outside / "x").touch()) == errno.EACCES


@live
def test_rules_for_files_and_missing_paths_are_taken(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    rules = [(str(tmp_path / "one"), landlock.CHANGE), (str(tmp_path / "none"), landlock.RUN)]

    assert in_child(rules, lambda: (tmp_path / "one").write_text("y")) == 0
    assert in_child(rules, lambda: (tmp_path / "two").write_text("y")) == errno.EACCES


@live
@pytest.mark.skipif(landlock.version() < 4, reason="Landlock knows TCP since its version 4")
def test_tcp_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        assert in_child([], lambda: socket.create_connection(address)) == errno.EACCES
    assert in_child([], lambda: socket.create_server(("127.0.0.1", 0))) == errno.EACCES


@live
@pytest.mark.skipif(landlock.version() < 6, reason="Landlock knows scopes since its version 6")
def test_abstract_sockets_and_signals_stay_inside() -> None:
    name = f"\0autograder-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        assert in_child([], lambda: socket.socket(socket.AF_UNIX).connect(name)) == errno.EPERM
    assert in_child([], lambda: os.kill(os.getppid(), 0)) == errno.EPERM
    assert in_child([], lambda: os.kill(os.getpid(), 0)) == 0
