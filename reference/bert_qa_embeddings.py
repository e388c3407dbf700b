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
# # Question answering: what does BERT read, and where?
#
# *"Where does Marta live?"* someone asks, and hands over a short passage. A small BERT points at the answer:
# it chooses the token that the answer **starts** at and the token that it **ends** at. Which words of the
# question and of the passage made it choose them? Did it matter *where* they stood, or in which of the two
# texts? And at which layer is the decision made?
#
# ![Two rows of tokens, a question and a passage. The redder a token, the more it spoke for the start of the
# answer; the bluer, the more against it.](images/bert-qa-embeddings.png)
#
# In this notebook you take the answer apart, from the embeddings upwards:
#
# 1. the *answer*: two largest logits, and the words between them,
# 2. the *inputs and baselines* of all that follows,
# 3. *integrated gradients* of the embeddings, for start and end,
# 4. the same for each of BERT's *three embeddings* by itself: words, types, positions,
# 5. the *tokens* that count most,
# 6. *conductance*: how much flows through each layer,
# 7. and how *spread out* the attributions of one token are, by entropy.
#
# Part 2, another notebook, looks into the attention heads. Everything runs on a laptop without a GPU, in
# less than a minute.

# %% [markdown]
# ## The idea, and its formulas
#
# A question answering BERT gives every token two numbers: a *start logit* and an *end logit*. The largest
# start logit says where the answer begins. So this is what we explain, for $s$ the start logits of an input
# (and likewise for the end):
#
# $$ F(x) = \max_t\, s_t(x). $$
#
# **Integrated gradients** (Sundararajan et al. 2017) follow $F$ from a baseline $x'$, which says nothing, to
# the input $x$ on a straight line, and collect the gradient on the way:
#
# $$
# \mathrm{IG}_i(x) = (x_i - x'_i) \int_0^1 \frac{\partial F\big(x' + \alpha (x - x')\big)}{\partial x_i}\, d\alpha .
# $$
#
# We use 50 nodes of Gauss-Legendre for the integral, as Captum does unless told otherwise. $x$ is what comes
# out of an *embedding layer*, a vector for each token. The entries of a token's vector are **summed**, and
# the scores of the tokens, $a_t$, are brought to length 1, so that sentences and layers can be compared:
#
# $$ \hat a_t = \frac{a_t}{\lVert a \rVert_2}, \qquad a_t = \sum_h \mathrm{IG}_{t,h}. $$
#
# We call this *summarising*. Mind the maximum in $F$: on the way from an empty text to the whole one it is not
# always the same token that has the largest logit. $F$ takes the largest one **anew at every point** of the
# path.
#
# **Layer conductance** (Dhamdhere et al. 2019) looks at a layer in the middle. The path still runs from the
# empty input to the whole one, but what is collected is how much of the change flows through the layer's
# output $y$:
#
# $$
# \mathrm{Cond}_j(x) = \int_0^1 \frac{\partial F}{\partial y_j}\, \frac{d y_j}{d\alpha}\, d\alpha
#   \;\approx\; \sum_{k} \big(y_j(\alpha_{k+1}) - y_j(\alpha_k)\big)\,
#   \frac{\partial F}{\partial y_j}(\alpha_k).
# $$
#
# **Entropy** says how evenly something is spread. Sort the scores of one token, one for each entry of its
# vector, into bins, and let $p_b$ be the share in bin $b$:
#
# $$ H = -\sum_b p_b \log_2 p_b \quad\text{bits}. $$
#
# **Sources**
#
# - M. Sundararajan, A. Taly, Q. Yan (2017): *Axiomatic Attribution for Deep Networks*. ICML.
# - K. Dhamdhere, M. Sundararajan, Q. Yan (2019): *How Important Is a Neuron?* ICLR. Conductance.
# - N. Kokhlikyan et al. (2020): *Captum: A unified and generic model interpretability library for PyTorch*.
#   See `captum.attr.LayerIntegratedGradients` and `LayerConductance`.
# - J. Devlin et al. (2019): *BERT: Pre-training of Deep Bidirectional Transformers for Language
#   Understanding*. NAACL.
# - P. Rajpurkar et al. (2016): *SQuAD: 100,000+ Questions for Machine Comprehension of Text*. EMNLP. Start
#   and end of an answer.

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
import torch
from captum.attr import LayerConductance, LayerIntegratedGradients

