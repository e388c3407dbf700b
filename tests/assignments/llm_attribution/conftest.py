"""The assignment, loaded once."""

import pytest

from ..setting import Setting, load_setting


@pytest.fixture(scope="session")
def setting() -> Setting:
    return load_setting(
        "llm_attribution", plot_cell="plot-attributions", needed=frozenset({"shapley_groups"})
    )
