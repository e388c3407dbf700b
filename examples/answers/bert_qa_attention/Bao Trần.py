# Everything right, with hooks and a loop over the nodes of their own; NumPy results.

# %% task="attention_matrices"
def attention_matrices(model, inputs):
    caught = []
    handles = [
        layer.attention.self.register_forward_hook(lambda m, i, o: caught.append(o[1]))
        for layer in model.bert.encoder.layer
    ]
    names = ["input_ids", "token_type_ids", "position_ids", "attention_mask"]
    with torch.no_grad():
        model(**{n: inputs[n].to(model.device) for n in names})
    for handle in handles:
        handle.remove()
    return torch.cat(caught).cpu().numpy()


# %% task="head_norm"
def head_norm(matrices):
    return np.sqrt((np.asarray(matrices) ** 2).sum(axis=1))


# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    table = model.bert.embeddings.word_embeddings
    end = table(inputs["input_ids"].to(model.device)).detach()
    start = table(inputs["baseline_ids"].to(model.device)).detach()
    rest = {n: inputs[n].to(model.device) for n in ["token_type_ids", "position_ids", "attention_mask"]}
    nodes, _ = np.polynomial.legendre.leggauss(51)
    weights, grads = [], []
    for t in (nodes + 1) / 2:
        x = (start + float(t) * (end - start)).requires_grad_()
        out = model(inputs_embeds=x, output_attentions=True, **rest)
        score = (out.start_logits if position == "start" else out.end_logits).max()
        g = torch.autograd.grad(score, out.attentions)
        weights.append(torch.cat(out.attentions).detach())
        grads.append(torch.cat(g))
    total = 0
    for k in range(50):
        total = total + (weights[k + 1] - weights[k]) * grads[k]
    return total.cpu().numpy()


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    caught = []
    handles = [
        layer.register_forward_pre_hook(lambda m, args: caught.append(args[0][0]))
        for layer in model.bert.encoder.layer
    ]
    names = ["input_ids", "token_type_ids", "position_ids", "attention_mask"]
    with torch.no_grad():
        model(**{n: inputs[n].to(model.device) for n in names})
    for handle in handles:
        handle.remove()
    result = []
    for x, layer in zip(caught, model.bert.encoder.layer):
        att, dense = layer.attention.self, layer.attention.output.dense
        d = att.attention_head_size
        per_head = []
        for h in range(att.num_attention_heads):
            cut = slice(h * d, (h + 1) * d)
            v = x @ att.value.weight[cut].T + att.value.bias[cut]
            per_head.append(v @ dense.weight[:, cut].T)
        result.append(torch.stack(per_head))
    return torch.stack(result).detach().cpu().numpy()


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    lengths = np.linalg.norm(transformed_vectors(model, inputs), axis=-1)
    return attention_matrices(model, inputs) * lengths[:, :, None, :]


# %% task="summed_norms"
def summed_norms(model, inputs):
    alpha, f = attention_matrices(model, inputs), transformed_vectors(model, inputs)
    vectors = np.einsum("lhqk,lhkd->lqkd", alpha, f)
    return np.linalg.norm(vectors, axis=-1)


# %% plot="plot-attention-and-norms"
figure, both = plt.subplots(1, 2, figsize=(13, 6))
for ax, values in zip(both, [norms_[1], layer_flows_[1]]):
    picture = ax.pcolormesh(values, cmap="magma")
    ax.set_xticks(np.arange(TOKENS) + 0.5, tokens, rotation=90)
    ax.set_yticks(np.arange(TOKENS) + 0.5, tokens)
    ax.invert_yaxis()
    figure.colorbar(picture)
plt.show()

# %% [markdown] question="question-norms"
# [CLS] and the full stops get attention in layer 2 and send less than "where".
