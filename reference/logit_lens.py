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
# # The logit lens: when does the model know?
#
# A language model reads *"The Tower Bridge is in the city of"* and goes on with *" London"*. Between the two
# lie eight blocks that work one after the other. Is the answer there from the start, does it grow little by
# little, or does it appear all at once near the end? The **logit lens** asks the model at every layer: *if
# you had to stop here, what would you say?*
#
# ![A heat map: eight layers from below to above, the words of a sentence from left to right. In each cell
# stands the word that the lens shows there.](images/logit-lens.png)
#
# Each row is a layer, each column a token of the input, and in the cell stands the next token that the
# layer would predict; the darker, the surer. Read the last column from below: where does the city come
# from?
#
# In this notebook you write the lens and what is needed to read it:
#
# 1. *probabilities* of the next token, for each layer and each position,
# 2. the *words* behind them,
# 3. the *rank* of a word that you look for,
# 4. a number for how far a layer still is from the model's final opinion,
# 5. the picture above, for any sentence.
#
# Everything runs on a laptop without a GPU, in less than a minute.

# %% [markdown]
# ## The idea, and its formula
#
# A block of a transformer does not replace what it gets, it *adds* to it. A vector $h_0$ (the token's and
# the position's embedding) enters at the bottom, and every block $\ell$ adds what it has found out:
#
# $$ h_\ell = h_{\ell-1} + \mathrm{attention}_\ell(h_{\ell-1}) + \mathrm{mlp}_\ell(\dots), \qquad \ell = 1, \dots, L. $$
#
# This running sum is called the **residual stream**. Only after the last block does the model turn it into
# a prediction: a *final norm* brings the vector to a standard size, the *unembedding* matrix $W_U$ compares
# it with a direction for every token of the vocabulary, and a softmax makes probabilities of the results:
#
# $$ p_L = \mathrm{softmax}\big(W_U\, \mathrm{norm}(h_L)\big). $$
#
# Since all $h_\ell$ live in the same space, nothing keeps us from doing the same with an earlier one:
#
# $$ p_\ell = \mathrm{softmax}\big(W_U\, \mathrm{norm}(h_\ell)\big). $$
#
# That is the whole lens. In the last layer it is the model itself, which makes a good test of your code.
#
# How far a layer still is from the end is measured by the **Kullback-Leibler divergence** of its
# distribution $p_\ell$ from the final one $p_L$, in nats (with the natural logarithm):
#
# $$ D_{\mathrm{KL}}(p_L \,\|\, p_\ell) = \sum_v p_L(v)\, \ln \frac{p_L(v)}{p_\ell(v)}. $$
#
# It is 0 where the two agree and never negative; a token that the final layer rules out, $p_L(v) = 0$,
# adds nothing.
#
# **Sources**
#
# - nostalgebraist (2020): *interpreting GPT: the logit lens*. LessWrong. Idea and name.
# - N. Belrose et al. (2023): *Eliciting Latent Predictions from Transformers with the Tuned Lens*.
#   arXiv:2303.08112. When the lens misleads, and what helps.
# - N. Elhage et al. (2021): *A Mathematical Framework for Transformer Circuits*. Transformer Circuits
#   Thread. The residual stream.
# - A. Radford et al. (2019): *Language Models are Unsupervised Multitask Learners*. GPT-2, whose form the
#   model here has.

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
# NEEDED = Path("models/facts-en")
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
import matplotlib.pyplot as plt
import torch

# %% tags=["active-ipynb"]
# from course import checking as check_
# from matplotlib.figure import Figure
# from transformers import AutoModelForCausalLM, AutoTokenizer
# from transformers.utils.logging import disable_progress_bar
#
# disable_progress_bar()
# device = "cuda" if torch.cuda.is_available() else "cpu"
# tokenizer = AutoTokenizer.from_pretrained("models/facts-en")
# model = AutoModelForCausalLM.from_pretrained("models/facts-en").eval().to(device)
# LAYERS, VOCABULARY = model.config.n_layer, model.config.vocab_size
# print(f"{LAYERS} blocks, {VOCABULARY} tokens, {model.num_parameters():,} weights")

