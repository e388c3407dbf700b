# The tokenizer's raw pieces instead of words.

# %% like="Amira Haddad"

# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    values, ids = probabilities.max(dim=-1)
    return values, [tokenizer.convert_ids_to_tokens(row.tolist()) for row in ids]
