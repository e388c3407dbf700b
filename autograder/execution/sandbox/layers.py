"""What a box is made of: the layers, the modes that they come to, the plan of one box."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.records import Limits

NAMESPACES = frozenset({"mounts", "pid", "network", "ipc"})

LAYERS = frozenset(
    {
        *NAMESPACES,
        "user",
        *("landlock", "seccomp", "capabilities", "privileges"),
        *("rlimits", "memory", "environment", "descriptors", "links"),
    }
)
"""What a box is made of. Tests switch single layers off (`Zygote(student_dir, without=...)`) to show what each stops.

- `user`: kernels of a root grader get a user of their own (nothing for a plain user's). Off, with root: the
  kernel is root, in no user namespace. The namespaces of a plain user come with a user namespace in any case.
- `mounts`: the read-only tree and the private /tmp, /dev/shm, /box, /run, /proc. Off: the machine's own file
  system; the box is a temporary folder of the machine.
- `pid`: a process table of its own. Off: the machine's processes are there, in /proc too; the grader then ends
  the tree process by process.
- `network`: an own, empty network with a loopback. Off: the machine's network and abstract sockets.
- `ipc`: own System V objects and message queues, host name and cgroup view.
- `landlock`: paths, TCP, abstract sockets and signals by Landlock.
- `seccomp`: the system call filter.
- `capabilities`: all dropped. Off: those of the box's user namespace stay.
- `privileges`: no_new_privs. seccomp and Landlock of a plain user need it.
- `rlimits`: core, open files, file size, locked memory, processes.
- `memory`: the watchdog outside, and RLIMIT_DATA.
- `environment`: the grader's environment variables are withheld.
- `descriptors`: the zygote's open files are closed.
- `links`: links in the folder of the kernel's sockets, where the grader connects, lead nowhere; comes with `mounts`.
"""

MODES = {
    "full": LAYERS,
    "namespaces": LAYERS - {"landlock"},
    "landlock": LAYERS - NAMESPACES,
    "none": LAYERS - NAMESPACES - {"user", "landlock", "seccomp", "capabilities"},
}
"""The layers of each mode, the strongest first."""


def mode_of(layers: frozenset[str]) -> str:
    """Return the strongest mode all of whose layers are on."""
    return next((mode for mode, needed in MODES.items() if needed <= layers), "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPlan:
    """What one box may use and how it is closed off."""

    layers: frozenset[str]
    """Names from `LAYERS`."""

    box: str
    """The kernel's working folder as it will see it."""

    sockets: str
    """Folder of the kernel's sockets as it will see it."""

    student: str
    """The student's folder as the kernel will see it."""

    limits: Limits
    """What the kernel may use; memory is watched from outside, and limited here only as a backstop."""

    covered: tuple[str, ...] = ()
    """Runtime paths below a writable folder, in the order of `runtime_tree.ASIDE`."""

    runtime: tuple[str, ...] = ()
    """The paths that the Python runtime needs."""

    gpu: bool = False
    """CUDA reserves address space freely: no backstop then."""
