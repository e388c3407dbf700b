# Two mistakes: a norm of his own without the learnt weights, and tokens that are as likely as the target are counted.

# %% like="Björn Åkesson"

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    with torch.no_grad():
        raw = []
        hook = model.transformer.ln_f.register_forward_pre_hook(lambda m, a: raw.append(a[0]))
        states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
        hook.remove()
        x = torch.cat([*states[1:-1], raw[0]])
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        return model.lm_head(x).softmax(-1)


# %% task="target_rank"
def target_rank(probabilities, target_id):
    last = probabilities[:, -1]
    return (last >= last[:, [target_id]]).sum(-1) - 1
