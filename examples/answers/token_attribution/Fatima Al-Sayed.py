# The third cell, one of her own, raises; everything else is right.

# %% like="Anna Schäfer"

# %% after="token_attribution-02"
df.head()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    embeddings = []

    def hook(module, inputs, output):
        embeddings.append(output.clone().detach().requires_grad_(True))
        return embeddings[0]

    handle = model.embedding_model.embeddings.register_forward_hook(hook)
    logits = model({"input_ids": ids, "attention_mask": mask})
    handle.remove()
    best, second = logits.topk(2, dim=-1).values.unbind(-1)
    grad = torch.autograd.grad((best - second).sum(), embeddings[0])[0]
    return (grad * embeddings[0]).sum(-1).detach()


# %% [markdown] question="question-words"
# For `alarm/set_alarm` it is "Wecker" and the verb "Stell", for `alarm/cancel_alarm` the verb "lösch". The noun
# alone cannot decide, since all six alarm intents share it, and indeed its attribution is smaller than the verb's
# in the third sentence. I was surprised that "Sonntag" is negative there.

# %% [markdown] question="question-baseline"
# Completeness says that the attributions sum to F(x) - F(x'). With [CLS] and [SEP] kept in x', both have
# attribution 0 and the words explain the whole difference.