# %% tags=["active-ipynb"]
# import matplotlib.pyplot as plt
# from course import checking as check_
# from transformers import AutoModelForQuestionAnswering, AutoTokenizer
# from transformers.utils.logging import disable_progress_bar
#
# disable_progress_bar()
# device = "cuda" if torch.cuda.is_available() else "cpu"
# tokenizer = AutoTokenizer.from_pretrained("models/qa-en")
# model = AutoModelForQuestionAnswering.from_pretrained("models/qa-en").eval().to(device)
# LAYERS, HIDDEN = model.config.num_hidden_layers, model.config.hidden_size
# print(f"{LAYERS} layers, width {HIDDEN}, {len(tokenizer)} word pieces, {model.num_parameters():,} weights")

# %% [markdown]
# ## The model
#
# `qa-en` is a BERT in small, trained on short passages about people, places, animals and trades (its card,
# `models/qa-en/README.md`, says how well it does). Its parts have BERT's names:
#
# - `model.bert.embeddings` turns ids into vectors. It holds three tables, `word_embeddings`,
#   `token_type_embeddings` and `position_embeddings`; what they give is added, then normalised;
# - `model.bert.encoder.layer` is the list of the layers;
# - `model.qa_outputs` makes a start logit and an end logit of each token's last vector.
#
# A question and its passage are one sequence: `[CLS]`, the question, `[SEP]`, the passage, `[SEP]`. The
# **token types** tell the two apart: 0 up to and including the first `[SEP]`, then 1. The tokenizer makes
# them. `model(...)` takes `input_ids` or, in their place, word vectors as `inputs_embeds`; besides
# `token_type_ids`, `position_ids` and `attention_mask`. It returns `start_logits` and `end_logits`, each of
# shape (batch, token).

# %% tags=["active-ipynb"]
# question = "Where does Marta live?"
# text = "Karl plays the violin. Marta has a house in Lisbon. Nora Trumvel lives in Vienna."
# example = tokenizer(question, text, return_tensors="pt").to(device)
# tokens = tokenizer.convert_ids_to_tokens(example["input_ids"][0])
# print(" ".join(tokens))
# print(example["token_type_ids"][0].tolist())

# %% [markdown]
# ## A worked example: the plain gradient
#
# Before the integral, look at one gradient. A *forward hook* keeps what comes out of the embedding layer;
# then we ask how the largest start logit reacts to it. A token's *saliency* is the length of its gradient.
# It takes a single backward pass, but it has no sign, and it knows only the neighbourhood of the input.

# %% tags=["active-ipynb"]
# kept = {}
# hook = model.bert.embeddings.register_forward_hook(
#     lambda module, inputs, output: kept.update(embeddings=output)
# )
# output = model(**example)
# hook.remove()
#
# start_logits = output.start_logits[0]  # (token,)
# print("the largest start logit is that of", repr(tokens[int(start_logits.argmax())]))
# (gradient,) = torch.autograd.grad(start_logits.max(), kept["embeddings"])  # (1, token, hidden)
#
# figure, axes = plt.subplots(figsize=(9, 2.4), layout="constrained")
# axes.bar(range(len(tokens)), gradient[0].norm(dim=-1).cpu())
# axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right")
# axes.set_ylabel("length of the gradient")
# plt.show()

# %% [markdown]
# ## 1. The answer
#
# Let the model answer. Start and end are chosen **independently** of each other: each is the position of its
# largest logit, over all positions, `[CLS]` (position 0) included. The answer is what `tokenizer.decode`
# makes of the ids from start to end, **the end included**; it joins word pieces, so that a rare name comes back as
# a name.
#
# The function is called with several models and tokenizers of this form; the model may be on a GPU.


