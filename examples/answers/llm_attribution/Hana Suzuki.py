# Two mistakes: the contributions are not divided by the number of samples; examples stand in the prompt in the order of arrival.

# %% like="Bence Tóth"

# %% task="shapley_sampled"
def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    n = max(mask) + 1
    generator = random.Random(seed)
    v = make_v(model, tokenizer, template, values, baselines, mask, target)
    phi = np.zeros(n)
    for _ in range(n_samples):
        order = list(range(n))
        generator.shuffle(order)
        for k, g in enumerate(order):
            phi[g] += v(order[: k + 1]) - v(order[:k])
    return phi[mask]


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    n = len(examples)
    orders = list(itertools.permutations(range(n)))
    known = {}

    def v(present):
        if tuple(present) not in known:
            lines = [examples[i] for i in present]
            known[tuple(present)] = score(model, tokenizer, few_shot_prompt(lines, review), target)
        return known[tuple(present)]

    phi = np.zeros(n)
    for order in orders:
        for k, i in enumerate(order):
            phi[i] += v(order[: k + 1]) - v(order[:k])
    return phi / len(orders)
