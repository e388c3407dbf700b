# Right, with the trapezoidal rule in place of Gauss-Legendre.

# %% like="Jürgen Weiß"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)

    def forward(token_ids, attention_mask):
        return model({"input_ids": token_ids, "attention_mask": attention_mask})

    logits = forward(ids, mask)
    result = LayerIntegratedGradients(forward, model.embedding_model.embeddings).attribute(
        ids,
        build_baseline(ids, tokenizer),
        target=logits.argmax(-1),
        additional_forward_args=mask,
        n_steps=50,
        method="riemann_trapezoid",
        internal_batch_size=200,
    )
    return result.sum(2), logits


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Average effect of a token: when it goes from the whole sentence, and when it comes to the empty one.
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    frame = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)

    def log_odds(kept):
        logits = model(
            {"input_ids": torch.where(kept, ids, tokenizer.pad_token_id), "attention_mask": kept.long()}
        )
        return logits.log_softmax(dim=-1).gather(1, best)[:, 0]

    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        best = model({"input_ids": ids, "attention_mask": mask}).argmax(dim=1, keepdim=True)
        whole, empty = log_odds(mask == 1), log_odds(frame)
        for place in range(1, int(mask.sum(1).max()) - 1):
            without, alone = mask == 1, frame.clone()
            without[:, place], alone[:, place] = False, True
            scores[:, place] = (whole - log_odds(without) + log_odds(alone) - empty).cpu()
    return scores


# %% [markdown] question="question-words"
# The noun of the request decides ("Wecker", "Wetter", "Erinnerung"), because the training sentences of the
# other intents do not have it. In the first sentence it has more than twice the score of the next word. The
# surprise was "mir", which is slightly negative.

# %% [markdown] question="question-baseline"