# %% task="predict_answer"
def predict_answer(model, tokenizer, question, text):
    """Answer a question from a text.

    Args:
        model: A question answering BERT in eval mode.
        tokenizer: Its tokenizer.
        question: Str.
        text: Str, the passage that holds the answer.

    Returns:
        (start index, end index, answer): two ints, positions in the whole sequence, and a str.
    """
    ### BEGIN SOLUTION
    inputs = tokenizer(question, text, return_tensors="pt").to(model.device)
    with torch.no_grad():
        output = model(**inputs)
    start = int(output.start_logits[0].argmax())
    end = int(output.end_logits[0].argmax())
    return start, end, tokenizer.decode(inputs["input_ids"][0, start : end + 1])
    ### END SOLUTION


# %% check="predict_answer" tags=["active-ipynb"]
# start_, end_, answer_ = check_.parts(predict_answer(model, tokenizer, question, text), "start", "end", "answer")
# check_.instance(answer_, str, "answer")
# check_.close(start_, tokens.index("lisbon"), "start is the position of the answer's first token")
# check_.close(end_, tokens.index("lisbon"), "end is that of its last one, here the same")
# check_.equal(answer_.strip(), "lisbon", "one token, not none")
# print(repr(answer_), "from position", int(start_), "to", int(end_))
# print(predict_answer(model, tokenizer, "Who lives in Vienna?", text))
# pieces_ = str(predict_answer(model, tokenizer, "Who lives in Vienna?", text)[2])  # "##" belongs to no word
# check_.equal(pieces_.split(), ["nora", "trumvel"], "an answer in word pieces is decoded into words")

# %% [markdown]
# ## 2. Inputs and baselines
#
# Integrated gradients need to know where the path begins. For the ids that is an empty text: `[PAD]` in
# place of every token, while `[CLS]` and `[SEP]`, which carry the form and no content, stay. All other special
# tokens that stand in a text are content, too: `[UNK]` and `[MASK]` stand for words, and become `[PAD]`. For types and
# positions the path, where one is asked for, begins at 0.
#
# Put all of it into one dictionary of seven tensors of whole numbers, each of shape **(1, token)**:
#
# | key | what |
# |---|---|
# | `input_ids` | as the tokenizer gives them for the pair, question first |
# | `baseline_ids` | `[PAD]` everywhere but at `[CLS]` and `[SEP]` |
# | `token_type_ids` | as the tokenizer gives them |
# | `baseline_token_type_ids` | zeros |
# | `position_ids` | 0, 1, 2, ... |
# | `baseline_position_ids` | zeros |
# | `attention_mask` | as the tokenizer gives it |
#
# The function is called with several tokenizers, whose ids differ: ask the tokenizer for its ids. 101 and 102,
# which are `[CLS]` and `[SEP]` in many published vocabularies, are ordinary pieces here and become `[PAD]`.


# %% task="build_inputs"
def build_inputs(tokenizer, question, text):
    """Encode a question and a text, with the baselines of ids, types and positions.

    Args:
        tokenizer: The model's tokenizer; it knows `pad_token_id`, `cls_token_id` and `sep_token_id`.
        question: Str.
        text: Str.

    Returns:
        Dict of LongTensors, shape (1, token): `input_ids`, `baseline_ids`, `token_type_ids`,
        `baseline_token_type_ids`, `position_ids`, `baseline_position_ids`, `attention_mask`.
    """
    ### BEGIN SOLUTION
    encoded = tokenizer(question, text, return_tensors="pt")
    ids = encoded["input_ids"]
    kept = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)
    positions = torch.arange(ids.shape[1])[None]
    return {
        "input_ids": ids,
        "baseline_ids": torch.where(kept, ids, torch.full_like(ids, tokenizer.pad_token_id)),
        "token_type_ids": encoded["token_type_ids"],
        "baseline_token_type_ids": torch.zeros_like(ids),
        "position_ids": positions,
        "baseline_position_ids": torch.zeros_like(positions),
        "attention_mask": encoded["attention_mask"],
    }
    ### END SOLUTION


