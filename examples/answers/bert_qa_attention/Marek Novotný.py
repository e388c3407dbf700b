# Half-finished: the matrices and the norm over the heads.

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
