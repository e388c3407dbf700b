"""The verify command and its options."""

import pytest
from typer.testing import CliRunner

from autograder.authoring.notebook import build_assignment
from autograder.authoring.verify.mutation.sample import ALL_MUTANTS, NO_MUTANTS, MutantSample
from autograder.checks.decorators import collect, points_by_task
from autograder.cli.main import app
from autograder.cli.verify import parse_mutants
from autograder.course.assignment import load_assignment

SLUG = "standardise"


def test_mutants_are_all_or_a_number():
    read = [parse_mutants(text) for text in ("all", "0", "12")]
    assert read == [ALL_MUTANTS, NO_MUTANTS, MutantSample(per_task=12)]


@pytest.mark.parametrize("text", ["many", "-1", "1.5", ""])
def test_another_value_of_mutants_is_refused(text):
    done = CliRunner().invoke(app, ["verify", SLUG, f"--mutants={text}"])
    assert done.exit_code == 2
    assert f"write all or a number, not {text!r}" in " ".join(done.output.split())


SIMULATIONS = """
from autograder.authoring.verify.false_verdicts import Simulation

SIMULATIONS = (Simulation(task="centre", title="draws nothing", run=lambda course, checks, gradings, seed: 0),)
"""


@pytest.mark.long
def test_the_results_of_all_options_are_printed_and_written(mini_course):
    assignment = load_assignment(mini_course, SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    (assignment.verification_dir / "luck.py").write_text(SIMULATIONS)
    pages = mini_course / "pages"
    options = f"--course {mini_course} --mutants all --programs 1 --naming 1 --luck 10 --html {pages}"
    arguments = ["verify", SLUG, "--i-trust-these-submissions", *options.split()]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "survived, 2 of these explained" in done.output
    assert "Correct programs: 1 graded, 0 rejected." in done.output
    assert "Diagnosis accuracy" in done.output
    assert "False-verdict rate" in done.output and "draws nothing" in done.output
    page = (pages / f"{SLUG}.html").read_text("utf-8")
    for part in (
        "Mutation testing",
        "Generated correct programs",
        "Diagnosis accuracy",
        "False-verdict rate",
    ):
        assert part in page
    assert "No faults." in page
