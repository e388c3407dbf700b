"""The assignment, loaded once."""

import pytest

from ..setting import Setting, load_setting


@pytest.fixture(scope="session")
def setting() -> Setting:
    return load_setting(
        "bert_qa_attention",
        plot_cell="plot-attention-and-norms",
        needed=frozenset({"attention_matrices", "transformed_vectors"}),
    )


@pytest.fixture(params=[0, 1], ids=["shipped", "hidden"])
def loaded(setting, request):
    return setting.models[request.param]


@pytest.fixture
def inputs(setting, loaded):
    return setting.checks.inputs_of(
        setting.module, loaded.tokenizer, setting.checks.pool(setting.assignment)[0]
    )
