# Everything right, in plain loops, one text at a time: a helper of his own, Shapley values over all orders, NumPy at the end.

# %% task="ablate_tokens"
def logprobs(model, ids, target_ids):
    """log p of every target token, in one forward pass"""
    x = torch.tensor([ids + target_ids]).to(model.device)
    with torch.no_grad():
        lp = torch.log_softmax(model(x).logits[0], dim=-1)
    n = len(ids)
    return torch.stack([lp[n - 1 + k, t] for k, t in enumerate(target_ids)]).cpu()


def has_bos(tokenizer):
    return len(tokenizer("")["input_ids"]) == 1


def ablate_tokens(model, tokenizer, prompt, target):
    ids = tokenizer(prompt)["input_ids"]
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    full = logprobs(model, ids, target_ids)
    columns = []
    for i in range(1 if has_bos(tokenizer) else 0, len(ids)):
        changed = ids.copy()
        changed[i] = 0
        columns.append(full - logprobs(model, changed, target_ids))
    return torch.stack(columns, dim=1).numpy()


# %% task="ablate_template"
def score(model, tokenizer, text, target):
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    return float(logprobs(model, tokenizer(text)["input_ids"], target_ids).double().sum())


def ablate_template(model, tokenizer, template, values, baselines, target):
    full = score(model, tokenizer, template.format(*values), target)
    result = []
    for i in range(len(values)):
        changed = list(values)
        changed[i] = baselines[i]
        result.append(full - score(model, tokenizer, template.format(*changed), target))
    return np.array(result)


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    full = score(model, tokenizer, template.format(*values), target)
    result = np.zeros(len(values))
    for g in set(mask):
        changed = [b if m == g else v for v, b, m in zip(values, baselines, mask)]
        result[[i for i, m in enumerate(mask) if m == g]] = full - score(
            model, tokenizer, template.format(*changed), target
        )
    return result


# %% task="shapley_groups"
def make_v(model, tokenizer, template, values, baselines, mask, target):
    cache = {}

    def v(present):
        key = frozenset(present)
        if key not in cache:
            text = template.format(*[a if m in key else b for a, b, m in zip(values, baselines, mask)])
            cache[key] = score(model, tokenizer, text, target)
        return cache[key]

    return v


def over_orders(v, orders, n):
    phi = np.zeros(n)
    for order in orders:
        present = []
        for g in order:
            before = v(present)
            present.append(g)
            phi[g] += v(present) - before
    return phi / len(orders)


def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    n = max(mask) + 1
    v = make_v(model, tokenizer, template, values, baselines, mask, target)
    return over_orders(v, list(itertools.permutations(range(n))), n)[mask]


# %% task="shapley_sampled"
def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    n = max(mask) + 1
    rng = np.random.default_rng(seed)
    v = make_v(model, tokenizer, template, values, baselines, mask, target)
    return over_orders(v, [rng.permutation(n) for _ in range(n_samples)], n)[mask]


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    cache = {}

    def v(present):
        key = tuple(sorted(present))
        if key not in cache:
            cache[key] = score(model, tokenizer, few_shot_prompt([examples[i] for i in key], review), target)
        return cache[key]

    n = len(examples)
    return over_orders(v, list(itertools.permutations(range(n))), n)


# %% task="integrated_gradients"
def integrated_gradients(model, tokenizer, prompt, target):
    ids = tokenizer(prompt)["input_ids"]
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    start = 1 if has_bos(tokenizer) else 0
    emb = model.get_input_embeddings()
    x = emb(torch.tensor([ids + target_ids]).to(model.device)).detach()
    base = emb(torch.tensor([ids[:start] + [0] * (len(ids) - start) + target_ids]).to(model.device)).detach()
    nodes, weights = np.polynomial.legendre.leggauss(50)
    grads = torch.zeros_like(x)
    for a, w in zip((nodes + 1) / 2, weights / 2):
        point = (base + float(a) * (x - base)).requires_grad_(True)
        lp = torch.log_softmax(model(inputs_embeds=point).logits[0], dim=-1)
        total = sum(lp[len(ids) - 1 + k, t] for k, t in enumerate(target_ids))
        grads += float(w) * torch.autograd.grad(total, point)[0]
    return ((x - base) * grads).sum(-1)[0, start : len(ids)].cpu().numpy()


# %% plot="plot-attributions"
plt.figure(figsize=(8, 3))
plt.bar(range(len(values)), by_group_, width=0.4, label="groups")
plt.bar(np.arange(len(values)) + 0.4, by_shapley_, width=0.4, label="Shapley")
plt.xticks(range(len(values)), values)
plt.legend()
plt.show()

# %% [markdown] question="question-groups"
# City and country say the same. That is why the singles are small and the group is large.

# %% [markdown] question="question-examples"
# Examples with the same label words as the target get positive values, the others negative ones.
