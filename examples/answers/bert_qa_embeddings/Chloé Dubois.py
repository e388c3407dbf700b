# Everything right, in float64 on a copy of the model, all nodes in one batch, conductance from hidden_states.

# %% like="Ayşe Kaya"

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    enc = tokenizer([question], [text], return_tensors="pt").to(model.device)
    with torch.inference_mode():
        logits = torch.stack([model(**enc).start_logits[0], model(**enc).end_logits[0]])
    (start, end) = logits.argmax(-1)
    return start, end, tokenizer.batch_decode([enc["input_ids"][0, start : end + 1]])[0]


# %% after="check-build_inputs"
import copy

import numpy as np


def doubled(model):
    return copy.deepcopy(model).double().eval()


def gauss(n, device):
    x, w = np.polynomial.legendre.leggauss(n)
    return [torch.tensor(v, device=device)[:, None, None] for v in ((x + 1) / 2, w / 2)]


def tables(model, inputs, prefix):
    e = model.bert.embeddings
    ids = inputs["baseline_ids" if prefix else "input_ids"]
    return [
        e.word_embeddings(ids.to(model.device)).detach(),
        e.token_type_embeddings(inputs[prefix + "token_type_ids"].to(model.device)).detach(),
        e.position_embeddings(inputs[prefix + "position_ids"].to(model.device)).detach(),
    ]


def behind_embeddings(model, vectors, position, **kwargs):
    """Run encoder and head on what the embedding module puts out."""
    states = model.bert.encoder(vectors, **kwargs)
    logits = model.qa_outputs(states.last_hidden_state)[..., 0 if position == "start" else 1]
    return logits.max(dim=1).values, states


# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    net = doubled(model)
    e = net.bert.embeddings
    w, t, p = tables(net, inputs, "")
    base = tables(net, inputs, "baseline_")[0]
    start, end = (e.LayerNorm(x + t + p).detach() for x in (base, w))
    alphas, weights = gauss(50, net.device)
    points = (start + alphas * (end - start)).requires_grad_()
    value, _ = behind_embeddings(net, points, position)
    (grad,) = torch.autograd.grad(value.sum(), points)
    scores = ((end - start) * (weights * grad).sum(0)).sum(-1)[0]
    return scores / scores.norm()


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    net = doubled(model)
    ends, starts = tables(net, inputs, ""), tables(net, inputs, "baseline_")
    alphas, weights = gauss(50, net.device)
    points = [(a + alphas * (b - a)).requires_grad_() for a, b in zip(starts, ends)]
    value, _ = behind_embeddings(net, net.bert.embeddings.LayerNorm(sum(points)), position)
    grads = torch.autograd.grad(value.sum(), points)
    scores = [((b - a) * (weights * g).sum(0)).sum(-1)[0] for a, b, g in zip(starts, ends, grads)]
    return {key: s / s.norm() for key, s in zip(("word", "token_type", "position"), scores)}


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    ranked = sorted(zip(tokens, range(len(tokens)), map(float, scores)), key=lambda t: (-t[2], t[1]))
    return ranked[:k]


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    net = doubled(model)
    a = net.bert.embeddings.word_embeddings(inputs["baseline_ids"].to(net.device)).detach()
    b = net.bert.embeddings.word_embeddings(inputs["input_ids"].to(net.device)).detach()
    alphas, _ = gauss(51, net.device)
    keys = ("token_type_ids", "position_ids", "attention_mask")
    out = net(
        inputs_embeds=(a + alphas * (b - a)).requires_grad_(),
        output_hidden_states=True,
        **{key: inputs[key].to(net.device).expand(51, -1) for key in keys},
    )
    hidden = out.hidden_states[1:]
    grads = torch.autograd.grad(out[f"{position}_logits"].amax(-1).sum(), hidden)
    cond = torch.stack([((h[1:] - h[:-1]) * g[:-1]).sum(dim=(0, 2)) for h, g in zip(hidden, grads)])
    return torch.nn.functional.normalize(cond, dim=1)


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    x = layer_scores.double()
    low, high = x.min(1, keepdim=True).values, x.max(1, keepdim=True).values
    place = ((x - low) / (high - low) * bins).long().clamp(max=bins - 1)
    p = torch.nn.functional.one_hot(place, bins).double().mean(1)
    return -torch.special.xlogy(p, p).sum(1) / torch.log(torch.tensor(2.0))
