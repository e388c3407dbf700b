"""Tell whose notebook a file is: that of the assignment, or one that was handed in by mistake."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from nbformat import NotebookNode

from autograder.course.notebooks.cell_marks import grade_id_of

_NUMBERED = re.compile(r"([a-z][a-z0-9_]{0,60})-[0-9]{2,3}")
"""Ids of locked cells that are no checks, as `autograder build` gives them: the slug and a number."""

_ENOUGH = 3
"""Fewer cells may have been copied over."""


def other_assignment(submitted: NotebookNode, slug: str, tasks: Collection[str]) -> str:
    """Return the assignment that a notebook belongs to by its cells' marks.

    Args:
        submitted: What `read_notebook` returned.
        slug: The assignment that it was handed in for.
        tasks: That one's functions.

    Returns:
        Another assignment's slug; "" if there is a cell of this one, or too little to tell.
    """
    ids = {grade_id_of(cell) for cell in submitted.cells}
    if ids & {name for task in tasks for name in (task, f"check-{task}")}:
        return ""
    found = Counter(match[1] for match in map(_NUMBERED.fullmatch, sorted(ids)) if match)
    if not found or slug in found:
        return ""
    name, count = found.most_common(1)[0]
    return name if count >= _ENOUGH else ""