# %% check="build_inputs" tags=["active-ipynb"]
# inputs_ = build_inputs(tokenizer, question, text)
# names_ = ["input_ids", "token_type_ids", "position_ids", "attention_mask"]
# names_ += ["baseline_ids", "baseline_token_type_ids", "baseline_position_ids"]
# for name_, values_ in check_.entries(inputs_, *names_, others=True).items():
#     check_.integers(values_, name_, batch=1, token=len(tokens))
# baseline_tokens_ = tokenizer.convert_ids_to_tokens(check_.integers(inputs_["baseline_ids"])[0])
# kept_tokens_ = [token for token in baseline_tokens_ if token in ("[CLS]", "[SEP]")]
# check_.equal(kept_tokens_, ["[CLS]", "[SEP]", "[SEP]"], "these three stay in baseline_ids")
# check_.equal(baseline_tokens_[0], "[CLS]", "baseline_ids begins with [CLS]")
# print(" ".join(baseline_tokens_))
# odd_ = build_inputs(tokenizer, "Who likes [MASK]?", "Anna likes ☂ and [MASK].")  # ☂ is unknown
# odd_tokens_ = tokenizer.convert_ids_to_tokens(check_.integers(odd_["baseline_ids"])[0])
# odd_tokens_ = sorted(set(odd_tokens_))
# check_.equal(odd_tokens_, ["[CLS]", "[PAD]", "[SEP]"], "[UNK] and [MASK] stand for words: what stays in baseline_ids")
# other_ = build_inputs(tokenizer, "What is it?", "It is called aed.")  # "is" has the id 101, "##ed" has 102
# other_tokens_ = sorted(set(tokenizer.convert_ids_to_tokens(check_.integers(other_["baseline_ids"])[0])))
# check_.equal(other_tokens_, ["[CLS]", "[PAD]", "[SEP]"], "101 and 102 are pieces here: what stays in baseline_ids")

# %% [markdown]
# ## 3. Integrated gradients of the embeddings
#
# Attribute the largest start (or end) logit to the tokens. What is asked:
#
# - the layer is the embedding module as a whole, `model.bert.embeddings`;
# - the path leads from `baseline_ids` to `input_ids`; **types and positions are the input's own at both
#   ends**, and so is the mask;
# - the target is the largest logit of the position that is asked for, over all tokens, taken anew at every
#   point of the path;
# - `n_steps=50`, Gauss-Legendre, Captum's default;
# - summarised as above: summed over the hidden dimension, then divided by the L2 norm of the token scores.
#
# `inputs` is the dictionary of `build_inputs`; it may lie on the CPU while the model is on a GPU. Leave both
# as you found them.


# %% task="embedding_attributions"
def embedding_attributions(model, inputs, position):
    """Attribute the largest start or end logit to the tokens by integrated gradients of the embeddings.

    Args:
        model: A question answering BERT in eval mode.
        inputs: Dictionary of `build_inputs`.
        position: "start" or "end".

    Returns:
        Float tensor, shape (token,), of L2 norm 1.
    """
    ### BEGIN SOLUTION
    values = {name: tensor.to(model.device) for name, tensor in inputs.items()}

    def largest_logit(ids, types, positions, mask):
        output = model(input_ids=ids, token_type_ids=types, position_ids=positions, attention_mask=mask)
        return output[f"{position}_logits"].max(dim=1).values

    vectors = LayerIntegratedGradients(largest_logit, model.bert.embeddings).attribute(
        values["input_ids"],
        baselines=values["baseline_ids"],
        additional_forward_args=(
            values["token_type_ids"],
            values["position_ids"],
            values["attention_mask"],
        ),
        n_steps=50,
    )
    scores = vectors[0].sum(dim=-1).detach()
    return scores / scores.norm()
    ### END SOLUTION


# %% check="embedding_attributions" tags=["active-ipynb"]
# scores_ = check_.tensor(embedding_attributions(model, inputs_, "start"), token=len(tokens))
# check_.close(scores_.norm(), 1, "the scores' L2 norm", atol=1e-4)
# same_ = torch.as_tensor(inputs_["input_ids"])[0] == torch.as_tensor(inputs_["baseline_ids"])[0]
# unchanged_ = scores_.where(same_.cpu(), torch.zeros(()))
# check_.between(unchanged_, -1e-5, 1e-5, "where input and baseline agree there is nothing to attribute")
# for token_, score_ in zip(tokens, scores_.tolist(), strict=True):
#     print(f"{score_:7.3f}  {token_}")

