"""Right answers of a student, by assignment and cell."""

TOKEN_ATTRIBUTION = {
    "build_baseline": """
def build_baseline(input_ids, tokenizer):
    special = torch.isin(input_ids, torch.tensor([tokenizer.cls_token_id, tokenizer.sep_token_id]).to(input_ids))
    return input_ids.masked_fill(~special, tokenizer.pad_token_id)
""",
    "compute_feature_attribution_scores": """
def compute_feature_attribution_scores(batch, model, tokenizer):
    device = model.device
    ids, mask = batch["input_ids"].to(device), batch["attention_mask"].to(device)

    def logits_of(some_ids, some_mask):
        return model({"input_ids": some_ids, "attention_mask": some_mask})

    with torch.no_grad():
        logits = logits_of(ids, mask)
    gradients = LayerIntegratedGradients(logits_of, model.embedding_model.embeddings)
    attributions = gradients.attribute(
        ids,
        baselines=build_baseline(ids, tokenizer),
        target=logits.argmax(dim=-1),
        additional_forward_args=(mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    return attributions.sum(dim=-1).detach(), logits
""",
    "token_importance": """
def token_importance(attributions, attention_mask):
    padding = attention_mask.to(attributions.device) == 0
    return attributions.masked_fill(padding, float("-inf")).softmax(dim=-1)
""",
    "merge_subtokens": """
def merge_subtokens(tokens, scores):
    words = []
    for token, score in zip(tokens, scores):
        if token.startswith("##") and words and not words[-1][0].startswith("["):
            word, total = words.pop()
            words.append((word + token[2:], total + float(score)))
        else:
            words.append((token.removeprefix("##"), float(score)))
    return words
""",
    "plot-attributions": """
valid = int(example["attention_mask"][0].sum())
tokens = tokenizer.convert_ids_to_tokens(example["input_ids"][0])[:valid]
pairs = merge_subtokens(tokens, attributions_[0, :valid].tolist())
plt.bar(range(len(pairs)), [score for _, score in pairs])
plt.xticks(range(len(pairs)), [word for word, _ in pairs], rotation=30)
plt.show()
""",
    "my_attribution": """
def my_attribution(batch, model, tokenizer):
    device = model.device
    ids, mask = batch["input_ids"].to(device), batch["attention_mask"].to(device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask})
        predicted = full.argmax(dim=-1, keepdim=True)
        for position in range(1, int(mask.sum(dim=1).max()) - 1):
            fewer_ids, fewer_mask = ids.clone(), mask.clone()
            fewer_ids[:, position] = tokenizer.pad_token_id
            fewer_mask[:, position] = 0
            fewer = model({"input_ids": fewer_ids, "attention_mask": fewer_mask})
            scores[:, position] = (full - fewer).gather(1, predicted)[:, 0].cpu()
    return scores
""",
    "question-words": "The nouns decide.",
    "question-baseline": "It is what nothing looks like.",
}

LOGIT_LENS = {
    "layer_probabilities": """
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        *inner, last = model(input_ids, output_hidden_states=True).hidden_states[1:]
        streams = [model.transformer.ln_f(state) for state in inner] + [last]
        return torch.stack([model.lm_head(stream)[0] for stream in streams]).softmax(dim=-1)
""",
    "top_predictions": """
def top_predictions(probabilities, tokenizer):
    largest, ids = probabilities.max(dim=-1)
    return largest, [[tokenizer.decode([one]) for one in row] for row in ids.tolist()]
""",
    "target_rank": """
def target_rank(probabilities, target_id):
    last = probabilities[:, -1]
    return (last > last[:, [target_id]]).sum(dim=-1)
""",
    "divergence_from_final": """
def divergence_from_final(probabilities):
    final = probabilities[-1:]
    small = torch.finfo(probabilities.dtype).tiny
    nats = final * (final.clamp_min(small).log() - probabilities.clamp_min(small).log())
    return nats.where(final > 0, torch.zeros(())).sum(dim=-1)
""",
    "plot_lens": """
def plot_lens(max_probs, words, input_tokens):
    fig, ax = plt.subplots(figsize=(1.2 * len(input_tokens) + 2, 0.5 * len(words) + 2))
    image = ax.imshow(torch.as_tensor(max_probs).detach().cpu().float().numpy(), aspect="auto", vmin=0, vmax=1)
    for y, row in enumerate(words):
        for x, word in enumerate(row):
            ax.text(x, y, word, ha="center", va="center", color="white")
    ax.set_xticks(range(len(input_tokens)), input_tokens, rotation=45)
    ax.set_yticks(range(len(words)), [str(layer) for layer in range(1, len(words) + 1)])
    ax.set_xlabel("token")
    ax.set_ylabel("layer")
    fig.colorbar(image)
    return fig
""",
    "plot-lens-of-a-fact": "plot_lens(max_probs_, words_, input_tokens)\nplt.show()",
    "question-when": "Late.",
    "question-norm": "It scales.",
}

ANSWERS = {"token_attribution": TOKEN_ATTRIBUTION, "logit_lens": LOGIT_LENS}

WITH_NUMPY = """
def token_importance(attributions, attention_mask):
    scores, mask = np.asarray(attributions, dtype=float), np.asarray(attention_mask)
    weights = np.where(mask == 1, np.exp(scores - scores.max()), 0.0)
    return torch.tensor(weights / weights.sum(axis=1, keepdims=True))
"""
"""Needs `import numpy as np` somewhere before it; the notebook as given out has none."""
