"""What the students of logit_lens's class wrote, against the reference and its known mistakes, without a kernel."""

import random
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from autograder.checks.answer_cache import MemoisedReference
from autograder.comparison.tensors import as_tensor, distance
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import misconceptions_of

from .conftest import ROOT
from .lens_table import CLASS, FUNCTIONS

SLUG = "logit_lens"
NEAR = dict.fromkeys(FUNCTIONS, 1e-3) | {"divergence_from_final": 0.02}
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
    loaded = course.models[0]
    ids = course.checks.ids_of(loaded.tokenizer, course.checks.shown(course.assignment).prompt)
    space = {"torch": torch, "plt": plt, "model": loaded.model, "input_ids": ids}
    for cell in maker.read_answers(maker.EXAMPLES / "answers" / SLUG, student):
        if cell.kind in ("task", "after") and cell.cell_type == "code":
            exec(compile(cell.source, f"{student}: {cell.value}", "exec"), space)
    return space


def inputs_of(task, course):
    """Yield arguments of a function: unseen ones, on both models."""
    checks, rng = course.checks, random.Random(4)
    for loaded in course.models:
        ids = checks.ids_of(loaded.tokenizer, checks.pool(course.assignment)[3].prompt)
        probabilities = course.reference.layer_probabilities(loaded.model, ids)
        if task == "layer_probabilities":
            yield loaded.model, ids
        elif task == "top_predictions":
            yield probabilities, loaded.tokenizer
        elif task == "target_rank":
            yield checks.with_ties(rng, 4, 3, len(loaded.tokenizer))
        elif task == "divergence_from_final":
            yield (probabilities,)
        else:
            yield checks.picture_input(rng, 5, 4)


def off(task, actual, expected, arguments, course):
    """Return how far an answer lies from another one: relative L2 distance of numbers, 0 or infinite for the rest."""
    if task == "plot_lens":
        looks = [course.checks.seen(one, *arguments) for one in (actual, expected)]
        return 0.0 if looks[0] == looks[1] else float("inf")
    if task == "top_predictions":
        if course.checks.words_of(actual) != course.checks.words_of(expected):
            return float("inf")
        actual, expected = actual[0], expected[0]
    got, want = as_tensor(actual), as_tensor(expected)
    if not want.is_floating_point():
        return 0.0 if got.tolist() == want.tolist() else float("inf")
    return distance(got, want, "relative_l2", 0)


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
        expected = getattr(course.reference, task)(*arguments)
        wrong = off(task, actual, expected, arguments, course)
        if mistake is None:
            assert wrong <= NEAR[task]
        else:
            assert wrong > 10 * NEAR[task]
            if mistake != "nameless":
                made = course.mistakes[mistake].run(course.reference, *arguments)
                assert off(task, actual, made, arguments, course) <= NEAR[task]
    plt.close("all")


def test_the_class_has_right_answers_of_several_forms(maker, course):
    """Hooks, hidden states, one batch of layers; torch and NumPy; figures of pyplot and without it."""
    loaded = course.models[1]
    ids = course.checks.ids_of(loaded.tokenizer, course.checks.pool(course.assignment)[0].prompt)
    forms = set()
    for row in CLASS:
        if not row.wrong:
            made = functions_of(maker, row.student, course)["layer_probabilities"](loaded.model, ids)
            forms.add((type(made), made.dtype))
    assert forms == {
        (torch.Tensor, torch.float32),
        (torch.Tensor, torch.float64),
        (np.ndarray, np.dtype("float32")),
    }