# %% [markdown]
# ## 4. Words, types and positions
#
# BERT adds three vectors for each token: one for the word piece, one for the text that it stands in, one for
# its place. Which of them carries the answer? Let the path run through all three tables at once: **one joint
# path**, on which ids, types and positions go from their baselines to the input's values together. (Captum's
# `LayerIntegratedGradients` takes a list of layers, and a tuple of inputs and of baselines.)
#
# Each of the three results is summarised by itself: summed over the hidden dimension, divided by **its own**
# norm. Target, mask, number of steps and rule are those of part 3.


# %% task="subembedding_attributions"
def subembedding_attributions(model, inputs, position):
    """Attribute the largest start or end logit to words, token types and positions on one joint path.

    Args:
        model: A question answering BERT in eval mode.
        inputs: Dictionary of `build_inputs`.
        position: "start" or "end".

    Returns:
        Dict with the keys `word`, `token_type` and `position`: float tensors, shape (token,), each of
        L2 norm 1.
    """
    ### BEGIN SOLUTION
    values = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    embeddings = model.bert.embeddings

    def largest_logit(ids, types, positions, mask):
        output = model(input_ids=ids, token_type_ids=types, position_ids=positions, attention_mask=mask)
        return output[f"{position}_logits"].max(dim=1).values

    layers = [
        embeddings.word_embeddings,
        embeddings.token_type_embeddings,
        embeddings.position_embeddings,
    ]
    vectors = LayerIntegratedGradients(largest_logit, layers).attribute(
        (values["input_ids"], values["token_type_ids"], values["position_ids"]),
        baselines=(
            values["baseline_ids"],
            values["baseline_token_type_ids"],
            values["baseline_position_ids"],
        ),
        additional_forward_args=(values["attention_mask"],),
        n_steps=50,
    )
    summed = [each[0].sum(dim=-1).detach() for each in vectors]
    names = ("word", "token_type", "position")
    return {name: scores / scores.norm() for name, scores in zip(names, summed, strict=True)}
    ### END SOLUTION


# %% check="subembedding_attributions" tags=["active-ipynb"]
# parts_ = check_.entries(subembedding_attributions(model, inputs_, "start"), "word", "token_type", "position")
# parts_ = {name_: check_.tensor(values_, name_, token=len(tokens)) for name_, values_ in parts_.items()}
# for name_, values_ in parts_.items():
#     check_.close(values_.norm(), 1, f"{name_}: the scores' L2 norm", atol=1e-4)
# in_question_ = torch.as_tensor(inputs_["token_type_ids"])[0].cpu() == 0
# unchanged_ = parts_["token_type"].where(in_question_, torch.zeros(()))
# check_.between(unchanged_, -1e-5, 1e-5, "token_type: type 0 is the baseline itself")
# check_.between(parts_["position"][0], -1e-5, 1e-5, "position: position 0 is the baseline itself")

# %% [markdown]
# ## 5. The tokens that count most
#
# A list of the best tokens is easier to talk about than forty numbers. Best is what has the largest **value**,
# not the largest magnitude: a token that spoke against the answer is not among the best. Where two scores are
# equal the token that stands first comes first (`[CLS]` and `[SEP]` have exactly 0 in part 3; `torch.topk` and
# `torch.sort` promise no order unless told to be stable). A word may stand twice in a text, so each comes with its
# index.


# %% task="top_tokens"
def top_tokens(scores, tokens, k):
    """Find the k tokens with the largest scores.

    Args:
        scores: Float tensor, shape (token,).
        tokens: List of str, one a score.
        k: How many, at most the number of tokens.

    Returns:
        List of k tuples (token, index, score), best first: a str, an int, a float; of equal scores the
        smaller index first.
    """
    ### BEGIN SOLUTION
    values = torch.as_tensor(scores).tolist()
    order = sorted(range(len(values)), key=lambda index: -values[index])  # sorted keeps the order of equals
    return [(tokens[index], index, values[index]) for index in order[:k]]
    ### END SOLUTION


