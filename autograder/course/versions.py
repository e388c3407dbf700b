"""What a grade rests on that is installed: versions of the libraries, and the harness's own source."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    "interp-autograder",
    "torch",
    "transformers",
    "captum",
    "numpy",
    "ipykernel",
    "nbclient",
    "pytest",
)


@functools.cache
def _found() -> Mapping[str, str]:
    """Look the versions up: a process has imported what it has."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    return dict(_found())


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def source_hash() -> str:
    """Return a hash of the package's own files: a version number does not change while one develops."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(package)}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()
