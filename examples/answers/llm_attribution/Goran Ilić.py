# One mistake, a plain mean over coalitions, in a function that another one calls: it costs the first alone.

# %% like="Bence Tóth"

# %% task="shapley_groups"
def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    n = max(mask) + 1
    result = []
    for i in range(n):
        others = [g for g in range(n) if g != i]
        gains = []
        for size in range(n):
            for present in itertools.combinations(others, size):
                texts = [
                    template.format(*[v if m in kept else b for v, b, m in zip(values, baselines, mask)])
                    for kept in (set(present) | {i}, set(present))
                ]
                gains.append(
                    score(model, tokenizer, texts[0], target) - score(model, tokenizer, texts[1], target)
                )
        result.append(sum(gains) / len(gains))
    return np.array([result[m] for m in mask])


# %% task="shapley_sampled"
def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    return shapley_groups(model, tokenizer, template, values, baselines, mask, target)


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    n = len(examples)
    result = np.zeros(n)
    orders = list(itertools.permutations(range(n)))
    for order in orders:
        for k, i in enumerate(order):
            with_it = [examples[j] for j in sorted(order[: k + 1])]
            without = [examples[j] for j in sorted(order[:k])]
            result[i] += score(model, tokenizer, few_shot_prompt(with_it, review), target)
            result[i] -= score(model, tokenizer, few_shot_prompt(without, review), target)
    return result / len(orders)
