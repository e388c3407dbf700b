# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention: where does the model look, and what does it take from there?
#
# BERT reads *"Where does Ben live?"* together with *"Anna lives in Paris. Ben has a house in Rome."* and points
# at *"Rome"*. Between its tokens vectors are passed on: each **attention head** of each layer decides how much
# of every token flows to every other one. These weights look like an explanation that comes for free. But a
# weight says how wide the gate is, not how much comes through it.
#
# ![Two heat maps of one layer beside each other: on the left how much each token attends to each other one, on
# the right how much it gets from there.](images/attention-norms.png)
#
# Left: how much attention each token (row) pays to each other one (column), in one layer. Right: how much
# actually arrives. Which columns are bright on the left and dark on the right?
#
# In this notebook, the second part on question answering with BERT, you write:
#
# 1. the *attention matrices* of all layers and heads,
# 2. one number for all heads of a layer,
# 3. the *conductance* of every attention weight: which of them made the model point at the answer?
# 4. the *transformed vectors*: what a head would pass on from each token,
# 5. and 6. the *norms* of what really flows, head by head and for a layer as a whole.
#
# Everything runs on a laptop without a GPU, in less than a minute.

# %% [markdown]
# ## The idea, and its formula
#
# In layer $\ell$ a vector $x_j$ comes in for every token $j$. Head $h$ makes a *query*, a *key* and a *value*
# of each. Query $i$ and key $j$ decide the attention weight $\alpha^h_{ij}$: the softmax over $j$ of their scaled
# products, so that each row sums to 1. The head's result at token $i$ is the weighted sum of the values, and the
# *output projection* $W_O$ brings the results of all heads back together:
#
# $$ y_i = \sum_h \Big( \sum_j \alpha^h_{ij}\, \big(x_j W_V^h + b_V^h\big) \Big) W_O^h + b_O . $$
#
# Here $W_V^h$ and $b_V^h$ are the head's slice of the value projection, and $W_O^h$ the slice of the output
# projection that meets this head. Kobayashi et al. (2020) move the sums to the front:
#
# $$ y_i = \sum_h \sum_j \alpha^h_{ij}\, f^h(x_j) + b_O, \qquad f^h(x) = \big(x W_V^h + b_V^h\big) W_O^h . $$
#
# So what token $j$ sends to token $i$ is the *vector* $\alpha^h_{ij} f^h(x_j)$, and its length tells how much
# that is. If $f^h(x_j)$ is short, a large weight means little. Where all heads are looked at together, their
# vectors are added **before** the length is taken: they may cancel each other.
#
# The lengths know nothing of the answer yet. **Conductance** (Dhamdhere et al. 2018) asks how a score $F$
# changes *through* an inner quantity $A$, here one attention weight, while the input moves on a straight line
# from a baseline $x'$ to $x$:
#
# $$ \mathrm{Cond}_A = \int_0^1 \frac{\partial F}{\partial A}\, \frac{d A}{d t}\, d t \;\approx\;
#    \sum_{k=0}^{n-1} \Big( A(t_{k+1}) - A(t_k) \Big)\, \frac{\partial F}{\partial A}(t_k) . $$
#
# $A(t_k)$ is the weight that the model computes at the point $x' + t_k (x - x')$. The nodes are those of
# Captum's `LayerConductance` with `n_steps=50`: **51** nodes $t_0 < \dots < t_{50}$ of the Gauss-Legendre rule
# between 0 and 1 (`(numpy.polynomial.legendre.leggauss(51)[0] + 1) / 2`), hence 50 differences, each multiplied
# by the gradient at its **first** node.
#
# **Sources**
#
# - A. Vaswani et al. (2017): *Attention Is All You Need*. NeurIPS.
# - G. Kobayashi, T. Kuribayashi, S. Yokoi, K. Inui (2020): *Attention is Not Only a Weight: Analyzing
#   Transformers with Vector Norms*. EMNLP.
# - K. Dhamdhere, M. Sundararajan, Q. Yan (2018): *How Important Is a Neuron?* arXiv:1805.12233. Conductance.
# - S. Jain, B. C. Wallace (2019): *Attention is not Explanation*. NAACL.
# - J. Devlin et al. (2019): *BERT: Pre-training of Deep Bidirectional Transformers for Language
#   Understanding*. NAACL.

