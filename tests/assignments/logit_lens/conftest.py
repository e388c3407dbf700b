"""The assignment, loaded once."""

import pytest

from ..setting import Setting, load_setting


@pytest.fixture(scope="session")
def setting() -> Setting:
    return load_setting("logit_lens", plot_cell="plot-lens-of-a-fact")
