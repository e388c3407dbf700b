"""Writing where others read: results, the runtime, what the next submission finds."""

from __future__ import annotations

import pytest

from .attacks import Attack
from .conftest import Field

pytestmark = pytest.mark.sandbox

_TREE = "read-only tree"
_PRIVATE = "writable folders of its own"

ATTACKS = (
    Attack(
        number="10",
        title="write a better report.json",
        layer=_TREE,
        cell="attempt(lambda: open(G['results'], 'w').write('{\"score\": 6}'))",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="10",
        title="plant a file in the course",
        layer=_TREE,
        cell="""
def plant():
    path = os.path.join(os.path.dirname(G["results"]), "gradebook.db")
    with open(path, "w") as file:
        file.write("x")
    os.unlink(path)
    return path
attempt(plant)
""",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="11",
        title="change a file that students share",
        layer="read-only mount",
        cell="""
path = "data/words.txt" if in_a_box() else G["words"]
attempt(lambda: open(path, "a").write(" "))
""",
        held="HELD OSError",
    ),
    Attack(
        number="11",
        title="put a module into site-packages",
        layer="read-only mount, own user",
        cell="""
def plant():
    import numpy
    path = os.path.join(os.path.dirname(os.path.dirname(numpy.__file__)), f"red-team-{os.getpid()}.txt")
    with open(path, "x") as file:
        file.write("x")
    os.unlink(path)
    return path
attempt(plant)
""",
        held="HELD (OSError|PermissionError)",
    ),
    Attack(
        number="11",
        title="leave a startup file of IPython",
        layer=_PRIVATE,
        prepare="""
folder = os.path.join(os.environ["HOME"] if in_a_box() else G["folder"], ".ipython/profile_default/startup")
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, "0.py"), "w").write("import builtins; builtins.owned = True")
""",
        cell="""
folder = os.path.join(os.environ["HOME"] if in_a_box() else G["folder"], ".ipython/profile_default/startup")
attempt(lambda: open(os.path.join(folder, "0.py")).read())
""",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="11",
        title="patch a library for the next kernel",
        layer="fork for each submission",
        prepare="import json\njson.owned = True",
        cell="attempt(lambda: json.owned)",
        held="HELD AttributeError",
        control="none: a module lives in a process, and every control is one of its own",
    ),
    Attack(
        number="12",
        title="leave files for the next submission",
        layer=_PRIVATE,
        prepare="""
for folder in ("/tmp", "/dev/shm", "/box", "/run", "/var/tmp", G["folder"]):
    try:
        with open(f"{folder}/red-team-left-{G['grader']}", "w") as file:
            file.write("answers")
    except OSError:
        pass
""",
        cell="""
def collect():
    found = []
    for folder in ("/tmp", "/dev/shm", "/box", "/run", "/var/tmp", G["folder"]):
        path = f"{folder}/red-team-left-{G['grader']}"
        if os.path.exists(path):
            found.append(path)
            os.unlink(path)
    return found
attempt(collect)
""",
        held="HELD nothing",
    ),
    Attack(
        number="12",
        title="leave System V shared memory",
        layer="ipc namespace",
        prepare="syscall(29, G['grader'], 4096, 0o1666)",
        cell="""
def collect():
    segment = syscall(29, G["grader"], 4096, 0)
    syscall(31, segment, 0, None)
    return "segment"
attempt(collect)
""",
        held="HELD (FileNotFoundError|PermissionError)",
    ),
    Attack(
        number="12",
        title="leave a message queue",
        layer="ipc namespace",
        prepare="syscall(68, G['grader'], 0o1666)",
        cell="""
def collect():
    queue = syscall(68, G["grader"], 0)
    syscall(71, queue, 0, None)
    return "queue"
attempt(collect)
""",
        held="HELD (FileNotFoundError|PermissionError)",
    ),
    Attack(
        number="13",
        title="make a device node",
        layer="no capabilities",
        cell="""
import stat
def make():
    path = f"/tmp/red-team-device-{G['grader']}"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.unlink(path)
    return path
attempt(make)
""",
        held="HELD PermissionError",
    ),
    Attack(
        number="13",
        title="hard-link a file of the course into the box",
        layer="mounts of its own",
        cell="""
def make():
    source = "/student/data/words.txt" if in_a_box() else G["words"]
    target = "/box/linked" if in_a_box() else G["folder"] + "/linked"
    os.link(source, target)
    os.unlink(target)
    return target
attempt(make)
""",
        held="HELD (OSError|PermissionError)",
    ),
    Attack(
        number="x4",
        title="remount the course writable",
        layer="no capabilities, seccomp",
        cell="""
def remount():
    libc = ctypes.CDLL(None, use_errno=True)
    target = "/student" if in_a_box() else G["folder"]
    if libc.mount(b"none", target.encode(), b"tmpfs", 0x20 if in_a_box() else 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return "mounted"
if not in_a_box():
    # The control takes a mount namespace of its own, so that nothing of the machine changes.
    ctypes.CDLL(None).unshare(0x10020000)
attempt(remount)
""",
        held="HELD PermissionError",
    ),
    Attack(
        number="x5",
        title="write the machine's settings",
        layer="own user",
        cell="""
def write():
    path = "/proc/sys/kernel/hostname" if in_a_box() else "/proc/self/oom_score_adj"
    with open(path, "r+") as file:
        kept = file.read()
        file.write(kept)
    return kept
attempt(write)
""",
        held="HELD (PermissionError|OSError|FileNotFoundError)",
    ),
    Attack(
        number="61",
        title="set the clock",
        layer="no capabilities",
        cell="attempt(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()) or 'set')",
        held="HELD PermissionError",
        control="none: it would set the machine's clock",
    ),
)


@pytest.mark.parametrize("attack", [attack.as_param() for attack in ATTACKS])
def test_writing(attack: Attack, field_of: Field) -> None:
    field_of.judge(attack)
