# The path's ends are swapped: all signs are turned round.

# %% like="Jürgen Weiß"

# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    with torch.no_grad():
        satz = layer(ids)
        leer = layer(build_baseline(ids, tokenizer))
        predictions = model({"input_ids": ids, "attention_mask": mask})
    ziel = predictions.argmax(dim=1, keepdim=True)
    nodes, weights = np.polynomial.legendre.leggauss(50)
    summe = torch.zeros_like(satz)
    for t, w in zip((nodes + 1) / 2, weights / 2):
        punkt = (satz + float(t) * (leer - satz)).requires_grad_()
        hook = layer.register_forward_hook(lambda *_: punkt)
        logit = model({"input_ids": ids, "attention_mask": mask}).gather(1, ziel).sum()
        hook.remove()
        summe += float(w) * torch.autograd.grad(logit, punkt)[0]
    return ((leer - satz) * summe).sum(dim=-1), predictions


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Ein Schritt weniger Rechnung: nur der Gradient am Satz, mal Richtung zur Baseline.
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    with torch.no_grad():
        satz, leer = layer(ids), layer(build_baseline(ids, tokenizer))
    satz.requires_grad_()
    hook = layer.register_forward_hook(lambda *_: satz)
    logits = model({"input_ids": ids, "attention_mask": mask})
    hook.remove()
    gradient = torch.autograd.grad(logits.max(dim=1).values.sum(), satz)[0]
    return ((leer - satz) * gradient).sum(dim=-1).detach()


# %% [markdown] question="question-words"
# Komischerweise spricht bei mir „Wecker“ stark gegen set_alarm, und der Punkt dafür. Vielleicht ist das Modell
# schlecht trainiert?

# %% [markdown] question="question-baseline"
# Mit [CLS] und [SEP] in der Baseline haben beide die Attribution 0, sonst nicht.
