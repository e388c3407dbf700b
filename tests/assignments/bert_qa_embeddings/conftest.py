"""The assignment, loaded once."""

import pytest

from ..setting import Setting, load_setting


@pytest.fixture(scope="session")
def setting() -> Setting:
    return load_setting("bert_qa_embeddings", plot_cell="plot-where-the-answer-comes-from")
