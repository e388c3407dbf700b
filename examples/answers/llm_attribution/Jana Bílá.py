# One mistake: the path begins at zero vectors.

# %% like="Bence Tóth"

# %% task="integrated_gradients"
def integrated_gradients(model, tokenizer, prompt, target):
    ids = tokenizer(prompt)["input_ids"]
    target_ids = tokenizer(target, add_special_tokens=False)["input_ids"]
    start = 1 if has_bos(tokenizer) else 0
    x = model.get_input_embeddings()(torch.tensor([ids + target_ids]).to(model.device)).detach()
    base = x.clone()
    base[:, start : len(ids)] = 0
    nodes, weights = np.polynomial.legendre.leggauss(50)
    grads = torch.zeros_like(x)
    for a, w in zip((nodes + 1) / 2, weights / 2):
        point = (base + float(a) * (x - base)).requires_grad_(True)
        lp = torch.log_softmax(model(inputs_embeds=point).logits[0], dim=-1)
        total = sum(lp[len(ids) - 1 + k, t] for k, t in enumerate(target_ids))
        grads += float(w) * torch.autograd.grad(total, point)[0]
    return ((x - base) * grads).sum(-1)[0, start : len(ids)]
