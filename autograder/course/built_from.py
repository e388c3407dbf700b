"""From which reference and configuration a student notebook was built.

The notebook's metadata holds a hash of both. Comparing it takes milliseconds; building the notebook again
would import jupytext and nbgrader, which takes seconds.
"""

from __future__ import annotations

import hashlib
import json

from autograder.course.notebooks.stated_limits import limits_cell
from autograder.course.notebooks.stated_work import goals_cell, work_of
from autograder.records import Assignment

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
"""nbgrader's delimiters; it looks for them anywhere in a line."""

METADATA_KEY = "autograder"
"""Of the notebook's metadata."""

_REFERENCE = "reference"


def built_from(assignment: Assignment) -> dict[str, str]:
    """Return the metadata of a notebook that is built now.

    Solutions do not count, since students do not see them; of the configuration, what the notebook says of it but for
    the points of checks.py, which are known only after importing it.

    Raises:
        OSError: If the reference cannot be read.
    """
    digest = hashlib.sha256(limits_cell(assignment.limits).encode())
    stated = [goals_cell(assignment, {}), *sorted(work_of(assignment, {}).items())]
    digest.update(repr(stated).encode())
    inside = False
    for line in assignment.reference.read_bytes().splitlines():
        if BEGIN.encode() in line:
            inside = True
        if not inside:
            digest.update(line + b"\n")
        if END.encode() in line:
            inside = False
    return {_REFERENCE: digest.hexdigest()}


def is_outdated(assignment: Assignment) -> bool:
    """Return whether the student notebook was built from another reference or configuration; False where nothing tells.

    `authoring.notebook.is_stale` is exact, and slow.
    """
    try:
        notebook = json.loads(assignment.template.read_bytes())
        recorded = notebook["metadata"][METADATA_KEY]
        return bool(recorded != built_from(assignment))
    except (OSError, ValueError, LookupError, TypeError):
        return False
