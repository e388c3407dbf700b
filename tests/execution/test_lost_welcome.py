"""ipykernel loses its welcome to a subscriber now and then: the notebook runs all the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits, Loadable

from .conftest import notebook, save_scale, text_of

pytestmark = pytest.mark.sandbox

SILENT = """
from ipykernel.iostream import IOPubThread

IOPubThread._send_welcome_message = lambda self, subscription: None


class Scale:
    @classmethod
    def from_pretrained(cls, folder):
        return cls()
"""


def test_a_kernel_that_sends_no_welcome_runs_its_cells(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    student = tmp_path / "student_template"
    (student / "course").mkdir(parents=True)
    (student / "course" / "silent.py").write_text(SILENT)
    save_scale(student / "models" / "scale", 2.0)
    # The warm process imports the module with the model, before any kernel is forked.
    loadable = Loadable(loader="course.silent:Scale", folder=student / "models" / "scale")
    cells = notebook(
        "from ipykernel.iostream import IOPubThread\nprint(IOPubThread._send_welcome_message.__name__)"
    )
    with (
        Zygote(student, models=[loadable]) as zygote,
        KernelSession(zygote, cells, limits=Limits(), seed=3) as session,
    ):
        began = time.monotonic()
        execution = session.run()
        assert text_of(execution, 0) == "<lambda>\n"
        assert execution.failures == ()
        assert time.monotonic() - began < 20
