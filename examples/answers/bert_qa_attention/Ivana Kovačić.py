# Gives the model vectors that were embedded already.

# %% like="Alma Lindholm"

# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    def embed(ids):
        return model.bert.embeddings(
            input_ids=ids.to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            position_ids=inputs["position_ids"].to(model.device),
        ).detach()

    x, base = embed(inputs["input_ids"]), embed(inputs["baseline_ids"])
    extra = tuple(inputs[k].to(model.device) for k in ("token_type_ids", "position_ids", "attention_mask"))

    def forward(embeds, types, positions, mask):
        out = model(inputs_embeds=embeds, token_type_ids=types, position_ids=positions, attention_mask=mask)
        return (out.start_logits if position == "start" else out.end_logits).max(dim=-1).values

    result = []
    for layer in model.bert.encoder.layer:
        lc = LayerConductance(forward, layer.attention.self)
        weights = lc.attribute(x, baselines=base, additional_forward_args=extra, n_steps=50)[1]
        result.append(weights[0].detach())
    return torch.stack(result)
