# Dropout is on while the embeddings are explained.

# %% like="Ayşe Kaya"

# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    model.train()
    x = on_device(model, inputs)
    lig = LayerIntegratedGradients(best_logit(model, position), model.bert.embeddings)
    args = (x["token_type_ids"], x["position_ids"], x["attention_mask"])
    scores = summarize(lig.attribute(x["input_ids"], x["baseline_ids"], additional_forward_args=args))
    model.eval()
    return scores
