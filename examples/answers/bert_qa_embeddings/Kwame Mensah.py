# The embeddings have a row of their own in the conductance.

# %% like="Chloé Dubois"

# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    net = doubled(model)
    a = net.bert.embeddings.word_embeddings(inputs["baseline_ids"].to(net.device)).detach()
    b = net.bert.embeddings.word_embeddings(inputs["input_ids"].to(net.device)).detach()
    alphas, _ = gauss(51, net.device)
    keys = ("token_type_ids", "position_ids", "attention_mask")
    out = net(
        inputs_embeds=(a + alphas * (b - a)).requires_grad_(),
        output_hidden_states=True,
        **{key: inputs[key].to(net.device).expand(51, -1) for key in keys},
    )
    grads = torch.autograd.grad(out[f"{position}_logits"].amax(-1).sum(), out.hidden_states)
    rows = [((h[1:] - h[:-1]) * g[:-1]).sum(dim=(0, 2)) for h, g in zip(out.hidden_states, grads)]
    return torch.nn.functional.normalize(torch.stack(rows), dim=1)
