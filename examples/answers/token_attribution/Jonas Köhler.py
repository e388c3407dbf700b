# token_importance: the softmax runs over the padding, too.

# %% like="Jürgen Weiß"

# %% task="token_importance"
def token_importance(attributions, attention_mask):
    return torch.softmax(attributions, dim=1)


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Zufall als Vergleich
    torch.manual_seed(42)
    return torch.rand(batch["input_ids"].shape)


# %% [markdown] question="question-words"
# Im ersten Satz „Wecker“, im dritten „lösch“. Bei beiden ist der Balken mindestens doppelt so groß wie der
# nächste.

# %% [markdown] question="question-baseline"
# Die Baseline ist der leere Satz.
