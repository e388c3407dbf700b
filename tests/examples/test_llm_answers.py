"""What the students of llm_attribution's class wrote, against the reference and its mistakes, without a kernel."""

import itertools
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autograder.checks.answer_cache import MemoisedReference
from autograder.comparison.tensors import as_tensor, relative_l2
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load, use_student_dir
from autograder.diagnosis import misconceptions_of

from .conftest import ROOT
from .llm_table import CLASS, FUNCTIONS, SAMPLED

SLUG = "llm_attribution"
NEAR = 1e-4
"""Relative L2 distance that float32 explains; the nearest mistake of the class is further than three times that."""
LOOSE = 0.2
"""The same of forty samples."""


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
    loaded, shown = course.models[0], course.checks.SHOWN_TEXT
    space = {
        "itertools": itertools,
        "math": math,
        "np": np,
        "random": random,
        "torch": torch,
        "few_shot_prompt": course.reference.few_shot_prompt,
        "model": loaded.model,
        "tokenizer": loaded.tokenizer,
        "prompt": shown.prompt,
        "target": shown.target,
    }
    for cell in maker.read_answers(maker.EXAMPLES / "answers" / SLUG, student):
        if cell.kind in ("task", "after") and cell.cell_type == "code":
            exec(compile(cell.source, f"{student}: {cell.value}", "exec"), space)
    return space


def inputs_of(task, course):
    """Yield arguments of a function: unseen ones, on both models."""
    texts, fillings, shots = course.checks.pool(course.assignment)
    for loaded in course.models:
        asked = {
            "ablate_tokens": texts[2].arguments,
            "integrated_gradients": texts[2].arguments,
            "ablate_template": fillings[1].features,
            "attribute_examples": shots[1].arguments,
            SAMPLED: (*fillings[1].arguments, 40, 3),
        }.get(task, fillings[1].arguments)
        yield (loaded.model, loaded.tokenizer, *asked)


@pytest.mark.long
@pytest.mark.parametrize("task", FUNCTIONS)
@pytest.mark.parametrize("row", CLASS, ids=lambda row: row.student)
def test_function_is_what_the_table_says(row, task, maker, course):
    """A function is right, or it makes the named mistake, or it is wrong in a way of its own, or not there."""
    mistake = row.wrong.get(task)
    space = functions_of(maker, row.student, course)
    if mistake == "missing":
        assert task not in space
        return
    near = LOOSE if task == SAMPLED else NEAR
    distances = []
    for arguments in inputs_of(task, course):
        actual = as_tensor(space[task](*arguments))
        wanted = as_tensor(getattr(course.reference, task)(*arguments))
        distances.append(relative_l2(actual, wanted))
        if mistake not in (None, "nameless"):
            made = as_tensor(course.mistakes[mistake].run(course.reference, *arguments))
            assert relative_l2(actual, made) <= near
    if mistake is not None:
        # What only a BOS shows is right where there is none.
        assert max(distances) > 3 * near
    elif (row.student, task) != ("Goran Ilić", SAMPLED):
        assert max(distances) <= near


@pytest.mark.long
def test_the_class_has_right_answers_of_several_forms(maker, course):
    """Tensors with and without gradients, NumPy, float32 and float64."""
    loaded = course.models[1]
    filling = course.checks.pool(course.assignment)[1][0]
    forms = set()
    for row in CLASS[:4]:
        made = functions_of(maker, row.student, course)["ablate_template"](
            loaded.model, loaded.tokenizer, *filling.features
        )
        forms.add((type(made), made.dtype, getattr(made, "requires_grad", False)))
    assert len(forms) >= 3 and {np.ndarray, torch.Tensor} == {kind for kind, _, _ in forms}
