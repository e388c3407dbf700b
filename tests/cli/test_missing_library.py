"""What an instructor reads where a library is missing."""

import subprocess
import sys


def test_a_missing_torch_is_a_sentence_with_what_to_do(mini_course):
    code = "import sys; sys.modules['torch'] = None; from autograder.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "verify"], cwd=mini_course, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert "The package 'torch' is not installed in this environment." in done.stderr
    assert "pip install interp-autograder" in done.stderr
    assert "Traceback" not in done.stderr
