# Half-finished: answer, inputs and best tokens are there, the rest is untouched.

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    inputs = tokenizer(question, text, return_tensors="pt")
    outputs = model(**inputs.to(model.device))
    i = outputs.start_logits.argmax()
    j = outputs.end_logits.argmax()
    return i, j, tokenizer.decode(inputs.input_ids[0, i : j + 1])


# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    inputs = dict(tokenizer(question, text, return_tensors="pt"))
    ids = inputs["input_ids"]
    special = (ids == tokenizer.cls_token_id) + (ids == tokenizer.sep_token_id)
    inputs["baseline_ids"] = ids * special + tokenizer.pad_token_id * ~special
    inputs["position_ids"] = torch.arange(ids.numel()).reshape(1, -1)
    for name in ("token_type_ids", "position_ids"):
        inputs["baseline_" + name] = torch.zeros_like(inputs[name])
    return inputs


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    pairs = [(float(s), -i) for i, s in enumerate(scores)]
    return [(tokens[-i], -i, s) for s, i in sorted(pairs, reverse=True)[:k]]
