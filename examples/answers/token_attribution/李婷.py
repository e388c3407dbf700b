# build_baseline loses [CLS] and [SEP]; all else is right, the path starts at that baseline.

# %% like="Anna Schäfer"

# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    return torch.ones_like(input_ids) * tokenizer.pad_token_id


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # leave one out
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask}).softmax(-1)
        best = full.argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            changed, changed_mask = ids.clone(), mask.clone()
            changed[:, place] = tokenizer.pad_token_id
            changed_mask[:, place] = 0
            without = model({"input_ids": changed, "attention_mask": changed_mask}).softmax(-1)
            scores[:, place] = (full.gather(1, best) - without.gather(1, best))[:, 0].cpu()
    return scores


# %% [markdown] question="question-words"
# “Wecker”最重要。

# %% [markdown] question="question-baseline"
# 基线不包含任何信息，所以全部换成 [PAD]。
