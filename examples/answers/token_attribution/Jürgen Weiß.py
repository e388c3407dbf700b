# Everything right, without Captum: a loop over the Gauss-Legendre nodes.

# %% after="token_attribution-06"
import numpy as np


# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    # [PAD] überall, außer wo [CLS] oder [SEP] steht
    keep = torch.logical_or(input_ids.eq(tokenizer.cls_token_id), input_ids.eq(tokenizer.sep_token_id))
    baseline = input_ids.clone()
    baseline[~keep] = tokenizer.pad_token_id
    return baseline


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    layer = model.embedding_model.embeddings
    with torch.no_grad():
        x = layer(ids)
        x0 = layer(build_baseline(ids, tokenizer))
        predictions = model({"input_ids": ids, "attention_mask": mask})
    target = predictions.argmax(dim=1)

    # Knoten und Gewichte von [-1, 1] auf [0, 1] verschieben
    nodes, weights = np.polynomial.legendre.leggauss(50)
    alphas, weights = (nodes + 1) / 2, weights / 2

    integral = torch.zeros_like(x)
    for alpha, weight in zip(alphas.tolist(), weights.tolist()):
        point = (x0 + alpha * (x - x0)).requires_grad_(True)
        handle = layer.register_forward_hook(lambda module, args, output: point)
        try:
            logits = model({"input_ids": ids, "attention_mask": mask})
        finally:
            handle.remove()
        selected = logits[torch.arange(len(ids)), target].sum()
        integral += weight * torch.autograd.grad(selected, point)[0]
    attributions = ((x - x0) * integral).sum(dim=2)
    return attributions, predictions


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    valid = attention_mask.bool()
    # größten gültigen Wert abziehen, sonst läuft exp über
    largest = attributions.masked_fill(~valid, -torch.inf).max(dim=1, keepdim=True).values
    exponentials = torch.exp((attributions - largest).masked_fill(~valid, -torch.inf))
    return exponentials / exponentials.sum(dim=1, keepdim=True)


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    specials = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    words, sums = [], []
    for token, score in zip(tokens, scores):
        if token.startswith("##") and words and words[-1] not in specials:
            words[-1] += token[2:]
            sums[-1] += float(score)
        else:
            words.append(token[2:] if token.startswith("##") else token)
            sums.append(float(score))
    return list(zip(words, sums))


# %% plot="plot-attributions"
rows = (0, 2)
fig, axes = plt.subplots(len(rows), 1, figsize=(10, 5), layout="constrained")
for axis, row in zip(axes, rows):
    length = int(example["attention_mask"][row].sum())
    pieces = tokenizer.convert_ids_to_tokens(example["input_ids"][row])[:length]
    merged = merge_subtokens(pieces, attributions_[row, :length].tolist())
    values = torch.tensor([[score for _, score in merged]])
    limit = float(values.abs().max())
    image = axis.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axis.set_xticks(range(len(merged)), [word for word, _ in merged], rotation=25, ha="right")
    axis.set_yticks([])
    axis.set_title(INTENTS[int(predictions_[row].argmax())], fontsize=9)
    fig.colorbar(image, ax=axis)
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Occlusion: jedes Token einmal weglassen und schauen, wie weit das Logit fällt
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        logits = model({"input_ids": ids, "attention_mask": mask})
        for row in range(len(ids)):
            target = int(logits[row].argmax())
            length = int(mask[row].sum())
            places = torch.arange(1, length - 1)
            occluded = ids[row].repeat(len(places), 1)
            occluded[torch.arange(len(places)), places] = tokenizer.pad_token_id
            attended = mask[row].repeat(len(places), 1)
            attended[torch.arange(len(places)), places] = 0
            without = model({"input_ids": occluded, "attention_mask": attended})[:, target]
            scores[row, places] = (logits[row, target] - without).cpu()
    return scores


# %% [markdown] question="question-words"
# Bei "alarm/set_alarm" sind es "Wecker" und "Stell", bei "alarm/cancel_alarm" das "lösch". Die Uhrzeiten
# bekommen fast nichts, weil sie bei Weckern und Erinnerungen gleich aussehen. Überrascht hat mich "bitte":
# es ist leicht negativ, obwohl es nichts bedeutet.

# %% [markdown] question="question-baseline"
# Die Summe der Attributionen ist F(x) - F(x'). Bleiben [CLS] und [SEP] in der Baseline, ist dort x = x' und
# ihre Attribution genau 0; alles wird auf die Wörter verteilt. Werden sie zu [PAD], bekommen sie selbst einen
# Anteil, und die Summe erklärt den Abstand zu einem Satz, den es gar nicht gibt.
