# Everything right, with Captum; a forward function shared by all parts.

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    enc = tokenizer(question, text, return_tensors="pt").to(model.device)
    with torch.no_grad():
        out = model(**enc)
    start = torch.argmax(out.start_logits).item()
    end = torch.argmax(out.end_logits).item()
    answer = tokenizer.decode(enc.input_ids[0][start : end + 1], skip_special_tokens=True)
    return start, end, answer


# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    enc = tokenizer(question, text, return_tensors="pt")
    ids = enc.input_ids
    baseline = torch.full_like(ids, tokenizer.pad_token_id)
    for special in (tokenizer.cls_token_id, tokenizer.sep_token_id):
        baseline[ids == special] = special
    return {
        "input_ids": ids,
        "baseline_ids": baseline,
        "token_type_ids": enc.token_type_ids,
        "baseline_token_type_ids": torch.zeros_like(enc.token_type_ids),
        "position_ids": torch.arange(ids.size(1)).unsqueeze(0),
        "baseline_position_ids": torch.zeros(1, ids.size(1), dtype=torch.long),
        "attention_mask": enc.attention_mask,
    }


# %% after="check-build_inputs"
def best_logit(model, position):
    """Forward function for Captum; ids or vectors first."""

    def forward(first, types, positions, mask):
        what = "inputs_embeds" if first.is_floating_point() else "input_ids"
        out = model(**{what: first}, token_type_ids=types, position_ids=positions, attention_mask=mask)
        logits = out.start_logits if position == "start" else out.end_logits
        return logits.max(1).values

    return forward


def summarize(attributions):
    attributions = attributions.sum(dim=-1).squeeze(0)
    return attributions / torch.norm(attributions)


def on_device(model, inputs):
    return {key: value.to(model.device) for key, value in inputs.items()}


# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    x = on_device(model, inputs)
    lig = LayerIntegratedGradients(best_logit(model, position), model.bert.embeddings)
    attributions = lig.attribute(
        inputs=x["input_ids"],
        baselines=x["baseline_ids"],
        additional_forward_args=(x["token_type_ids"], x["position_ids"], x["attention_mask"]),
        internal_batch_size=10,
    )
    return summarize(attributions)


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    x = on_device(model, inputs)
    names = {"word": "ids", "token_type": "token_type_ids", "position": "position_ids"}
    layers = [getattr(model.bert.embeddings, f"{name}_embeddings") for name in names]
    attributions = LayerIntegratedGradients(best_logit(model, position), layers).attribute(
        inputs=(x["input_ids"], x["token_type_ids"], x["position_ids"]),
        baselines=tuple(x[f"baseline_{key}"] for key in names.values()),
        additional_forward_args=(x["attention_mask"],),
    )
    return {name: summarize(one) for name, one in zip(names, attributions)}


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    values, indices = torch.sort(torch.as_tensor(scores), descending=True, stable=True)
    return [(tokens[i], i, v) for v, i in zip(values[:k].tolist(), indices[:k].tolist())]


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    x = on_device(model, inputs)
    embed = model.bert.embeddings.word_embeddings
    rows = []
    for i in range(model.config.num_hidden_layers):
        lc = LayerConductance(best_logit(model, position), model.bert.encoder.layer[i])
        attributions = lc.attribute(
            inputs=embed(x["input_ids"]),
            baselines=embed(x["baseline_ids"]),
            additional_forward_args=(x["token_type_ids"], x["position_ids"], x["attention_mask"]),
        )
        rows.append(summarize(attributions).cpu().detach().tolist())
    return torch.tensor(rows)


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    entropies = []
    for row in layer_scores:
        hist = torch.histc(row.float().cpu(), bins=bins)
        p = hist / hist.sum()
        entropies.append(-sum(q * torch.log2(q) for q in p if q > 0))
    return torch.stack(entropies)


# %% plot="plot-where-the-answer-comes-from"
fig, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True, layout="constrained")
axes[0].bar(range(len(tokens)), scores_)
axes[0].set_title(f"{question} -> {answer_}")
axes[1].imshow(conductance_, aspect="auto", cmap="coolwarm", vmin=-1, vmax=1)
axes[1].set_xticks(range(len(tokens)), tokens, rotation=75)
axes[1].set_ylabel("layer")
plt.show()

# %% [markdown] question="question-words-and-places"
# The name in the question and the same name in the passage have large scores, and the answer itself. Positions matter
# most for the two names, since the model has to find the sentence that the name stands in.

# %% [markdown] question="question-layers"
# In the first layers the names carry the change, in the last one it is all on the answer's token.
