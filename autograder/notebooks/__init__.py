"""Read, mend and look into notebooks, without running them."""

from autograder.notebooks.answers import MAX_PLOTS, plots, sane_pngs, source_mentions, written_answers
from autograder.notebooks.belonging import other_assignment
from autograder.notebooks.locking import restore_locked_cells
from autograder.notebooks.reading import read_notebook

__all__ = [
    "MAX_PLOTS",
    "other_assignment",
    "plots",
    "read_notebook",
    "restore_locked_cells",
    "sane_pngs",
    "source_mentions",
    "written_answers",
]
