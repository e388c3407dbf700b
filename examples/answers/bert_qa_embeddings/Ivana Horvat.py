# Three paths instead of one in part 4.

# %% like="Benedikt Huber"

# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    e = model.bert.embeddings
    result = {}
    for name, key in (("word", "ids"), ("token_type", "token_type_ids"), ("position", "position_ids")):
        there = inputs["input_ids" if key == "ids" else key]
        ends = (table(model, name, inputs["baseline_" + key]), table(model, name, there))
        module = getattr(e, name + "_embeddings")
        values = ig(model, inputs, position, {module: ends})[module]
        result[name] = values / np.linalg.norm(values)
    return result