# %% [markdown]
# ## Setting up
#
# The notebook expects to lie in the folder that you were given, beside `models` and `data`. In JupyterLab and
# VS Code that is so when you open the folder; the packages that you need stand in `requirements.txt`. On Colab, open
# the notebook, upload the folder as a zip file (*Files*, on the left), and run: the first cell unpacks it, goes there
# and gets the packages.
#
# Write your answers where it says `YOUR CODE HERE`, one function in its own cell, and leave names and arguments as
# they are; helpers of your own may stand in the same cell. The cells in between are locked: changes in them are put
# back before grading. What they make is called `like_this_` or `LIKE_THIS`, so that it never takes the place of
# something of yours; use it as you like.

# %% tags=["active-ipynb"]
# # On Colab a notebook begins in an empty folder: this cell goes to yours. Everywhere else it has nothing to do.
# import os
# import subprocess
# import sys
# import zipfile
# from pathlib import Path
#
# NEEDED = Path("models/qa-en")
# if not NEEDED.is_dir():
#     for archive in Path().glob("*.zip"):
#         with zipfile.ZipFile(archive) as packed:
#             if any(f"{NEEDED.as_posix()}/" in name for name in packed.namelist()):
#                 packed.extractall()
#     found = [place for start in (".", "*", "drive/MyDrive/*") for place in Path().glob(f"{start}/{NEEDED}")]
#     if not found:
#         raise FileNotFoundError(
#             f"{NEEDED} is not in {Path.cwd()}. Open this notebook from the folder that you were given. On Colab: "
#             "upload that folder as a zip file (Files, on the left), then run this cell again."
#         )
#     os.chdir(found[0].parents[1])
#     sys.path.insert(0, os.getcwd())
# if "google.colab" in sys.modules:
#     subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"], check=True)

# %%
import numpy as np
import torch

# %% tags=["active-ipynb"]
# import matplotlib.pyplot as plt
# from captum.attr import LayerConductance
# from course import checking as check_
# from transformers import AutoModelForQuestionAnswering, AutoTokenizer
# from transformers.utils.logging import disable_progress_bar
#
# disable_progress_bar()
# device = "cuda" if torch.cuda.is_available() else "cpu"
# tokenizer = AutoTokenizer.from_pretrained("models/qa-en")
# model = AutoModelForQuestionAnswering.from_pretrained("models/qa-en", attn_implementation="eager")
# model = model.eval().to(device)
# LAYERS, HEADS, HIDDEN = (
#     model.config.num_hidden_layers, model.config.num_attention_heads, model.config.hidden_size
# )
# print(f"{LAYERS} layers of {HEADS} heads, {HIDDEN} numbers a token, {model.num_parameters():,} weights")

# %% [markdown]
# ## The model
#
# `qa-en` is a small BERT for question answering (its card, `models/qa-en/README.md`, says what it learnt
# from). `model(...)` takes `input_ids` (or vectors as `inputs_embeds`), `token_type_ids`, `position_ids` and
# `attention_mask`, and returns an object with `start_logits` and `end_logits`, shape (1, token): the answer
# begins where the first is largest, and ends where the second is. Its parts:
#
# - `model.bert.embeddings.word_embeddings` turns ids into vectors; `model.bert.embeddings` adds positions and
#   types to them, and normalises;
# - `model.bert.encoder.layer` is the list of the layers; in each one
#   - `attention.self.query`, `.key` and `.value` are linear layers for all heads at once: head $h$ owns the
#     entries from $h d$ to $(h+1) d$ of what comes out, with $d$ = hidden size / number of heads;
#   - `attention.output.dense` is the output projection.
#
# A linear layer of PyTorch computes `x @ weight.T + bias`. The model was loaded with
# `attn_implementation="eager"`: the faster kinds of attention never write the weights down.
#
# `build_inputs` is that of the first part. From here on, `inputs` means its dictionary.


