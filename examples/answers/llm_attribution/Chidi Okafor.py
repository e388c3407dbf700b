# Everything right in unusual forms: the loss that the model computes itself, a hook on the embedding, exact enumeration in
# place of sampling, weights by binomials, float64 and results that still carry gradients.

# %% task="ablate_tokens"
def split(tokenizer, prompt, target):
    bare = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = tokenizer(prompt)["input_ids"]
    return ids, len(ids) - len(bare), tokenizer(target, add_special_tokens=False)["input_ids"]


def ablate_tokens(model, tokenizer, prompt, target):
    ids, skip, ends = split(tokenizer, prompt, target)
    rows = torch.tensor(ids + ends).repeat(len(ids) - skip + 1, 1)
    for i in range(skip, len(ids)):
        rows[i - skip + 1, i] = 0
    with torch.no_grad():
        logits = model(rows.to(model.device), attention_mask=torch.ones_like(rows).to(model.device)).logits
    nll = torch.nn.functional.cross_entropy(
        logits[:, len(ids) - 1 : -1].double().transpose(1, 2),
        rows[:, len(ids) :].to(model.device),
        reduction="none",
    )  # (row, target token)
    return (nll[1:] - nll[:1]).T


# %% task="ablate_template"
def F(model, tokenizer, text, target):
    ids, _, ends = split(tokenizer, text, target)
    x = torch.tensor([ids + ends], device=model.device)
    labels = x.clone()
    labels[0, : len(ids)] = -100
    # the loss is a mean over the target's tokens
    return -model(x, labels=labels).loss.double() * len(ends)


def ablate_template(model, tokenizer, template, values, baselines, target):
    texts = [template.format(*values)]
    for i in range(len(values)):
        texts.append(template.format(*values[:i], baselines[i], *values[i + 1 :]))
    scores = torch.stack([F(model, tokenizer, text, target) for text in texts])
    return scores[:1] - scores[1:]


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    def at(g):
        return F(
            model,
            tokenizer,
            template.format(*[b if m == g else v for v, b, m in zip(values, baselines, mask)]),
            target,
        )

    full = at(-1)
    scores = [full - at(g) for g in range(max(mask) + 1)]
    return [float(scores[m]) for m in mask]


# %% task="shapley_groups"
def exact_values(n, v):
    worth = [v(bits) for bits in range(2**n)]
    phi = []
    for i in range(n):
        total = 0
        for bits in range(2**n):
            if not bits & (1 << i):
                total = total + (worth[bits | (1 << i)] - worth[bits]) / math.comb(
                    n - 1, bin(bits).count("1")
                )
        phi.append(total / n)
    return phi


def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    def v(bits):
        chosen = [a if bits >> m & 1 else b for a, b, m in zip(values, baselines, mask)]
        return F(model, tokenizer, template.format(*chosen), target)

    phi = exact_values(max(mask) + 1, v)
    return torch.stack([phi[m] for m in mask])


# %% task="shapley_sampled"
def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    # sixteen texts are fewer than n_samples orders
    return shapley_groups(model, tokenizer, template, values, baselines, mask, target)


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    def v(bits):
        kept = [e for i, e in enumerate(examples) if bits >> i & 1]
        return F(model, tokenizer, few_shot_prompt(kept, review), target)

    return torch.stack(exact_values(len(examples), v))


# %% task="integrated_gradients"
def integrated_gradients(model, tokenizer, prompt, target):
    ids, skip, ends = split(tokenizer, prompt, target)
    x = torch.tensor([ids + ends], device=model.device)
    weight = model.get_input_embeddings().weight.detach()
    end = weight[x[0]]
    start = end.clone()
    start[skip : len(ids)] = weight[0]
    nodes, weights = np.polynomial.legendre.leggauss(50)
    alphas = torch.tensor((nodes + 1) / 2, dtype=end.dtype, device=end.device).view(-1, 1, 1)
    points = (start + alphas * (end - start)).requires_grad_(True)
    hook = model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: points)
    try:
        logits = model(x.repeat(50, 1)).logits[:, len(ids) - 1 : -1]
    finally:
        hook.remove()
    chosen = logits.log_softmax(-1).gather(2, x[:, len(ids) :].repeat(50, 1)[..., None])
    (grads,) = torch.autograd.grad(chosen.sum(), points)
    mean = (torch.tensor(weights / 2, dtype=end.dtype, device=end.device).view(-1, 1, 1) * grads).sum(0)
    return ((end - start) * mean)[skip : len(ids)].sum(-1)


# %% plot="plot-attributions"
fig, ax = plt.subplots(figsize=(8, 3))
ax.barh(prompt_tokens_[::-1], by_gradients_.flip(0))
fig.tight_layout()
plt.show()

# %% [markdown] question="question-groups"
# I believe Shapley values, since they add up.

# %% [markdown] question="question-examples"
# The last example has the largest value.
