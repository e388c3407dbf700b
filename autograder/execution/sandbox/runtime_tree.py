"""The read-only tree that every kernel sees as its root: the Python runtime and the student's folder.

The zygote builds it once in a mount namespace of its own and moves into it; forked kernels inherit it and
put their writable folders on top. So the interpreter may lie below a folder that a kernel's user cannot
enter, and the zygote itself cannot reach a reference either.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from autograder.execution.sandbox import syscalls

STUDENT = "/student"
BOX = "/box"
SOCKETS = "/run"
ASIDE = "/.aside"
WRITABLE = ("/tmp", "/dev/shm", BOX, SOCKETS)

_SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"),
    *("/bin", "/usr/bin", "/usr/share/fonts", "/usr/share/fontconfig", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/fonts", "/etc/localtime"),
    *("/etc/alternatives", "/etc/nsswitch.conf", "/etc/mime.types"),
)
_PREFIX_PARTS = ("bin", "lib", "lib64", "libexec", "include", "pyvenv.cfg")
_COPY_BYTES = 2**29
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def runtime_paths(search_path: Iterable[str]) -> tuple[str, ...]:
    """List the files and folders that the running Python needs, outermost only.

    A folder of `search_path` counts only if it holds installed packages: an editable install points at a
    project's root, and that may hold references.

    Args:
        search_path: As sys.path.
    """
    found = [path for path in _SYSTEM if Path(path).exists()]
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        parts = (str(Path(prefix) / part) for part in _PREFIX_PARTS)
        found += [part for part in parts if Path(part).exists()]
    found += [entry for entry in search_path if is_installed(entry)]
    found += [
        path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path and Path(path).is_dir()
    ]
    spelled = {os.path.normpath(path) for path in found}
    resolved = {os.path.realpath(path) for path in spelled}
    return _outermost(spelled | resolved)


def is_installed(entry: str) -> bool:
    """Tell whether an entry of sys.path holds installed packages or the standard library."""
    path = Path(entry)
    if not path.is_absolute() or not path.exists():
        return False
    if path.name in ("site-packages", "dist-packages"):
        return True
    return any(path.is_relative_to(Path(prefix) / "lib") for prefix in (sys.prefix, sys.base_prefix))


def _outermost(paths: set[str]) -> tuple[str, ...]:
    """Drop each path that lies below another one, unless a link is what it lies below."""
    kept: list[str] = []
    for path in sorted(paths):
        if not any(Path(path).is_relative_to(outer) for outer in kept if not Path(outer).is_symlink()):
            kept.append(path)
    return tuple(kept)


def covered(paths: Iterable[str]) -> tuple[str, ...]:
    """List the runtime paths that a box's own /tmp (or another writable folder) would cover.

    They are mounted aside too, at `ASIDE/<number>`, and each box binds them again on top.
    """
    return tuple(path for path in paths if any(Path(path).is_relative_to(folder) for folder in WRITABLE))


def exposing(student_dir: Path, paths: Iterable[str]) -> str:
    """Return the runtime path that holds the student's folder, and so its neighbours; "" if none does."""
    real = student_dir.resolve()
    return next((path for path in paths if real.is_relative_to(os.path.realpath(path))), "")


def build(root: str, student_dir: Path, paths: tuple[str, ...], *, gpu: bool) -> None:
    """Mount the tree at `root`, an empty folder, in this process's own mount namespace.

    Args:
        root: Where to mount it.
        student_dir: The folder that students receive.
        paths: From `runtime_paths`.
        gpu: Whether to show the NVIDIA devices.

    Raises:
        OSError: If a mount is refused.
    """
    syscalls.mount("none", "/", flags=syscalls.MS_SLAVE | syscalls.MS_REC)
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID, "mode=0755,size=4m")
    for path in paths:
        _show(root, path)
    for number, path in enumerate(covered(paths)):
        _bind(path, f"{root}{ASIDE}/{number}")
    _show_student(student_dir.resolve(), root + STUDENT)
    for folder in (*WRITABLE, "/proc", "/dev/pts"):
        Path(root + folder).mkdir(parents=True, exist_ok=True)
    # Not read-only: the kernel lets a namespace mount a /proc of its own only where it sees an unlocked one.
    syscalls.mount("/proc", root + "/proc", flags=syscalls.MS_BIND | syscalls.MS_REC)
    _make_devices(root, gpu=gpu)
    etc = Path(root) / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")


def _show(root: str, path: str) -> None:
    """Bind a runtime path read-only, or repeat it where it is a link."""
    source, target = Path(path), Path(root + path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or target.is_symlink():
        return
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    _bind(path, str(target))


def _bind(source: str, target: str) -> None:
    if Path(source).is_dir():
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    syscalls.mount(source, target, flags=syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.lock_mount(target, attributes=syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV)


def _show_student(source: Path, target: str) -> None:
    """Bind the student's folder, or a copy where a kernel's own user could not read it.

    Only root starts kernels as another user; safetensors, for one, writes files that only their owner reads.
    """
    if os.geteuid() != 0 or _readable_by_all(source):
        _bind(str(source), target)
        return
    total = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    if total > _COPY_BYTES:
        raise OSError(
            0, f"{source} holds files that only root can read, too many to copy; run chmod -R a+rX on it"
        )
    Path(target).mkdir(parents=True)
    syscalls.mount(
        "tmpfs", target, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, f"mode=0755,size={total + 2**24}"
    )
    shutil.copytree(source, target, dirs_exist_ok=True)
    for path in (Path(target), *Path(target).rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    syscalls.lock_mount(target, attributes=syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV)


def _readable_by_all(folder: Path) -> bool:
    """Tell whether every file and folder can be read by anybody who gets at them."""
    for path in (folder, *folder.rglob("*")):
        needed = 0o005 if path.is_dir() else 0o004
        if path.exists() and path.stat().st_mode & needed != needed:
            return False
    return True


def _make_devices(root: str, *, gpu: bool) -> None:
    """Show the harmless devices, and the GPUs if asked."""
    dev = Path(root) / "dev"
    nodes = [Path("/dev") / name for name in _DEVICES]
    if gpu:
        nodes += sorted(Path("/dev").glob("nvidia*"))
        _bind("/sys", root + "/sys")
    for node in nodes:
        if not node.exists():
            continue
        target = dev / node.name
        if node.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.touch()
        syscalls.mount(str(node), str(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
    (dev / "ptmx").symlink_to("pts/ptmx")
    for name, target_name in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        (dev / name).symlink_to(target_name)


def enter(root: str) -> None:
    """Make the tree this process's root and let go of the machine's own.

    Raises:
        OSError: If the kernel refuses.
    """
    old = root + "/.old"
    Path(old).mkdir()
    syscalls.pivot_root(root, old)
    os.chdir("/")
    syscalls.detach("/.old")
    Path("/.old").rmdir()
    syscalls.lock_mount("/", attributes=syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID, recursive=False)
