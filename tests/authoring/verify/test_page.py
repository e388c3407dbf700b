"""The page of verify."""

from autograder.authoring.verify.diagnosis_accuracy import DiagnosedProgram
from autograder.authoring.verify.false_verdicts import FalseVerdicts, Simulation
from autograder.authoring.verify.gate import GateResult
from autograder.authoring.verify.page import write_page
from autograder.authoring.verify.program_result import ProgramResult
from autograder.authoring.verify.verification import Verification

MISCONCEPTION = GateResult(
    kind="misconception",
    name="overall_mean",
    good=True,
    score=3.0,
    lost=("test_centre_values",),
    diagnosed="overall_mean",
)


def page(assignment, tmp_path, **results):
    verification = Verification(assignment=assignment, gate=(MISCONCEPTION,), **results)
    return write_page(verification, tmp_path / "one.html").read_text("utf-8")


def test_the_page_holds_what_was_tested_and_only_that(assignment, tmp_path):
    path = write_page(Verification(assignment=assignment, gate=(MISCONCEPTION,)), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert path.name == "standardise.html"
    assert "overall_mean" in text
    assert "No faults." in text
    for part in (
        "Diagnosis accuracy",
        "Mutation testing",
        "Generated correct programs",
        "False-verdict rate",
    ):
        assert part not in text
    assert "http" not in text.replace("http-equiv", "")


def test_a_fault_is_shown_with_its_problem(assignment, tmp_path):
    lost = GateResult(kind="misconception", name="minus <for> plus", good=False, problem="it loses no points")
    verification = Verification(assignment=assignment, gate=(MISCONCEPTION, lost))
    text = write_page(verification, tmp_path / "one.html").read_text("utf-8")
    assert "minus &lt;for&gt; plus" in text
    assert "it loses no points" in text
    assert "No faults." not in text


def test_generated_programs_are_counted_by_kind(assignment, tmp_path):
    programs = (
        ProgramResult(kind="correct program", name="0.0", good=True),
        ProgramResult(kind="output mutant", name="centre gives zeros", good=True),
        ProgramResult(kind="source mutant", name="centre: + -> -", good=True, survivor=True, reason="Even."),
        ProgramResult(kind="explanation", name="centre: *", good=False, reason="It matches no survivor."),
    )
    text = page(assignment, tmp_path, programs=programs)
    assert "2 mutants, of which 1 survived." in text
    assert "1 program, of which 1 got all points." in text
    assert "It matches no survivor." in text


def test_diagnoses_are_counted_and_wrong_ones_listed(assignment, tmp_path):
    def diagnosed(outcome, name):
        return DiagnosedProgram(
            kind="single", task="centre", made=("a",), student="-", outcome=outcome, diagnosed=name, hint=""
        )

    text = page(assignment, tmp_path, diagnosed=(diagnosed("right", "a"), diagnosed("wrong", "other")))
    assert text.count("50.0 %") == 2
    assert "1 grading with a wrong diagnosis or none" in text
    assert "<code>other</code>" in text


def test_the_false_verdict_rate_is_shown_and_too_many_are_a_fault(assignment, tmp_path):
    program = Simulation(task="centre", title="draws at random", run=lambda *given: 0)
    simulated = FalseVerdicts(simulation=program, gradings=20_000, count=20)
    text = page(assignment, tmp_path, false_verdicts=(simulated,))
    assert text.count("draws at random") == 2  # in the table, and among the faults
    assert "It lost points in 20 of 20000 gradings; 0.0001 is allowed." in text
