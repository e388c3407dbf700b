# Three mistakes: the sign turned round, one order of the groups alone, and the gradient at the prompt without a path.

# %% like="Bence Tóth"

# %% task="ablate_template"
def score(model, tokenizer, text, target):
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    return float(logprobs(model, tokenizer(text)["input_ids"], target_ids).double().sum())


def ablate_template(model, tokenizer, template, values, baselines, target):
    full = score(model, tokenizer, template.format(*values), target)
    singles = [template.format(*values[:i], b, *values[i + 1 :]) for i, b in enumerate(baselines)]
    return torch.tensor([score(model, tokenizer, text, target) - full for text in singles])


# %% task="shapley_groups"
def make_v(model, tokenizer, template, values, baselines, mask, target):
    def v(present):
        chosen = [a if m in present else b for a, b, m in zip(values, baselines, mask)]
        return score(model, tokenizer, template.format(*chosen), target)

    return v


def over_orders(v, orders, n):
    phi = np.zeros(n)
    for order in orders:
        order = list(order)
        for k, g in enumerate(order):
            phi[g] += v(order[: k + 1]) - v(order[:k])
    return phi / len(orders)


def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    n = max(mask) + 1
    v = make_v(model, tokenizer, template, values, baselines, mask, target)
    return over_orders(v, [range(n)], n)[mask]


# %% task="integrated_gradients"
def integrated_gradients(model, tokenizer, prompt, target):
    ids = tokenizer(prompt)["input_ids"]
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    emb = model.get_input_embeddings()
    x = emb(torch.tensor([ids + target_ids]).to(model.device)).detach().requires_grad_(True)
    lp = torch.log_softmax(model(inputs_embeds=x).logits[0], dim=-1)
    sum(lp[len(ids) - 1 + k, t] for k, t in enumerate(target_ids)).backward()
    return (x.grad * x).sum(-1)[0, int(has_bos(tokenizer)) : len(ids)].detach()
