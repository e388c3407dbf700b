# Conductance in a way of her own: the layer's change from baseline to input, without any gradient.

# %% like="Benedikt Huber"

# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    def states(key):
        with torch.no_grad():
            out = model(
                input_ids=inputs[key].to(model.device),
                token_type_ids=inputs["token_type_ids"].to(model.device),
                output_hidden_states=True,
            )
        return torch.stack(out.hidden_states[1:])[:, 0]

    change = (states("input_ids") - states("baseline_ids")).sum(-1)
    return change / change.norm(dim=-1, keepdim=True)
