"""Reading what is the grader's: references, secrets, other processes."""

from __future__ import annotations

import pytest

from .attacks import Attack
from .conftest import Field

pytestmark = pytest.mark.sandbox

_TREE = "read-only tree"

ATTACKS = (
    Attack(
        number="3",
        title="search the inherited heap for a secret",
        layer="zygote started by exec",
        cell="""
def search(first, second):
    # Never joined here: the question itself must not lie in memory.
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            where, flags, offset, device, inode = line.split()[:5]
            if flags.startswith("rw") and inode == "0" and "[v" not in line:
                low, high = (int(end, 16) for end in where.split("-"))
                while low < high:
                    memory.seek(low)
                    block = memory.read(min(high - low, 2**24))
                    at = block.find(first)
                    while at >= 0:
                        if block.startswith(second, at + len(first)):
                            return hex(low + at)
                        at = block.find(first, at + 1)
                    low += len(block)
attempt(lambda: search(*(half.encode() for half in G["token"])))
""",
        held="HELD nothing",
    ),
    Attack(
        number="1",
        title="open the reference by its path",
        layer=_TREE,
        without=frozenset({"mounts", "landlock", "user"}),
        cell="attempt(lambda: open(G['reference']).read())",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="1",
        title="open the checks through links of proc",
        layer=_TREE,
        without=frozenset({"mounts", "landlock", "user"}),
        cell="""
def climb():
    for start in ("/proc/self/cwd/../../../../..", "/proc/self/root", "/proc/1/root", "/proc/1/cwd"):
        try:
            return open(start + G["checks"]).read()
        except OSError:
            pass
attempt(climb)
""",
        held="HELD nothing",
    ),
    Attack(
        number="1",
        title="walk everything for a reference",
        layer=_TREE,
        without=frozenset({"mounts", "landlock", "user"}),
        cell="""
def walk():
    top = "/" if os.path.isdir("/student") else os.path.dirname(os.path.dirname(G["reference"]))
    for path, folders, files in os.walk(top):
        skipped = ("/proc", "/usr", "/lib", "/bin")
        folders[:] = [f for f in folders if f != "site-packages" and os.path.join(path, f) not in skipped]
        if "checks.py" in files or "standardise.py" in files:
            return path
attempt(walk)
""",
        held="HELD nothing",
    ),
    Attack(
        number="2",
        title="stat the reference for its size",
        layer=_TREE,
        without=frozenset({"mounts", "user"}),
        cell="attempt(lambda: os.stat(G['reference']).st_size)",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="4",
        title="find a token in the environment",
        layer="scrubbed environment",
        without=frozenset({"environment", "mounts", "user", "landlock"}),
        cell="""
def look():
    told = [*os.environ.values(), open("/proc/self/environ").read()]
    try:
        told.append(open("/proc/1/environ").read() if in_a_box() else "")
    except PermissionError:
        pass  # init hides its own
    return "".join(G["token"]) in "".join(told)
attempt(look)
""",
        held="HELD (nothing|PermissionError)",
    ),
    Attack(
        number="5",
        title="read descriptors left open",
        layer="descriptors closed",
        cell="""
def look():
    for name in os.listdir("/proc/self/fd"):
        try:
            if "".join(G["token"]).encode() in os.pread(int(name), 100, 0):
                return name
        except OSError:
            pass
attempt(look)
""",
        held="HELD nothing",
    ),
    Attack(
        number="5",
        title="take over the zygote's own socket",
        needs_root=True,
        layer="descriptors closed",
        without=frozenset({"descriptors"}),
        cell="""
def look():
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as found:
                if found.type == socket.SOCK_SEQPACKET and found.getpeername() is not None:
                    return name
        except OSError:
            pass
attempt(look)
""",
        held="HELD nothing",
    ),
    Attack(
        number="6",
        title="read environ of the grader",
        layer="pid namespace",
        without=frozenset({"pid", "user", "landlock", "capabilities"}),
        cell="attempt(lambda: ''.join(G['token']) in open(f\"/proc/{G['grader']}/environ\").read() or 'other')",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="6",
        title="read every command line",
        layer="pid namespace",
        without=frozenset({"pid"}),
        cell="""
def look():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if "".join(G["token"]) in open(f"/proc/{name}/cmdline").read():
                    return name
            except OSError:
                pass
attempt(look)
""",
        held="HELD nothing",
    ),
    Attack(
        number="6",
        title="read memory of a process of the grader",
        layer="pid namespace",
        without=frozenset({"pid", "user", "landlock", "capabilities"}),
        cell="""
def look():
    first = open(f"/proc/{G['victim']}/maps").readline().split("-")[0]
    with open(f"/proc/{G['victim']}/mem", "rb", 0) as memory:
        memory.seek(int(first, 16))
        return memory.read(4)
attempt(look)
""",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="7",
        title="ptrace a process of the grader",
        layer="pid namespace, seccomp",
        without=frozenset({"pid", "user", "landlock", "capabilities", "seccomp"}),
        cell="""
def seize():
    syscall(101, 0x4206, G["victim"], 0, 0)
    return "seized"
attempt(seize)
""",
        held="HELD (ProcessLookupError|PermissionError)",
    ),
    Attack(
        number="7",
        title="process_vm_readv of a process of the grader",
        needs_root=True,
        layer="pid namespace, seccomp",
        without=frozenset({"pid", "user", "landlock", "capabilities", "seccomp"}),
        cell="""
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def read(pid, address):
    kept = ctypes.create_string_buffer(16)
    here, there = Part(ctypes.addressof(kept), 16), Part(address, 16)
    syscall(310, pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return kept.raw
def steal():
    # The interpreter is mapped at the same address in all of a zygote's kernels, not in the victim: any
    # answer but a refusal is a win.
    try:
        return read(G["victim"], id(Part))
    except OSError as error:
        if error.errno == 14:
            return "bad address: the process may be read"
        raise
attempt(steal)
""",
        held="HELD (ProcessLookupError|PermissionError)",
    ),
    Attack(
        number="x1",
        title="read memory of the box's own init",
        layer="hidden memory, Landlock, seccomp",
        cell="""
def look():
    pid = 1 if in_a_box() else G["victim"]
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        memory.seek(int(open(f"/proc/{pid}/maps").readline().split("-")[0], 16))
        return memory.read(4)
attempt(look)
""",
        held="HELD (PermissionError|FileNotFoundError)",
        needs_full=True,
    ),
    Attack(
        number="9",
        title="hunt modules and objects for a checker",
        layer="process boundary",
        cell="""
def hunt():
    sys.path.insert(0, os.path.dirname(G["checks"]))
    import importlib
    secret = ("autograder.checks", "autograder.diagnosis", "autograder.checks.scoring", "checks")
    found = [name for name in sys.modules if name.startswith(secret)]
    for frame in sys._current_frames().values():
        while frame:
            found += [key for key in frame.f_locals if key in ("expected", "reference", "grading")]
            frame = frame.f_back
    found += [type(thing).__name__ for thing in gc.get_objects() if type(thing).__name__ in ("Grading", "Memo")]
    return found or importlib.import_module("checks").__name__
attempt(hunt)
""",
        held="HELD ModuleNotFoundError",
    ),
    Attack(
        number="x2",
        title="read the machine's accounts and keys",
        layer=_TREE,
        without=frozenset({"mounts", "landlock", "user"}),
        cell="attempt(lambda: open('/etc/passwd').read()[:4])",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="x3",
        title="read the kernel log",
        needs_root=True,
        layer="own user, no capabilities",
        cell="attempt(lambda: open('/dev/kmsg', 'rb', 0) and syscall(103, 10, None, 0) >= 0)",
        held="HELD (FileNotFoundError|PermissionError)",
    ),
)


@pytest.mark.parametrize("attack", [attack.as_param() for attack in ATTACKS])
def test_reading(attack: Attack, field_of: Field) -> None:
    field_of.judge(attack)
