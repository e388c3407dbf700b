# Half-finished: two functions are there, the rest is untouched.

# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    cls = input_ids == tokenizer.cls_token_id
    sep = input_ids == tokenizer.sep_token_id
    return torch.where(cls | sep, input_ids, tokenizer.pad_token_id)


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    exp = torch.exp(attributions - attributions.max()) * attention_mask
    return exp / exp.sum(dim=-1, keepdim=True)


# %% [markdown] question="question-words"
# TODO
