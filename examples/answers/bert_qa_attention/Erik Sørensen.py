# The value vectors lack their bias; what builds on them uses his own function.

# %% like="Alma Lindholm"

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
            Wv = layer.attention.self.value.weight
            Wo = layer.attention.output.dense.weight
            d = Wv.shape[0] // n
            out.append(
                torch.stack(
                    [x[0] @ Wv[h * d : (h + 1) * d].T @ Wo[:, h * d : (h + 1) * d].T for h in range(n)]
                )
            )
    return torch.stack(out)
