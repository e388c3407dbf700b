# Everything right, but prints megabytes: one cell at a go, and a little in every call.

# %% like="Jürgen Weiß"

# %% after="check-build_baseline"
# let me look at all of it
for i in range(2000):
    print(i, "baseline", baseline_.tolist(), "input", example["input_ids"].tolist())


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    print("DEBUG attributions", attributions.tolist())
    print("DEBUG attention_mask", attention_mask.tolist())
    importance = torch.zeros_like(attributions)
    for i in range(len(attributions)):
        valid = attention_mask[i] == 1
        importance[i, valid] = torch.softmax(attributions[i, valid], dim=0)
        print("DEBUG", i, importance[i].tolist(), importance[i].sum())
    return importance


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask}).log_softmax(-1)
        best = full.argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            print("place", place)
            without, attended = ids.clone(), mask.clone()
            without[:, place], attended[:, place] = tokenizer.pad_token_id, 0
            changed = model({"input_ids": without, "attention_mask": attended}).log_softmax(-1)
            scores[:, place] = (full - changed).gather(1, best)[:, 0].cpu()
            print(scores[:, place].tolist())
    return scores


# %% [markdown] question="question-words"
# Sentence 1 "Wecker", sentence 3 "lösch", see the prints above.

# %% [markdown] question="question-baseline"
# If they are kept, F(x) - F(x') is only about the words.
