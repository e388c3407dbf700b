# The embedding has a row of its own.

# %% like="Amira Haddad"

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        out = model(input_ids.to(model.device), output_hidden_states=True)
        layers = [model.lm_head(model.transformer.ln_f(h)) for h in out.hidden_states[:-1]]
        layers.append(out.logits)
    return torch.cat(layers).softmax(-1)