# %% check="top_tokens" tags=["active-ipynb"]
# best_ = check_.records(top_tokens(scores_, tokens, 5), "token", "index", "score", count=5)
# check_.equal(float(best_[0][2]), max(float(entry[2]) for entry in best_), "the first score is the largest")
# small_ = top_tokens(torch.tensor([0.5, -2.0, 0.75, 0.5]), ["a", "b", "c", "a"], 3)
# small_ = check_.records(small_, "token", "index", "score", count=3)
# check_.equal([str(entry[0]) for entry in small_], ["c", "a", "a"], "the tokens, by value")
# check_.equal([int(entry[1]) for entry in small_], [2, 0, 3], "each with its own index")
# for token_, index_, score_ in best_:
#     print(f"{float(score_):7.3f}  {token_} (position {int(index_)})")
# equal_ = top_tokens(torch.full((20,), 0.25), list("abcdefghijklmnopqrst"), 5)
# equal_ = check_.records(equal_, "token", "index", "score", count=5)
# check_.equal([int(entry[1]) for entry in equal_], [0, 1, 2, 3, 4], "of equal scores the smaller index comes first")

# %% [markdown]
# ## 6. Conductance, layer by layer
#
# Now look at the layers. The path is a different one than in part 3: it runs through the **word vectors**,
# from `word_embeddings(baseline_ids)` to `word_embeddings(input_ids)`, which the model takes as
# `inputs_embeds`. Types, positions and mask are the input's own. What is asked:
#
# - one row for each **encoder layer**, row $i$ the output of layer $i$; the embeddings have no row;
# - conductance by Captum's rule with `n_steps=50`: 51 Gauss-Legendre nodes, at each but the last the layer's
#   change up to the next node times the gradient at this one;
# - the target is the largest logit, taken anew at every point;
# - each row is summarised by itself: summed over the hidden dimension, divided by **its own** norm.
#
# (Do not be surprised that the sums of the rows differ a little: Captum's rule is a coarse one.)


# %% task="layer_conductance"
def layer_conductance(model, inputs, position):
    """Compute how much of the largest start or end logit flows through each token of each layer.

    Args:
        model: A question answering BERT in eval mode.
        inputs: Dictionary of `build_inputs`.
        position: "start" or "end".

    Returns:
        Float tensor, shape (layer, token); each row has L2 norm 1.
    """
    ### BEGIN SOLUTION
    values = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    with torch.no_grad():
        word_vectors = model.bert.embeddings.word_embeddings(values["input_ids"])
        baseline_vectors = model.bert.embeddings.word_embeddings(values["baseline_ids"])

    def largest_logit(vectors, types, positions, mask):
        output = model(
            inputs_embeds=vectors, token_type_ids=types, position_ids=positions, attention_mask=mask
        )
        return output[f"{position}_logits"].max(dim=1).values

    rows = []
    for layer in model.bert.encoder.layer:
        vectors = LayerConductance(largest_logit, layer).attribute(
            word_vectors,
            baselines=baseline_vectors,
            additional_forward_args=(
                values["token_type_ids"],
                values["position_ids"],
                values["attention_mask"],
            ),
            n_steps=50,
        )
        scores = vectors[0].sum(dim=-1).detach()
        rows.append(scores / scores.norm())
    return torch.stack(rows)
    ### END SOLUTION


# %% check="layer_conductance" tags=["active-ipynb"]
# conductance_ = check_.tensor(layer_conductance(model, inputs_, "start"), layer=LAYERS, token=len(tokens))
# check_.close(conductance_.norm(dim=-1), torch.ones(LAYERS), "the L2 norm of each layer's row", atol=1e-4)
# for layer_, row_ in enumerate(conductance_, start=1):
#     best_ = top_tokens(row_, tokens, 4)
#     print(f"layer {layer_}:", ", ".join(f"{token} {float(value):.2f}" for token, _, value in best_))

