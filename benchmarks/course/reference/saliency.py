# %% [markdown]
# # Saliency
#
# Which tokens does the intent hang on? The gradient of the predicted class's logit, times the input.

# %%
import captum.attr
import torch
import transformers

# %% tags=["active-ipynb"]
# import matplotlib.pyplot as plt
# from course.intent_classifier import TokenBaselineModel, encode, load_sentences
#
# tokenizer = transformers.AutoTokenizer.from_pretrained("models/intent-de")
# model = TokenBaselineModel.from_pretrained("models/intent-de").eval()
# sentences = load_sentences("data/intents_de_examples.tsv")
# batch = encode([sentence.text for sentence in sentences[:2]], None, tokenizer)
# print(transformers.__version__, captum.attr.__name__, batch["input_ids"].shape)


# %% task="saliency"
def saliency(batch, model):
    """Multiply gradient and input.

    Args:
        batch: `input_ids` and `attention_mask`, (batch, token).
        model: The intent classifier.

    Returns:
        Float tensor (batch, token).
    """
    ### BEGIN SOLUTION
    kept = {}
    layer = model.embedding_model.embeddings
    hook = layer.register_forward_hook(lambda module, inputs, output: kept.update(vectors=output))
    logits = model(batch)
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.max(dim=-1).values.sum(), kept["vectors"])
    return (gradient * kept["vectors"]).sum(dim=-1).detach()
    ### END SOLUTION


# %% check="saliency" tags=["active-ipynb"]
# scores = saliency(batch, model)
# assert scores.shape == batch["input_ids"].shape


# %% task="top_tokens"
def top_tokens(tokens, scores, count):
    """Return the tokens of the largest magnitudes, the strongest first.

    Args:
        tokens: List of str.
        scores: One number each.
        count: How many.

    Returns:
        List of str.
    """
    ### BEGIN SOLUTION
    order = sorted(range(len(tokens)), key=lambda place: -abs(scores[place]))
    return [tokens[place] for place in order[:count]]
    ### END SOLUTION


# %% check="top_tokens" tags=["active-ipynb"]
# assert top_tokens(["a", "b", "c"], [1.0, -3.0, 2.0], 2) == ["b", "c"]

# %% tags=["active-ipynb"]
# length = int(batch["attention_mask"][0].sum())
# plt.bar(range(length), scores[0, :length])
# plt.show()
