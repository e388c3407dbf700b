"""The reference against witnesses of other making."""

import copy
import math

import nbformat
import numpy as np
import pytest
import torch


@pytest.fixture(params=[0, 1], ids=["shipped", "hidden"])
def loaded(setting, request):
    return setting.models[request.param]


@pytest.fixture
def batch(setting, loaded):
    return setting.checks.batch_of(setting.checks.telling(setting.assignment), loaded.tokenizer)


def brute_force(model, batch, baseline, nodes, weights):
    """Integrate in float64, sentence by sentence and node by node, through the encoder's own parts, without hooks."""
    double = copy.deepcopy(model).double()
    bert = double.embedding_model
    rows = []
    for ids, mask, start_ids in zip(batch["input_ids"], batch["attention_mask"], baseline, strict=True):
        with torch.no_grad():
            target = int(double({"input_ids": ids[None], "attention_mask": mask[None]}).argmax())
            end, start = bert.embeddings(ids[None]), bert.embeddings(start_ids[None])
        hidden_from = (1 - mask[None, None, None].double()) * torch.finfo(torch.float64).min
        total = torch.zeros_like(end)
        for node, weight in zip(nodes, weights, strict=True):
            point = (start + node * (end - start)).requires_grad_()
            state = point
            for layer in bert.encoder.layer:
                state = layer(state, attention_mask=hidden_from)
                state = state[0] if isinstance(state, tuple) else state
            sentence = state.mean(dim=1)
            logits = double.classifier_out(torch.relu(double.classifier_in(sentence)))
            total += weight * torch.autograd.grad(logits[0, target], point)[0]
        rows.append(((end - start) * total).sum(dim=-1)[0])
    return torch.stack(rows)


def test_integrated_gradients_are_those_of_brute_force(setting, loaded, batch, agrees):
    nodes, weights = np.polynomial.legendre.leggauss(50)
    baseline = batch["input_ids"].clone()
    for row in baseline:
        for place, number in enumerate(row.tolist()):
            if number not in (loaded.tokenizer.cls_token_id, loaded.tokenizer.sep_token_id):
                row[place] = loaded.tokenizer.pad_token_id
    expected = brute_force(loaded.model, batch, baseline, (nodes + 1) / 2, weights / 2)
    actual, _ = setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    off = (actual.double() - expected).norm(dim=-1) / expected.norm(dim=-1)
    agrees("compute_feature_attribution_scores", "float64 autograd, node by node", off.max(), 2e-4)


def test_integrated_gradients_are_complete(setting, loaded, batch):
    scores, logits = setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    baseline = setting.module.build_baseline(batch["input_ids"], loaded.tokenizer)
    with torch.no_grad():
        empty = loaded.model({**batch, "input_ids": baseline})
    target = logits.argmax(dim=-1, keepdim=True)
    explained = (logits - empty).gather(1, target)[:, 0]
    off = (scores.sum(dim=-1) - explained).abs() / scores.abs().sum(dim=-1)
    assert float(off.max()) < 2e-2


def test_what_does_not_change_gets_exactly_nothing(setting, loaded, batch):
    scores, _ = setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    ids = batch["input_ids"]
    fixed = torch.isin(
        ids, torch.tensor([getattr(loaded.tokenizer, f"{one}_token_id") for one in ("cls", "sep", "pad")])
    )
    assert bool((scores[fixed] == 0).all()) and bool((scores[~fixed] != 0).all())


def test_predictions_are_the_models_logits(setting, loaded, batch):
    _, logits = setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    with torch.no_grad():
        assert torch.allclose(logits, loaded.model(batch), atol=1e-5)
    assert logits.shape == batch["labels"].shape


def test_sentences_do_not_depend_on_their_neighbours(setting, loaded, batch):
    together, _ = setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    for row in range(len(together)):
        alone = {name: values[row : row + 1] for name, values in batch.items()}
        scores, _ = setting.module.compute_feature_attribution_scores(alone, loaded.model, loaded.tokenizer)
        assert torch.allclose(scores[0], together[row], rtol=1e-3, atol=1e-4)


def test_a_call_leaves_model_and_batch_as_they_were(setting, loaded, batch):
    before = {name: values.clone() for name, values in batch.items()}
    weights = {name: values.clone() for name, values in loaded.model.state_dict().items()}
    setting.module.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    setting.module.my_attribution(batch, loaded.model, loaded.tokenizer)
    assert all(torch.equal(before[name], batch[name]) for name in before)
    assert all(torch.equal(weights[name], values) for name, values in loaded.model.state_dict().items())
    assert not loaded.model.training and not loaded.model.embedding_model.embeddings._forward_hooks
    assert all(weight.grad is None for weight in loaded.model.parameters())


def test_the_baseline_of_a_sentence_by_hand(setting, loaded):
    tokenizer = loaded.tokenizer
    names = ["[CLS]", "wecker", "[UNK]", "[MASK]", "[SEP]", "[PAD]"]
    ids = torch.tensor([tokenizer.convert_tokens_to_ids(names)])
    baseline = setting.module.build_baseline(ids, tokenizer)
    expected = ["[CLS]", "[PAD]", "[PAD]", "[PAD]", "[SEP]", "[PAD]"]
    assert tokenizer.convert_ids_to_tokens(baseline[0]) == expected
    assert baseline.dtype is torch.int64
    assert tokenizer.convert_ids_to_tokens(ids[0]) == names


def test_importance_is_that_of_a_loop(setting):
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn((5, 11), generator=generator) * 2
    mask = (torch.rand((5, 11), generator=generator) > 0.4).long()
    mask[:, 3] = 1
    actual = setting.module.token_importance(scores, mask)
    for row in range(5):
        total = sum(math.exp(scores[row, place]) for place in range(11) if mask[row, place])
        for place in range(11):
            expected = math.exp(scores[row, place]) / total if mask[row, place] else 0.0
            assert float(actual[row, place]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("tokens", "scores", "expected"),
    [
        (["a"], [1.0], [("a", 1.0)]),
        (["Re", "##gen", "##schirm"], [1.0, 2.0, -0.5], [("Regenschirm", 2.5)]),
        (["##en", "Haus"], [1.0, 2.0], [("en", 1.0), ("Haus", 2.0)]),
        (["ja", "ja", "##wohl"], [1.0, 2.0, 3.0], [("ja", 1.0), ("jawohl", 5.0)]),
        (["[CLS]", "[UNK]", "[SEP]", "[PAD]"], [1.0, 2.0, 3.0, 4.0],
         [("[CLS]", 1.0), ("[UNK]", 2.0), ("[SEP]", 3.0), ("[PAD]", 4.0)]),
        ([], [], []),
        (["#", "##1"], [1.0, 1.0], [("#1", 2.0)]),
    ],
)  # fmt: skip
def test_merging_by_hand(setting, tokens, scores, expected):
    assert setting.module.merge_subtokens(tokens, scores) == expected
    assert setting.module.merge_subtokens(tokens, torch.tensor(scores)) == expected


def test_the_file_imports_without_running_an_example(setting):
    names = vars(setting.module)
    assert "model" not in names and "example" not in names and "plt" not in names


def test_students_do_not_receive_the_written_answers(setting):
    given = nbformat.read(setting.assignment.template, as_version=4)
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in given.cells}
    for question in setting.assignment.questions:
        assert cells[question.id].source == "YOUR ANSWER HERE"
