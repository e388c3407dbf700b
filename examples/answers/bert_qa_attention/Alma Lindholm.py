# Everything right: Captum for the conductance, views and einsum for the vectors.

# %% task="attention_matrices"
def attention_matrices(model, inputs):
    with torch.no_grad():
        out = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            position_ids=inputs["position_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            output_attentions=True,
        )
    return torch.cat(out.attentions)


# %% task="head_norm"
def head_norm(matrices):
    return torch.linalg.vector_norm(matrices, dim=1)


# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    emb = model.bert.embeddings.word_embeddings
    x = emb(inputs["input_ids"].to(model.device)).detach()
    base = emb(inputs["baseline_ids"].to(model.device)).detach()
    extra = tuple(inputs[k].to(model.device) for k in ("token_type_ids", "position_ids", "attention_mask"))

    def forward(embeds, types, positions, mask):
        out = model(inputs_embeds=embeds, token_type_ids=types, position_ids=positions, attention_mask=mask)
        logits = out.start_logits if position == "start" else out.end_logits
        return logits.max(dim=-1).values

    result = []
    for layer in model.bert.encoder.layer:
        lc = LayerConductance(forward, layer.attention.self)
        _, weights = lc.attribute(x, baselines=base, additional_forward_args=extra, n_steps=50)
        result.append(weights[0].detach())
    return torch.stack(result)


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    with torch.no_grad():
        states = model(
            inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            output_hidden_states=True,
        ).hidden_states
        out = []
        for i, layer in enumerate(model.bert.encoder.layer):
            att = layer.attention.self
            n, d = att.num_attention_heads, att.attention_head_size
            v = att.value(states[i])[0].view(-1, n, d)  # token, head, d
            w = layer.attention.output.dense.weight.view(-1, n, d)  # hidden, head, d
            out.append(torch.einsum("thd,ohd->hto", v, w))
    return torch.stack(out)


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    f = transformed_vectors(model, inputs)
    return attention_matrices(model, inputs) * f.norm(dim=-1).unsqueeze(2)


# %% task="summed_norms"
def summed_norms(model, inputs):
    alpha = attention_matrices(model, inputs)
    f = transformed_vectors(model, inputs)
    return torch.einsum("lhij,lhjd->lijd", alpha, f).norm(dim=-1)


# %% plot="plot-attention-and-norms"
fig, axs = plt.subplots(1, 2, figsize=(12, 5))
axs[0].imshow(head_norm(matrices_)[2].cpu())
axs[1].imshow(summed_norms(model, inputs)[2].cpu())
for ax, title in zip(axs, ("attention", "norms")):
    ax.set_title(title)
    ax.set_xticks(range(TOKENS), tokens, rotation=90)
    ax.set_yticks(range(TOKENS), tokens)
plt.show()

# %% [markdown] question="question-norms"
# In layer 3 "ben" gets 0.19 of the attention, but its f(x) is only 2.5 long; "anna" gets 0.06 with 6.6. So "anna" sends
# more. When the heads are added up about 79 % is left, so heads cancel a bit.

# %% [markdown] question="question-conductance"
# The largest conductance is in layer 2, head 4 ("rome" looks at "where", 9.3), though the weight is small. A weight of
# "does" on itself is 0.98 and has conductance 0, because the logit does not depend on it.
