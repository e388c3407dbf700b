# Half-finished: two functions are there, the rest is untouched.

# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    words = []
    for layer in probabilities:
        words.append([tokenizer.decode([int(p.argmax())]) for p in layer])
    return probabilities.max(-1)[0], words


# %% task="target_rank"
def target_rank(probabilities, target_id):
    p = probabilities[:, -1]
    return torch.sum(p > p[:, target_id : target_id + 1], dim=-1)


# %% [markdown] question="question-when"
# TODO
