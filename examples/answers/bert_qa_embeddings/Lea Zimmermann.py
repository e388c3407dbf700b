# Two mistakes: nats instead of bits, and one norm for all rows of the conductance.

# %% like="Ayşe Kaya"

# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    x = on_device(model, inputs)
    embed = model.bert.embeddings.word_embeddings
    rows = []
    for layer in model.bert.encoder.layer:
        attributions = LayerConductance(best_logit(model, position), layer).attribute(
            embed(x["input_ids"]),
            baselines=embed(x["baseline_ids"]),
            additional_forward_args=(x["token_type_ids"], x["position_ids"], x["attention_mask"]),
        )
        rows.append(attributions.sum(dim=-1).squeeze(0).detach())
    rows = torch.stack(rows)
    return rows / torch.norm(rows)


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    found = []
    for row in layer_scores:
        p = torch.histc(row, bins) / len(row)
        found.append(torch.distributions.Categorical(probs=p).entropy())
    return torch.stack(found)