# %% [markdown]
# ## The model
#
# `facts-en` is a GPT-2 in small, trained on a few hundred facts and short stories (its card,
# `models/facts-en/README.md`, says which). It knows nothing else, but what it knows it looks up in a way
# that can be watched. (That takes some help: so small a model could look a fact up in its first block, so
# its early layers were taught what they may say at the end of a prompt. Large models settle late by
# themselves, but not as tidily.) Its parts have GPT-2's names:
#
# - `model.transformer.wte` and `wpe` make $h_0$ from token and position;
# - `model.transformer.h` is the list of the blocks;
# - `model.transformer.ln_f` is the final norm;
# - `model.lm_head` is the unembedding.
#
# `model(input_ids)` returns an object whose `logits` have the shape (1, token, vocab): at each position the
# scores of the token that comes next. The text is a list of ids, shape (1, token); GPT-2's tokenizer puts
# no special token in front, and a blank belongs to the word that follows it.

# %% tags=["active-ipynb"]
# prompt = "The Tower Bridge is in the city of"
# input_ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(device)
# input_tokens = [tokenizer.decode([number]) for number in input_ids[0].tolist()]
# print(input_tokens)
#
# with torch.no_grad():
#     next_token = model(input_ids).logits[0, -1].softmax(dim=-1)  # (vocab,)
# for value, number in zip(*(found.tolist() for found in next_token.topk(5)), strict=True):
#     print(f"{value:6.3f}  {tokenizer.decode([number])!r}")

# %% [markdown]
# ## A worked example: how the stream moves
#
# With `output_hidden_states=True` the model also returns what stands in the residual stream. Let us look at
# the last position only, from layer to layer: how long is the vector, and how far does it point where it
# will point in the end?

# %% tags=["active-ipynb"]
# with torch.no_grad():
#     states = model(input_ids, output_hidden_states=True).hidden_states
# print(f"{len(states)} tensors, each of shape {tuple(states[0].shape)}: (1, token, hidden)")
#
# last = torch.stack([state[0, -1] for state in states]).cpu()  # (entry, hidden)
# lengths = last.norm(dim=-1)
# cosines = torch.nn.functional.cosine_similarity(last, last[-1:], dim=-1)
# figure, (above, below) = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
# above.bar(range(len(states)), lengths)
# above.set_ylabel("length")
# below.plot(range(len(states)), cosines, marker="o")
# below.set_ylabel("cosine with\nthe last entry")
# below.set_xlabel("entry of hidden_states")
# plt.show()

# %% [markdown]
# Three things to notice before you go on. There is one entry more than there are blocks: the first one is
# $h_0$, before any block has worked. The length changes a lot on the way: vectors add up, and a block can
# also take back what another one has written. And one entry is not what its block put out: find out from
# the documentation of `hidden_states`, or from the code of `model.transformer`, which one, and what has
# happened to it, before you use it.

# %% [markdown]
# ## 1. Probabilities at every layer
#
# Write the lens. What is asked:
#
# - one row for each **block**, the first row being what comes out of the first block; the embedding $h_0$
#   has no row;
# - the **final norm** with its own weights, then the **unembedding**, then a **softmax** over the
#   vocabulary, each position by itself;
# - the last row is exactly what the model itself predicts.
#
# Take what you need from `output_hidden_states=True` or with forward hooks on the blocks. The function is
# called with several models of this form, which have other numbers of layers; `input_ids` may lie on the
# CPU while the model is on a GPU. Leave the model as you found it: no hooks left behind, no training mode.


# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    """Decode the residual stream after each block into probabilities of the next token.

    Args:
        model: A causal language model in eval mode.
        input_ids: LongTensor, shape (1, token).

    Returns:
        Float tensor, shape (layer, token, vocab): softmax over the vocabulary; the last layer is the model's
        own prediction.
    """
    ### BEGIN SOLUTION
    # GPT-2 calls its final norm ln_f, Llama norm; GPT-NeoX and OPT have names of their own.
    inner = model.base_model
    inner = getattr(inner, "decoder", inner)
    names = ("ln_f", "norm", "final_layer_norm", "final_layernorm")
    final_norm = next(getattr(inner, name) for name in names if hasattr(inner, name))
    unembedding = model.get_output_embeddings()
    with torch.no_grad():
        output = model(input_ids.to(model.device), output_hidden_states=True)
        # The first entry is the embedding, the last one has been through the final norm already.
        rows = [unembedding(final_norm(state[0])) for state in output.hidden_states[1:-1]]
        return torch.stack([*rows, output.logits[0]]).softmax(dim=-1)
    ### END SOLUTION


# %% check="layer_probabilities" tags=["active-ipynb"]
# found_ = layer_probabilities(model, input_ids)
# probabilities_ = check_.tensor(found_, layer=LAYERS, token=len(input_tokens), vocab=VOCABULARY)
# check_.sums(probabilities_, what="the probabilities of a layer and token sum to 1")
# with torch.no_grad():
#     own_ = model(input_ids).logits[0].softmax(dim=-1)
# check_.close(probabilities_[-1], own_, "the last layer is the model's own prediction")
# for layer_, row_ in enumerate(probabilities_[:, -1], start=1):
#     print(f"layer {layer_}: {float(row_.max()):.3f}  {tokenizer.decode([int(row_.argmax())])!r}")

# %% [markdown]
# ## 2. The words
#
# Probabilities of hundreds of tokens are not for reading. Keep, for each layer and each position, the
# largest one and the token that it belongs to, as a string: `tokenizer.decode` of that single id, which also
# gets letters such as the ö of " Röntgen" right. The leading blank may stay or go.


# %% task="top_predictions"
def top_predictions(probabilities, tokenizer):
    """Find the likeliest token of each layer and position.

    Args:
        probabilities: Float tensor, shape (layer, token, vocab).
        tokenizer: The model's tokenizer.

    Returns:
        (max_probs, words): a float tensor, shape (layer, token), and a list of lists of str, one list a layer
        and one string a token.
    """
    ### BEGIN SOLUTION
    max_probs, best = probabilities.max(dim=-1)
    words = [[tokenizer.decode([number]) for number in row] for row in best.tolist()]
    return max_probs, words
    ### END SOLUTION


# %% check="top_predictions" tags=["active-ipynb"]
# max_probs_, words_ = check_.parts(top_predictions(probabilities_, tokenizer), "max_probs", "words")
# max_probs_ = check_.tensor(max_probs_, "max_probs", layer=LAYERS, token=len(input_tokens))
# check_.between(max_probs_, 0.9 / VOCABULARY, 1, "the largest of all probabilities")
# check_.texts(words_, "words", layer=LAYERS, token=len(input_tokens))
# print("after", repr(prompt), "the last layer says", repr(words_[-1][-1]))
# umlaut_ = torch.full((1, 1, VOCABULARY), 1e-4)
# umlaut_[0, 0, tokenizer(" Röntgen")["input_ids"][0]] = 0.8
# _, found_ = check_.parts(top_predictions(umlaut_, tokenizer), "max_probs", "words")
# check_.texts(found_, "words", layer=1, token=1)
# assert "Ã" not in found_[0][0], f"expected ' Röntgen', letters beyond ASCII decoded, too; got {found_[0][0]!r}"

# %% [markdown]
# ## 3. The rank of a word
#
# The likeliest token alone hides a lot: *" London"* may be second for some layers before it wins. The
# **rank** of a token counts how many others are *strictly* likelier: 0 is the best, and a token that is exactly
# as likely does not count (sorting alone counts some of those). Ask at the last position, where the model goes on
# with the text.


# %% task="target_rank"
def target_rank(probabilities, target_id):
    """Rank a token among all others at the last position, layer by layer.

    Args:
        probabilities: Float tensor, shape (layer, token, vocab).
        target_id: Id of the token, an int.

    Returns:
        LongTensor, shape (layer,): the number of tokens with a strictly larger probability; 0 is best.
    """
    ### BEGIN SOLUTION
    at_the_end = probabilities[:, -1]
    return (at_the_end > at_the_end[:, target_id, None]).sum(dim=-1)
    ### END SOLUTION


# %% check="target_rank" tags=["active-ipynb"]
# (london_,) = tokenizer(" London")["input_ids"]  # the blank belongs to the token
# ranks_ = check_.integers(target_rank(probabilities_, london_), layer=LAYERS)
# best_ = int(probabilities_[-1, -1].argmax())
# best_ranks_ = check_.integers(target_rank(probabilities_, best_), layer=LAYERS)
# check_.equal(int(best_ranks_[-1]), 0, "the likeliest token has rank 0")
# print("rank of ' London' by layer:", ranks_.tolist())
# equals_ = torch.tensor([[[0.125, 0.25, 0.25, 0.375]], [[0.25, 0.25, 0.25, 0.25]]])  # two layers, one token
# found_ = check_.integers(target_rank(equals_, 2), layer=2)
# check_.equal(found_.tolist(), [1, 0], "tokens exactly as likely do not count")

# %% [markdown]
# ## 4. How far from the end?
#
# Now the divergence from the formula above: for each layer and each position, how many nats lie between
# the layer's distribution and the final layer's. Mind the order of the two: the expectation is taken under
# the **final** distribution. And mind the zeros: where the final layer's probability is exactly 0, the
# summand is 0, not NaN, also where the layer's own probability is 0. (`log(0)` is minus infinity, and
# `torch.nn.functional.kl_div` gives NaN there. A tiny number inside the logarithm, 1e-8 or less, does no harm.)


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    """Measure how far each layer's distribution is from the final layer's.

    Args:
        probabilities: Float tensor, shape (layer, token, vocab).

    Returns:
        Float tensor, shape (layer, token): KL(final layer, layer) in nats.
    """
    ### BEGIN SOLUTION
    # float64, since close to the end summands of both signs nearly cancel.
    layers = probabilities.double()
    final = layers[-1:]
    summands = final * (final.log() - layers.log())
    # 0 * log 0 is NaN for the computer, and 0 by the definition.
    return summands.where(final > 0, 0.0).sum(dim=-1).to(probabilities.dtype)
    ### END SOLUTION


# %% check="divergence_from_final" tags=["active-ipynb"]
# divergence_ = check_.tensor(divergence_from_final(probabilities_), layer=LAYERS, token=len(input_tokens))
# check_.close(divergence_[-1], torch.zeros(len(input_tokens)), "the final layer's divergence from itself is 0")
# check_.between(divergence_, low=-1e-5, what="a divergence is never negative")
# halves_ = torch.tensor([[[0.25, 0.75, 0.0]], [[0.5, 0.5, 0.0]]])  # two layers, one token
# by_hand_ = check_.tensor(divergence_from_final(halves_), layer=2, token=1)
# check_.close(by_hand_, [[0.143841], [0.0]], "0.5 ln 2 + 0.5 ln (2/3)")
# print("nats from the end, last position:", [round(value, 2) for value in divergence_[:, -1].tolist()])
# ruled_out_ = torch.tensor([[[0.25, 0.5, 0.25]], [[0.5, 0.5, 0.0]]])  # 0 in the final layer alone
# by_hand_ = check_.tensor(divergence_from_final(ruled_out_), layer=2, token=1)
# check_.close(by_hand_, [[0.346574], [0.0]], "0.5 ln 2, and 0 for the token that is ruled out")

# %% [markdown]
# ## 5. The picture
#
# Put it together: a heat map of the largest probabilities, **one cell for each layer and token**, with the
# **word in its cell** and the **input tokens along the x axis**. The function returns the matplotlib
# `Figure`. A token that stands twice in the input has two columns, each with its label; a label may hold more than
# its token ("3: city", "␣Eiffel", "Ġcity"). Everything else is your choice: `imshow`, `pcolormesh` or seaborn, the
# first layer above or below, a colour bar or none.
#
# A good lens plot can be read without its code: layers numbered, words legible on dark and on light cells,
# tokens turned so that they do not overlap. `axes.text(x, y, word, parse_math=False)` keeps a `$` in a word
# from being read as a formula.


# %% task="plot_lens"
def plot_lens(max_probs, words, input_tokens):
    """Draw what each layer would predict at each position.

    Args:
        max_probs: Float tensor, shape (layer, token): colours.
        words: List of lists of str, one list a layer: texts in the cells.
        input_tokens: List of str: labels along the x axis.

    Returns:
        matplotlib Figure.
    """
    ### BEGIN SOLUTION
    values = torch.as_tensor(max_probs).detach().cpu().float().numpy()
    layers, tokens = values.shape
    figure, axes = plt.subplots(
        figsize=(max(4.0, 1.6 + 0.95 * tokens), max(2.5, 1.4 + 0.42 * layers)), layout="constrained"
    )
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, origin="lower", aspect="auto")
    for layer in range(layers):
        for token in range(tokens):
            axes.text(
                token,
                layer,
                words[layer][token].strip().encode("unicode_escape").decode(),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if values[layer, token] > 0.6 else "black",
                parse_math=False,
            )
    labels = [token.encode("unicode_escape").decode().replace("$", r"\$") for token in input_tokens]
    axes.set_xticks(range(tokens), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(layers), [str(layer + 1) for layer in range(layers)])
    axes.set_xlabel("input token")
    axes.set_ylabel("layer")
    axes.set_title("What each layer would say next")
    figure.colorbar(image, ax=axes, label="largest probability")
    return figure
    ### END SOLUTION


# %% check="plot_lens" tags=["active-ipynb"]
# drawn_ = plot_lens(max_probs_, words_, input_tokens)
# check_.instance(drawn_, Figure)
# written_ = [text.get_text() for axes in drawn_.axes for text in axes.texts]
# word_ = words_[-1][-1].strip()
# assert any(word_ in text for text in written_), f"expected {word_!r} in a cell, got {written_[:5]}"
# plt.close(drawn_)  # shown below
# twice_ = plot_lens(max_probs_[:1, :2], [["a", "b"]], [" the", " the"])
# twice_.draw_without_rendering()
# labels_ = [label.get_text() for axes in twice_.axes for label in (*axes.get_xticklabels(), *axes.texts)]
# assert sum("the" in label for label in labels_) >= 2, f"expected ' the' below two columns, got {labels_}"
# plt.close(twice_)

# %% [markdown]
# ## See it
#
# Draw the lens for a prompt of your choice that the model gets right; `data/facts_en_examples.tsv` has
# some. Below it, or in a second figure, show the divergence at the last position over the layers, or the
# rank of the answer. Your picture appears in your feedback.

# %% plot="plot-lens-of-a-fact" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# plot_lens(max_probs_, words_, input_tokens)
# figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
# axes.plot(range(1, LAYERS + 1), divergence_[:, -1], marker="o", color="tab:blue")
# axes.set_xlabel("layer")
# axes.set_ylabel("nats from the end", color="tab:blue")
# beside = axes.twinx()
# beside.plot(range(1, LAYERS + 1), ranks_, marker="s", color="tab:orange")
# beside.set_yscale("symlog")
# beside.set_ylabel("rank of ' London'", color="tab:orange")
# axes.set_title(prompt)
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## Questions
#
# **When is the answer there?** Compare two prompts of different kinds. From which layer on does the lens
# show the answer, what stands there before, and how do rank and divergence change on the way? Rely on your
# numbers, and say what they do *not* prove.

# %% [markdown] question="question-when"
# ### BEGIN SOLUTION
# For "The Tower Bridge is in the city of" the lens repeats "of" in layers 1 and 2. In layers 3 to 5 it
# shows cities, but not the right one (Amsterdam, Berlin) and with hardly 0.06; from layer 6 on " London",
# with 0.21, then 0.90 and 1.00. Its rank falls from 66 to 4 as soon as cities are named, and to 0 in
# layer 6. The divergence is 18 nats at first, about 3 while the kind alone is known, 1.5 in layer 6 and
# 0.1 in layer 7. "The capital of Turkey is" goes the same way, but there " Ankara" wins in layer 5
# already and is at 0.83 in layer 6. So the kind of the answer is there before the answer. What this does
# not prove is that the earlier layers do not know the city: the lens reads only what is written in the
# directions of the unembedding, and a probe might find more. And this model was trained to show the kind
# first; its card says so.
# ### END SOLUTION

# %% [markdown]
# **Why the final norm?** Leave the norm out, or divide by its scale without the learnt weights: what
# changes in your picture, in which layers, and why there? Use the lengths from the worked example.

# %% [markdown] question="question-norm"
# ### BEGIN SOLUTION
# Without the norm the last layer no longer agrees with the model: " London" gets 0.95 instead of 1.00, in
# layer 7 only 0.68 instead of 0.90. Most of all changes in layers 1 and 2: " of" falls from 1.00 to 0.37
# and 0.42. There the stream is shortest (about 5; in layers 3 to 5 it is 26 long), so all logits are
# small and the softmax is flat. The norm takes the length away, so that layers can be compared. Dividing
# by the scale alone is not enough: " of" is back at 0.98 then, but " London" reaches only 0.80 in the
# last layer, since the learnt weights (1.8 on average) and the bias are missing that the unembedding was
# trained with; and in layer 3 another word wins (" Jerusalem" for " Amsterdam").
# ### END SOLUTION

# %% [markdown]
# ## Things to try
#
# - Give the model a story: *"Anna was born in Rome near the river, so the neighbours speak"*. From which
#   layer on does the lens know the language? Swap the city half-way: what changes, and where?
# - Ask for a fact in words that it never learnt it in. Does the lens settle later?
# - Leave attention or the MLP of one block out (a forward hook that returns zeros). Which block can the
#   answer not do without?
# - Compare the lens after each block with the lens in the middle of a block, after the attention.
# - Load `gpt2` or `HuggingFaceTB/SmolLM2-135M` from the hub, if you have a network, and use your functions
#   on them. Llama calls its final norm `model.model.norm`. Do large models settle earlier or later, as a
#   share of their layers?
# - Train a *tuned lens*: one affine map for each layer, fitted so that its output predicts the final
#   distribution (Belrose et al. 2023). Where does it see the answer before the logit lens does?
