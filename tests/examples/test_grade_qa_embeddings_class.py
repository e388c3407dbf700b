"""The example class of bert_qa_embeddings through the whole harness."""

import pytest

from . import qa_embeddings_table
from .whole_class import WholeClass

pytestmark = [pytest.mark.sandbox, pytest.mark.long]


class TestEmbeddingsClass(WholeClass):
    slug = "bert_qa_embeddings"
    table = qa_embeddings_table
