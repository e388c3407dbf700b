"""Tell errors of the place where a notebook runs from errors of the notebook."""

from __future__ import annotations

import ast
import errno
import importlib.util
import socket
import sys
from collections.abc import Collection, Iterator
from types import TracebackType

_ERRNOS = frozenset(
    [
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENODEV),
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETUNREACH, errno.ENETDOWN),
        *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT),
    ]
)
_NETWORK_LIBRARIES = frozenset(
    {
        "aiohttp",
        "botocore",
        "gdown",
        "httpcore",
        "httpx",
        "huggingface_hub",
        "kagglehub",
        "requests",
        "urllib3",
    }
)


NO_NETWORK = "there is no network while a notebook is graded"


def is_environmental(error: BaseException, cell_files: Collection[str]) -> bool:
    """Tell whether an exception says that a module, file, folder or network is missing here.

    Args:
        error: What a statement raised.
        cell_files: Made-up file names of the notebook's cells.
    """
    if isinstance(error, ImportError | FileNotFoundError | NotADirectoryError | socket.gaierror):
        return True
    if type(error).__module__.partition(".")[0] in _NETWORK_LIBRARIES:
        return True
    if not isinstance(error, OSError):
        return False
    if error.errno is not None:
        return error.errno in _ERRNOS
    # Libraries raise it without a number: a model that is not on the disk, a host that cannot be reached.
    return not _raised_in(error.__traceback__, cell_files)


def in_words(error: BaseException) -> str:
    """Return what an exception says; of a library's switch that keeps it off the network, that there is none."""
    text = f"{type(error).__name__}: {error}"
    return NO_NETWORK if "offline mode" in text.lower() or "HF_HUB_OFFLINE" in text else text


def missing_package(error: BaseException) -> str:
    """Return the top-level package that an import did not find; "" if that is not what the exception says."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    package = name.partition(".")[0] if isinstance(name, str) else ""
    try:
        return "" if package in sys.modules or importlib.util.find_spec(package) else package
    except (ImportError, ValueError):
        return ""


def _raised_in(trace: TracebackType | None, files: Collection[str]) -> bool:
    """Tell whether the innermost frame is of one of the files."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in files


def bound_names(statement: ast.stmt) -> set[str]:
    """List the names that a top-level statement binds when it runs to its end."""
    return set(_bound(statement))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)
