# Builds the token types by hand and begins the passage at its separator, as an old tutorial does.

# %% like="Chloé Dubois"

# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    q = tokenizer.encode(question, add_special_tokens=False)
    t = tokenizer.encode(text, add_special_tokens=False)
    cls, sep, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    ids = [cls] + q + [sep] + t + [sep]
    base = [cls] + [pad] * len(q) + [sep] + [pad] * len(t) + [sep]
    sep_index = ids.index(sep)
    types = [0 if i < sep_index else 1 for i in range(len(ids))]
    make = lambda row: torch.tensor([row])  # noqa: E731
    return dict(
        input_ids=make(ids),
        baseline_ids=make(base),
        token_type_ids=make(types),
        baseline_token_type_ids=make([0] * len(ids)),
        position_ids=make(list(range(len(ids)))),
        baseline_position_ids=make([0] * len(ids)),
        attention_mask=make([1] * len(ids)),
    )
