"""The example class of bert_qa_attention through the whole harness."""

import pytest

from . import qa_attention_table
from .whole_class import WholeClass

pytestmark = [pytest.mark.sandbox, pytest.mark.long]


class TestAttentionClass(WholeClass):
    slug = "bert_qa_attention"
    table = qa_attention_table

    def test_what_is_built_on_a_wrong_function_is_remarked(self, row, report):
        for task in (qa_attention_table.WEIGHTED, qa_attention_table.SUMMED):
            said = " ".join(
                remark
                for check in report.checks
                if check.task == task
                for remark in (*check.remarks, *check.measured)
            )
            assert (f"builds on what your {row.builds_on} gives" in said) if row.builds_on else said == ""
