# Types and positions start from zero in part 3, too: the summary of part 4 as a whole module.

# %% like="Ayşe Kaya"

# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    x = on_device(model, inputs)
    e = model.bert.embeddings
    with torch.no_grad():
        a = e(x["baseline_ids"], x["baseline_token_type_ids"], x["baseline_position_ids"])
        b = e(x["input_ids"], x["token_type_ids"], x["position_ids"])

    def forward(vectors):
        hook = e.register_forward_hook(lambda module, args, output: vectors)
        try:
            mask = x["attention_mask"].expand(len(vectors), -1)
            out = model(x["input_ids"].expand(len(vectors), -1), attention_mask=mask)
        finally:
            hook.remove()
        return out[position + "_logits"].max(dim=-1).values

    from captum.attr import IntegratedGradients

    return summarize(IntegratedGradients(forward).attribute(b, a))
