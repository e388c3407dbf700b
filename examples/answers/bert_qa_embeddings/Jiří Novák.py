# Two mistakes: the answer's end is left out, and the best tokens are those of the largest magnitude.

# %% like="Ayşe Kaya"

# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    enc = tokenizer(question, text, return_tensors="pt").to(model.device)
    out = model(**enc)
    start, end = out.start_logits.argmax().item(), out.end_logits.argmax().item()
    return start, end, tokenizer.decode(enc["input_ids"][0][start:end])


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    order = torch.argsort(torch.as_tensor(scores).abs(), descending=True, stable=True)
    return [(tokens[int(i)], int(i), float(scores[int(i)])) for i in order[:k]]
