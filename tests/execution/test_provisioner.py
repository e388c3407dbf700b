from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.execution.provisioner import PROVISIONER, SandboxedKernelManager, SharedZygotes
from autograder.execution.zygote_client import Zygote
from autograder.execution.zygote_link import KernelRequest

from .conftest import notebook

pytestmark = pytest.mark.sandbox


def test_it_is_registered_as_an_entry_point() -> None:
    from importlib.metadata import entry_points

    found = entry_points(group="jupyter_client.kernel_provisioners", name=PROVISIONER)
    assert [entry.value for entry in found] == ["autograder.execution.provisioner:SandboxedProvisioner"]


def test_a_plain_nbclient_runs_over_it_from_a_kernelspec(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels" / "boxed"
    folder.mkdir(parents=True)
    config = {"student_dir": str(course / "student_template")}
    spec = {
        "argv": [],
        "display_name": "Boxed",
        "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": PROVISIONER, "config": config}},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    made = nbformat.from_dict(notebook("import os\nprint(os.getcwd(), os.getpid())"))

    executed = NotebookClient(made, kernel_name="boxed", timeout=30).execute()

    assert executed.cells[0].outputs[0].text == "/box 2\n"


def test_a_program_shares_one_zygote_for_a_folder_and_ends_it(course: Path) -> None:
    shared = SharedZygotes()
    first = shared.get(course / "student_template", "cpu")
    assert shared.get(course / "reference" / ".." / "student_template", "cpu") is first
    shared.close()
    assert not first.is_alive()


def test_a_manager_with_a_zygote_interrupts_restarts_and_ends(zygote: Zygote) -> None:
    async def scenario() -> tuple[bool, bool, float]:
        manager: Any = SandboxedKernelManager(zygote, KernelRequest())
        manager.prepare()
        await manager.start_kernel()
        alive = await manager.is_alive()
        await manager.interrupt_kernel()
        still = await manager.is_alive()
        began = time.monotonic()
        await manager.shutdown_kernel(now=True)
        assert not manager.has_kernel
        manager.context.destroy(linger=0)
        return alive, still, time.monotonic() - began

    alive, still, seconds = asyncio.run(scenario())

    assert alive and still
    assert seconds < 2
