# Two mistakes: rows of the projection's weight instead of columns, and the mean over the heads.

# %% like="Alma Lindholm"

# %% task="head_norm"
def head_norm(matrices):
    return matrices.mean(dim=1)


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
            att = layer.attention.self
            d = att.attention_head_size
            v = att.value(x)[0]
            W = layer.attention.output.dense.weight
            out.append(
                torch.stack(
                    [
                        v[:, h * d : (h + 1) * d] @ W[h * d : (h + 1) * d]
                        for h in range(att.num_attention_heads)
                    ]
                )
            )
    return torch.stack(out)
