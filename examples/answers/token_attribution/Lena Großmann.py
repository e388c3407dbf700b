# The target is the label of the sentence, not what the model predicts.

# %% like="Anna Schäfer"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)
    labels = batch["labels"].to(model.device)

    def predict(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask})

    with torch.no_grad():
        predictions = predict(input_ids, attention_mask)
    lig = LayerIntegratedGradients(predict, model.embedding_model.embeddings)
    attributions = lig.attribute(
        inputs=input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=labels.argmax(dim=1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    return attributions.sum(dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Saliency aus dem Beispiel oben: die Länge des Gradienten
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    kept = {}
    hook = model.embedding_model.embeddings.register_forward_hook(
        lambda module, inputs, output: kept.update(embeddings=output.requires_grad_())
    )
    logits = model({"input_ids": ids, "attention_mask": mask})
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), kept["embeddings"])
    return gradient.norm(dim=-1)


# %% [markdown] question="question-words"
# „Wecker“ und „Stell“ entscheiden im ersten Satz, „lösch“ im dritten. Sie sind die Wörter, die den Intent
# benennen. Überraschend: „Uhr“ hat kaum Einfluss.

# %% [markdown] question="question-baseline"
# Ohne [CLS] und [SEP] in der Baseline bekämen die beiden Tokens auch eine Attribution. Die Summe wäre eine
# andere, weil F(x') anders ist.
