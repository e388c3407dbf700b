# Explains the token that wins at the input, all along the path.

# %% like="Ayşe Kaya"

# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    x = on_device(model, inputs)

    def logits(ids, types, positions, mask):
        out = model(ids, token_type_ids=types, position_ids=positions, attention_mask=mask)
        return out.start_logits if position == "start" else out.end_logits

    args = (x["token_type_ids"], x["position_ids"], x["attention_mask"])
    with torch.no_grad():
        target = int(logits(x["input_ids"], *args).argmax())
    lig = LayerIntegratedGradients(logits, model.bert.embeddings)
    return summarize(
        lig.attribute(x["input_ids"], x["baseline_ids"], target=target, additional_forward_args=args)
    )


# %% [markdown] question="question-layers"
# The last layer has only the answer.
