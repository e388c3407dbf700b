# The norm of a token's vector is taken, which has no sign.

# %% like="Anna Schäfer"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)

    def forward(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask})

    predictions = forward(input_ids, attention_mask).detach()
    lig = LayerIntegratedGradients(forward, model.embedding_model.embeddings)
    attributions = lig.attribute(
        input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=predictions.argmax(dim=-1),
        additional_forward_args=(attention_mask,),
        internal_batch_size=64,
    )
    return torch.linalg.vector_norm(attributions, dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # longer words say more
    ids = batch["input_ids"]
    lengths = [[len(token) for token in tokenizer.convert_ids_to_tokens(row)] for row in ids]
    return torch.tensor(lengths, dtype=torch.float32)


# %% [markdown] question="question-words"
# "Wecker" and "Verschiebe". All words are positive, so every word helps.

# %% [markdown] question="question-baseline"
# The baseline is like a black image.
