# Everything right in unusual forms: named tuples, lists, float64, the integral summed backwards in small batches.

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    from collections import namedtuple

    ids = torch.tensor([tokenizer.encode(question, text)])
    types = (ids == tokenizer.sep_token_id).cumsum(1) - (ids == tokenizer.sep_token_id).long()
    logits = model(ids.to(model.device), token_type_ids=types.to(model.device))
    s, e = (int(torch.max(x, dim=1).indices[0]) for x in (logits.start_logits, logits.end_logits))
    Answer = namedtuple("Answer", "start end text")
    return Answer(s, e, tokenizer.decode(ids[0][s : e + 1].tolist()) + " ")


# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    out = tokenizer(question, text, return_tensors="pt", return_special_tokens_mask=True)
    ids, cls, sep = out["input_ids"], tokenizer.cls_token_id, tokenizer.sep_token_id
    out["baseline_ids"] = ids.clone().apply_(lambda i: i if i in (cls, sep) else tokenizer.pad_token_id)
    out["baseline_token_type_ids"] = out["token_type_ids"] * 0
    out["position_ids"] = torch.cumsum(out["attention_mask"], dim=1) - 1
    out["baseline_position_ids"] = out["position_ids"] * 0
    return out


# %% after="check-build_inputs"
from captum.attr._utils.approximation_methods import approximation_parameters


class Largest(torch.nn.Module):
    def __init__(self, model, position):
        super().__init__()
        self.model, self.index = model, ["start", "end"].index(position)

    def forward(self, ids=None, types=None, places=None, mask=None, vectors=None):
        out = self.model(
            input_ids=ids,
            inputs_embeds=vectors,
            token_type_ids=types,
            position_ids=places,
            attention_mask=mask,
        )
        return torch.stack([out.start_logits, out.end_logits])[self.index].topk(1).values[:, 0]


def length_one(x):
    x = x.double()
    return (x / (x @ x) ** 0.5).tolist()


# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    dev = next(model.parameters()).device
    get = lambda k: inputs[k].to(dev)  # noqa: E731
    lig = LayerIntegratedGradients(Largest(model, position), model.bert.embeddings)
    att = lig.attribute(
        get("input_ids"),
        get("baseline_ids"),
        additional_forward_args=(get("token_type_ids"), get("position_ids"), get("attention_mask")),
        n_steps=50,
        method="gausslegendre",
        internal_batch_size=1,
    )
    return length_one(att.sum(2)[0])


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    dev = next(model.parameters()).device
    get = lambda k: inputs[k].to(dev)  # noqa: E731
    e = model.bert.embeddings
    order = ["position", "word", "token_type"]
    ids = {"word": ("input_ids", "baseline_ids")}
    ids |= {k: (f"{k}_ids", f"baseline_{k}_ids") for k in ("position", "token_type")}

    def forward(places, words, types, mask):
        return Largest(model, position)(words, types, places, mask)

    lig = LayerIntegratedGradients(forward, [getattr(e, f"{k}_embeddings") for k in order])
    atts = lig.attribute(
        tuple(get(ids[k][0]) for k in order),
        tuple(get(ids[k][1]) for k in order),
        additional_forward_args=get("attention_mask"),
        internal_batch_size=7,
    )
    return {k: length_one(a.sum(2)[0]) for k, a in zip(order, atts)}


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    left = list(enumerate(float(s) for s in scores))
    best = []
    while len(best) < k:
        i, s = max(left, key=lambda pair: pair[1])  # max keeps the first of equals
        left.remove((i, s))
        best.append([tokens[i], i, s])
    return tuple(best)


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    dev = next(model.parameters()).device
    types, places, mask = (inputs[k].to(dev) for k in ("token_type_ids", "position_ids", "attention_mask"))
    W = model.bert.embeddings.word_embeddings.weight.detach()
    x0, x1 = (W[inputs[k].to(dev)] for k in ("baseline_ids", "input_ids"))
    _, alphas = approximation_parameters("gausslegendre")
    f = Largest(model, position)
    cond, after = {}, None
    for alpha in reversed(alphas(51)):
        seen, hooks = {}, []
        for number, layer in enumerate(model.bert.encoder.layer):
            hooks.append(layer.register_forward_hook(lambda m, i, o, number=number: seen.update({number: o})))
        value = f(
            types=types, places=places, mask=mask, vectors=torch.lerp(x0, x1, float(alpha)).requires_grad_()
        )
        [h.remove() for h in hooks]
        grads = torch.autograd.grad(value, list(seen.values()))
        if after is not None:
            for n, g in enumerate(grads):
                cond[n] = cond.get(n, 0) + (g * (after[n] - seen[n].detach())).double()
        after = {n: o.detach() for n, o in seen.items()}
    return [length_one(cond[n].sum(-1)[0]) for n in sorted(cond)]


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    from math import log2

    out = []
    for row in layer_scores.tolist():
        lo, hi = min(row), max(row)
        counts = {}
        for v in row:
            b = min(int(bins * (v - lo) / (hi - lo)), bins - 1)
            counts[b] = counts.get(b, 0) + 1
        out.append(sum(-c / len(row) * log2(c / len(row)) for c in counts.values()))
    return out


# %% plot="plot-where-the-answer-comes-from"
fig, ax = plt.subplots(figsize=(12, 3))
im = ax.pcolormesh(conductance_, cmap="PiYG", vmin=-1, vmax=1)
ax.set_xticks([i + 0.5 for i in range(len(tokens))], tokens, rotation=90)
fig.colorbar(im)
plt.show()
