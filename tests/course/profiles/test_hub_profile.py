"""Every assignment's checks on a model that lies in a folder laid out like the hub's cache."""

from collections import OrderedDict

import nbformat
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForQuestionAnswering, AutoTokenizer

from autograder.authoring.notebook import solved_notebook
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.grading.batch import Options, grade_class
from autograder.records import Submission
from tests.course.hub.conftest import hub_cache, lay_out  # noqa: F401 (a fixture)

pytestmark = pytest.mark.long

HUB = {
    "logit_lens": (AutoModelForCausalLM, {"n_layer": 3, "n_head": 2, "n_embd": 32}),
    "bert_qa_embeddings": (AutoModelForQuestionAnswering, {"num_hidden_layers": 3}),
    "bert_qa_attention": (AutoModelForQuestionAnswering, {"num_hidden_layers": 3}),
}


def other_model(course_root, assignment, folder, kind, sizes):
    """Write a model of the assignment's kind with other sizes, random weights, in half precision."""
    (shipped, _) = assignment.models["tiny"]
    torch.manual_seed(0)
    model = kind.from_config(AutoConfig.from_pretrained(shipped.path, **sizes))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "embeddings" in name:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    model.to(torch.float16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(shipped.path).save_pretrained(folder)
    return folder


def as_in_2020(folder, vocabulary):
    """Rewrite a BERT's folder as the hub keeps those of that year: pickled weights, a pooler, no tokenizer.json."""
    weights = load_file(folder / "model.safetensors")
    size = weights["qa_outputs.weight"].shape[1]
    weights |= {"bert.pooler.dense.weight": torch.eye(size), "bert.pooler.dense.bias": torch.zeros(size)}
    torch.save(OrderedDict(weights), folder / "pytorch_model.bin")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    (folder / "model.safetensors").unlink()
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    return folder


@pytest.mark.parametrize("slug", HUB)
def test_the_reference_keeps_all_points_on_a_model_of_the_hub(slug, course_root, hub_cache, tmp_path):  # noqa: F811
    assignment = load_assignment(course_root, slug)
    spec = assignment.models["hub"][0]
    folder = other_model(course_root, assignment, tmp_path / "model", *HUB[slug])
    if HUB[slug][0] is AutoModelForQuestionAnswering:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        as_in_2020(folder, tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    lay_out(hub_cache, spec.hub, spec.revision, folder)
    nbformat.write(
        solved_notebook(assignment, points_by_task(collect(assignment))), tmp_path / "reference.ipynb"
    )
    submission = Submission(student="reference", path=tmp_path / "reference.ipynb", origin="reference")
    (report,) = grade_class([submission], assignment, tmp_path / "out", Options(profile="hub", jobs=1))
    assert [check.id for check in report.checks if check.outcome != "passed"] == []
    assert report.provenance["models"][0] == f"shipped: {spec.hub}@{spec.revision}"
