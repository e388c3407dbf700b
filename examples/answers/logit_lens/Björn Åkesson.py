# Everything right, with forward hooks and float64 inside.

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    caught = []

    def catch(module, args, output):
        hidden = output[0] if isinstance(output, tuple) else output
        caught.append(hidden.detach())

    handles = [block.register_forward_hook(catch) for block in model.transformer.h]
    try:
        with torch.no_grad():
            model(input_ids.to(model.device))
    finally:
        for handle in handles:
            handle.remove()
    ln = model.transformer.ln_f
    weight, bias = ln.weight.detach().double(), ln.bias.detach().double()
    unembedding = model.lm_head.weight.detach().double()
    rows = []
    for hidden in caught:
        x = hidden[0].double()
        x = torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, ln.eps)
        rows.append(torch.softmax(x @ unembedding.T, dim=-1))
    return torch.stack(rows)


# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    best = probabilities.topk(1, dim=-1)
    ids = best.indices[..., 0]
    words = [tokenizer.batch_decode([[i] for i in row.tolist()]) for row in ids]
    return best.values[..., 0], [[word.strip() for word in row] for row in words]


# %% task="target_rank"
def target_rank(probabilities, target_id):
    ranks = []
    for layer in probabilities:
        p = layer[-1].tolist()
        ranks.append(sum(value > p[target_id] for value in p))
    return torch.tensor(ranks)


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    p = probabilities.double()
    final = p[-1:].expand_as(p)
    return torch.nn.functional.kl_div((p + 1e-300).log(), final, reduction="none").sum(-1)


# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    layers, tokens = max_probs.shape
    fig, ax = plt.subplots(figsize=(1 + tokens, 1 + 0.5 * layers))
    mesh = ax.pcolormesh(max_probs.numpy(), cmap="viridis", vmin=0, vmax=1)
    for layer in range(layers):
        for token in range(tokens):
            ax.text(token + 0.5, layer + 0.5, words[layer][token], color="w", ha="center", va="center")
    ax.set_xticks([t + 0.5 for t in range(tokens)], input_tokens, rotation=60)
    ax.set_yticks([y + 0.5 for y in range(layers)], [f"L{y + 1}" for y in range(layers)])
    fig.colorbar(mesh, label="probability")
    fig.tight_layout()
    return fig


# %% plot="plot-lens-of-a-fact"
plot_lens(max_probs_, words_, input_tokens)
plt.show()

# %% [markdown] question="question-when"
# The answer is first from layer 6 on. Before, the lens repeats the input and then names something of the right kind.
