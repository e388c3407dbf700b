# The baseline is [PAD] everywhere.

# %% like="Benedikt Huber"

# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    enc = tokenizer(question, text, return_tensors="pt")
    n = enc["input_ids"].shape[1]
    return {
        "input_ids": enc["input_ids"],
        "baseline_ids": torch.full((1, n), tokenizer.pad_token_id),
        "token_type_ids": enc["token_type_ids"],
        "baseline_token_type_ids": torch.zeros(1, n, dtype=torch.int64),
        "position_ids": torch.arange(n)[None],
        "baseline_position_ids": torch.zeros(1, n, dtype=torch.int64),
        "attention_mask": enc["attention_mask"],
    }
