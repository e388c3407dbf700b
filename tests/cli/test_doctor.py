"""What the doctor says of this machine, and of machines that give less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autograder.cli import doctor
from autograder.course.requirements import FILE_NAME
from autograder.execution import control_group
from autograder.execution.sandbox import landlock, selftest

WITHOUT_NAMESPACES = """
import os, sys
from pathlib import Path
from autograder.execution.sandbox import syscalls
uid, gid = os.geteuid(), os.getegid()
syscalls.unshare(syscalls.CLONE_NEWUSER)
syscalls.map_ids(uid, gid)
Path("/proc/sys/user/max_user_namespaces").write_text("0")
"""
"""Makes a process like one on a machine that allows no user namespaces."""

COMMAND = "sys.argv = ['autograder', 'doctor', *sys.argv[1:]]\nfrom autograder.cli.main import main\nmain()"

with_landlock = pytest.mark.skipif(
    landlock.version() == 0, reason="this kernel has no Landlock, or it is switched off"
)


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


def by_name(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in findings}


@pytest.mark.sandbox
def test_this_machine_is_looked_at(mini_course: Path) -> None:
    done = run("import sys\n" + COMMAND, "--course", str(mini_course), cwd=mini_course)

    assert done.returncode == (0 if landlock.version() else 1), done.stdout + done.stderr
    words = done.stdout.split()
    assert ("full" if landlock.version() else "namespaces") in words
    assert {"torch", "transformers", "captum", "nbclient", "python", "kernel", "standardise"} <= set(words)


@pytest.mark.sandbox
@with_landlock
def test_without_namespaces_it_names_the_mode_the_reason_and_the_way_out(mini_course: Path) -> None:
    done = run(WITHOUT_NAMESPACES + COMMAND, cwd=mini_course)

    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "degraded mode landlock full is not possible here: unshare: No space left on device." in said
    assert "Grading needs --accept-degraded." in said
    assert "sysctl -w user.max_user_namespaces=15000" in said


def test_a_machine_without_any_sandbox_cannot_grade(monkeypatch: pytest.MonkeyPatch) -> None:
    found = selftest.Found(mode="none", layers=(), problems=(("full", "no Landlock"), ("landlock", "none")))
    monkeypatch.setattr(selftest, "find_mode_here", lambda: found)
    findings = doctor.examine()

    assert doctor.worst(findings) == "bad"
    mode = by_name(findings)["mode"]
    assert (mode.value, mode.state) == ("none", "bad")
    assert mode.advice.startswith(
        "full is not possible here: no Landlock. landlock is not possible here: none."
    )
    assert "--i-trust-these-submissions" in mode.advice


def test_another_system_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")

    mode = by_name(doctor.examine())["mode"]
    assert (mode.value, mode.state) == ("none", "bad")
    assert "Darwin has none of what a sandbox is made of" in mode.advice


def test_a_missing_library_ends_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("torch", "no-such-library"))

    findings = by_name(doctor.examine())
    assert findings["torch"].state == "ok"
    assert findings["no-such-library"].state == "bad"
    assert findings["no-such-library"].advice.startswith("Install the harness")


def test_a_full_disk_and_short_memory_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 2**20

    class Memory:
        available, total = 2**30, 2**33

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory)
    findings = by_name(doctor.examine())

    assert findings["this folder"].state == "bad" and findings["temporary folder"].state == "bad"
    assert (findings["memory"].value, findings["memory"].state) == ("1.0 of 8.0 GB free", "degraded")


def test_a_course_that_cannot_be_graded_from(tmp_path: Path) -> None:
    assert by_name(doctor.examine(tmp_path))["folder"].state == "bad"
    (tmp_path / "assignments").mkdir()
    findings = by_name(doctor.examine(tmp_path))
    assert (findings["folder"].state, findings["student_template"].state) == ("ok", "bad")


def test_an_unused_gpu_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch uses this machine's GPU")
    real = Path.glob

    def glob(folder: Path, pattern: str) -> object:
        return iter([Path("/dev/nvidia0")]) if pattern == "nvidia*" else real(folder, pattern)

    monkeypatch.setattr(Path, "glob", glob)
    findings = by_name(doctor.examine(tmp_path))

    assert findings["devices"].value == "/dev/nvidia0"
    assert findings["torch.cuda"].state == "degraded"
    assert findings["torch.cuda"].advice.startswith("Grading works on the CPU.")


def test_what_the_course_adds_to_the_environment_is_looked_for(mini_course: Path) -> None:
    assert FILE_NAME not in by_name(doctor.examine(mini_course))
    path = mini_course / FILE_NAME
    path.write_text("numpy\n")
    found = by_name(doctor.examine(mini_course))[FILE_NAME]
    assert found.state == "ok" and found.value.startswith("numpy 2")
    path.write_text("no-such-package\n")
    found = by_name(doctor.examine(mini_course))[FILE_NAME]
    assert found.state == "degraded"
    assert found.advice == f"no-such-package is not installed. Install it: pip install -r {path}"


def test_a_missing_library_of_students_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "STUDENT_LIBRARIES", ("no-such-package",))
    found = by_name(doctor.examine())["no-such-package"]
    assert (found.value, found.state) == ("not installed", "degraded")
    assert "pip install interp-autograder" in found.advice


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/a/b\n", {"a/memory.max": "5000", "a/b/memory.max": "max"}, 5000),
        ("0::/a\n", {"a/memory.max": "max"}, None),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "7000"}, 7000),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("2:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "7000"}, None),
    ],
    ids=["version 2, above", "version 2, none", "version 1", "version 1, none", "another controller"],
)
def test_the_limit_of_the_memory_control_group_is_found(
    tmp_path: Path, groups: str, files: dict[str, str], limit: int | None
) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    assert control_group.machine_limit(tmp_path / "groups", tmp_path / "root") == limit