# %% [markdown]
# ## 7. How spread out?
#
# Up to now all entries of a token's vector were summed. Leave them apart for once: at each layer one token
# has `hidden` scores. Are most of them alike, with a few that do all the work, or are they spread evenly?
# Sort a layer's scores into `bins` bins of equal width between **its own** smallest and largest score (the
# largest belongs to the last bin). A bin's probability is its count divided by `hidden`; the entropy is in
# **bits**; empty bins add 0.


# %% task="attribution_entropy"
def attribution_entropy(layer_scores, bins):
    """Measure how evenly the attributions of one token are spread, layer by layer.

    Args:
        layer_scores: Float tensor, shape (layer, hidden).
        bins: Number of bins of equal width between a layer's smallest and largest score.

    Returns:
        Float tensor, shape (layer,): Shannon entropy of each layer's histogram, in bits.
    """
    ### BEGIN SOLUTION
    rows = []
    for scores in torch.as_tensor(layer_scores).double().cpu():
        counts = torch.histc(scores, bins=bins, min=float(scores.min()), max=float(scores.max()))
        filled = counts[counts > 0] / len(scores)
        rows.append((filled * (1 / filled).log2()).sum())
    return torch.stack(rows).float()
    ### END SOLUTION


# %% check="attribution_entropy" tags=["active-ipynb"]
# made_up_ = torch.tensor([[0.0, 0.1, 0.6, 1.0], [0.0, 1.0, 1.1, 10.0]])  # two layers, four entries
# entropies_ = check_.tensor(attribution_entropy(made_up_, 2), layer=2)
# check_.close(entropies_[0], 1.0, "two bins with two scores each: one bit")
# check_.close(entropies_[1], 0.811278, "three and one")
# gap_ = check_.tensor(attribution_entropy(torch.tensor([[0.0, 0.1, 0.2, 3.0]]), 3), layer=1)
# check_.close(gap_[0], 0.811278, "three, none and one: an empty bin adds 0")

# %% [markdown]
# ## See it
#
# Draw at least one figure that shows where the answer comes from: the scores of parts 3 and 4 as bars or
# coloured cells over the tokens, and the conductance as a heat map, layers by tokens. Choose a question of
# your own that the model answers rightly, if you like (`data/qa_en_examples.tsv` has some). Your picture appears
# in your feedback.
#
# For the entropy you need a token's scores before they are summed: `LayerConductance` gives you vectors,
# one a token. Plot `attribution_entropy` over the layers for the answer's first token and for one that does
# not matter.

# %% plot="plot-where-the-answer-comes-from" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# rows = {"embeddings": scores_, **{f"only {name}s": values for name, values in parts_.items()}}
# rows |= {f"layer {layer}": row for layer, row in enumerate(conductance_, start=1)}
# figure, axes = plt.subplots(figsize=(11, 3.6), layout="constrained")
# image = axes.imshow(torch.stack(list(rows.values())), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
# axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", rotation_mode="anchor")
# axes.set_yticks(range(len(rows)), list(rows))
# axes.set_title(f"{question} – {answer_!r}: what speaks for its start")
# figure.colorbar(image, ax=axes, label="score")
# plt.show()
#
# table = model.bert.embeddings.word_embeddings
# ends = [table(inputs_[name].to(device)).detach() for name in ("input_ids", "baseline_ids")]
# others = {name: inputs_[name].to(device) for name in ("token_type_ids", "position_ids", "attention_mask")}
#
#
# def largest_start_logit(vectors, *values):
#     return model(inputs_embeds=vectors, **dict(zip(others, values, strict=True))).start_logits.max(dim=1).values
#
#
# by_layer = torch.cat(
#     [
#         LayerConductance(largest_start_logit, layer).attribute(
#             ends[0], baselines=ends[1], additional_forward_args=tuple(others.values())
#         )
#         for layer in model.bert.encoder.layer
#     ]
# ).detach()  # (layer, token, hidden)
# figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
# for place in (start_, tokens.index("violin")):
#     entropies = attribution_entropy(by_layer[:, place], 12)
#     axes.plot(range(1, LAYERS + 1), entropies, marker="o", label=f"{tokens[place]} (position {place})")
#     print(tokens[place], [round(float(value), 2) for value in entropies])
# axes.set_xticks(range(1, LAYERS + 1))
# axes.set_xlabel("layer")
# axes.set_ylabel("bits")
# axes.legend()
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## Questions
#
# **Which words lead to the answer?** Compare two questions, and start and end. Which tokens of the question
# and of the passage count most, and for what? What do the scores of types and positions show that those of the
# words do not? Rely on your numbers, and say what a score that was divided by its norm can no longer tell.

