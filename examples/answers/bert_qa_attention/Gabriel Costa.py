# Explains the position that the model answers with, all along the path.

# %% like="Alma Lindholm"

# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    emb = model.bert.embeddings.word_embeddings
    x = emb(inputs["input_ids"].to(model.device)).detach()
    base = emb(inputs["baseline_ids"].to(model.device)).detach()
    extra = tuple(inputs[k].to(model.device) for k in ("token_type_ids", "position_ids", "attention_mask"))

    def forward(embeds, types, positions, mask):
        out = model(inputs_embeds=embeds, token_type_ids=types, position_ids=positions, attention_mask=mask)
        return out.start_logits if position == "start" else out.end_logits

    with torch.no_grad():
        answer = int(forward(x, *extra).argmax())
    result = []
    for layer in model.bert.encoder.layer:
        lc = LayerConductance(forward, layer.attention.self)
        weights = lc.attribute(x, baselines=base, target=answer, additional_forward_args=extra, n_steps=50)[1]
        result.append(weights[0].detach())
    return torch.stack(result)
