# Forgets to normalise wherever it can be forgotten: three functions share the mistake.

# %% like="Ayşe Kaya"

# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    x = on_device(model, inputs)
    lig = LayerIntegratedGradients(best_logit(model, position), model.bert.embeddings)
    args = (x["token_type_ids"], x["position_ids"], x["attention_mask"])
    attributions = lig.attribute(x["input_ids"], x["baseline_ids"], additional_forward_args=args)
    return attributions.sum(-1).squeeze(0)


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    x = on_device(model, inputs)
    e = model.bert.embeddings
    lig = LayerIntegratedGradients(
        best_logit(model, position), [e.word_embeddings, e.token_type_embeddings, e.position_embeddings]
    )
    w, t, p = lig.attribute(
        (x["input_ids"], x["token_type_ids"], x["position_ids"]),
        (x["baseline_ids"], x["baseline_token_type_ids"], x["baseline_position_ids"]),
        additional_forward_args=(x["attention_mask"],),
    )
    return {"word": w.sum(-1)[0], "token_type": t.sum(-1)[0], "position": p.sum(-1)[0]}


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    x = on_device(model, inputs)
    embed = model.bert.embeddings.word_embeddings
    args = (x["token_type_ids"], x["position_ids"], x["attention_mask"])
    rows = [
        LayerConductance(best_logit(model, position), layer)
        .attribute(embed(x["input_ids"]), baselines=embed(x["baseline_ids"]), additional_forward_args=args)
        .sum(-1)[0]
        for layer in model.bert.encoder.layer
    ]
    return torch.stack(rows)
