# Everything right, computed in float64 on a copy of the model; NumPy numbers in the words.

# %% after="token_attribution-06"
import copy

import numpy as np


# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    ids = input_ids.cpu().numpy()
    special = np.isin(ids, [tokenizer.cls_token_id, tokenizer.sep_token_id])
    return torch.from_numpy(np.where(special, ids, tokenizer.pad_token_id)).to(input_ids.device)


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    # float32 sums made me nervous, so everything runs in double precision
    precise = copy.deepcopy(model).double().cpu()
    ids, mask = batch["input_ids"].cpu(), batch["attention_mask"].cpu()

    def f(i, m):
        return precise({"input_ids": i, "attention_mask": m})

    with torch.no_grad():
        predictions = f(ids, mask)
    ig = LayerIntegratedGradients(f, precise.embedding_model.embeddings)
    parts = []
    for row in range(len(ids)):
        one = slice(row, row + 1)
        parts.append(
            ig.attribute(
                ids[one],
                baselines=build_baseline(ids[one], tokenizer),
                target=int(predictions[row].argmax()),
                additional_forward_args=mask[one],
                n_steps=50,
            ).sum(-1)
        )
    return torch.cat(parts), predictions


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    a = attributions.detach().cpu().numpy().astype(np.float64)
    m = attention_mask.cpu().numpy() == 1
    a = np.where(m, a, -np.inf)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return torch.from_numpy(e / e.sum(axis=1, keepdims=True))


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    scores = np.asarray(scores, dtype=np.float64)
    starts = [
        i
        for i, t in enumerate(tokens)
        if not t.startswith("##") or i == 0 or (tokens[i - 1][0] == "[" and tokens[i - 1][-1] == "]")
    ]
    ends = starts[1:] + [len(tokens)]
    joined = ["".join(t[2:] if t.startswith("##") else t for t in tokens[a:b]) for a, b in zip(starts, ends)]
    return [(word, scores[a:b].sum()) for word, a, b in zip(joined, starts, ends)]


# %% plot="plot-attributions"
fig, axs = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, i in zip(axs, (1, 2)):
    n = int(example["attention_mask"][i].sum())
    words = merge_subtokens(
        tokenizer.convert_ids_to_tokens(example["input_ids"][i])[:n], attributions_[i, :n].tolist()
    )
    ax.barh([f"{k} {w}" for k, (w, _) in enumerate(words)], [s for _, s in words], color="slateblue")
    ax.invert_yaxis()
    ax.axvline(0, color="k", lw=0.5)
    ax.set_title(INTENTS[int(predictions_[i].argmax())])
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # one gradient at the middle of the path from the baseline, times the difference
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    with torch.no_grad():
        x, x0 = layer(ids), layer(build_baseline(ids, tokenizer))
        target = model({"input_ids": ids, "attention_mask": mask}).argmax(-1, keepdim=True)
    total = 0
    for t in (0.25, 0.5, 0.75, 1.0):
        p = (x0 + t * (x - x0)).requires_grad_()
        hook = layer.register_forward_hook(lambda *_: p)
        y = model({"input_ids": ids, "attention_mask": mask}).gather(1, target).sum()
        hook.remove()
        total = total + torch.autograd.grad(y, p)[0]
    return ((x - x0) * total).sum(-1).double()


# %% [markdown] question="question-words"
# Sentence 2 (`alarm/set_alarm`): "wecken" 2nd sentence has by far the largest score, "Uhr" comes next, the
# digits are close to zero. Sentence 5 (`alarm/show_alarms`): "steht" and "Wecker". I did not expect "Auf" to
# be negative.

# %% [markdown] question="question-baseline"
# The sum must be F(x) - F(x'), so a different x' means a different sum. Keeping [CLS]/[SEP] means they cannot
# contribute (x - x' = 0). Dropping them gives them a contribution that says nothing about the intent.
