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
        without=frozenset({"mounts", "landlock", "user"}),
        cell="attempt(lambda: open(G['results'], 'w').write('{\"score\": 6}'))",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="10",
        title="plant a file in the course",
        layer=_TREE,
        without=frozenset({"mounts", "landlock", "user"}),
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
        without=frozenset({"mounts", "landlock", "user"}),
        cell="""
path = "data/words.txt" if os.path.isdir("data") else G["words"]
attempt(lambda: open(path, "a").write(" "))
""",
        held="HELD OSError",
    ),
    Attack(
        number="11",
        title="put a module into site-packages",
        needs_root=True,
        layer="read-only mount, own user",
        without=frozenset({"mounts", "landlock", "user"}),
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
        safe="a module lives in a process, and every control is one of its own",
    ),
    Attack(
        number="12",
        title="leave files for the next submission",
        layer=_PRIVATE,
        without=frozenset({"mounts", "landlock", "user"}),
        prepare="""
for folder in ("/tmp", "/dev/shm", "/box", "/run", G["folder"])[0 if os.path.isdir("/student") else 4:]:
    try:
        with open(f"{folder}/red-team-left-{G['grader']}", "w") as file:
            file.write("answers")
    except OSError:
        pass
""",
        cell="""
def collect():
    found = []
    for folder in ("/tmp", "/dev/shm", "/box", "/run", G["folder"]):
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
        without=frozenset({"ipc", "seccomp"}),
        prepare="syscall(29, G['grader'], 4096, 0o1666)",
        cell="""
def collect():
    syscall(29, G["grader"], 4096, 0)
    return "segment"
attempt(collect)
""",
        cleanup="syscall(31, syscall(29, G['grader'], 4096, 0), 0, None)",
        held="HELD (FileNotFoundError|PermissionError)",
    ),
    Attack(
        number="12",
        title="leave a message queue",
        layer="ipc namespace",
        without=frozenset({"ipc", "seccomp"}),
        prepare="syscall(68, G['grader'], 0o1666)",
        cell="""
def collect():
    syscall(68, G["grader"], 0)
    return "queue"
attempt(collect)
""",
        cleanup="syscall(71, syscall(68, G['grader'], 0), 0, None)",
        held="HELD (FileNotFoundError|PermissionError)",
    ),
    Attack(
        number="13",
        title="make a device node",
        needs_root=True,
        layer="no capabilities",
        without=frozenset({"user", "capabilities", "landlock"}),
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
        without=frozenset({"mounts", "landlock", "user"}),
        cell="""
def make():
    inside = os.path.isdir("/student")
    source = "/student/data/words.txt" if inside else G["words"]
    target = "/box/linked" if inside else G["folder"] + "/linked"
    os.link(source, target)
    os.unlink(target)
    return target
attempt(make)
""",
        held="HELD (OSError|PermissionError)",
    ),
    Attack(
        number="x4",
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
        safe="it would set the machine's clock",
    ),
)


@pytest.mark.parametrize("attack", [attack.as_param() for attack in ATTACKS])
def test_writing(attack: Attack, field_of: Field) -> None:
    field_of.judge(attack)
