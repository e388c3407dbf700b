"""Looks at the machine that is to grade, and says what it lacks and how to get it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil

from autograder.course.assignment import find_course, list_slugs
from autograder.course.requirements import FILE_NAME, grading_requirements
from autograder.errors import AssignmentError
from autograder.execution import control_group
from autograder.execution.sandbox import landlock, runtime_tree, selftest
from autograder.records import Limits

State = Literal["ok", "degraded", "bad"]

EXIT_CODES: dict[State, int] = {"ok": 0, "degraded": 1, "bad": 2}
LIBRARIES = ("interp-autograder", "torch", "transformers", "captum", "nbclient", "ipykernel", "nbgrader")
STUDENT_LIBRARIES = (
    *("numpy", "matplotlib", "pandas", "seaborn", "scikit-learn", "scipy", "einops", "tqdm", "plotly"),
    "ipywidgets",
)
"""What notebooks import beside the libraries of the assignments; without one, those notebooks lose the import."""

_LITTLE_DISK_BYTES = 2 * 2**30
_NO_DISK_BYTES = 200 * 2**20
_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    """Sandbox, GPU, versions, resources or course."""

    name: str
    """What was looked at."""

    value: str
    """What was found."""

    state: State = "ok"
    """Whether grading works with it, works worse, or cannot work."""

    advice: str = ""
    """How to get better, where there is a way."""


def examine(course: Path | None = None) -> list[Finding]:
    """Look at everything.

    Args:
        course: The course's folder; None looks for one here and above, and does without.
    """
    return [*_sandbox(), *_gpu(), *_versions(), *_resources(), *_course(course)]


def worst(findings: Iterable[Finding]) -> State:
    """Return the state of the whole machine."""
    states = {finding.state for finding in findings}
    return "bad" if "bad" in states else "degraded" if "degraded" in states else "ok"


def _sandbox() -> list[Finding]:
    """Build a box of each mode and tell the strongest that holds."""
    user = "root" if os.geteuid() == 0 else f"a plain user ({os.geteuid()})"
    if platform.system() != "Linux":
        problem = f"{platform.system()} has none of what a sandbox is made of"
        return [_mode("none", (("full", problem),))]
    try:
        found = selftest.find_mode_here()
    except OSError as error:
        return [_mode("none", (("full", str(error.strerror)),))]
    version = landlock.version()
    return [
        _mode(found.mode or "none", found.problems),
        Finding(topic="sandbox", name="grading as", value=user),
        Finding(topic="sandbox", name="Landlock", value=f"version {version}" if version else "none"),
    ]


def _mode(mode: str, problems: tuple[tuple[str, str], ...]) -> Finding:
    """Tell a mode, why no stronger one, and how to get one."""
    states: dict[str, State] = {"full": "ok", "namespaces": "degraded", "landlock": "degraded"}
    advice = [f"{stronger} is not possible here: {problem}." for stronger, problem in problems]
    if mode == "landlock":
        advice.append("Grading needs --accept-degraded.")
    if mode == "none":
        advice.append("Grading is refused, unless you trust every submission: --i-trust-these-submissions.")
    if problems:
        advice += ways_to_a_better_mode(mode)
    return Finding(
        topic="sandbox", name="mode", value=mode, state=states.get(mode, "bad"), advice=" ".join(advice)
    )


def ways_to_a_better_mode(mode: str) -> list[str]:
    """List what the administrator of this machine can change.

    Args:
        mode: What it gives now.
    """
    ways = []
    if mode in ("landlock", "none"):
        for path, off, command in _SWITCHES:
            switch = Path(path)
            if switch.is_file() and switch.read_text().strip() == off:
                ways.append(f"Allow user namespaces: {command}.")
        if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
            ways.append(
                "Start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined."
            )
    if landlock.version() == 0:
        ways.append("Use Linux 5.13 or newer with Landlock among its lsm= (see /sys/kernel/security/lsm).")
    return ways


def _gpu() -> list[Finding]:
    """Look for NVIDIA devices, the driver and what torch makes of them."""
    nodes = sorted(str(node) for node in Path("/dev").glob("nvidia*"))
    found = [Finding(topic="GPU", name="devices", value=", ".join(nodes) or "none")]
    driver = Path("/proc/driver/nvidia/version")
    if driver.is_file():
        lines = driver.read_text().splitlines() or ["unknown"]
        found.append(Finding(topic="GPU", name="driver", value=lines[0].removeprefix("NVRM version: ")))
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return found  # the versions tell of it
    cuda, there = torch.version.cuda, torch.cuda.is_available()
    count = torch.cuda.device_count() if there else 0
    for number in range(count):
        properties = torch.cuda.get_device_properties(number)
        value = f"{properties.name}, {properties.total_memory / 2**30:.0f} GB"
        found.append(Finding(topic="GPU", name=f"cuda:{number}", value=value))
    unused = bool(nodes) and not there
    advice = "Grading works on the CPU. " if unused else ""
    if unused and cuda is None:
        advice += "This torch is built without CUDA: install the build for your driver."
    elif unused:
        advice += (
            "torch cannot use the GPU: compare the driver with this CUDA version, and the devices' rights."
        )
    value = f"built for CUDA {cuda or 'none'}; usable GPUs: {count}"
    state: State = "degraded" if unused else "ok"
    return [*found, Finding(topic="GPU", name="torch.cuda", value=value, state=state, advice=advice)]


def _versions() -> list[Finding]:
    """Tell the versions that a grade depends on; a missing library ends grading."""
    found = [
        Finding(topic="versions", name="kernel", value=f"{platform.system()} {platform.release()}"),
        Finding(topic="versions", name="python", value=platform.python_version()),
    ]
    found += [_library(name, "bad") for name in LIBRARIES]
    return found + [_library(name, "degraded") for name in STUDENT_LIBRARIES]


def _library(name: str, without_it: State) -> Finding:
    try:
        return Finding(topic="versions", name=name, value=metadata.version(name))
    except metadata.PackageNotFoundError:
        advice = "Install the harness with its dependencies: pip install interp-autograder."
        return Finding(topic="versions", name=name, value="not installed", state=without_it, advice=advice)


def _resources() -> list[Finding]:
    """Measure cores, memory and disk."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    needed = Limits().memory_bytes
    short = memory.available < needed
    found = [
        Finding(topic="resources", name="cores", value=str(cores)),
        Finding(
            topic="resources",
            name="memory",
            value=f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GB free",
            state="degraded" if short else "ok",
            advice=f"One submission may take {needed / 2**30:g} GB (limits.memory_bytes): lower the limit, or close "
            "other programs."
            if short
            else "",
        ),
        _control_groups(),
    ]
    folders = {"temporary folder": tempfile.gettempdir(), "this folder": str(Path.cwd())}
    return found + [_disk(name, folder) for name, folder in folders.items()]


