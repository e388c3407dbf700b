"""What the warm process has ready, and that it stays what its forks may be made from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograder.course.assignment import load_assignment, student_models
from autograder.course.profiles import resolve
from autograder.execution.wire.codec import Handle

from ..conftest import text_of

ROOT = Path(__file__).resolve().parents[3]
LOADING = """
import sys
from autograder.execution.kernel import preload
models = preload.load(sys.argv[1], [(sys.argv[2], "model", {})])
print(models.pop(sys.argv[2], "model", {}), models.pop(sys.argv[2], "model", {}), preload.threads())
"""
MODEL = """
class Model:
    @classmethod
    def from_pretrained(cls, folder):
        return "loaded from " + folder
"""


@pytest.fixture
def load(tmp_path):
    """Load a model whose module holds some lines more, in a fresh process; returns what that says."""
    (tmp_path / "model").mkdir()

    def run(*lines):
        (tmp_path / "course_module.py").write_text("\n".join(lines) + MODEL)
        command = [sys.executable, "-c", LOADING, str(tmp_path), "course_module:Model"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_model_is_loaded_once_and_given_away(load, tmp_path):
    assert load() == f"loaded from {tmp_path}/model None 1"


@pytest.mark.parametrize(
    "line",
    [
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import os; os._exit(0)",
        "raise SystemExit",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "raise ValueError('no such model')",
    ],
)
def test_a_module_that_would_harm_the_warm_process_is_left_to_the_kernels(load, line):
    assert load(line) == "None None 1"


def test_kernels_find_the_students_model_and_get_one_each(runner, course):
    shipped = course / "student_template" / "models" / "scale"
    for factor in (3.0, 2.0):
        session = runner.running(
            "import sys\nprint('course.scale' in sys.modules)",
            f"def scale(model, x):\n    model.linear.weight.data *= {factor} / 2\n    return model(x)",
        )
        session.provide("model:shipped", loader="course.scale:Scale", folder=shipped, in_student_dir=True)
        answer = session.call("scale", (Handle(name="model:shipped"), torch.ones(3)), seed=1)
        assert torch.equal(answer, torch.full((3,), factor))


def test_the_module_is_imported_from_the_students_folder(runner):
    execution = runner.session("import course.scale, sys\nprint(course.scale.__file__, len(sys.path))").run()
    assert text_of(execution, 0).startswith("/student/course/scale.py ")
    assert "/student" not in text_of(runner.session("import sys\nprint(sys.path)").run(), 0)


@pytest.mark.parametrize("slug", ["token_attribution", "logit_lens"])
def test_only_what_students_have_is_loaded_before_them(slug):
    assignment = load_assignment(ROOT, slug)
    folders = {one.folder for one in student_models(resolve(assignment))}
    assert folders
    assert all(folder.is_relative_to(assignment.student_dir) for folder in folders)
    assert not any(folder.is_relative_to(assignment.folder) for folder in folders)
