"""Named steps at which the tests let a process of the grader die as by a power cut.

    AUTOGRADER_FAILPOINT=submission.recorded        every process that gets there dies there
    AUTOGRADER_FAILPOINT=worker.graded:2            each process dies at its second time
    AUTOGRADER_FAILPOINT=worker.graded:2@/tmp/once  as above, but only while no folder /tmp/once/worker.graded exists

Several are joined by commas. The variable is read by the grader's own processes alone: kernels get an environment
that is made for them. Without it a step costs one look into the environment.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "AUTOGRADER_FAILPOINT"


def reach(step: str) -> None:
    """Die here, with SIGKILL, if the environment says so.

    Args:
        step: The name of the step that comes next or has just been done.
    """
    asked = os.environ.get(VARIABLE)
    if not asked:
        return
    left = []
    for entry in asked.split(","):
        point, _, folder = entry.partition("@")
        name, _, number = point.partition(":")
        times = int(number or 1)
        if name == step:
            times -= 1
            if times == 0 and _is_first(folder, name):
                os.kill(os.getpid(), signal.SIGKILL)
        if times > 0:
            left.append(f"{name}:{times}" + (f"@{folder}" if folder else ""))
    # What is left to count travels in the environment itself.
    os.environ[VARIABLE] = ",".join(left)


def _is_first(folder: str, name: str) -> bool:
    """Return whether no process has died at this step yet, as the folder remembers it."""
    if not folder:
        return True
    try:
        Path(folder, name).mkdir(parents=True)
    except FileExistsError:
        return False
    return True
