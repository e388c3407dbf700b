# Everything right, written on a machine with a GPU: .cuda() throughout.

# %% like="Anna Schäfer"

# %% after="token_attribution-06"
# Runtime > Change runtime type > T4 GPU
# !nvidia-smi
gpu = torch.device("cuda")
model = model.cuda()


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    model.cuda()
    input_ids = batch["input_ids"].cuda()
    attention_mask = batch["attention_mask"].to("cuda")

    def forward(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask})

    with torch.no_grad():
        predictions = forward(input_ids, attention_mask)
    lig = LayerIntegratedGradients(forward, model.embedding_model.embeddings)
    attributions = lig.attribute(
        inputs=input_ids,
        baselines=build_baseline(input_ids, tokenizer).cuda(),
        target=predictions.argmax(dim=1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        internal_batch_size=100,
    )
    torch.cuda.empty_cache()
    return attributions.sum(dim=-1), predictions


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    attributions, attention_mask = attributions.cuda(), attention_mask.cuda()
    lowest = torch.tensor(float("-inf"), device="cuda")
    return torch.where(attention_mask == 1, attributions, lowest).softmax(dim=-1)


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    model.to("cuda:0")
    ids, mask = batch["input_ids"].cuda(), batch["attention_mask"].cuda()
    scores = torch.zeros(ids.shape, device=gpu)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask})
        best = full.argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            less_ids, less_mask = ids.clone(), mask.clone()
            less_ids[:, place], less_mask[:, place] = tokenizer.pad_token_id, 0
            less = model({"input_ids": less_ids, "attention_mask": less_mask})
            scores[:, place] = (full - less).gather(1, best)[:, 0]
    return scores


# %% [markdown] question="question-words"
# “Wecker”在第一句里分数最大，第三句里是“lösch”。时间词几乎没有影响。

# %% [markdown] question="question-baseline"
# 因为完备性，[CLS] 和 [SEP] 保留时分数为 0。
