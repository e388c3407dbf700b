# The third cell, one of her own, raises; everything else is right.

# %% like="Anna Schäfer"

# %% after="token_attribution-02"
df.head()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # How far do the odds of the predicted class fall without the token?
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        best = model({"input_ids": ids, "attention_mask": mask}).argmax(dim=-1, keepdim=True)
        for place in range(1, ids.shape[1]):
            if not (mask[:, place] == 1).any():
                break
            present = mask.clone()
            present[:, place] = 0
            less = model({"input_ids": ids * present, "attention_mask": present}).softmax(dim=-1)
            scores[:, place] = -torch.logit(less.gather(1, best), eps=1e-6)[:, 0].cpu()
    return scores


# %% [markdown] question="question-words"
# For `alarm/set_alarm` it is "Wecker" and the verb "Stell", for `alarm/cancel_alarm` the verb "lösch". The noun
# alone cannot decide, since all six alarm intents share it, and indeed its attribution is smaller than the verb's
# in the third sentence. I was surprised that "Sonntag" is negative there.

# %% [markdown] question="question-baseline"
# Completeness says that the attributions sum to F(x) - F(x'). With [CLS] and [SEP] kept in x', both have
# attribution 0 and the words explain the whole difference.
