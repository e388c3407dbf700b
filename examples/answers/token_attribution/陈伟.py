# merge_subtokens averages the pieces of a word.

# %% like="Anna Schäfer"

# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    words = []
    for token, score in zip(tokens, scores):
        joins = token.startswith("##") and len(words) > 0 and not words[-1][0].startswith("[")
        piece = token.replace("##", "")
        if joins:
            words[-1][0] += piece
            words[-1][1].append(float(score))
        else:
            words.append([piece, [float(score)]])
    return [(word, sum(s) / len(s)) for word, s in words]


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # 每个词换成 [MASK]
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask})
        best = full.argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            masked = ids.clone()
            masked[:, place] = tokenizer.mask_token_id
            drop = full - model({"input_ids": masked, "attention_mask": mask})
            scores[:, place] = drop.gather(1, best)[:, 0].cpu()
    return scores


# %% [markdown] question="question-words"
# “Wecker”和“lösch”决定意图，它们的分数最大。

# %% [markdown] question="question-baseline"
# [CLS] 和 [SEP] 的分数是 0，因为输入和基线在这两个位置相同。
