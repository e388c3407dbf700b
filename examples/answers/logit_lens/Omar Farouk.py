# The figure is shown and not returned.

# %% like="Amira Haddad"

# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    plt.figure(figsize=(10, 5))
    plt.imshow(max_probs, aspect="auto")
    for i in range(len(words)):
        for j in range(len(input_tokens)):
            plt.text(j, i, words[i][j], ha="center", va="center")
    plt.xticks(range(len(input_tokens)), input_tokens)
    plt.show()
