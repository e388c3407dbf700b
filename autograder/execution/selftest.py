"""Finds out which sandbox this machine allows, without importing torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from autograder.execution import sandbox, zygote

_TIMEOUT_S = 60.0
_BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.execution.selftest import report; report(s)"
)


def sandbox_problem() -> str:
    """Build one box in a process of its own.

    Returns:
        Why it cannot be built; "" if it can.
    """
    with tempfile.TemporaryDirectory(prefix="autograder-selftest-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "root").mkdir()
        (folder / "student").mkdir()
        settings = {
            "root": str(folder / "root"),
            "student_dir": str(folder / "student"),
            "layers": sorted(sandbox.LAYERS),
            "gpu": False,
            "path": [str(Path(entry).resolve()) for entry in sys.path],
        }
        try:
            result = subprocess.run(
                [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            return f"the self-test did not end within {_TIMEOUT_S:.0f} s"
    if result.returncode != 0:
        return result.stderr.strip()[-500:] or f"the self-test ended with status {result.returncode}"
    return ""


def sandbox_mode() -> str:
    """Return the strongest mode that works here: `namespaces`, or `none`."""
    return "none" if sandbox_problem() else "namespaces"


def report(settings: dict[str, Any]) -> None:
    """Run the self-test in this process, which is of no other use afterwards.

    Args:
        settings: As of `zygote.isolate`.
    """
    try:
        zygote.isolate(settings)
    except OSError as error:
        sys.exit(str(error))
