# Right, with the trapezoidal rule in place of Gauss-Legendre.

# %% like="Jürgen Weiß"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)

    def forward(token_ids, attention_mask):
        return model({"input_ids": token_ids, "attention_mask": attention_mask})

    logits = forward(ids, mask)
    result = LayerIntegratedGradients(forward, model.embedding_model.embeddings).attribute(
        ids,
        build_baseline(ids, tokenizer),
        target=logits.argmax(-1),
        additional_forward_args=mask,
        n_steps=50,
        method="riemann_trapezoid",
        internal_batch_size=200,
    )
    return result.sum(2), logits


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    gradients = []
    with torch.no_grad():
        x, x0 = layer(ids), layer(build_baseline(ids, tokenizer))
    x.requires_grad_()
    hook = layer.register_forward_hook(lambda *args: x)
    logits = model({"input_ids": ids, "attention_mask": mask})
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.amax(dim=1).sum(), x)
    return ((x - x0) * gradient).sum(-1).detach()


# %% [markdown] question="question-words"
# The noun of the request decides ("Wecker", "Wetter", "Erinnerung"), because the training sentences of the
# other intents do not have it. In the first sentence it has more than twice the score of the next word. The
# surprise was "mir", which is slightly negative.

# %% [markdown] question="question-baseline"
