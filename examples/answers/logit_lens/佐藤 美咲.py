# The final norm a second time in the last layer.

# %% like="Amira Haddad"

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
        # 最初は埋め込みなので除く
        rows = [model.lm_head(model.transformer.ln_f(h[0])) for h in states[1:]]
    return torch.stack(rows).softmax(dim=-1)


# %% [markdown] question="question-when"
# Paris は第6層から一位になる。
