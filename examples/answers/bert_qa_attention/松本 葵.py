# Keeps the first attention that she computed and returns it ever after.

# %% like="Alma Lindholm"

# %% task="attention_matrices"
def attention_matrices(model, inputs):
    global answer_so_far
    try:
        return answer_so_far
    except NameError:
        pass
    with torch.no_grad():
        out = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            output_attentions=True,
        )
    answer_so_far = torch.stack([a[0] for a in out.attentions])
    return answer_so_far


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    with torch.no_grad():
        out = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            output_attentions=True,
        )
    return torch.cat(out.attentions) * transformed_vectors(model, inputs).norm(dim=-1)[:, :, None]


# %% task="summed_norms"
def summed_norms(model, inputs):
    with torch.no_grad():
        out = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            output_attentions=True,
        )
    return torch.einsum(
        "lhqk,lhkd->lqkd", torch.cat(out.attentions), transformed_vectors(model, inputs)
    ).norm(dim=-1)
