# Explains the log-probability, not the logit.

# %% like="Anna Schäfer"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)

    def log_probs(ids, mask):
        logits = model({"input_ids": ids, "attention_mask": mask})
        return torch.nn.functional.log_softmax(logits, dim=-1)

    with torch.no_grad():
        predictions = model({"input_ids": input_ids, "attention_mask": attention_mask})
    lig = LayerIntegratedGradients(log_probs, model.embedding_model.embeddings)
    attributions = lig.attribute(
        input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=predictions.argmax(dim=-1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    return attributions.sum(dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    with torch.no_grad():
        x, x0 = layer(ids), layer(build_baseline(ids, tokenizer))
        target = model({"input_ids": ids, "attention_mask": mask}).argmax(-1, keepdim=True)
    total = torch.zeros_like(x)
    for step in range(4):
        point = (x0 + (step + 0.5) / 4 * (x - x0)).requires_grad_()
        hook = layer.register_forward_hook(lambda m, i, o: point)
        log_p = model({"input_ids": ids, "attention_mask": mask}).log_softmax(-1)
        hook.remove()
        total += torch.autograd.grad(log_p.gather(1, target).sum(), point)[0] / 4
    return ((x - x0) * total).sum(-1)


# %% [markdown] question="question-words"
# For set_alarm "Wecker" (largest bar), for modify_alarm "Verschiebe". Both are verbs or nouns that name the
# action. The number of the hour never matters, which I first found strange but it is the same for all intents.

# %% [markdown] question="question-baseline"
# Completeness: the sum of all attributions is the difference between input and baseline. [CLS] and [SEP] are the
# same in both, so they get zero and the words get everything.
