"""What all tests share: a small course of another subject, and gradings of plain functions."""

import os

# One thread a process: bits depend on the thread count, and the machine is shared with other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import tempfile
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

# What earlier versions of the sources answered must not be read, nor the user's own cache be filled.
_CACHE = tempfile.TemporaryDirectory(prefix="autograder-tests-")
os.environ["AUTOGRADER_CACHE"] = _CACHE.name

MINI = Path(__file__).parent / "mini_course"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def mini_course(tmp_path) -> Path:
    """A writable copy of the small course."""
    folder = tmp_path / "course"
    shutil.copytree(MINI, folder)
    return folder


@pytest.fixture
def course_root() -> Path:
    """The project's own course."""
    return ROOT
