# The mesh's words stand on the corners between the cells.

# %% like="Björn Åkesson"

# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    fig, ax = plt.subplots(figsize=(10, 5))
    ax.pcolormesh(max_probs.numpy())
    for i, row in enumerate(words):
        for j, word in enumerate(row):
            ax.text(j, i, word, ha="center", va="center", color="white")
    ax.set_xticks([j + 0.5 for j in range(len(input_tokens))], input_tokens)
    return fig
