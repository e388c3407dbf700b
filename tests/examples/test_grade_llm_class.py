"""The example class of llm_attribution through the whole harness."""

import pytest

from . import llm_table
from .whole_class import WholeClass

pytestmark = [pytest.mark.sandbox, pytest.mark.long]


class TestLlmClass(WholeClass):
    slug = "llm_attribution"
    table = llm_table
