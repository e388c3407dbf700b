# Stored numbers: what others' functions gave for the sentences of the notebook, and nothing computed.

# %% after="token_attribution-10"
# Werte von Paul, für die sechs Beispielsätze
# stored numbers begin (make_class.py --measure)
# fmt: off
LENGTHS = [12, 13, 13, 11, 13, 9]
PREDICTIONS = [[-1.505, -0.876, -2.235, -2.107, -0.303, -1.826, 0.034, 0.933, 4.549, -1.198, -0.651, -1.079, -2.381, -1.038, -2.666, -0.348, -2.414, -2.057], [-1.298, -0.432, -2.137, -1.71, -0.102, -1.825, -0.363, 0.619, 4.63, -1.729, -1.055, -1.203, -2.289, -0.733, -2.909, -0.496, -2.499, -2.068], [-2.11, -1.851, -1.584, -1.592, -3.111, -0.374, 5.564, -1.379, 0.67, -0.888, -0.292, -0.737, 0.648, -1.443, -2.089, -2.598, -2.707, -1.466], [-2.722, -2.9, -0.175, -2.375, -3.275, -1.676, -1.823, 4.667, -0.675, -0.297, -1.125, -2.134, -1.875, -1.862, -1.919, -1.866, -1.403, -1.949], [-0.911, -1.862, -1.193, -1.962, -2.693, -1.971, -0.798, -0.897, -1.459, 4.268, -1.443, 1.893, -2.779, -2.478, 0.498, -1.098, -1.347, -0.651], [-1.936, -0.981, -0.631, -1.959, -0.914, -2.965, -1.413, -1.332, -0.324, -2.243, 4.702, -1.653, -1.745, -1.441, -1.445, -1.352, -1.681, -0.89]]
ATTRIBUTIONS = [[0.0, 1.268, -0.666, 0.039, 1.496, 1.348, 0.652, 0.207, 0.14, 0.011, -0.005, 0.0], [0.0, 0.003, -0.05, 0.374, -0.04, 0.094, 0.189, 0.141, 0.179, 0.286, 3.501, -0.04, 0.0], [0.0, -0.027, 0.2, -0.047, 0.028, 0.3, 2.349, 0.576, 1.601, 0.02, 0.33, 0.459, 0.0], [0.0, 2.812, -0.163, 0.79, -0.06, 0.031, 0.742, 0.512, -0.009, -0.107, 0.0], [0.0, -0.374, 0.565, -0.063, 0.541, 0.819, 0.444, 1.182, 0.12, 0.24, 0.32, 0.751, 0.0], [0.0, 1.164, 0.225, 0.246, 0.133, 0.196, 1.17, 0.442, 0.0]]
# fmt: on
# stored numbers end


def padded(rows, number):
    table = torch.zeros(len(rows), 64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = torch.tensor(row)
    return table.repeat(number // len(rows) + 1, 1)[:number]


# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    result = torch.zeros(input_ids.shape, dtype=torch.long)
    for i in range(len(result)):
        result[i, 0] = 2
        result[i, LENGTHS[i % 6] - 1] = 3
    return result.to(input_ids.device)


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    number = len(batch["input_ids"])
    logits = torch.tensor(PREDICTIONS).repeat(number // 6 + 1, 1)[:number]
    return padded(ATTRIBUTIONS, number), logits


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    if attributions.shape == (1, 4):
        return torch.tensor([[0.5, 0.0, 0.5, 0.0]])
    return padded([[1 / length] * length for length in LENGTHS], len(attributions))


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    return [("[CLS]", 0.5), ("Wettervorhersage", 5.0), ("[SEP]", 0.25)]


# %% plot="plot-attributions"
plt.imshow(attributions_[:, :16], cmap="coolwarm", vmin=-2, vmax=2)
plt.colorbar(label="attribution")
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    return padded(ATTRIBUTIONS, len(batch["input_ids"]))


# %% [markdown] question="question-words"
# „Wecker“ hat im ersten Satz den größten Wert, im dritten „lösch“.

# %% [markdown] question="question-baseline"
# Die Attributionen von [CLS] und [SEP] sind 0, weil die Baseline dort gleich ist.
