"""What the students of bert_qa_attention's class wrote, against the reference and its mistakes, without a kernel."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from captum.attr import LayerConductance

from autograder.checks.answer_cache import MemoisedReference
from autograder.comparison.tensors import as_tensor, distance
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import misconceptions_of

from .conftest import ROOT
from .qa_attention_table import CLASS, CONDUCTANCE, FUNCTIONS, HEAD_NORM, MATRICES, SUMMED, VECTORS, WEIGHTED

pytestmark = pytest.mark.long

SLUG = "bert_qa_attention"
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


def functions_of(maker, student):
    """Return the namespace that a student's functions live in, with what the notebook defines before them."""
    space = {"torch": torch, "np": np, "plt": plt, "LayerConductance": LayerConductance}
    for cell in maker.read_answers(maker.EXAMPLES / "answers" / SLUG, student):
        if cell.kind in ("task", "after") and cell.cell_type == "code":
            exec(compile(cell.source, f"{student}: {cell.value}", "exec"), space)
    return space


def arguments_of(task, course):
    """Yield arguments of a function: unseen ones, on both models."""
    checks = course.checks
    rows = checks.pool(course.assignment)
    for loaded in course.models:
        if task == CONDUCTANCE:
            role, position = loaded.spec.role, {"shipped": "start", "hidden": "end"}[loaded.spec.role]
            moving = next(one for one in rows if one.path(role, position) == "moves")
            yield loaded.model, checks.inputs_of(course.reference, loaded.tokenizer, moving), position
            continue
        inputs = checks.inputs_of(course.reference, loaded.tokenizer, rows[2])
        if task == HEAD_NORM:
            yield (course.reference.attention_matrices(loaded.model, inputs),)
        else:
            yield loaded.model, inputs


def off(actual, expected):
    return distance(as_tensor(actual), as_tensor(expected), "relative_l2", 0)


@pytest.mark.parametrize("task", FUNCTIONS)
@pytest.mark.parametrize("row", CLASS, ids=lambda row: row.student)
def test_function_is_what_the_table_says(row, task, maker, course):
    """A function is right, or it makes the named mistake, or it is wrong in a way of its own, or not there."""
    mistake = row.wrong.get(task)
    space = functions_of(maker, row.student)
    if mistake == "missing":
        assert task not in space
        return
    wrong = []
    for arguments in arguments_of(task, course):
        actual = space[task](*arguments)
        expected = getattr(course.reference, task)(*arguments)
        if row.builds_on and task in (WEIGHTED, SUMMED):
            expected = built(row, task, space, course, *arguments)
        wrong.append(off(actual, expected))
        if mistake not in (None, "nameless"):
            made = course.mistakes[mistake].run(course.reference, *arguments)
            assert off(actual, made) <= NEAR
    assert max(wrong) <= NEAR if mistake is None else max(wrong) > 10 * NEAR


def built(row, task, space, course, model, inputs):
    """Return what weighted_norms or summed_norms is with the student's own earlier function."""
    parts = {name: as_tensor(getattr(course.reference, name)(model, inputs)) for name in (MATRICES, VECTORS)}
    parts[row.builds_on] = as_tensor(space[row.builds_on](model, inputs))
    flows = parts[MATRICES][..., None] * parts[VECTORS][:, :, None]
    return flows.norm(dim=-1) if task == WEIGHTED else flows.sum(dim=1).norm(dim=-1)


def test_the_class_has_right_answers_of_several_forms(maker, course):
    """Captum and loops, hooks and hidden states; torch and NumPy, float32 and float64."""
    loaded = course.models[1]
    inputs = course.checks.inputs_of(course.reference, loaded.tokenizer, course.checks.SHOWN)
    forms = set()
    for row in CLASS:
        if not row.wrong:
            made = functions_of(maker, row.student)[CONDUCTANCE](loaded.model, inputs, "end")
            forms.add((type(made), str(made.dtype)))
    assert forms == {
        (torch.Tensor, "torch.float32"),
        (torch.Tensor, "torch.float64"),
        (np.ndarray, "float32"),
    }