# %% [markdown] question="question-words-and-places"
# ### BEGIN SOLUTION
# For "Where does Marta live?" the start of "lisbon" is explained most by "lisbon" itself (0.51), by the
# question's "where" (0.39) and "marta" (0.31) and by the passage's "marta" (0.33); "in", "house" and the full
# stop of that sentence help, the full stop before it (-0.29) and "live" (-0.19) speak against. "karl",
# "violin" and "vienna" stay below 0.1. For "Who lives in Vienna?" it is "vienna" in both texts (0.46 and
# 0.67) and "nora" (0.47): what counts is the word that stands in both texts, and the answer. Start and end of
# "lisbon", one and the same token, have nearly the same scores; for "nora trumvel" the end rests on "in"
# (0.67) and the last piece "##l" (0.15), and "nora" no longer counts. Words by themselves say much the same
# as the embeddings. Positions have mainly the two "marta" (0.67 and 0.66): the model needs to know which
# sentence the name stands in. Types are 0 in the question, and of the passage's tokens "marta" has most
# (0.63): that it stands in the *other* text makes it a match. Since each result has length 1, none of them
# tells how much of the logit's rise (from -11.2 to 9.3) the words, types or positions brought; for that one
# needs the sums before the division.
# ### END SOLUTION

# %% [markdown]
# **Where in the network is the answer found?** Describe how the conductance moves from layer to layer, and
# how the entropies of two tokens change. What does conductance not tell about what a layer knows?

# %% [markdown] question="question-layers"
# ### BEGIN SOLUTION
# In layer 1 "marta" in the passage has most (0.65), then the full stop, "in", "lisbon" and the question's
# "where" (0.29 to 0.42). In layer 2 the change is on its way to the answer: "marta" 0.68, "lisbon" 0.55, "in"
# 0.40. In layer 3 "lisbon" has 0.90, and in layer 4 1.00 and nothing else counts: behind the last layer only
# the logits of the tokens that win somewhere on the path can matter, so all others get (nearly) 0. Another
# question, "Who lives in Vienna?", goes the same way: "vienna" 0.86 and "nora" 0.36 in layer 1, "nora" 0.57,
# 0.93 and 0.98 after. The entropies (12 bins) of "lisbon" are 2.53, 2.68, 2.15 and 2.40 bits, those of
# "violin", which wins half-way (from 0.24 to 0.53 of the path), 2.74, 2.69, 2.41 and 2.84: where the answer
# is decided a few dimensions stand out from the rest; but the differences are small. Conductance shows how
# one change, from the empty text to this one, flows through a layer. It does not show what a layer knows: a
# token without conductance may carry the answer too, and this model was helped to find matching words early,
# as its card says.
# ### END SOLUTION

# %% [markdown]
# ## Things to try
#
# - Ask about a name that stands twice in the passage, or about somebody who is not in it. Where does the model
#   point, and what do the attributions say?
# - Explain the difference of two logits, that of the answer and that of a rival, in place of the largest one.
#   Which words decide between the two?
# - Keep the position fixed that wins at the end of the path, and compare with your scores: where do they differ,
#   and why?
# - Take 10, 50 and 500 steps. Because of the maximum the path has kinks: how fast does the integral settle?
# - Start from `[MASK]` in place of `[PAD]`, or from another question. What does each baseline ask?
# - Load `mrm8488/bert-tiny-5-finetuned-squadv2` from the hub, if you have a network, and use your functions on
#   it. It has seen real texts. Are its scores as tidy?
