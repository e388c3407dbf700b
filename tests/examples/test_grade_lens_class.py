"""The example class of logit_lens through the whole harness."""

import pytest

from . import lens_table
from .whole_class import WholeClass

pytestmark = [pytest.mark.sandbox, pytest.mark.long]


class TestLensClass(WholeClass):
    slug = "logit_lens"
    table = lens_table
