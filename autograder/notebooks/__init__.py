"""Read, mend and look into notebooks, without running them."""

from autograder.notebooks.answers import plots, source_mentions, written_answers
from autograder.notebooks.locking import restore_locked_cells
from autograder.notebooks.reading import read_notebook

__all__ = ["plots", "read_notebook", "restore_locked_cells", "source_mentions", "written_answers"]