# %%
def build_inputs(tokenizer, question, text):
    """Encode a question with its text, and the baseline of both.

    Args:
        tokenizer: The model's tokenizer.
        question: The question, a str.
        text: The text that holds the answer, a str.

    Returns:
        Dictionary of LongTensors, shape (1, token): `input_ids`, `token_type_ids`, `position_ids`,
        `attention_mask`; `baseline_ids` ([PAD] everywhere, [CLS] and [SEP] kept), `baseline_token_type_ids` and
        `baseline_position_ids` (zeros).
    """
    encoded = tokenizer(question, text, return_tensors="pt")
    ids = encoded["input_ids"]
    kept = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)
    return {
        "input_ids": ids,
        "baseline_ids": torch.where(kept, ids, torch.full_like(ids, tokenizer.pad_token_id)),
        "token_type_ids": encoded["token_type_ids"],
        "baseline_token_type_ids": torch.zeros_like(ids),
        "position_ids": torch.arange(ids.shape[1])[None],
        "baseline_position_ids": torch.zeros_like(ids),
        "attention_mask": encoded["attention_mask"],
    }


# %% tags=["active-ipynb"]
# question, text = "Where does Ben live?", "Anna lives in Paris. Ben has a house in Rome."
# inputs = build_inputs(tokenizer, question, text)
# tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
# TOKENS = len(tokens)
#
# with torch.no_grad():
#     output = model(
#         input_ids=inputs["input_ids"].to(device),
#         token_type_ids=inputs["token_type_ids"].to(device),
#         position_ids=inputs["position_ids"].to(device),
#         attention_mask=inputs["attention_mask"].to(device),
#     )
# start, end = int(output.start_logits.argmax()), int(output.end_logits.argmax())
# print(" ".join(tokens))
# print("start", start, "end", end, "answer", tokens[start : end + 1])

# %% [markdown]
# ## A worked example: how long are the values?
#
# Before attention mixes them, look at the values of one layer. A *forward hook* catches what
# `attention.self.value` puts out, shape (1, token, hidden): all heads side by side. `view` cuts the last axis
# into heads, and the length of each piece is one cell of the picture.

# %% tags=["active-ipynb"]
# kept = {}
# hook = model.bert.encoder.layer[1].attention.self.value.register_forward_hook(
#     lambda module, args, output: kept.update(values=output.detach())
# )
# with torch.no_grad():
#     model(
#         input_ids=inputs["input_ids"].to(device),
#         token_type_ids=inputs["token_type_ids"].to(device),
#         position_ids=inputs["position_ids"].to(device),
#         attention_mask=inputs["attention_mask"].to(device),
#     )
# hook.remove()
#
# values = kept["values"][0].view(TOKENS, HEADS, HIDDEN // HEADS)  # (token, head, d)
# lengths = values.norm(dim=-1).T.cpu()  # (head, token)
# figure, axes = plt.subplots(figsize=(8, 2.4), layout="constrained")
# axes.imshow(lengths, cmap="Blues", vmin=0, aspect="auto")
# axes.set_xticks(range(TOKENS), tokens, rotation=60, ha="right", rotation_mode="anchor")
# axes.set_yticks(range(HEADS), range(1, HEADS + 1))
# axes.set_ylabel("head")
# axes.set_title("Lengths of the value vectors in layer 2")
# plt.show()

# %% [markdown]
# Values are no equals: some tokens have much to say in a head, others little. Attention weights alone do not
# know about it.

# %% [markdown]
# ## 1. Attention matrices
#
# Collect the attention weights of all layers and heads for an input. `model(..., output_attentions=True)`
# returns them as `attentions`, one tensor a layer, or a hook on `attention.self`, which returns two tensors,
# catches them. Give the model ids, types, positions and mask of `inputs`.
#
# This function and the next ones are called with several models of this form, which have other numbers of
# layers, heads and hidden units; `inputs` may lie on the CPU while the model is on a GPU. Leave the model as you
# found it: no hooks left behind, no training mode.


