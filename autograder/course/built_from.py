"""From which reference a student notebook was built.

The notebook's metadata holds a hash of the reference. Comparing it takes milliseconds; building the notebook again
would import jupytext and nbgrader, which takes seconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from autograder.records import Assignment

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
"""nbgrader's delimiters; it looks for them anywhere in a line."""

METADATA_KEY = "autograder"
"""Of the notebook's metadata."""

_REFERENCE = "reference"


def built_from(reference: Path) -> dict[str, str]:
    """Return the metadata of a notebook that is built from a reference now.

    Solutions do not count, since students do not see them.

    Raises:
        OSError: If the reference cannot be read.
    """
    digest = hashlib.sha256()
    inside = False
    for line in reference.read_bytes().splitlines():
        if BEGIN.encode() in line:
            inside = True
        if not inside:
            digest.update(line + b"\n")
        if END.encode() in line:
            inside = False
    return {_REFERENCE: digest.hexdigest()}


def is_outdated(assignment: Assignment) -> bool:
    """Return whether the student notebook was built from another reference; False where nothing says from which.

    `authoring.notebook.is_stale` is exact, and slow.
    """
    try:
        notebook = json.loads(assignment.template.read_bytes())
        recorded = notebook["metadata"][METADATA_KEY]
        return bool(recorded != built_from(assignment.reference))
    except (OSError, ValueError, LookupError, TypeError):
        return False
