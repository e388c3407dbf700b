"""What the students of bert_qa_embeddings's class wrote, against the reference and its mistakes, without a kernel."""

import random
from types import SimpleNamespace

import captum.attr
import matplotlib.pyplot as plt
import pytest
import torch

from autograder.checks.answer_cache import MemoisedReference
from autograder.comparison.tensors import as_tensor, distance
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import misconceptions_of

from .conftest import ROOT
from .qa_embeddings_table import ANSWER, CLASS, ENTROPY, FUNCTIONS, INPUTS, TOP

pytestmark = pytest.mark.long

SLUG = "bert_qa_embeddings"
NEAR = 1e-3
"""Relative L2 distance that float32 explains; the nearest mistake of the class is further than ten times that."""


@pytest.fixture(scope="module")
def course():
    """Reference, checks, mistakes and models."""
    assignment = load_assignment(ROOT, SLUG)
    use_student_dir(assignment.student_dir)
    known = misconceptions_of(load_module(assignment.folder / "misconceptions.py", f"misconceptions_{SLUG}"))
    return SimpleNamespace(
        assignment=assignment,
        reference=MemoisedReference(load_reference(assignment)),
        checks=load_module(assignment.folder / "checks.py", f"checks_{SLUG}"),
        mistakes={one.id: one for one in known},
        models=[load(spec, assignment.student_dir) for spec in assignment.models["tiny"]],
    )


def functions_of(maker, student, course):
    """Return the namespace that a student's functions live in, with what the notebook defines before them."""
    space = {"torch": torch, "plt": plt, "model": course.models[0].model}
    space |= {name: getattr(captum.attr, name) for name in ("LayerConductance", "LayerIntegratedGradients")}
    for cell in maker.read_answers(maker.EXAMPLES / "answers" / SLUG, student):
        if cell.kind in ("task", "after") and cell.cell_type == "code":
            exec(compile(cell.source, f"{student}: {cell.value}", "exec"), space)
    return space


def inputs_of(task, course):
    """Yield arguments of a function: unseen ones, on both models."""
    checks, rng = course.checks, random.Random(4)
    rows = checks.pool(course.assignment)
    for loaded, row in zip(course.models, (rows[3], rows[-3]), strict=True):
        if task == ANSWER:
            long = next(one for one in rows if " " in course.reference.predict_answer(*asked(loaded, one))[2])
            yield asked(loaded, long)
        elif task == INPUTS:
            yield loaded.tokenizer, *rng.choice(checks.ODD_TEXTS)
        elif task == TOP:
            yield *checks.listed(rng, 14, tied=True), 5
        elif task == ENTROPY:
            yield checks.spread(rng, 3, 60, 8, gaps=True), 8
        else:
            yield loaded.model, checks.inputs_of(course.reference, loaded, row), row.position


def asked(loaded, row):
    return loaded.model, loaded.tokenizer, row.question, row.text


def off(task, actual, expected, course):
    """Return how far an answer lies from another one: relative L2 distance of numbers, 0 or infinite for the rest."""
    plain = {
        ANSWER: course.checks.plain_answer,
        INPUTS: course.checks.plain_inputs,
        TOP: course.checks.plain_top,
    }
    if task in plain:
        return 0.0 if plain[task](actual) == plain[task](expected) else float("inf")
    if isinstance(expected, dict):
        return max(off(task, actual[name], values, course) for name, values in expected.items())
    got, want = as_tensor(actual), as_tensor(expected)
    return distance(got, want, "relative_l2", 0 if want.dim() == 2 else None)


@pytest.mark.parametrize("task", FUNCTIONS)
@pytest.mark.parametrize("row", CLASS, ids=lambda row: row.student)
def test_function_is_what_the_table_says(row, task, maker, course):
    """A function is right, or it makes the named mistake, or it is wrong in a way of its own, or not there."""
    mistake = row.wrong.get(task)
    space = functions_of(maker, row.student, course)
    if mistake == "missing":
        assert task not in space
        return
    for arguments in inputs_of(task, course):
        actual = space[task](*arguments)
        wrong = off(task, actual, getattr(course.reference, task)(*arguments), course)
        if mistake is None:
            assert wrong <= NEAR
        else:
            assert wrong > 10 * NEAR
            if mistake != "nameless":
                made = course.mistakes[mistake].run(course.reference, *arguments)
                assert off(task, actual, made, course) <= NEAR


def test_the_class_has_right_answers_of_several_forms(maker, course):
    """Captum and plain autograd; torch, NumPy and lists; float32 and float64."""
    forms = set()
    arguments = next(inputs_of("embedding_attributions", course))
    for row in CLASS:
        if not row.wrong:
            made = functions_of(maker, row.student, course)["embedding_attributions"](*arguments)
            forms.add((type(made).__name__, str(getattr(made, "dtype", ""))))
    assert forms == {
        ("Tensor", "torch.float32"),
        ("Tensor", "torch.float64"),
        ("ndarray", "float32"),
        ("list", ""),
    }
