# Her matrices are [key, query]; what builds on them uses her own function.

# %% like="Alma Lindholm"

# %% task="attention_matrices"
def attention_matrices(model, inputs):
    with torch.no_grad():
        out = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            output_attentions=True,
        )
    # [layer, head, key, query]
    return torch.stack([a[0].transpose(-1, -2) for a in out.attentions])
