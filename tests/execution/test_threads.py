"""How many threads a kernel computes on."""

import pytest

from autograder.execution.session import KernelSession
from autograder.records import Limits

from .conftest import notebook

pytestmark = pytest.mark.sandbox

COUNT = """
import torch
def threads(): return torch.get_num_threads()
def product(): return torch.ones(600, 600) @ torch.ones(600, 600)
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_a_kernel_computes_on_the_threads_of_its_limits(zygote, threads):
    with KernelSession(zygote, notebook(COUNT), limits=Limits(threads=threads), seed=1) as session:
        session.run()
        assert session.call("threads", seed=0) == threads
        assert session.call("product", seed=0).sum() == 600**3


def test_students_may_choose_others(zygote):
    cells = notebook("import torch; torch.set_num_threads(2)", COUNT)
    with KernelSession(zygote, cells, limits=Limits(), seed=1) as session:
        session.run()
        assert session.call("threads", seed=0) == 2
