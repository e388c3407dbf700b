"""Seeds that depend on course, student, assignment and check, and on nothing else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

KEY_VARIABLE = "AUTOGRADER_COURSE_KEY"
KEY_FILE = ".course-key"


def course_key(course_dir: Path) -> str:
    """Return the course's key: from the environment, else from the course's key file, else empty.

    With a key that students do not know, they cannot compute which inputs they will be asked.
    """
    from_environment = os.environ.get(KEY_VARIABLE, "")
    path = course_dir / KEY_FILE
    if from_environment or not path.is_file():
        return from_environment
    return path.read_text(encoding="utf-8").strip()


def seed_for(*parts: str) -> int:
    """Return a seed in 0 .. 2**32 - 1 (what NumPy takes) from the parts.

    The parts are hashed with their lengths, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:4], "big")
