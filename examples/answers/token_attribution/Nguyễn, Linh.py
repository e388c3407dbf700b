# Two mistakes: explains the probability, and a word keeps its first piece's score alone.

# %% like="Anna Schäfer"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)

    def probability(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask}).softmax(dim=-1)

    with torch.no_grad():
        predictions = model({"input_ids": input_ids, "attention_mask": attention_mask})
    lig = LayerIntegratedGradients(probability, model.embedding_model.embeddings)
    attributions = lig.attribute(
        input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=predictions.argmax(dim=-1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    return attributions.sum(dim=-1), predictions


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    words = []
    for token, score in zip(tokens, scores):
        if (
            token.startswith("##")
            and words
            and words[-1][0] not in ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]")
        ):
            words[-1] = (words[-1][0] + token[2:], words[-1][1])
        else:
            words.append((token.lstrip("#"), float(score)))
    return words


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # the other way round: what does each token tell on its own?
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    frame = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        best = model({"input_ids": ids, "attention_mask": mask}).argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            keep = frame.clone()
            keep[:, place] = True
            alone = torch.where(keep, ids, tokenizer.pad_token_id)
            logits = model({"input_ids": alone, "attention_mask": keep.long()})
            scores[:, place] = logits.gather(1, best)[:, 0].cpu()
    return scores


# %% [markdown] question="question-words"
# In sentence 1 "Wecker" has 0.4 of the probability, in sentence 3 "lösch" even more. "bitte" is near zero in
# both. I was surprised by "alle", which is negative for cancel_alarm.

# %% [markdown] question="question-baseline"
# The attributions sum to F(x) - F(x'). Keeping [CLS] and [SEP] makes their part zero.
