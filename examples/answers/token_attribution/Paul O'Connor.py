# The hidden dimension is averaged instead of summed.

# %% like="Jürgen Weiß"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)

    def run_model(i, m):
        return model({"input_ids": i, "attention_mask": m})

    with torch.no_grad():
        predictions = run_model(ids, mask)
    lig = LayerIntegratedGradients(run_model, model.embedding_model.embeddings)
    attributions = lig.attribute(
        ids,
        baselines=build_baseline(ids, tokenizer),
        target=predictions.argmax(1),
        additional_forward_args=(mask,),
        n_steps=50,
        internal_batch_size=128,
    )
    # one number per token
    return attributions.mean(dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    return torch.zeros(batch["input_ids"].shape)


# %% [markdown] question="question-words"
# Wecker

# %% [markdown] question="question-baseline"
# dunno
