"""What the students of the example class wrote, against the reference and its known mistakes, without a kernel.

Functions are taken from the answers files and called in this process: the table of class_table.py is true of the
sources, whatever the harness makes of them.
"""

import ast
import contextlib
import io
import random
import signal
from types import SimpleNamespace

import pytest
import torch
from captum.attr import LayerIntegratedGradients

from autograder.attribution import quadrature
from autograder.checks.answer_cache import MemoisedReference
from autograder.comparison.tensors import as_tensor, distance
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import accepted_variants_of, misconceptions_of

from .class_table import BROKEN, CLASS, FUNCTIONS
from .conftest import ROOT

SLUG = "token_attribution"
NEAR = 1e-3
"""Relative L2 distance that float32 explains; the nearest mistake of the class is further than 1e-2."""

STUDENTS = [row for row in CLASS if row.student not in BROKEN]


@pytest.fixture(scope="module")
def course():
    """Reference, mistakes and the two models with batches on which labels and predictions differ."""
    assignment = load_assignment(ROOT, SLUG)
    use_student_dir(assignment.student_dir)
    from course.intent_classifier import encode, load_sentences

    module = load_module(assignment.folder / "misconceptions.py", "mistakes")
    found = SimpleNamespace(
        reference=MemoisedReference(load_reference(assignment)),
        mistakes={one.id: one for one in misconceptions_of(module)},
        variants=accepted_variants_of(module),
        cases=[],
    )
    sentences = load_sentences(assignment.student_dir / "data" / "intents_de_examples.tsv")
    chosen = [sentences[place] for place in (0, 3, -1)]
    for spec in assignment.models["tiny"]:
        loaded = load(spec, assignment.student_dir)
        texts = [one.text for one in chosen]
        batch = encode(texts, [one.intent for one in chosen], loaded.tokenizer)
        # Every label is wrong, so that to take it for the prediction shows.
        batch["labels"] = batch["labels"].roll(1, dims=1)
        batch["input_ids"][0, 3] = loaded.tokenizer.unk_token_id
        found.cases.append((batch, loaded.model, loaded.tokenizer))
    return found


def functions_of(maker, student):
    """Return the namespace that a student's functions live in."""
    space = {"torch": torch, "LayerIntegratedGradients": LayerIntegratedGradients, "gpu": torch.device("cpu")}
    for cell in maker.read_answers(maker.EXAMPLES / "answers" / SLUG, student):
        if cell.kind == "task":
            exec(compile(on_cpu(cell.source), f"{student}: {cell.value}", "exec"), space)
        elif cell.kind == "after" and cell.cell_type == "code":
            exec(compile(definitions(cell.source), f"{student}: own cell", "exec"), space)
    return space


def on_cpu(source):
    """Return a source that asks for no GPU; in the kernel the harness sees to that."""
    for asked, instead in ((".cuda()", ""), ('"cuda:0"', '"cpu"'), ('"cuda"', '"cpu"')):
        source = source.replace(asked, instead)
    return source


def definitions(source):
    """Return what a cell defines, without what it does: only a notebook has the data for that."""
    lines = [line for line in source.splitlines() if not line.startswith(("!", "%"))]
    tree = ast.parse("\n".join(lines))
    kept = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    stored = [
        node
        for node in tree.body
        if isinstance(node, kept) or (isinstance(node, ast.Assign) and isinstance(node.value, ast.List))
    ]
    return ast.Module(body=stored, type_ignores=[])


def inputs_of(task, course):
    """Yield arguments of a function: unseen ones, on both models."""
    if task == "merge_subtokens":
        tokens = [
            "##en",
            "Wetter",
            "##vor",
            "##her",
            "##sage",
            "[UNK]",
            "Regen",
            "##schirm",
            "Wetter",
            "[SEP]",
            "[PAD]",
        ]
        yield tokens, [0.5, -1.0, 0.25, 2.0, 0.125, -0.75, 1.5, -0.5, 3.0, 0.0625, 0.1]
    elif task == "token_importance":
        rng = random.Random(0)
        mask = torch.tensor([[1, 0, 1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]])
        yield torch.tensor([[rng.uniform(-2, 2) for _ in range(8)] for _ in range(2)]), mask
    else:
        for batch, model, tokenizer in course.cases:
            yield (batch["input_ids"], tokenizer) if task == "build_baseline" else (batch, model, tokenizer)


