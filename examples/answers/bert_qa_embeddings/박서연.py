# Two mistakes: gradients at the input alone, and one range of bins for all layers.

# %% like="Chloé Dubois"

# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    kept = []
    hook = model.bert.embeddings.register_forward_hook(lambda module, args, out: kept.append(out))
    keys = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    out = model(**{key: inputs[key].to(model.device) for key in keys})
    hook.remove()
    (gradient,) = torch.autograd.grad(out[position + "_logits"].max(), kept[0])
    scores = gradient[0].sum(dim=-1)
    return scores / scores.norm()


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    counts = torch.stack(
        [torch.histc(row, bins, layer_scores.min(), layer_scores.max()) for row in layer_scores]
    )
    p = counts / counts.sum(dim=1, keepdim=True)
    return -(p * torch.log2(p.clamp_min(1e-20))).sum(dim=1)
