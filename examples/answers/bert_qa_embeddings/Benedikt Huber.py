# Everything right, without Captum: one node after the other, hooks, NumPy results.

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    enc = (
        tokenizer.encode_plus(question, text)
        if hasattr(tokenizer, "encode_plus")
        else tokenizer(question, text)
    )
    batch = {key: torch.tensor([enc[key]], device=model.device) for key in ("input_ids", "token_type_ids")}
    with torch.no_grad():
        result = model(**batch)
    start = result.start_logits.squeeze(0).argmax().cpu()
    end = result.end_logits.squeeze(0).argmax().cpu()
    pieces = tokenizer.convert_ids_to_tokens(enc["input_ids"][start : end + 1])
    return start, end, tokenizer.convert_tokens_to_string(pieces)


# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    enc = tokenizer(question, text)
    ids = enc["input_ids"]
    keep = {tokenizer.cls_token_id, tokenizer.sep_token_id}
    rows = {
        "input_ids": ids,
        "baseline_ids": [i if i in keep else tokenizer.pad_token_id for i in ids],
        "token_type_ids": enc["token_type_ids"],
        "baseline_token_type_ids": [0] * len(ids),
        "position_ids": list(range(len(ids))),
        "baseline_position_ids": [0] * len(ids),
        "attention_mask": enc["attention_mask"],
    }
    return {key: torch.tensor(row)[None, :] for key, row in rows.items()}


# %% after="check-build_inputs"
import numpy as np


def nodes(n):
    x, w = np.polynomial.legendre.leggauss(n)
    return list(zip((x + 1) / 2, w / 2))


def run(model, inputs, position, replaced):
    """The largest logit, with modules' outputs replaced by vectors."""
    handles = [m.register_forward_hook(lambda mod, args, out, v=v: v) for m, v in replaced.items()]
    try:
        keys = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
        out = model(**{key: inputs[key].to(model.device) for key in keys})
    finally:
        for handle in handles:
            handle.remove()
    return getattr(out, position + "_logits").max()


def table(model, name, ids):
    return getattr(model.bert.embeddings, name + "_embeddings")(ids.to(model.device)).detach()


def ig(model, inputs, position, ends):
    """ends: module -> (baseline vectors, input vectors)."""
    total = {module: 0.0 for module in ends}
    for alpha, weight in nodes(50):
        points = {m: (a + alpha * (b - a)).requires_grad_() for m, (a, b) in ends.items()}
        value = run(model, inputs, position, points)
        for module, grad in zip(points, torch.autograd.grad(value, list(points.values()))):
            total[module] = total[module] + weight * grad
    return {m: ((b - a) * total[m])[0].sum(-1).cpu().numpy() for m, (a, b) in ends.items()}


# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    module = model.bert.embeddings
    rest = {"token_type_ids": inputs["token_type_ids"], "position_ids": inputs["position_ids"]}
    rest = {key: value.to(model.device) for key, value in rest.items()}
    with torch.no_grad():
        a = module(input_ids=inputs["baseline_ids"].to(model.device), **rest)
        b = module(input_ids=inputs["input_ids"].to(model.device), **rest)
    scores = ig(model, inputs, position, {module: (a, b)})[module]
    return scores / np.linalg.norm(scores)


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    e = model.bert.embeddings
    ends = {
        e.word_embeddings: (
            table(model, "word", inputs["baseline_ids"]),
            table(model, "word", inputs["input_ids"]),
        ),
        e.token_type_embeddings: (
            table(model, "token_type", inputs["baseline_token_type_ids"]),
            table(model, "token_type", inputs["token_type_ids"]),
        ),
        e.position_embeddings: (
            table(model, "position", inputs["baseline_position_ids"]),
            table(model, "position", inputs["position_ids"]),
        ),
    }
    found = ig(model, inputs, position, ends)
    scores = {name: found[getattr(e, name + "_embeddings")] for name in ("word", "token_type", "position")}
    return {name: values / np.sqrt((values**2).sum()) for name, values in scores.items()}


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    scores = np.asarray(scores)
    order = np.argsort(-scores, kind="stable")[:k]
    return [(tokens[i], i, scores[i]) for i in order]


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    word = model.bert.embeddings.word_embeddings
    a = table(model, "word", inputs["baseline_ids"])
    b = table(model, "word", inputs["input_ids"])
    layers = list(model.bert.encoder.layer)
    before, rows = None, [0.0] * len(layers)
    for alpha, _ in nodes(51):
        outputs = []
        handles = [
            layer.register_forward_hook(
                lambda mod, args, out: outputs.append(out[0] if isinstance(out, tuple) else out)
            )
            for layer in layers
        ]
        point = (a + alpha * (b - a)).requires_grad_()
        value = run(model, inputs, position, {word: point})
        for handle in handles:
            handle.remove()
        grads = torch.autograd.grad(value, outputs)
        if before is not None:
            for i, (old, old_grad) in enumerate(before):
                rows[i] = rows[i] + (outputs[i].detach() - old) * old_grad
        before = [(out.detach(), grad) for out, grad in zip(outputs, grads)]
    scores = np.stack([row[0].sum(-1).cpu().numpy() for row in rows])
    return scores / np.linalg.norm(scores, axis=1, keepdims=True)


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    result = []
    for row in np.asarray(layer_scores, dtype=np.float64):
        counts, _ = np.histogram(row, bins=bins)
        p = counts / counts.sum()
        p = p[p > 0]
        result.append(-(p * np.log2(p)).sum())
    return np.array(result)


# %% plot="plot-where-the-answer-comes-from"
plt.figure(figsize=(11, 3))
plt.bar(range(len(tokens)), scores_)
plt.xticks(range(len(tokens)), tokens, rotation=70)
plt.tight_layout()
plt.show()

# %% [markdown] question="question-words-and-places"
# See the figure: both occurrences of the name, and the answer.
