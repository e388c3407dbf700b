# Everything right, with helpers in cells of her own, explicit vectors, and gradients kept by retain_grad.

# %% after="check-attention_matrices"
def run(model, inputs, **more):
    """Ask the model with everything that belongs to the input."""
    given = {
        key: inputs[key].to(model.device) for key in ("token_type_ids", "position_ids", "attention_mask")
    }
    if "inputs_embeds" not in more:
        given["input_ids"] = inputs["input_ids"].to(model.device)
    return model(**given, **more)


# %% task="attention_matrices"
def attention_matrices(model, inputs):
    given = {key: inputs[key].to(model.device) for key in ("input_ids", "token_type_ids", "position_ids")}
    with torch.inference_mode():
        layers = model(**given, output_attentions=True).attentions
    return torch.stack([layer.squeeze(0) for layer in layers]).clone()


# %% task="head_norm"
def head_norm(matrices):
    result = torch.zeros_like(matrices[:, 0])
    for head in range(matrices.shape[1]):
        result += matrices[:, head] ** 2
    return result.sqrt()


# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    lookup = model.bert.embeddings.word_embeddings
    x1, x0 = lookup(inputs["input_ids"].to(model.device)), lookup(inputs["baseline_ids"].to(model.device))
    ts = torch.tensor((np.polynomial.legendre.leggauss(51)[0] + 1) / 2, device=model.device).float()
    before, result = None, None
    for t in ts:
        model.zero_grad()
        out = run(model, inputs, inputs_embeds=x0 + t * (x1 - x0), output_attentions=True)
        for a in out.attentions:
            a.retain_grad()
        {"start": out.start_logits, "end": out.end_logits}[position].max().backward()
        now = torch.cat([a.detach() for a in out.attentions])
        if before is not None:
            step = (now - before[0]) * before[1]
            result = step if result is None else result + step
        before = now, torch.cat([a.grad for a in out.attentions])
        x1, x0 = x1.detach(), x0.detach()
    model.zero_grad()
    return result


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    with torch.no_grad():
        states = run(model, inputs, output_hidden_states=True).hidden_states
        found = []
        for number, layer in enumerate(model.bert.encoder.layer):
            heads = model.config.num_attention_heads
            value = layer.attention.self.value(states[number]).squeeze(0)
            # everything but one head is set to zero, the whole projection does the rest
            rows = []
            for head in range(heads):
                masked = torch.zeros_like(value)
                size = value.shape[-1] // heads
                masked[:, head * size : (head + 1) * size] = value[:, head * size : (head + 1) * size]
                projection = layer.attention.output.dense
                rows.append(projection(masked) - projection.bias)
            found.append(torch.stack(rows))
    return torch.stack(found)


# %% after="check-transformed_vectors"
def every_vector(model, inputs):
    """alpha f(x) of each layer, head, query and key."""
    return attention_matrices(model, inputs)[..., None] * transformed_vectors(model, inputs)[:, :, None]


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    return every_vector(model, inputs).norm(dim=-1)


# %% task="summed_norms"
def summed_norms(model, inputs):
    return every_vector(model, inputs).sum(dim=1).norm(dim=-1)


# %% plot="plot-attention-and-norms"
fig = plt.figure(figsize=(12, 5))
for place, (name, values) in enumerate([("attention", norms_), ("flow", layer_flows_)], start=1):
    ax = fig.add_subplot(1, 2, place)
    ax.imshow(values[2], cmap="Greys")
    ax.set(title=name, xlabel="key", ylabel="query")
    ax.set_xticks(range(TOKENS), labels=tokens, rotation=80)
    ax.set_yticks(range(TOKENS), labels=tokens)
plt.show()

# %% [markdown] question="question-conductance"
# Layer 2 matters most, head 4, "rome" to "where". Negative means that the change of the weight lowered the logit.
