# One mistake in a helper that five functions share: the target's tokens are averaged.

# %% like="Bence Tóth"

# %% task="ablate_template"
def score(model, tokenizer, text, target):
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    return float(logprobs(model, tokenizer(text)["input_ids"], target_ids).double().mean())


def ablate_template(model, tokenizer, template, values, baselines, target):
    full = score(model, tokenizer, template.format(*values), target)
    result = []
    for i in range(len(values)):
        changed = list(values)
        changed[i] = baselines[i]
        result.append(full - score(model, tokenizer, template.format(*changed), target))
    return np.array(result)
