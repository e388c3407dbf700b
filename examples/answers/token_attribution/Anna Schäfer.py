# Everything right, with Captum; my_attribution leaves out one token at a time.

# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    baseline = torch.full_like(input_ids, tokenizer.pad_token_id)
    for special in (tokenizer.cls_token_id, tokenizer.sep_token_id):
        baseline[input_ids == special] = special
    return baseline


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)

    def forward(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask})

    with torch.no_grad():
        predictions = forward(input_ids, attention_mask)
    lig = LayerIntegratedGradients(forward, model.embedding_model.embeddings)
    attributions = lig.attribute(
        inputs=input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=predictions.argmax(dim=1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    return attributions.sum(dim=-1).detach(), predictions


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    mask = attention_mask.to(attributions.device)
    scores = attributions.masked_fill(mask == 0, float("-inf"))
    return torch.softmax(scores, dim=-1)


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    words = []
    for token, score in zip(tokens, scores):
        special = bool(words) and words[-1][0].startswith("[") and words[-1][0].endswith("]")
        if token.startswith("##"):
            token = token[2:]
            if words and not special:
                word, total = words.pop()
                words.append((word + token, total + float(score)))
                continue
        words.append((token, float(score)))
    return words


# %% plot="plot-attributions"
n = int(example["attention_mask"][0].sum())
tokens = tokenizer.convert_ids_to_tokens(example["input_ids"][0])[:n]
words = merge_subtokens(tokens, attributions_[0, :n].tolist())
values = [value for _, value in words]
fig, ax = plt.subplots(figsize=(8, 3))
ax.bar(range(len(words)), values, color=["seagreen" if v > 0 else "crimson" for v in values])
ax.set_xticks(range(len(words)), [word for word, _ in words], rotation=30, ha="right")
ax.axhline(0, color="black", linewidth=0.5)
ax.set_ylabel("attribution (logit)")
ax.set_title(f"predicted: {INTENTS[int(predictions_[0].argmax())]}")
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Leave out one position at a time, for the whole batch at once: how far does the logit fall?
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)
    scores = torch.zeros(input_ids.shape)
    with torch.no_grad():
        full = model({"input_ids": input_ids, "attention_mask": attention_mask})
        predicted = full.argmax(dim=-1, keepdim=True)
        for position in range(1, int(attention_mask.sum(dim=1).max()) - 1):
            ids, mask = input_ids.clone(), attention_mask.clone()
            ids[:, position], mask[:, position] = tokenizer.pad_token_id, 0
            fall = full - model({"input_ids": ids, "attention_mask": mask})
            scores[:, position] = fall.gather(1, predicted)[:, 0].cpu()
    return scores


# %% [markdown] question="question-words"
# In the first sentence "Wecker" has the largest attribution, followed by "Stell": together they are more
# than half of the difference of the logits. That makes sense, "Wecker" occurs in all alarm intents and
# "stell" only where one is set. In the fourth sentence of the list it is "Verschiebe": "Wecker" is there too but
# could be any of the alarm intents. What surprised me: the final "." gets a score that is not small.

# %% [markdown] question="question-baseline"
# IG explains F(x) - F(x'). Where x and x' are the same the factor (x_i - x'_i) is zero, so [CLS] and
# [SEP] get exactly 0 and the whole difference goes to the words. If they were [PAD] in the baseline they
# would get a share as well, and the words' numbers would add up to something less.
