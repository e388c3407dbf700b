# Everything right, in float64 on a copy of the model, attention computed from queries and keys.

# %% task="attention_matrices"
def attention_matrices(model, inputs):
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    with torch.no_grad():
        out = model(**{n: inputs[n].to(model.device) for n in names}, output_hidden_states=True)
        rows = []
        for x, layer in zip(out.hidden_states, model.bert.encoder.layer):
            att = layer.attention.self
            shape = (x.shape[1], att.num_attention_heads, att.attention_head_size)
            q = att.query(x).view(shape).transpose(0, 1)
            k = att.key(x).view(shape).transpose(0, 1)
            rows.append((q @ k.transpose(1, 2) / att.attention_head_size**0.5).softmax(-1))
    return torch.stack(rows).double()


# %% task="head_norm"
def head_norm(matrices):
    return matrices.double().pow(2).sum(1).pow(0.5)


# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    import copy

    exact = copy.deepcopy(model).double()
    for p in exact.parameters():
        p.requires_grad_(False)
    words = exact.bert.embeddings.word_embeddings.weight
    a, b = words[inputs["baseline_ids"].to(model.device)], words[inputs["input_ids"].to(model.device)]
    t = torch.tensor((np.polynomial.legendre.leggauss(51)[0] + 1) / 2, device=model.device).view(-1, 1, 1)
    x = torch.lerp(a, b, t).requires_grad_()
    out = exact(
        inputs_embeds=x,
        token_type_ids=inputs["token_type_ids"].to(model.device).repeat(51, 1),
        position_ids=inputs["position_ids"].to(model.device).repeat(51, 1),
        attention_mask=inputs["attention_mask"].to(model.device).repeat(51, 1),
        output_attentions=True,
    )
    logits = out.start_logits if position == "start" else out.end_logits
    slopes = torch.autograd.grad(logits.amax(-1).sum(), out.attentions)
    rows = [(torch.diff(w, dim=0) * g[:-1]).sum(0) for w, g in zip(out.attentions, slopes)]
    return torch.stack(rows)


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    out = model(**{n: inputs[n].to(model.device) for n in names}, output_hidden_states=True)
    rows = []
    for x, layer in zip(out.hidden_states, model.bert.encoder.layer):
        n = model.config.num_attention_heads
        v = layer.attention.self.value(x[0]).double().chunk(n, -1)
        w = layer.attention.output.dense.weight.double().chunk(n, -1)
        rows.append(torch.stack([one @ two.mT for one, two in zip(v, w)]))
    return torch.stack(rows)


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    f = transformed_vectors(model, inputs)
    return torch.einsum("lhqk,lhk->lhqk", attention_matrices(model, inputs), (f * f).sum(-1).sqrt())


# %% task="summed_norms"
def summed_norms(model, inputs):
    total = 0
    f = transformed_vectors(model, inputs)
    for head, alpha in enumerate(attention_matrices(model, inputs).unbind(1)):
        total = total + alpha[..., None] * f[:, head, None]
    return total.norm(p=2, dim=-1)


# %% plot="plot-attention-and-norms"
fig, axes = plt.subplots(1, 2, figsize=(14, 6), sharey=True)
axes[0].matshow(norms_[0])
axes[1].matshow(layer_flows_[0])
plt.yticks(range(TOKENS), tokens)
plt.show()

# %% [markdown] question="question-norms"
# The norms are between 0 and 7; "where" is large in both.
