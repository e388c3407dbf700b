"""The last layers, put on in the kernel's own process before it has a second thread."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from autograder.execution.sandbox import landlock, runtime_tree, seccomp
from autograder.execution.sandbox.layers import NAMESPACES, BoxPlan

FIRST_UID = 1_879_048_192
"""Kernels of a root zygote get users of their own from here on: far from any real account."""

_OPEN_FILES = 512  # 64 stalls torch's DataLoader
_LOCKED_BYTES = 64 * 2**10
_SPARE_DATA_BYTES = 2**30
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OWN_DEVICES = ("ptmx", "pts")  # of the box's own terminals: `!command` in a notebook opens one
_MACHINE_FACTS = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime"),
    *("/proc/sys/kernel/osrelease", "/proc/sys/vm/overcommit_memory"),
)


def seal(plan: BoxPlan) -> None:
    """Put on limits, Landlock and seccomp, in this order: each forbids some of what the earlier ones need.

    Args:
        plan: Says which of them.

    Raises:
        OSError: If the machine refuses one.
    """
    if "rlimits" in plan.layers:
        _limit_resources(plan)
    if "memory" in plan.layers and not plan.gpu:
        _lower(resource.RLIMIT_DATA, plan.limits.memory_bytes + _SPARE_DATA_BYTES)
    if "landlock" in plan.layers:
        landlock.restrict(path_rules(plan))
    if "seccomp" in plan.layers:
        seccomp.install(offline=is_offline(plan))


def is_offline(plan: BoxPlan) -> bool:
    """Tell whether seccomp has to keep the kernel from a network and from sockets that it sees."""
    return not plan.layers & {"mounts", "network"}


def path_rules(plan: BoxPlan) -> list[tuple[str, int]]:
    """List what the kernel may do at which paths; all else is forbidden.

    Args:
        plan: Of the box.
    """
    rules = [(path, landlock.RUN) for path in plan.runtime]
    rules += [(plan.student, landlock.READ), (plan.box, landlock.CHANGE), (plan.sockets, landlock.CHANGE)]
    rules += [(f"/dev/{name}", landlock.DEVICE) for name in _DEVICES]
    if "mounts" in plan.layers:
        rules += [("/", landlock.READ_DIR), ("/etc", landlock.READ), ("/proc", landlock.READ)]
        rules += [(path, landlock.CHANGE) for path in runtime_tree.WRITABLE]
        rules += [(f"/dev/{name}", landlock.DEVICE | landlock.READ_DIR) for name in _OWN_DEVICES]
    else:
        rules += [(path, landlock.READ) for path in _MACHINE_FACTS]
        # Names of others' memory cannot be listed.
        rules += [("/dev/shm", landlock.CHANGE & ~landlock.READ_DIR)]
    if plan.gpu:
        rules += [(str(node), landlock.DEVICE | landlock.READ_DIR) for node in Path("/dev").glob("nvidia*")]
        rules += [("/sys", landlock.READ), ("/proc/driver", landlock.READ)]
    return rules


def _limit_resources(plan: BoxPlan) -> None:
    """Set the kernel's hard limits."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_FSIZE: plan.limits.file_bytes,
        resource.RLIMIT_MEMLOCK: _LOCKED_BYTES,
    }
    # Elsewhere the count would include the user's other processes.
    if plan.layers & NAMESPACES or os.geteuid() >= FIRST_UID:
        limits[resource.RLIMIT_NPROC] = plan.limits.processes
    for name, limit in limits.items():
        _lower(name, limit)


def _lower(name: int, limit: int) -> None:
    """Set a hard limit, but never above the one that is there."""
    hard = resource.getrlimit(name)[1]
    value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(name, (value, value))
