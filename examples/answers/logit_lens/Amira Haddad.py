# Everything right, with output_hidden_states and a loop over the layers.

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        out = model(input_ids.to(model.device), output_hidden_states=True)
        probs = []
        # first entry is the embedding, the last one is already normalised
        for h in out.hidden_states[1:-1]:
            logits = model.lm_head(model.transformer.ln_f(h))
            probs.append(logits.softmax(-1)[0])
        probs.append(out.logits.softmax(-1)[0])
    return torch.stack(probs)


# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    values, ids = probabilities.max(dim=-1)
    words = []
    for row in ids:
        words.append([tokenizer.decode(i) for i in row])
    return values, words


# %% task="target_rank"
def target_rank(probabilities, target_id):
    last = probabilities[:, -1, :]
    target = last[:, target_id].unsqueeze(1)
    return (last > target).sum(dim=1)


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    final = probabilities[-1].unsqueeze(0)
    # xlogy knows that 0 log 0 is 0
    return torch.xlogy(final, final / probabilities.clamp_min(1e-38)).sum(dim=-1)


# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    fig, ax = plt.subplots(figsize=(10, 5))
    im = ax.imshow(max_probs.cpu().numpy(), aspect="auto", cmap="Greens")
    for i in range(len(words)):
        for j in range(len(input_tokens)):
            ax.text(j, i, words[i][j], ha="center", va="center", fontsize=8)
    ax.set_xticks(range(len(input_tokens)), labels=input_tokens, rotation=45)
    ax.set_ylabel("layer")
    fig.colorbar(im)
    return fig


# %% plot="plot-lens-of-a-fact"
plot_lens(max_probs_, words_, input_tokens)
plt.show()

# %% [markdown] question="question-when"
# For the Eiffel Tower the lens shows " Paris" only in the last three layers; before that it shows other cities, so the
# model knows early that a city is asked for. For "The opposite of hot is" it is the same two steps. The rank of Paris is
# already below 30 in layer 3. The lens does not prove that the information is missing in layer 2: it may be written in
# another direction.

# %% [markdown] question="question-norm"
# Without the norm the first layers change most, because their states are short and the logits become small.
