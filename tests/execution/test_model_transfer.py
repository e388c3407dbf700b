"""What travels with a model into a kernel, and how it is put back."""

import os

import pytest
import torch

from autograder.execution.kernel import probe_models
from autograder.execution.kernel.preload import PreloadedModels
from autograder.execution.kernel.probe_models import Models
from autograder.execution.model_transfer import Provision, sealed_copies


@pytest.fixture
def folder(course_root):
    return course_root / "assignments" / "logit_lens" / "data" / "hidden_model"


def test_copies_cannot_be_written_and_no_two_kernels_share_a_file(folder):
    names, first = sealed_copies(folder)
    _, second = sealed_copies(folder)
    place = names.index("config.json")
    try:
        # Else times, modes, locks or the place in an open file would tell the next submission something.
        assert not {os.fstat(fd).st_ino for fd in first} & {os.fstat(fd).st_ino for fd in second}
        assert os.pread(first[place], 2**20, 0) == (folder / "config.json").read_bytes()
        with pytest.raises(PermissionError):
            os.pwrite(first[place], b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(first[place], 0)
    finally:
        for fd in (*first, *second):
            os.close(fd)


def test_a_changed_file_is_copied_again(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text("Nothing loads this.")
    names, (before,) = sealed_copies(tmp_path)
    (tmp_path / "config.json").write_text('{"changed": true}')
    _, (after,) = sealed_copies(tmp_path)
    assert names == ["config.json"]
    assert (os.pread(before, 100, 0), os.pread(after, 100, 0)) == (b"{}", b'{"changed": true}')
    os.close(before)
    os.close(after)


def provided(folder, course_root):
    models = Models(PreloadedModels(), student=str(course_root / "student_template"), device="cpu")
    provision = Provision(
        loader="transformers:AutoModelForCausalLM",
        folder=folder,
        in_student_dir=False,
        options={"dtype": "float32"},
    )
    request, fds = provision.request("model:shipped", course_root / "student_template")
    assert models.provide(request, fds) == {"status": "ok"}
    return models, models._loaded["model:shipped"]


@pytest.mark.parametrize("copied_bytes", [2**40, 0], ids=["kept twice", "read again"])
def test_weights_and_flags_are_put_back(folder, course_root, monkeypatch, copied_bytes):
    monkeypatch.setattr(probe_models, "_COPIED_BYTES", copied_bytes)
    models, model = provided(folder, course_root)
    weight = model.transformer.wte.weight
    pristine = weight.detach().clone()
    assert models.restore() == []
    with torch.no_grad():
        weight.mul_(2)
    weight.requires_grad_(False)
    assert models.restore() == [("model:shipped", "gradient flags"), ("model:shipped", "weights")]
    assert torch.equal(model.transformer.wte.weight, pristine) and model.transformer.wte.weight is weight
    assert weight.requires_grad
    assert models.restore() == []


@pytest.mark.parametrize("copied_bytes", [2**40, 0], ids=["kept twice", "read again"])
def test_a_replaced_storage_is_put_back(folder, course_root, monkeypatch, copied_bytes):
    monkeypatch.setattr(probe_models, "_COPIED_BYTES", copied_bytes)
    models, model = provided(folder, course_root)
    pristine = model.transformer.wte.weight.detach().clone()
    model.transformer.wte.weight.data = torch.zeros_like(pristine)
    assert models.restore() == [("model:shipped", "weights")]
    assert torch.equal(model.transformer.wte.weight, pristine)


@pytest.mark.parametrize(
    "register", ["register_full_backward_hook", "register_full_backward_pre_hook", "register_backward_hook"]
)
def test_what_torch_leaves_of_a_removed_backward_hook_is_no_change(folder, course_root, register):
    models, model = provided(folder, course_root)
    for module in (model.transformer.wte, model.transformer.h[0]):
        getattr(module, register)(lambda *given: None).remove()
    assert models.restore() == []
    # It is put back all the same: the other kind of hook would be refused.
    assert model.transformer.wte._is_full_backward_hook is None


@pytest.mark.parametrize("register", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_a_backward_hook_that_stays_is_a_change(folder, course_root, register):
    models, model = provided(folder, course_root)
    getattr(model.transformer.wte, register)(lambda *given: None)
    assert models.restore() == [("model:shipped", "hooks")]
    assert models.restore() == []
    assert not model.transformer.wte._backward_hooks and not model.transformer.wte._backward_pre_hooks


def test_an_attribute_beside_a_removed_hook_is_a_change(folder, course_root):
    models, model = provided(folder, course_root)
    model.transformer.wte.register_full_backward_hook(lambda *given: None).remove()
    model.transformer.wte.kept = "an activation"
    assert models.restore() == [("model:shipped", "attributes")]


def test_a_model_in_half_precision_is_loaded_in_float32(folder, course_root, tmp_path):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(tmp_path)
    _, model = provided(tmp_path, course_root)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
