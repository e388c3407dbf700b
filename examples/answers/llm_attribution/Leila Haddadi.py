# Half-finished: the first three functions are there, the first of them deletes tokens.

# %% task="ablate_tokens"
def log_p(model, tokenizer, ids, target):
    ends = tokenizer(target, add_special_tokens=False, return_tensors="pt")["input_ids"].to(model.device)
    with torch.no_grad():
        logits = model(torch.cat([ids, ends], dim=1)).logits[:, ids.shape[1] - 1 : -1]
    return logits.log_softmax(-1).gather(2, ends[..., None])[0, :, 0]


def ablate_tokens(model, tokenizer, prompt, target):
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(model.device)
    first = int(ids[0, 0] == tokenizer.bos_token_id)
    full = log_p(model, tokenizer, ids, target)
    effects = [
        full - log_p(model, tokenizer, torch.cat([ids[:, :i], ids[:, i + 1 :]], dim=1), target)
        for i in range(first, ids.shape[1])
    ]
    return torch.stack(effects, dim=-1)


# %% task="ablate_template"
def whole(model, tokenizer, text, target):
    return log_p(
        model, tokenizer, tokenizer(text, return_tensors="pt")["input_ids"].to(model.device), target
    ).sum()


def ablate_template(model, tokenizer, template, values, baselines, target):
    scores = []
    for i, other in enumerate(baselines):
        scores.append(whole(model, tokenizer, template.format(*values[:i], other, *values[i + 1 :]), target))
    return whole(model, tokenizer, template.format(*values), target) - torch.stack(scores)


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    scores = []
    for g in mask:
        text = template.format(*(b if m == g else v for v, b, m in zip(values, baselines, mask)))
        scores.append(whole(model, tokenizer, text, target))
    return whole(model, tokenizer, template.format(*values), target) - torch.stack(scores)


# %% [markdown] question="question-groups"
# TODO