def copied(arguments):
    return tuple(dict(one) if isinstance(one, dict) else one for one in arguments)


def off(actual, expected):
    """Return how far an answer lies from another: relative L2 distance, 0 for equal words or ids."""
    if isinstance(expected, tuple):
        return max(off(one, other) for one, other in zip(actual, expected, strict=True))
    if isinstance(expected, list):
        words = [word for word, _ in actual] == [word for word, _ in expected]
        scores = [torch.tensor([float(score) for _, score in some]) for some in (actual, expected)]
        return distance(scores[0], scores[1], "relative_l2") if words else float("inf")
    if as_tensor(actual).shape != expected.shape:
        return float("inf")
    if not expected.is_floating_point():
        return 0.0 if torch.equal(as_tensor(actual), expected) else float("inf")
    return distance(as_tensor(actual), expected, "relative_l2", 0)


@contextlib.contextmanager
def alarm(seconds):
    """Interrupt what takes longer."""

    def interrupt(number, frame):
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def answers(space, task, arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return space[task](*copied(arguments))


@pytest.mark.parametrize("task", FUNCTIONS)
@pytest.mark.parametrize("row", STUDENTS, ids=lambda row: row.student)
def test_function_is_what_the_table_says(row, task, maker, course):
    """A function is right, or it makes the named mistake, or it is wrong in a way of its own, or not there."""
    mistake = row.wrong.get(task)
    space = functions_of(maker, row.student)
    if mistake == "missing":
        assert task not in space
        return
    if mistake == "endless":
        with pytest.raises(TimeoutError), alarm(2):
            [answers(space, task, arguments) for arguments in inputs_of(task, course)]
        return
    for arguments in inputs_of(task, course):
        actual = answers(space, task, arguments)
        expected = getattr(course.reference, task)(*arguments)
        if mistake is None:
            assert any(off(actual, one) <= NEAR for one in accepted(course, task, arguments, expected))
        elif mistake == "nameless":
            assert off(actual, expected) > 10 * NEAR
        else:
            made = course.mistakes[mistake].run(course.reference, *arguments)
            assert off(actual, made) <= NEAR
            assert off(actual, expected) > 10 * NEAR


def accepted(course, task, arguments, expected):
    """Yield the answers that earn full points."""
    yield expected
    for variant in course.variants:
        if variant.task == task:
            yield variant.run(course.reference, *arguments)


@pytest.mark.parametrize("row", STUDENTS, ids=lambda row: row.student)
def test_own_method_gives_a_finite_score_for_each_token(row, maker, course):
    space = functions_of(maker, row.student)
    if row.mine == "missing":
        assert "my_attribution" not in space
        return
    for batch, model, tokenizer in course.cases:
        scores = as_tensor(answers(space, "my_attribution", (batch, model, tokenizer)))
        assert scores.shape == batch["input_ids"].shape
        assert torch.isfinite(scores).all()


def test_stored_numbers_fit_the_sentences_of_the_notebook(maker):
    """Else the student who stored them would fail the visible checks, too: the model or the sentences changed."""
    stored = functions_of(maker, "Leon Hoffmann")
    expected = maker.stored_numbers(*maker.notebook_example())
    advice = "Make them again with: python examples/make_class.py --measure"
    assert stored["LENGTHS"] == expected["LENGTHS"], advice
    for name in ("PREDICTIONS", "ATTRIBUTIONS"):
        rows = zip(stored[name], expected[name], strict=True)
        worst = max(abs(a - b) for actual, right in rows for a, b in zip(actual, right, strict=True))
        assert worst <= 2e-3, advice


def test_trapezoid_of_the_class_is_another_rule(maker, course):
    """The remark that it earns rests on a difference that can be measured."""
    space = functions_of(maker, "Łukasz Wójcik")
    batch, model, tokenizer = course.cases[0]
    actual, _ = answers(space, "compute_feature_attribution_scores", (batch, model, tokenizer))
    expected, _ = course.reference.compute_feature_attribution_scores(batch, model, tokenizer)
    assert distance(actual.detach(), expected, "relative_l2", 0) > NEAR
    assert quadrature.captum_trapezoid(50).weights[0] > 0
