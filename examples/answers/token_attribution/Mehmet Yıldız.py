# Right, with the baseline of the published tutorial on the path: [PAD] at [CLS] and [SEP], too.

# %% like="Anna Schäfer"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)

    def func(ids, attention_mask):
        return model({"input_ids": ids, "attention_mask": attention_mask})

    predictions = func(input_ids, mask).detach()
    lig = LayerIntegratedGradients(func, model.embedding_model.embeddings)
    attributions = lig.attribute(
        input_ids,
        baselines=torch.zeros_like(input_ids),  # 0 is [PAD]
        target=torch.argmax(predictions, dim=1),
        additional_forward_args=(mask,),
        n_steps=50,
        internal_batch_size=len(input_ids),
    )
    return torch.sum(attributions, dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # the same with few steps: only the order counts here
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)

    def func(i, m):
        return model({"input_ids": i, "attention_mask": m})

    lig = LayerIntegratedGradients(func, model.embedding_model.embeddings)
    target = func(ids, mask).argmax(dim=1)
    scores = lig.attribute(ids, torch.zeros_like(ids), target, additional_forward_args=(mask,), n_steps=6)
    return scores.sum(dim=-1)


# %% [markdown] question="question-words"
# "Wecker" and "Stell" for alarm/set_alarm and "lösch" for alarm/cancel_alarm.

# %% [markdown] question="question-baseline"
# With [CLS] and [SEP] kept they get 0. Without they get some of the difference, because sum = F(x) - F(x').
