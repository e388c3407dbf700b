"""Read, mend and look into notebooks, without running them."""

from autograder.course.notebooks.locked_cells import restore_locked_cells
from autograder.course.notebooks.origin import other_assignment
from autograder.course.notebooks.positions import recognise_by_position
from autograder.course.notebooks.reading import read_notebook
from autograder.course.notebooks.shown_outputs import shown_outputs
from autograder.course.notebooks.written_answers import (
    MAX_PLOTS,
    plots,
    sane_pngs,
    source_mentions,
    written_answers,
)

__all__ = [
    "MAX_PLOTS",
    "other_assignment",
    "plots",
    "read_notebook",
    "recognise_by_position",
    "restore_locked_cells",
    "sane_pngs",
    "shown_outputs",
    "source_mentions",
    "written_answers",
]