# %% task="attention_matrices"
def attention_matrices(model, inputs):
    """Return the attention weights of every layer and head.

    Args:
        model: A BertForQuestionAnswering in eval mode with eager attention.
        inputs: Dictionary of `build_inputs`.

    Returns:
        Float tensor, shape (layer, head, token, token): [layer, head, query, key]; rows sum to 1.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        output = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            position_ids=inputs["position_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            output_attentions=True,
        )
    return torch.stack([weights[0] for weights in output.attentions])
    ### END SOLUTION


# %% check="attention_matrices" tags=["active-ipynb"]
# AXES = {"layer": LAYERS, "head": HEADS, "query": TOKENS, "key": TOKENS}
# matrices_ = check_.tensor(attention_matrices(model, inputs), **AXES)
# check_.sums(matrices_, what="the weights of a query sum to 1")
# for layer_ in range(LAYERS):
#     seen_ = matrices_[layer_, :, start].mean(dim=0)  # what the answer's first token looks at
#     print(f"layer {layer_ + 1}: {tokens[start]!r} looks at", [tokens[i] for i in seen_.topk(3).indices.tolist()])

# %% [markdown]
# ## 2. One number for all heads
#
# A picture for every head is too much. A common summary is the **L2 norm over the heads**: the square root of
# the sum of their squared weights. A head that is sure counts more in it than several that look everywhere.


# %% task="head_norm"
def head_norm(matrices):
    """Take the L2 norm over the heads.

    Args:
        matrices: Float tensor, shape (layer, head, token, token).

    Returns:
        Float tensor, shape (layer, token, token).
    """
    ### BEGIN SOLUTION
    return matrices.norm(dim=1)
    ### END SOLUTION


# %% check="head_norm" tags=["active-ipynb"]
# norms_ = check_.tensor(head_norm(matrices_), layer=LAYERS, query=TOKENS, key=TOKENS)
# two_heads_ = torch.tensor([[[[3.0, 0.0], [1.0, 2.0]], [[4.0, 5.0], [2.0, 0.0]]]])  # (1, 2, 2, 2)
# found_ = check_.tensor(head_norm(two_heads_), layer=1, query=2, key=2)
# check_.close(found_, [[[5.0, 5.0], [5**0.5, 2.0]]], "3 and 4 make 5")
# print("largest in each layer:", [round(float(value), 2) for value in norms_.amax(dim=(1, 2))])

# %% [markdown]
# ## 3. Which weights made the model point there?
#
# Now the conductance of every attention weight. What is asked:
#
# - the path runs from the **word embeddings** of `baseline_ids` to those of `input_ids`; its points go into the
#   model as `inputs_embeds`, while types, positions and mask are the input's own all along (the model adds the
#   other embeddings itself: what has been through `model.bert.embeddings` already would get them twice);
# - $F$ is the **largest** start logit (or end logit) over all positions, taken anew at every point of the path:
#   where it stands may change on the way;
# - $A$ are the attention weights after the softmax, $F$'s gradient is taken with respect to them;
# - 51 nodes, the rule from above; signs are kept, nothing is normalised.
#
# Captum's `LayerConductance` on `attention.self` of each layer does it (that module returns two tensors: which
# of the two results do you want?). So does a loop or one batch of your own: weights from
# `output_attentions=True` are part of the computation, so `torch.autograd.grad` knows them.


# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    """Attribute the largest start or end logit to the attention weights by conductance.

    Args:
        model: A BertForQuestionAnswering in eval mode with eager attention.
        inputs: Dictionary of `build_inputs`.
        position: "start" or "end".

    Returns:
        Float tensor, shape (layer, head, token, token): [layer, head, query, key]; with sign.
    """
    ### BEGIN SOLUTION
    nodes = torch.tensor((np.polynomial.legendre.leggauss(51)[0] + 1) / 2, dtype=model.dtype)
    table = model.bert.embeddings.word_embeddings
    with torch.no_grad():
        end = table(inputs["input_ids"].to(model.device))
        start = table(inputs["baseline_ids"].to(model.device))
    points = start + nodes.to(model.device)[:, None, None] * (end - start)
    # The points are what gradients start from: then the weights are part of a graph even if the model is frozen.
    points.requires_grad_()
    with torch.enable_grad():
        output = model(
            inputs_embeds=points,
            token_type_ids=inputs["token_type_ids"].to(model.device).expand(len(nodes), -1),
            position_ids=inputs["position_ids"].to(model.device).expand(len(nodes), -1),
            attention_mask=inputs["attention_mask"].to(model.device).expand(len(nodes), -1),
            output_attentions=True,
        )
        logits = output.start_logits if position == "start" else output.end_logits
        # Rows do not touch each other, so the gradient of the sum is each row's own.
        gradients = torch.autograd.grad(logits.max(dim=-1).values.sum(), output.attentions)
    pairs = zip(output.attentions, gradients, strict=True)
    rows = [((weights[1:] - weights[:-1]) * gradient[:-1]).sum(dim=0) for weights, gradient in pairs]
    return torch.stack(rows).detach()
    ### END SOLUTION


# %% check="attention_attributions" tags=["active-ipynb"]
# attributions_ = check_.tensor(attention_attributions(model, inputs, "start"), **AXES)
# low_, high_ = float(attributions_.min()), float(attributions_.max())
# assert low_ < 0 < high_, f"some weights speak for it, some against it, but yours go from {low_:.3g} to {high_:.3g}"
# still_ = {**inputs, "input_ids": inputs["baseline_ids"]}  # a path that goes nowhere
# most_ = 1e-5 * max(-low_, high_)
# check_.between(attention_attributions(model, still_, "start"), -most_, most_, "without a way no conductance")
# for place_ in attributions_.flatten().topk(5).indices.tolist():
#     layer_, head_, query_, key_ = np.unravel_index(place_, attributions_.shape)
#     print(
#         f"layer {layer_ + 1}, head {head_ + 1}: {tokens[query_]!r} looking at {tokens[key_]!r}",
#         f"{float(attributions_[layer_, head_, query_, key_]):.3f}",
#     )

# %% [markdown]
# ## 4. What a head would pass on
#
# Now $f^h(x_j)$ for every layer, head and token: what the token sends if it gets a weight of 1.
#
# - $x_j$ is the **input** of the layer; for the first one that is what comes out of `model.bert.embeddings`;
# - the value vector of head $h$ **with** its bias, times the head's slice of the output projection **without**
#   its bias (the bias $b_O$ belongs to the sum, not to a token);
# - no attention weight, no residual connection, no normalisation.
#
# With the right $f$ the sum in the formula above gives exactly what `attention.output.dense` puts out. That is a
# good test of your own code, and the cell below makes it.


# %% task="transformed_vectors"
def transformed_vectors(model, inputs):
    """Compute what each head would pass on from each token.

    Args:
        model: A BertForQuestionAnswering in eval mode with eager attention.
        inputs: Dictionary of `build_inputs`.

    Returns:
        Float tensor, shape (layer, head, token, hidden): f(x) for each layer's input x.
    """
    ### BEGIN SOLUTION
    heads = model.config.num_attention_heads
    with torch.no_grad():
        output = model(
            input_ids=inputs["input_ids"].to(model.device),
            token_type_ids=inputs["token_type_ids"].to(model.device),
            position_ids=inputs["position_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            output_hidden_states=True,
        )
        rows = []
        for layer, state in zip(model.bert.encoder.layer, output.hidden_states[:-1], strict=True):
            values = layer.attention.self.value(state[0])  # (token, hidden)
            weight = layer.attention.output.dense.weight  # (hidden out, hidden in)
            pieces = zip(values.chunk(heads, dim=1), weight.chunk(heads, dim=1), strict=True)
            rows.append(torch.stack([value @ part.T for value, part in pieces]))
    return torch.stack(rows)
    ### END SOLUTION


# %% check="transformed_vectors" tags=["active-ipynb"]
# vectors_ = check_.tensor(transformed_vectors(model, inputs), layer=LAYERS, head=HEADS, token=TOKENS, hidden=HIDDEN)
# kept_ = {}
# hooks_ = [
#     layer_.attention.output.dense.register_forward_hook(
#         lambda module, args, output, number=number_: kept_.update({number: output.detach()[0].cpu()})
#     )
#     for number_, layer_ in enumerate(model.bert.encoder.layer)
# ]
# matrices_ = check_.tensor(attention_matrices(model, inputs), **AXES)
# with torch.no_grad():
#     model(**{name: inputs[name].to(device) for name in ("input_ids", "token_type_ids", "attention_mask")})
# for hook_ in hooks_:
#     hook_.remove()
# for number_, layer_ in enumerate(model.bert.encoder.layer):
#     summed_ = torch.einsum("hqk,hkd->qd", matrices_[number_], vectors_[number_])
#     summed_ = summed_ + layer_.attention.output.dense.bias.detach().cpu()
#     check_.close(summed_, kept_[number_], f"layer {number_ + 1}: the sum is what the layer computes", atol=1e-4)
# print("the sums agree with the model in all layers")

# %% [markdown]
# ## 5. What really flows, head by head
#
# What token $j$ sends to token $i$ in head $h$ is $\alpha^h_{ij} f^h(x_j)$. Return the L2 norm of that vector for
# every layer, head, query $i$ and key $j$. Use your functions from above. (A whole tensor of these vectors would
# be large for a large model. You do not need it: how long is a vector that was multiplied by a number?)


# %% task="weighted_norms"
def weighted_norms(model, inputs):
    """Measure what flows from each token to each other one, head by head.

    Args:
        model: A BertForQuestionAnswering in eval mode with eager attention.
        inputs: Dictionary of `build_inputs`.

    Returns:
        Float tensor, shape (layer, head, token, token): [layer, head, query, key]; L2 norms of alpha f(x).
    """
    ### BEGIN SOLUTION
    # Weights are positive: the norm of alpha f is alpha times the norm of f, which belongs to the key.
    lengths = transformed_vectors(model, inputs).norm(dim=-1)  # (layer, head, key)
    return attention_matrices(model, inputs) * lengths[:, :, None, :]
    ### END SOLUTION


# %% check="weighted_norms" tags=["active-ipynb"]
# flows_ = check_.tensor(weighted_norms(model, inputs), **AXES)
# check_.between(flows_, low=0, what="a norm is never negative")
# one_ = matrices_[0, 1, 2, 3] * vectors_[0, 1, 3]  # what token 3 sends to token 2 in the first layer's second head
# check_.close(flows_[0, 1, 2, 3], one_.norm(), "the norm of alpha f(x)")
# print("largest in each layer:", [round(float(value), 2) for value in flows_.amax(dim=(1, 2, 3))])

# %% [markdown]
# ## 6. What really flows in a layer
#
# All heads of a layer write into the same vector, and what one adds another may take back. So for the layer as a
# whole the vectors of all heads are **added first**, then the length is taken:
#
# $$ \Big\| \sum_h \alpha^h_{ij}\, f^h(x_j) \Big\| . $$


# %% task="summed_norms"
def summed_norms(model, inputs):
    """Measure what flows from each token to each other one in a layer, all heads together.

    Args:
        model: A BertForQuestionAnswering in eval mode with eager attention.
        inputs: Dictionary of `build_inputs`.

    Returns:
        Float tensor, shape (layer, token, token): [layer, query, key]; L2 norms of the sum over heads of
        alpha f(x).
    """
    ### BEGIN SOLUTION
    matrices, vectors = attention_matrices(model, inputs), transformed_vectors(model, inputs)
    # One layer at a time: (query, key, hidden) of all layers at once would be large for a large model.
    pairs = zip(matrices, vectors, strict=True)
    return torch.stack([torch.einsum("hqk,hkd->qkd", alpha, f).norm(dim=-1) for alpha, f in pairs])
    ### END SOLUTION


# %% check="summed_norms" tags=["active-ipynb"]
# layer_flows_ = check_.tensor(summed_norms(model, inputs), layer=LAYERS, query=TOKENS, key=TOKENS)
# longer_ = layer_flows_ - flows_.sum(dim=1)
# check_.between(longer_, high=1e-4, what="a sum is never longer than its parts together: the difference")
# one_ = (matrices_[0, :, 2, 3, None] * vectors_[0, :, 3]).sum(dim=0)  # from token 3 to token 2, first layer
# check_.close(layer_flows_[0, 2, 3], one_.norm(), "the norm of the sum over heads")
# kept_share_ = float(layer_flows_.sum() / flows_.sum())
# print(f"of all that the heads send, {kept_share_:.0%} is left when they are added up")

# %% [markdown]
# ## See it
#
# Draw two heat maps of one layer beside each other: `head_norm` of the attention matrices, and `summed_norms`.
# Queries down, keys to the right, tokens along both axes. Choose a question of your own if you like. Your
# picture appears in your feedback.

# %% plot="plot-attention-and-norms" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# layer = 2  # the third one
# figure, both = plt.subplots(1, 2, figsize=(12, 5.6), layout="constrained", sharey=True)
# pictures = {"attention, L2 norm over the heads": norms_, "norm of what flows, all heads": layer_flows_}
# for axes, (title, values) in zip(both, pictures.items(), strict=True):
#     image = axes.imshow(values[layer], cmap="viridis", vmin=0)
#     axes.set_xticks(range(TOKENS), tokens, rotation=60, ha="right", rotation_mode="anchor")
#     axes.set_yticks(range(TOKENS), tokens)
#     axes.set_xlabel("key: from")
#     axes.set_title(f"{title}, layer {layer + 1}")
#     figure.colorbar(image, ax=axes, shrink=0.8)
# both[0].set_ylabel("query: to")
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## Questions
#
# **Is much attention much information?** Compare attention weights with the norms of what flows, in one layer.
# Which tokens get much attention and send little, and what do their $f(x)$ have to do with it? What remains of
# the heads' norms when the heads are added up?

# %% [markdown] question="question-norms"
# ### BEGIN SOLUTION
# In layer 3 the second "ben" gets by far the most attention: 0.19 on average over heads and queries, where
# 0.05 would be an equal share. But its vectors are short: f(x) is 2.5 long on average over the heads, and 3.5
# is the mean of all tokens. "anna", "paris" and "rome" get 0.06, 0.05 and 0.02, with vectors of 6.6, 6.9 and
# 7.6, in heads 2 and 3 up to 12. So "anna" sends 1.8 to a query on average, more than "ben" with 1.4, for a
# third of the attention; in the picture her column is the darker one on the left and the brighter one on the
# right. "has" gets 0.03 and sends 0.10, a fifth of the mean. The heads partly cancel each other: added up,
# 79 % of the sum of their norms is left, about as much in every layer. None of this says what the answer depends
# on: that "anna" sends much does not mean that the model needs it to find "rome".
# ### END SOLUTION

# %% [markdown]
# **Which attention decides?** Take the conductances for `start` and for `end`. In which layers and heads do the
# weights with the largest magnitudes lie, which tokens do they join, and how do these differ from the weights
# that are largest? Give one example of a large weight with hardly any conductance, and explain how that can be.

# %% [markdown] question="question-conductance"
# ### BEGIN SOLUTION
# For start the largest conductance by far is layer 2, head 4, "rome" looking at "where": 9.3, although the weight
# is only 0.08 in the end. On the path it rises to 0.9 and falls again, while its gradient is strongly negative: that
# this head *stops* looking from the answer to the question word speaks for the answer. Then come heads 2 and 3
# of layer 3, "in" and "rome" looking at "rome": 3.1, 2.7, 2.2 and 2.1, with weights from 0.01 to 0.07. The
# most negative ones are layer 2, head 4, "anna" looking at "where" (-2.4) and layer 4, head 4, "rome" looking
# at "in" (-2.1): how these weights changed spoke against the answer. For end the list is nearly the same (9.3,
# 3.0, 2.8): the answer is one token. The largest weights are others: "does" looks at itself in layer 1, head 4,
# with 0.98, and its conductance is -0.0005. The weight does change on the path, from 0.07 on, but its gradient
# never exceeds 0.23, where that of the first one reaches 30: what "does" hears hardly matters to the answer. So
# a large weight need not matter, and a small one can: what counts is what its change does to the logit.
# ### END SOLUTION

# %% [markdown]
# ## Things to try
#
# - Ask the other question, *"Where does Anna live?"*, about the same text. Which heads change what they do, and
#   which do the same for every question?
# - Set the weights of one head to zero (a forward pre-hook on `attention.output.dense` that clears the head's
#   slice of its input). Does the answer survive? Does the head with the largest conductance matter most?
# - Kobayashi et al. (2021), *Incorporating Residual and Normalization Layers into Analysis of Masked Language
#   Models*, go one step further: how much of a token's new vector comes from other tokens at all, and how much
#   from itself, through the residual connection?
# - Multiply the attention matrices of all layers, with half of the identity added to each (*attention rollout*,
#   Abnar and Zuidema 2020). Does it point at the answer?
# - Load `mrm8488/bert-tiny-5-finetuned-squadv2` from the hub, if you have a network, with
#   `attn_implementation="eager"`, and use your functions on it. Where do its heads look when there is no
#   answer in the text?
