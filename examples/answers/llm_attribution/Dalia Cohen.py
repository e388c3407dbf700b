# Everything right, all texts of a question in one batch, filled up on the left with an attention mask and own positions.

# %% like="Bence Tóth"

# %% task="ablate_template"
def batch_scores(model, tokenizer, texts, target):
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    rows = [tokenizer(text)["input_ids"] + ends for text in texts]
    longest = max(len(r) for r in rows)
    x = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, r in enumerate(rows):
        x[i, longest - len(r) :] = torch.tensor(r)
        mask[i, longest - len(r) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        out = model(
            x.to(model.device), attention_mask=mask.to(model.device), position_ids=positions.to(model.device)
        )
    logp = out.logits[:, -len(ends) - 1 : -1].log_softmax(-1).cpu()
    return logp.gather(2, torch.tensor(ends).expand(len(rows), -1)[..., None]).sum((1, 2))


def score(model, tokenizer, text, target):
    return float(batch_scores(model, tokenizer, [text], target))


def ablate_template(model, tokenizer, template, values, baselines, target):
    return ablate_groups(model, tokenizer, template, values, baselines, list(range(len(values))), target)


def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    def text(gone):
        return template.format(*[b if m == gone else v for v, b, m in zip(values, baselines, mask)])

    scores = batch_scores(model, tokenizer, [text(None)] + [text(g) for g in range(max(mask) + 1)], target)
    return (scores[0] - scores[1:])[torch.tensor(mask)]


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    def text(gone):
        return template.format(*[b if m == gone else v for v, b, m in zip(values, baselines, mask)])

    scores = batch_scores(model, tokenizer, [text(None)] + [text(g) for g in range(max(mask) + 1)], target)
    return (scores[0] - scores[1:])[torch.tensor(mask)]
