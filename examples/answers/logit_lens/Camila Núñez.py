# Everything right: all layers in one batch, NumPy results, the last layer on top.

# %% after="logit_lens-06"
import numpy as np


# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
        inner = model.transformer.ln_f(torch.cat(states[1:-1]))  # (layer - 1, token, hidden)
        every = torch.cat([inner, states[-1]])
        return model.lm_head(every).softmax(dim=-1).cpu().numpy()


# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    p = np.asarray(probabilities)
    words = [[tokenizer.decode(int(i)) for i in row] for row in p.argmax(-1)]
    return p.max(-1), words


# %% task="target_rank"
def target_rank(probabilities, target_id):
    p = np.asarray(probabilities)[:, -1]
    return np.count_nonzero(p > p[:, [target_id]], axis=1)


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = p[-1] * (np.log(p[-1]) - np.log(p))
    return np.where(p[-1] > 0, terms, 0).sum(-1)


# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    from matplotlib.figure import Figure

    p = np.asarray(max_probs)[::-1]
    fig = Figure(figsize=(11, 5), layout="constrained")
    ax = fig.add_subplot()
    ax.imshow(p, cmap="magma", aspect="auto")
    for (row, column), value in np.ndenumerate(p):
        word = words[len(words) - 1 - row][column]
        ax.text(column, row, f"{word!r}\n{value:.2f}", ha="center", va="center", fontsize=7, color="gray")
    ax.set_xticks(range(len(input_tokens)), [repr(t) for t in input_tokens])
    ax.set_yticks(range(len(words)), range(len(words), 0, -1))
    return fig


# %% plot="plot-lens-of-a-fact"
display(plot_lens(max_probs_, words_, input_tokens))

# %% [markdown] question="question-when"
# A city is there in layer 3, the right one from layer 6 on.