def _control_groups() -> Finding:
    """Tell what Linux itself limits: for each kernel, and for the grader with all its kernels."""
    group = control_group.ControlGroup(Limits().memory_bytes)
    group.close()
    each = (
        f"one for each kernel ({', '.join(sorted(group.controllers))})"
        if group.controllers
        else "none for a kernel; the watchdog counts page tables and sockets, whose buffers seccomp keeps small"
    )
    limit = control_group.machine_limit()
    everyone = f"; {limit / 2**30:.1f} GB for all together" if limit else ""
    return Finding(topic="resources", name="control groups", value=each + everyone)


def _disk(name: str, folder: str) -> Finding:
    free = shutil.disk_usage(folder).free
    state: State = "bad" if free < _NO_DISK_BYTES else "degraded" if free < _LITTLE_DISK_BYTES else "ok"
    advice = (
        "" if state == "ok" else "Results of a class take some hundred MB: make room, or grade elsewhere."
    )
    value = f"{free / 2**30:.1f} GB free ({folder})"
    return Finding(topic="resources", name=name, value=value, state=state, advice=advice)


def _course(course: Path | None) -> list[Finding]:
    """Look whether the course's folder can be graded from."""
    try:
        folder = find_course(course)
    except AssignmentError as error:
        if course is None:
            return [Finding(topic="course", name="folder", value="none here; name one with --course DIR")]
        return [Finding(topic="course", name="folder", value=str(course), state="bad", advice=str(error))]
    student = folder / "student_template"
    found = [
        Finding(topic="course", name="folder", value=str(folder)),
        Finding(topic="course", name="assignments", value=", ".join(list_slugs(folder)) or "none"),
    ]
    if not student.is_dir() or not os.access(student, os.R_OK | os.X_OK):
        advice = "Kernels see this folder and no other: make it readable."
        found.append(
            Finding(topic="course", name="student_template", value="not readable", state="bad", advice=advice)
        )
    elif outer := runtime_tree.exposing(student, runtime_tree.runtime_paths(())):
        advice = f"It lies inside {outer}, which kernels see with all that is beside it. Move the course."
        found.append(
            Finding(topic="course", name="student_template", value="exposed", state="bad", advice=advice)
        )
    return found + _grading_requirements(folder)


def _grading_requirements(folder: Path) -> list[Finding]:
    """Compare what the course's notebooks may import with what is installed."""
    stated = grading_requirements(folder)
    if stated is None:
        return []
    if not stated.problems:
        value = ", ".join(stated.installed) or "names no package"
        return [Finding(topic="course", name=FILE_NAME, value=value)]
    advice = f"{' '.join(stated.problems)} Install it: pip install -r {folder / FILE_NAME}"
    return [Finding(topic="course", name=FILE_NAME, value="not fulfilled", state="degraded", advice=advice)]
