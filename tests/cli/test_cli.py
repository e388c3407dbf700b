"""The command line as scripts use it: exit codes and sentences."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.cli.main import main
from autograder.course.assignment import load_assignment

from ..notebook_maker import submission


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def autograder(monkeypatch, capsys):
    """Run the command line in this process: start-up is not what these tests are about."""

    def run(*arguments, cwd) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["autograder", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return Done(caught.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def built_course(mini_course):
    assignment = load_assignment(mini_course, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    return mini_course


def test_help_shows_examples_and_exit_codes(autograder, tmp_path):
    assert "Exit codes" in autograder("--help", cwd=tmp_path).stdout
    assert "Example" in autograder("grade", "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grade", "standardize", "x.ipynb", "--out", "r"], "Did you mean standardise?"),
        (["grade", "standardise", "nothing-here", "--out", "r"], "nothing-here"),
        (["grade", "standardise", "empty", "--out", "r"], "empty"),
        (["report", "nothing-here"], "no such folder"),
        (["verify", "standardize"], "Did you mean standardise?"),
        (["demo"], "no example class here"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_a_sentence_and_exit_code_2(
    autograder, built_course, arguments, said
):
    (built_course / "empty").mkdir()
    done = autograder(*arguments, cwd=built_course)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


WITH_MODELS = """
[profiles.tiny.shipped]
path = "models/a"
loader = "transformers:AutoModel"
"""


@pytest.mark.parametrize("models", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ["grade", "standardise", "SUBMISSION", "--out", "results"],
        ["verify", "standardise"],
        ["calibrate", "standardise"],
        ["calibrate", "standardise", "--show"],
        ["fetch", "standardise"],
        ["fetch"],
    ],
    ids=" ".join,
)
def test_an_unknown_profile_is_a_sentence_of_every_command(autograder, built_course, command, models):
    path = built_course / "assignments" / "standardise" / "assignment.toml"
    if models:
        path.write_text(path.read_text() + WITH_MODELS)
    template = str(built_course / "student_template" / "standardise.ipynb")
    arguments = [template if part == "SUBMISSION" else part for part in command]
    done = autograder(*arguments, "--profile", "tny", cwd=built_course)
    said = (
        "no profile 'tny'. Did you mean tiny?\nProfiles: tiny; or the folder of a model, with a / in it.\n"
        if models
        else "no profile 'tny': an assignment without models has only the profile 'tiny'. Did you mean tiny?\n"
    )
    assert (done.returncode, done.stderr) == (2, f"Error: {path}: {said}")
    assert not (built_course / "results").exists()


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "command",
    [
        ["build"],
        ["build", "--check"],
        ["verify"],
        pytest.param(["grade", "standardise", "SUBMISSION", "--out", "results"], marks=pytest.mark.long),
    ],
    ids=" ".join,
)
def test_a_misspelt_fixture_is_a_sentence(autograder, built_course, command):
    path = built_course / "assignments" / "standardise" / "checks.py"
    text = path.read_text()
    assert "def test_centre_shape(submission" in text
    path.write_text(text.replace("def test_centre_shape(submission", "def test_centre_shape(submision"))
    template = str(built_course / "student_template" / "standardise.ipynb")
    done = autograder(*(template if part == "SUBMISSION" else part for part in command), cwd=built_course)
    assert (done.returncode, done.stderr) == (
        2,
        f"Error: {path}: 1 problem(s):\n"
        "  - test_centre_shape: there is no fixture 'submision'. Did you mean submission?\n",
    )


def test_build_writes_a_stale_notebook_and_check_only_tells(autograder, mini_course):
    assert autograder("build", "--check", cwd=mini_course).returncode == 1
    assert autograder("build", cwd=mini_course).returncode == 0
    done = autograder("build", "--check", cwd=mini_course)
    assert (done.returncode, done.stdout.strip().endswith("current")) == (0, True)


@pytest.mark.sandbox
@pytest.mark.long
def test_a_stale_notebook_is_warned_of_and_grading_goes_on(autograder, built_course, tmp_path):
    submission(built_course / "student_template" / "standardise.ipynb", tmp_path / "in" / "ana.ipynb")
    reference = built_course / "reference" / "standardise.py"
    reference.write_text(reference.read_text() + "\n# %% [markdown]\n# The end.\n")
    arguments = ["grade", "standardise", tmp_path / "in", "--out", tmp_path / "out"]
    done = autograder(*arguments, cwd=built_course)
    assert done.stderr == (
        "Warning: student_template/standardise.ipynb is older than the reference (reference/standardise.py); "
        "run `autograder build standardise`.\n"
    )
    assert (done.returncode, "[1/1] ana: 6 of 6" in done.stdout) == (0, True)


@pytest.mark.sandbox
@pytest.mark.long
def test_what_the_course_adds_and_is_missing_is_warned_of(autograder, built_course, tmp_path):
    submission(built_course / "student_template" / "standardise.ipynb", tmp_path / "in" / "ana.ipynb")
    (built_course / "requirements-grading.txt").write_text("numpy\nno-such-package>=1\n")
    arguments = ["grade", "standardise", tmp_path / "in", "--out", tmp_path / "out"]
    done = autograder(*arguments, cwd=built_course)
    assert done.stderr == (
        "Warning: no-such-package>=1 is not installed. Notebooks that import it lose these statements. "
        "Install it: pip install -r requirements-grading.txt\n"
    )
    assert (done.returncode, "[1/1] ana: 6 of 6" in done.stdout) == (0, True)


@pytest.mark.sandbox
def test_grade_in_a_log_prints_a_plain_line_a_submission(autograder, built_course, tmp_path):
    template = built_course / "student_template" / "standardise.ipynb"
    submission(template, tmp_path / "in" / "Müller, Jörg.ipynb")
    done = autograder("grade", "standardise", tmp_path / "in", "--out", tmp_path / "out", cwd=built_course)
    assert done.returncode == 0, done.stderr
    assert "[1/1] Müller, Jörg: 6 of 6" in done.stdout
    assert (tmp_path / "out" / "standardise" / "Müller, Jörg" / "feedback.html").is_file() or any(
        path.name.startswith("Müller") for path in (tmp_path / "out" / "standardise").iterdir()
    )
    again = autograder("report", tmp_path / "out", cwd=built_course)
    assert again.returncode == 0, again.stderr
    assert "class.html" in again.stdout


@pytest.mark.sandbox
def test_verify_finds_no_fault_in_the_small_course(autograder, built_course):
    done = autograder("verify", "standardise", cwd=built_course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAULT" not in done.stdout
    assert done.stdout.count("misconception") == 3


@pytest.mark.sandbox
@pytest.mark.long
def test_verify_tells_a_mistake_that_loses_nothing(autograder, built_course):
    path = built_course / "assignments" / "standardise" / "misconceptions.py"
    path.write_text(
        path.read_text()
        + '\n\n@misconception(task="centre", title="None at all.", hint="-")\n'
        + "def harmless(reference, values):\n    return reference.centre(values)\n"
    )
    done = autograder("verify", "standardise", cwd=built_course)
    assert done.returncode == 1
    assert "it loses no points" in done.stdout


def test_verify_before_calibrate_cannot_be_carried_out_which_is_exit_code_2(autograder, built_course):
    (built_course / "assignments" / "standardise" / "generated" / "calibration.json").unlink()
    done = autograder("verify", "standardise", cwd=built_course)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: standardise: centre, standardise in checks.py: no such tolerance has been measured yet. "
        "Run `autograder calibrate standardise`.\n"
    )
    assert "FAULT" not in done.stdout


def test_grade_before_calibrate_grades_nobody(autograder, built_course, tmp_path):
    (built_course / "assignments" / "standardise" / "generated" / "calibration.json").unlink()
    (tmp_path / "submitted").mkdir()
    shutil.copy(built_course / "student_template" / "standardise.ipynb", tmp_path / "submitted" / "ana.ipynb")
    done = autograder(
        "grade", "standardise", tmp_path / "submitted", "--out", tmp_path / "results", cwd=built_course
    )
    assert done.returncode == 2
    assert (
        "standardise: centre, standardise in checks.py: no such tolerance has been measured yet"
        in done.stderr
    )
    assert "Run `autograder calibrate standardise`." in done.stderr
    assert not (tmp_path / "results" / "standardise" / "grades.csv").exists()


def test_verify_with_a_renamed_tolerance_says_to_calibrate_again(autograder, built_course):
    checks = built_course / "assignments" / "standardise" / "checks.py"
    checks.write_text(re.sub(r'tolerance="\w+"', 'tolerance="renamed"', checks.read_text()))
    done = autograder("verify", "standardise", cwd=built_course)
    assert done.returncode == 2
    assert "standardise: renamed in checks.py: no such tolerance has been measured yet" in done.stderr
    assert "FAULT" not in done.stdout


@pytest.mark.sandbox
@pytest.mark.long
def test_verify_needs_no_calibration_where_no_check_names_a_tolerance(autograder, built_course):
    folder = built_course / "assignments" / "standardise"
    (folder / "generated" / "calibration.json").unlink()
    checks = folder / "checks.py"
    text = re.sub(r'tolerance="\w+"', 'tolerance=Tolerance(metric="max_abs", tau=1e-4)', checks.read_text())
    checks.write_text(
        text.replace("import torch\n", "import torch\n\nfrom autograder.records import Tolerance\n")
    )
    done = autograder("verify", "standardise", cwd=built_course)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.sandbox
@pytest.mark.long
def test_pytest_by_hand_shows_what_the_batch_sees(built_course, tmp_path):
    template = built_course / "student_template" / "standardise.ipynb"
    path = submission(
        template, tmp_path / "ana.ipynb", {"centre": "def centre(values):\n    return values - values.mean()"}
    )
    command = [sys.executable, "-m", "pytest", "assignments/standardise", "--submission", str(path)]
    done = subprocess.run(command, cwd=built_course, capture_output=True, text=True, timeout=120)
    assert "mistake: The mean of all values is taken away." in done.stdout, done.stdout + done.stderr
    assert "1 failed, 1 passed, 1 skipped" in done.stdout or "2 failed" in done.stdout
    assert done.returncode == 1


@pytest.mark.long
def test_pytest_by_hand_refuses_an_unknown_profile(built_course):
    template = built_course / "student_template" / "standardise.ipynb"
    command = [sys.executable, "-m", "pytest", "assignments/standardise", "--profile", "tny"]
    done = subprocess.run(
        [*command, "--submission", str(template)],
        cwd=built_course,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "an assignment without models has only the profile 'tiny'. Did you mean tiny?" in done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR


def test_the_installed_command_says_what_it_is():
    command = [sys.executable, "-c", "from autograder.cli.main import main; main()", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "naming the mistake" in done.stdout


def test_a_weaker_sandbox_is_warned_of_in_a_sentence(capsys, monkeypatch):
    import warnings

    from autograder.execution.zygote_client import DegradedSandboxWarning

    # The command line's own way of showing warnings, put on as by `main`.
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(sys, "argv", ["autograder", "--help"])
    with pytest.raises(SystemExit):
        main()
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = warnings.showwarning
        shown(DegradedSandboxWarning("Less than full."), DegradedSandboxWarning, "x.py", 1)
        shown(UserWarning("of a library"), UserWarning, "x.py", 1)

    said = capsys.readouterr().err
    assert said.startswith("Warning: Less than full.\n")
    assert "of a library" not in said  # that one went Python's way, here to pytest


def test_fetching_a_profile_of_folders_says_that_there_is_nothing_to_fetch(autograder, course_root):
    done = autograder("fetch", "token_attribution", "--profile", "tiny", cwd=course_root)
    said = "token_attribution: the profile 'tiny' has no model of the hub, only folders.\n"
    assert (done.returncode, done.stdout) == (0, said)


def test_the_demo_outside_a_course_says_that_it_needs_a_clone(autograder, tmp_path):
    done = autograder("demo", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        f"{tmp_path}: no course here.\nThe demo grades examples/SLUG of a course; run it in a clone"
        in done.stderr
    )
