"""Make the student notebook from the reference file.

Needs jupytext, nbconvert and nbgrader; they are imported only when something is built.
"""

from autograder.authoring.notebook.making import (
    build_assignment,
    build_notebook,
    build_source,
    is_stale,
    render,
    solved_notebook,
    source_notebook,
)

__all__ = [
    "build_assignment",
    "build_notebook",
    "build_source",
    "is_stale",
    "render",
    "solved_notebook",
    "source_notebook",
]
