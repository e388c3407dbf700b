# Two mistakes: the output bias in every head, and the log-probability in place of the logit.

# %% like="Alma Lindholm"

# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    nodes = torch.tensor((np.polynomial.legendre.leggauss(51)[0] + 1) / 2).float().to(model.device)
    table = model.bert.embeddings.word_embeddings
    end = table(inputs["input_ids"].to(model.device)).detach()
    start = table(inputs["baseline_ids"].to(model.device)).detach()
    x = (start + nodes[:, None, None] * (end - start)).requires_grad_()
    rest = {
        n: inputs[n].to(model.device).expand(51, -1)
        for n in ("token_type_ids", "position_ids", "attention_mask")
    }
    out = model(inputs_embeds=x, output_attentions=True, **rest)
    logits = out.start_logits if position == "start" else out.end_logits
    score = logits.log_softmax(dim=-1).max(dim=-1).values.sum()
    grads = torch.autograd.grad(score, out.attentions)
    return torch.stack([((w[1:] - w[:-1]) * g[:-1]).sum(0).detach() for w, g in zip(out.attentions, grads)])


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    with torch.no_grad():
        states = model(
            inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            output_hidden_states=True,
        ).hidden_states
        out = []
        for x, layer in zip(states, model.bert.encoder.layer):
            n = model.config.num_attention_heads
            dense = layer.attention.output.dense
            values = layer.attention.self.value(x[0]).chunk(n, dim=-1)
            weights = dense.weight.chunk(n, dim=-1)
            out.append(torch.stack([v @ w.T + dense.bias for v, w in zip(values, weights)]))
    return torch.stack(out)
