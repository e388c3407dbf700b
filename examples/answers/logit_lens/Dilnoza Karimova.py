# Everything right, written with small helpers of her own and seaborn's look; words escaped.

# %% after="logit_lens-06"
def unembed(model, hidden):
    return model.lm_head(hidden)


def escaped(word):
    return word.encode("unicode_escape").decode()


# %% task="layer_probabilities"
@torch.no_grad()
def layer_probabilities(model, input_ids):
    raw = []
    # what goes into the final norm is the last block's output before the norm
    handle = model.transformer.ln_f.register_forward_pre_hook(lambda m, args: raw.append(args[0]))
    states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
    handle.remove()
    stream = list(states[1:-1]) + raw[:1]
    return torch.cat([torch.softmax(unembed(model, model.transformer.ln_f(h)), -1) for h in stream])


# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    ids = probabilities.argmax(-1)
    return probabilities.amax(-1), [[escaped(tokenizer.decode([i])) for i in row] for row in ids.tolist()]


# %% task="target_rank"
def target_rank(probabilities, target_id):
    last = probabilities[:, -1]
    return torch.stack([(row > row[target_id]).sum() for row in last])


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    p = probabilities.double()
    mask = p[-1] > 0
    result = torch.zeros(p.shape[:2])
    for layer in range(len(p)):
        for token in range(p.shape[1]):
            m = mask[token]
            final = p[-1, token, m]
            result[layer, token] = (final * (final / p[layer, token, m]).log()).sum()
    return result


# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    fig, ax = plt.subplots(figsize=(12, 6))
    mesh = ax.pcolormesh(
        max_probs, cmap="rocket" if "rocket" in plt.colormaps() else "inferno", edgecolor="white"
    )
    ax.invert_yaxis()
    for y, row in enumerate(words):
        for x, word in enumerate(row):
            ax.annotate(word, (x + 0.5, y + 0.5), ha="center", va="center", color="tab:cyan")
    ax.set_xticks(torch.arange(len(input_tokens)) + 0.5)
    ax.set_xticklabels([escaped(t) for t in input_tokens], rotation=90)
    fig.colorbar(mesh, ax=ax)
    return fig


# %% plot="plot-lens-of-a-fact"
plot_lens(max_probs_, words_, input_tokens)
plt.show()
