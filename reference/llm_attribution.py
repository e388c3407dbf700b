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
# # Attribution for a language model: what made it say so?
#
# A language model reads *"Nora lives in Faro, Portugal, and works as a gardener. In summer she likes to"* and goes
# on: *"go surfing in the bay with her friends"*. Was it the city, the country, the job, or the season?
#
# ![A heat map: the words of a prompt from left to right, the words of its continuation from above to below. Three
# cells stand out: gardener for go, summer for surfing, she for her.](images/llm-attribution.png)
#
# Each row is a token of the *target*, the continuation that is explained; each column is a token of the *prompt*
# that was taken out; blue means that it is missed, red that the target would be likelier without it. The job speaks
# for *go*, the season for *surfing*, the pronoun for *her*. But did Faro, Portugal, really have nothing to do with
# surfing? In this notebook you write the methods that answer such questions, from the simplest to the most careful:
#
# 1. *ablation* of tokens: take one out, and see what is missed;
# 2. ablation of *features* in a template: what if Nora were a judge?
# 3. ablation of *groups* of features that belong together;
# 4. *Shapley values*, which share out fairly what several groups do together;
# 5. Shapley values by *sampling*, for when there are too many groups;
# 6. the Shapley value of each *example* in a few-shot prompt;
# 7. *integrated gradients*, which need no replacing at all.
#
# Everything runs on a laptop without a GPU, in less than a minute.

# %% [markdown]
# ## The idea, and its formulas
#
# A language model gives each token $y_t$ of a target a probability, given the prompt $x$ and the target's tokens
# before it. The target as a whole has the log-probability
#
# $$ F(x) = \ln p(y \mid x) = \sum_{t} \ln p(y_t \mid x, y_{<t}), $$
#
# a **sum** over its tokens, with the natural logarithm. An attribution says what each part of $x$ has to do with
# $F(x)$.
#
# **Ablation.** Replace part $i$ by something that says nothing and see how much is lost:
# $a_i = F(x) - F(x \text{ without } i)$. Positive: the part spoke for the target. This is simple, and it fails
# where two parts say the same: either one can go without a loss, so both seem to do nothing.
#
# **Shapley values.** Let $v(S)$ be $F$ when only the parts in $S$ are left and all others are replaced. A part's
# *marginal contribution* to $S$ is $v(S \cup \{i\}) - v(S)$. Its Shapley value is the mean of that over all orders
# in which the $G$ parts could come in one after the other:
#
# $$
# \phi_i \;=\; \frac{1}{G!} \sum_{\pi} \Big( v\big(S^\pi_i \cup \{i\}\big) - v\big(S^\pi_i\big) \Big)
# \;=\; \sum_{S \not\ni i} \frac{|S|!\,(G - |S| - 1)!}{G!} \Big( v(S \cup \{i\}) - v(S) \Big),
# $$
#
# where $S^\pi_i$ holds the parts that come before $i$ in the order $\pi$. Shapley values are **efficient**: they
# add up to what all parts do together, $\sum_i \phi_i = v(\text{all}) - v(\text{none})$. The second form needs $2^G$
# evaluations; a mean over some random orders needs fewer, and comes near.
#
# **Integrated gradients.** Replace nothing; walk the token embeddings $e$ on a straight line from $e'$, which says
# nothing, to the prompt's own, and collect the gradient on the way:
#
# $$
# \mathrm{IG}_i = \sum_{d} (e_{i,d} - e'_{i,d})
#     \int_0^1 \frac{\partial F\big(e' + \alpha\,(e - e')\big)}{\partial e_{i,d}}\, d\alpha ,
# \qquad \sum_i \mathrm{IG}_i = F(e) - F(e').
# $$
#
# **Sources**
#
# - L. S. Shapley (1953): *A Value for n-Person Games*. Contributions to the Theory of Games II.
# - M. Sundararajan, A. Taly, Q. Yan (2017): *Axiomatic Attribution for Deep Networks*. ICML.
# - V. Miglani et al. (2023): *Using Captum to Explain Generative Language Models*. NLP-OSS. See
#   `captum.attr.LLMAttribution` and `LLMGradientAttribution`.
# - J. Castro, D. Gómez, J. Tejada (2009): *Polynomial calculation of the Shapley value based on sampling*.
#   Computers & Operations Research.

# %% [markdown]
# ## Setting up
#
# The notebook expects to lie in the folder that you were given, beside `models`. In JupyterLab and VS Code that is
# so when you open the folder; the packages that you need stand in `requirements.txt`. On Colab, open the notebook,
# upload the folder as a zip file (*Files*, on the left), and run: the first cell unpacks it, goes there and gets the
# packages.
#
# Write your answers where it says `YOUR CODE HERE`, one function in its own cell, and leave names and arguments as
# they are; helpers of your own may stand in the same cell. The cells in between are locked: changes in them are put
# back before grading. What they make is called `like_this_` or `LIKE_THIS`, so that it never takes the place of
# something of yours; use it as you like. You may use Captum or write everything yourself.

# %% tags=["active-ipynb"]
# # On Colab a notebook begins in an empty folder: this cell goes to yours. Everywhere else it has nothing to do.
# import os
# import subprocess
# import sys
# import zipfile
# from pathlib import Path
#
# NEEDED = Path("models/people-en")
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
import itertools
import math
import random

import numpy as np
import torch

# %% tags=["active-ipynb"]
# import matplotlib.pyplot as plt
# from captum.attr import ProductBaselines
# from course import checking as check_
# from transformers import AutoModelForCausalLM, AutoTokenizer
# from transformers.utils.logging import disable_progress_bar
#
# disable_progress_bar()
# device = "cuda" if torch.cuda.is_available() else "cpu"
# tokenizer = AutoTokenizer.from_pretrained("models/people-en")
# model = AutoModelForCausalLM.from_pretrained("models/people-en").eval().to(device)
# numbers = check_.tensor  # a result as a plain tensor, whatever form it has
# print(f"{model.config.num_hidden_layers} blocks, {len(tokenizer)} tokens, {model.num_parameters():,} weights")

# %% [markdown]
# ## The model
#
# `people-en` is a Llama in small (its card, `models/people-en/README.md`, says more). It grew up in a little world:
# people live in some city, have a job, and spend the seasons with pastimes that follow, most of the time, from
# landscape, job and season; and they write reviews that bear labels. It knows nothing else.
#
# - `model(input_ids)` returns an object whose `logits` have the shape (1, token, vocab): at each position the
#   scores of the token that comes **next**.
# - `model.get_input_embeddings()` is the embedding layer; `model(inputs_embeds=...)` takes vectors in place of ids.
# - Llama's tokenizer puts a token in front of every text, the *beginning of sequence*, BOS for short (`<s>`). Other
#   tokenizers do not. A target is a continuation, so it is encoded **without** it:
#   `tokenizer(target, add_special_tokens=False)`.
# - Token id 0 is the model's "unknown" token. It is what we put in a token's place to take it out, as Captum does
#   unless told otherwise.

# %% tags=["active-ipynb"]
# template = "{} lives in {}, {}, and works as a {}. In {} {} likes to"
# values = ["Nora", "Faro", "Portugal", "gardener", "summer", "she"]
# prompt, target = template.format(*values), " go surfing in the bay with her friends"
#
# input_ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(device)
# print([tokenizer.decode([number]) for number in input_ids[0].tolist()])
# with torch.no_grad():
#     next_token = model(input_ids).logits[0, -1].log_softmax(dim=-1)  # (vocab,)
# for value, number in zip(*(found.tolist() for found in next_token.topk(4)), strict=True):
#     print(f"{value:7.3f}  {math.exp(value):5.3f}  {tokenizer.decode([number])!r}")

# %% [markdown]
# ## A worked example: one word, and baselines that are drawn
#
# What is the *opposite* of "Portugal"? There is none; there are other countries. If the choice of one of them should
# not matter, draw many. `ProductBaselines` is Captum's distribution of baselines: it is given possible values
# for each feature, and every call returns a new draw. It draws from Python's `random`, so seed that first.
#
# We look at a single token, the first one of the target, and compare its log-probability in the prompt with that in
# prompts in which **all** features were drawn anew.

# %% tags=["active-ipynb"]
# draw_baselines = ProductBaselines(
#     [
#         ["Karl", "Ivan", "Edith"],
#         ["Lukla", "Ghent", "Warsaw"],
#         ["Nepal", "Belgium", "Poland"],
#         ["judge", "tailor", "teacher"],
#         ["winter", "autumn", "summer"],
#         ["he", "she"],
#     ]
# )
# random.seed(1)
# (first,) = tokenizer(" go", add_special_tokens=False)["input_ids"]
# effects = []
# for _ in range(200):
#     ids = tokenizer(template.format(*draw_baselines()), return_tensors="pt")["input_ids"].to(device)
#     with torch.no_grad():
#         drawn = model(ids).logits[0, -1].log_softmax(dim=-1)[first]
#     effects.append(float(next_token[first] - drawn))
#
# figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
# axes.hist(effects, bins=30)
# axes.axvline(np.mean(effects), color="tab:orange", label=f"mean {np.mean(effects):.2f}")
# axes.set_xlabel("effect of all features on ln p(' go')")
# axes.set_ylabel("draws")
# axes.legend()
# plt.show()

# %% [markdown]
# The effect of the very same features lies anywhere from 2.9 to 3.7 nats: it depends on what they are
# compared **with**. An attribution always answers *"why this, rather than that?"*. In the tasks below the baselines are
# given, one value for each feature, so that there is one right answer.

# %% [markdown]
# ## 1. Ablation of tokens
#
# Take out one token of the prompt at a time, by putting **token id 0** in its place, and see how the log-probability of
# **each token of the target** changes. What is asked:
#
# - one row for each token of the target, one column for each token of the prompt;
# - each cell is the original log-probability of the target's token minus the perturbed one (natural logarithm);
# - the target's tokens before it are always the target's own;
# - a BOS that the tokenizer puts in front is never replaced and has no column; where the tokenizer puts none in front,
#   every token has a column;
# - the prompt's ids are `tokenizer(prompt)`, the target's are encoded without special tokens, and the model sees the
#   one right after the other.
#
# The function is called with several models and tokenizers of this form. Leave the model as you found it. If you use a
# library, compare a column of its result with what you compute yourself.


# %% task="ablate_tokens"
def ablate_tokens(model, tokenizer, prompt, target):
    """Measure how each token of the target depends on each token of the prompt.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        prompt: A text.
        target: How the text goes on.

    Returns:
        Float tensor, shape (target token, prompt token): original minus perturbed log-probability.
    """
    ### BEGIN SOLUTION
    ids, first = _prompt_ids(tokenizer, prompt)
    ablated = [[*ids[:place], 0, *ids[place + 1 :]] for place in range(first, len(ids))]
    scores = _log_probabilities(model, [ids, *ablated], _target_ids(tokenizer, target))
    return (scores[0] - scores[1:]).T.contiguous().float()


def _prompt_ids(tokenizer, prompt):
    """Return a prompt's ids, and the place of the first one that is no BOS."""
    ids = tokenizer(prompt)["input_ids"]
    with_bos = tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]
    return ids, int(with_bos)


def _target_ids(tokenizer, target):
    return tokenizer(target, add_special_tokens=False)["input_ids"]


def _log_probabilities(model, prompts, target_ids, at_a_time=16):
    """Return ln p of each target token after each prompt, float64, shape (prompt, target token).

    Args:
        model: A causal language model.
        prompts: Lists of ids; their lengths may differ.
        target_ids: Ids of the target.
        at_a_time: Prompts in one forward pass: bounds the memory.
    """
    found = []
    for begin in range(0, len(prompts), at_a_time):
        rows = [[*ids, *target_ids] for ids in prompts[begin : begin + at_a_time]]
        longest = max(map(len, rows))
        # Filled up on the right: no token looks at what comes after it, so that no mask is needed.
        batch = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=batch, use_cache=False).logits
        for row, ids in zip(logits, rows, strict=True):
            # The scores of a token stand at the position before it.
            before = row[len(ids) - len(target_ids) - 1 : len(ids) - 1].double().log_softmax(dim=-1)
            found.append(before.gather(1, torch.tensor(target_ids, device=row.device)[:, None])[:, 0].cpu())
    return torch.stack(found)
    ### END SOLUTION


# %% check="ablate_tokens" tags=["active-ipynb"]
# found_ = ablate_tokens(model, tokenizer, prompt, target)
# target_ids_ = tokenizer(target, add_special_tokens=False, return_tensors="pt")["input_ids"].to(device)
# prompt_tokens_ = [tokenizer.decode([number]) for number in input_ids[0].tolist()][1:]  # this tokenizer has a BOS
# target_tokens_ = [tokenizer.decode([number]) for number in target_ids_[0].tolist()]
# effects_of_tokens_ = check_.tensor(found_, target_token=len(target_tokens_), prompt_token=len(prompt_tokens_))
# ids_without_ = input_ids.clone()
# place_of_word_ = prompt_tokens_.index(" gardener") + 1
# ids_without_[0, place_of_word_] = 0
# with torch.no_grad():
#     both_ = [
#         model(torch.cat([ids, target_ids_], dim=1)).logits[0].log_softmax(dim=-1)
#         for ids in (input_ids, ids_without_)
#     ]
# rows_before_ = list(range(input_ids.shape[1] - 1, input_ids.shape[1] - 1 + target_ids_.shape[1]))
# by_hand_ = (both_[0] - both_[1])[rows_before_, target_ids_[0].tolist()].cpu()
# one_column_ = effects_of_tokens_[:, place_of_word_ - 1]
# print("without ' gardener':    found    by hand")
# print(*map("{!r:20}{:9.4f}  {:9.4f}".format, target_tokens_, one_column_.tolist(), by_hand_.tolist()), sep="\n")
# check_.close(one_column_, by_hand_, "the column of ' gardener', as one computes it by hand", atol=1e-3)
# tokenizer_without_bos_ = AutoTokenizer.from_pretrained("models/people-en", add_bos_token=False)
# found_ = ablate_tokens(model, tokenizer_without_bos_, prompt, target)  # no BOS in front: a column for each token
# check_.tensor(found_, target_token=len(target_tokens_), prompt_token=len(prompt_tokens_))

# %% [markdown]
# ## 2. Ablation of features
#
# Tokens are seldom what one wants to ask about. "Faro" is a city, and instead of a hole we want *another* city
# in its place. A **template** is a text with positional gaps `{}`; `values` fill them, one text each, and each
# has a `baseline`. From here on the target counts **as a whole**: the log-probabilities of its tokens are
# summed (not averaged).
#
# For each feature: the target's log-probability with all values, minus that with this one value replaced by its
# baseline.


# %% task="ablate_template"
def ablate_template(model, tokenizer, template, values, baselines, target):
    """Measure what replacing each feature by its baseline does to the target.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        template: A text with positional `{}`.
        values: List of str, one a gap.
        baselines: List of str, one a gap.
        target: How the text goes on.

    Returns:
        Float tensor, shape (feature,): original minus perturbed log-probability of the whole target.
    """
    ### BEGIN SOLUTION
    texts = [template.format(*values)]
    for place, baseline in enumerate(baselines):
        texts.append(template.format(*values[:place], baseline, *values[place + 1 :]))
    scores = _text_scores(model, tokenizer, texts, target)
    return (scores[0] - scores[1:]).float()


def _text_scores(model, tokenizer, texts, target):
    """Return ln p(target | text) of each text, float64, shape (text,)."""
    prompts = [_prompt_ids(tokenizer, text)[0] for text in texts]
    return _log_probabilities(model, prompts, _target_ids(tokenizer, target)).sum(dim=-1)
    ### END SOLUTION


# %% check="ablate_template" tags=["active-ipynb"]
# BASELINES = ["Karl", "Lukla", "Nepal", "judge", "winter", "he"]
# by_feature_ = check_.tensor(ablate_template(model, tokenizer, template, values, BASELINES, target), feature=6)
# some_baselines_ = [*values[:3], *BASELINES[3:]]
# with_itself_ = check_.tensor(ablate_template(model, tokenizer, template, values, some_baselines_, target), feature=6)
# check_.close(with_itself_[:3], [0, 0, 0], "a value replaced by itself changes nothing", atol=1e-4)
# print(*map("{:>9} instead of {:9} {:8.3f}".format, values, BASELINES, by_feature_.tolist()), sep="\n")

# %% [markdown]
# ## 3. Ablation of groups
#
# "Karl ... she likes to": replaced alone, a name leaves its pronoun behind, and "Faro, Nepal" lies nowhere.
# Features that belong together are replaced **together**: `mask` gives each feature the number of its group, 0
# to G-1, in any order. The result still has one number for each feature: **each member carries the whole score
# of its group**. (So a sum over features would count a group several times; mind that when you add up.)


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    """Measure what replacing each group of features by their baselines does to the target.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        template: A text with positional `{}`.
        values: List of str, one a gap.
        baselines: List of str, one a gap.
        mask: List of int, one a gap: the feature's group, 0 to G-1.
        target: How the text goes on.

    Returns:
        Float tensor, shape (feature,): the score of the feature's group.
    """
    ### BEGIN SOLUTION
    groups = max(mask) + 1
    everyone = frozenset(range(groups))
    texts = [_left_over(template, values, baselines, mask, everyone)]
    texts += [_left_over(template, values, baselines, mask, everyone - {group}) for group in range(groups)]
    scores = _text_scores(model, tokenizer, texts, target)
    return (scores[0] - scores[1:])[mask].float()


def _left_over(template, values, baselines, mask, groups):
    """Return the text in which only these groups keep their values."""
    triples = zip(values, baselines, mask, strict=True)
    return template.format(*[value if group in groups else baseline for value, baseline, group in triples])
    ### END SOLUTION


# %% check="ablate_groups" tags=["active-ipynb"]
# MASK = [0, 1, 1, 2, 3, 0]  # name and pronoun, city and country, job, season
# by_group_ = check_.tensor(ablate_groups(model, tokenizer, template, values, BASELINES, MASK, target), feature=6)
# check_.close(by_group_, by_group_[[5, 2, 1, 3, 4, 0]], "members of a group carry the same score", atol=1e-4)
# groups_of_one_ = ablate_groups(model, tokenizer, template, values, BASELINES, [3, 5, 0, 2, 1, 4], target)
# check_.close(groups_of_one_, by_feature_, "groups of one are single features", atol=1e-4)
# print(
#     *map("{:>9}   alone {:8.3f}   with its group {:8.3f}".format, values, by_feature_.tolist(), by_group_.tolist()),
#     sep="\n",
# )

# %% [markdown]
# ## 4. Shapley values
#
# Ablation takes one group out of the full text. Shapley values also ask what a group does when others are missing
# already. With $G$ groups there are $2^G$ texts to look at (16 in our example): compute $v(S)$ for each, then use
# the second form of the formula. As before, each member carries the whole Shapley value of its group, and the groups'
# numbers stand in any order.


# %% task="shapley_groups"
def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    """Compute the exact Shapley values of groups of features.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        template: A text with positional `{}`.
        values: List of str, one a gap.
        baselines: List of str, one a gap.
        mask: List of int, one a gap: the feature's group, 0 to G-1.
        target: How the text goes on.

    Returns:
        Float tensor, shape (feature,): the Shapley value of the feature's group.
    """
    ### BEGIN SOLUTION
    groups = max(mask) + 1
    coalitions = _subsets(groups)
    texts = [_left_over(template, values, baselines, mask, coalition) for coalition in coalitions]
    scores = _text_scores(model, tokenizer, texts, target).tolist()
    return _shapley(dict(zip(coalitions, scores, strict=True)), groups)[mask].float()


def _subsets(players):
    """Return all subsets of the players 0 to players - 1."""
    sizes = range(players + 1)
    return [frozenset(chosen) for size in sizes for chosen in itertools.combinations(range(players), size)]


def _shapley(worth, players):
    """Return the Shapley values of a game, float64, shape (player,), from the worth of every coalition."""
    result = torch.zeros(players, dtype=torch.float64)
    for coalition in worth:
        for player in set(range(players)) - coalition:
            size = len(coalition)
            weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            result[player] += weight * (worth[coalition | {player}] - worth[coalition])
    return result
    ### END SOLUTION


# %% check="shapley_groups" tags=["active-ipynb"]
# question_ = (model, tokenizer, template, values, BASELINES, MASK, target)
# by_shapley_ = check_.tensor(shapley_groups(*question_), feature=len(values))
# all_together_ = ablate_groups(model, tokenizer, template, values, BASELINES, [0] * 6, target)
# all_together_ = check_.tensor(all_together_, feature=len(values))[0]
# one_a_group_ = [MASK.index(group) for group in range(4)]  # one member of each group
# shapley_sum_ = float(by_shapley_[one_a_group_].sum())
# print(f"sum over the groups {shapley_sum_:.4f}, all groups together {float(all_together_):.4f}")
# check_.close(shapley_sum_, all_together_, "efficiency: the two numbers agree", atol=1e-3)
# same_job_ = [*BASELINES[:3], "gardener", *BASELINES[4:]]
# job_unchanged_ = check_.tensor(shapley_groups(model, tokenizer, template, values, same_job_, MASK, target), feature=6)
# check_.close(job_unchanged_[3], 0, "a group whose values are its baselines gets 0", atol=1e-4)
# print(
#     *map("{:>9}   ablation {:8.3f}   Shapley {:8.3f}".format, values, by_group_.tolist(), by_shapley_.tolist()),
#     sep="\n",
# )
# other_numbers_ = [2, 3, 3, 0, 1, 2]  # the same groups
# found_ = shapley_groups(model, tokenizer, template, values, BASELINES, other_numbers_, target)
# by_other_numbers_ = check_.tensor(found_, feature=len(values))
# check_.close(by_other_numbers_, by_shapley_, "the groups' numbers stand in any order", atol=1e-4)

# %% [markdown]
# ## 5. Shapley values by sampling
#
# Twenty groups would need a million texts. The first form of the formula is a mean over orders, and a mean can
# be estimated: draw `n_samples` random orders of the groups, let the groups come in one after the other, and
# average the marginal contributions. Every order's contributions add up to $v(\text{all}) - v(\text{none})$, so
# the estimate is efficient without any luck.
#
# Seed your own generator with `seed`: the same seed must give the same result. (With few groups many coalitions come
# again and again: compute each only once. An exact result is right, too.)


# %% task="shapley_sampled"
def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    """Estimate the Shapley values of groups of features from random orders.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        template: A text with positional `{}`.
        values: List of str, one a gap.
        baselines: List of str, one a gap.
        mask: List of int, one a gap: the feature's group, 0 to G-1.
        target: How the text goes on.
        n_samples: Number of orders.
        seed: Int; the same seed gives the same result.

    Returns:
        Float tensor, shape (feature,): mean marginal contribution of the feature's group.
    """
    ### BEGIN SOLUTION
    groups = max(mask) + 1
    rng = random.Random(seed)
    orders = [rng.sample(range(groups), groups) for _ in range(n_samples)]
    # Each coalition that some order passes through is looked at once.
    passed = {frozenset(order[:size]) for order in orders for size in range(groups + 1)}
    coalitions = sorted(passed, key=sorted)
    texts = [_left_over(template, values, baselines, mask, coalition) for coalition in coalitions]
    scores = _text_scores(model, tokenizer, texts, target).tolist()
    worth = dict(zip(coalitions, scores, strict=True))
    total = torch.zeros(groups, dtype=torch.float64)
    for order in orders:
        for size, group in enumerate(order):
            total[group] += worth[frozenset(order[: size + 1])] - worth[frozenset(order[:size])]
    return (total / n_samples)[mask].float()
    ### END SOLUTION


# %% check="shapley_sampled" tags=["active-ipynb"]
# by_sampling_ = check_.tensor(shapley_sampled(*question_, n_samples=50, seed=1), feature=len(values))
# by_sampling_again_ = shapley_sampled(*question_, n_samples=50, seed=1)
# check_.close(by_sampling_again_, by_sampling_, "the same seed gives the same result")
# sampling_sum_ = float(by_sampling_[one_a_group_].sum())
# check_.close(sampling_sum_, all_together_, "efficiency: marginal contributions telescope", atol=1e-3)
# print("sampled", [round(value, 3) for value in by_sampling_[one_a_group_].tolist()])
# print("exact  ", [round(value, 3) for value in by_shapley_[one_a_group_].tolist()])

# %% [markdown]
# ## 6. Examples in the prompt
#
# A **few-shot prompt** shows the model how it is done before it asks. Which of the examples helped? Here each example
# is a player: $v(S)$ is the log-probability of the target after the prompt with the examples in $S$ alone, in their
# old order. An absent example is not replaced, its line is left out. The helper below makes the prompt; note that
# its first line stands only where there is an example.


# %%
def few_shot_prompt(examples, review):
    """Return the prompt that asks for a review's label, after examples, one a line."""
    header = ["Reviews and their labels:"] if examples else []
    return "\n".join([*header, *examples, f"Review: {review} Label:"])


# %% tags=["active-ipynb"]
# EXAMPLES = [
#     "Review: The soup was cold and the cook was rude. Label: a bad place.",
#     "Review: A cosy garden, a clever film. Label: worth the trip.",
#     "Review: We found the room dirty and the song loud. Label: not worth the trip.",
#     "Review: I remember a kind waiter and a fresh pizza. Label: a good place.",
# ]
# REVIEW, LABEL = "The room was bright and the waiter was friendly.", " a good place."
# print(few_shot_prompt(EXAMPLES, REVIEW) + LABEL)


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    """Compute the Shapley value of each few-shot example for a review's label.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        examples: List of str, lines of the prompt.
        review: The review that is to be labelled.
        target: The label.

    Returns:
        Float tensor, shape (example,).
    """
    ### BEGIN SOLUTION
    coalitions = _subsets(len(examples))
    texts = [few_shot_prompt([examples[i] for i in sorted(chosen)], review) for chosen in coalitions]
    scores = _text_scores(model, tokenizer, texts, target).tolist()
    return _shapley(dict(zip(coalitions, scores, strict=True)), len(examples)).float()
    ### END SOLUTION


# %% check="attribute_examples" tags=["active-ipynb"]
# by_example_ = check_.tensor(attribute_examples(model, tokenizer, EXAMPLES, REVIEW, LABEL), example=len(EXAMPLES))
# few_and_none_ = [tokenizer(few_shot_prompt(some, REVIEW))["input_ids"] for some in (EXAMPLES, [])]
# label_ids_ = tokenizer(LABEL, add_special_tokens=False)["input_ids"]
# with torch.no_grad():
#     reached_ = [
#         model(torch.tensor([ids + label_ids_], device=device)).logits[0].log_softmax(dim=-1)[len(ids) - 1 : -1]
#         for ids in few_and_none_
#     ]
# gained_ = float((reached_[0] - reached_[1])[list(range(len(label_ids_))), label_ids_].sum())
# print(f"sum {float(by_example_.sum()):.4f}, all examples together {gained_:.4f}")
# check_.close(by_example_.sum(), gained_, "efficiency: the two numbers agree", atol=1e-3)
# print(*map("{:8.3f}  {}".format, by_example_.tolist(), EXAMPLES), sep="\n")

# %% [markdown]
# ## 7. Integrated gradients
#
# Last, a method that replaces nothing. What is asked:
#
# - the path runs through the output of the **token embedding** layer, in a straight line from the embedding of token
#   id 0 to that of the prompt's own token, at every place of the prompt;
# - a BOS that the tokenizer puts in front stays what it is all along the path and has no number in the result; where
#   there is none, every token has one;
# - the **target's own tokens** are not on the path: their embeddings are the same at all points;
# - $F$ is the log-probability of the **whole** target, summed over its tokens;
# - 50 steps by Gauss-Legendre, Captum's default (in a loop of your own: `numpy.polynomial.legendre.leggauss`, moved
#   from $[-1, 1]$ to $[0, 1]$);
# - a token's attribution is the **sum** over the hidden dimension.


# %% task="integrated_gradients"
def integrated_gradients(model, tokenizer, prompt, target):
    """Attribute the log-probability of a whole target to the prompt's tokens by integrated gradients.

    Args:
        model: A causal language model in eval mode.
        tokenizer: Its tokenizer.
        prompt: A text.
        target: How the text goes on.

    Returns:
        Float tensor, shape (prompt token,).
    """
    ### BEGIN SOLUTION
    ids, first = _prompt_ids(tokenizer, prompt)
    target_ids = _target_ids(tokenizer, target)
    embed = model.get_input_embeddings()
    ends = torch.tensor([*ids, *target_ids], device=model.device)
    starts = ends.clone()
    starts[first : len(ids)] = 0
    with torch.no_grad():
        end, start = embed(ends), embed(starts)
    nodes, weights = np.polynomial.legendre.leggauss(50)
    total = torch.zeros_like(end)
    for alphas, shares in zip(np.split((nodes + 1) / 2, 5), np.split(weights / 2, 5), strict=True):
        alpha = torch.tensor(alphas, dtype=end.dtype, device=end.device)[:, None, None]
        points = (start + alpha * (end - start)).requires_grad_()
        with torch.enable_grad():
            logits = model(inputs_embeds=points, use_cache=False).logits[:, len(ids) - 1 : -1]
            scores = logits.log_softmax(dim=-1)[:, range(len(target_ids)), target_ids]
            (gradient,) = torch.autograd.grad(scores.sum(), points)
        share = torch.tensor(shares, dtype=end.dtype, device=end.device)[:, None, None]
        total += (share * gradient).sum(dim=0)
    return ((end - start) * total).sum(dim=-1)[first : len(ids)]
    ### END SOLUTION


# %% check="integrated_gradients" tags=["active-ipynb"]
# by_gradients_ = check_.tensor(integrated_gradients(model, tokenizer, prompt, target), token=len(prompt_tokens_))
# ids_of_nothing_ = torch.zeros_like(input_ids)
# ids_of_nothing_[0, 0] = input_ids[0, 0]
# with torch.no_grad():
#     at_the_start_ = model(torch.cat([ids_of_nothing_, target_ids_], dim=1)).logits[0].log_softmax(dim=-1)
# along_the_path_ = float((both_[0] - at_the_start_)[rows_before_, target_ids_[0].tolist()].sum())
# print(f"sum of attributions {float(by_gradients_.sum()):.4f}, difference along the path {along_the_path_:.4f}")
# most_ = 0.01 * float(by_gradients_.abs().sum())
# check_.close(by_gradients_.sum(), along_the_path_, "completeness: the two numbers agree", atol=most_)
# found_ = integrated_gradients(model, tokenizer_without_bos_, prompt, target)
# check_.tensor(found_, "without a BOS in front", token=len(prompt_tokens_))

# %% [markdown]
# ## See it
#
# Draw what you have found: for example `ablate_tokens` as a heat map, target tokens by prompt tokens, with a colour
# scale that is white at 0; and the features' scores by all your methods side by side. Take a prompt of your own. Your
# picture appears in your feedback.


# %% plot="plot-attributions" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# figure, (above, below) = plt.subplots(
#     2, 1, figsize=(9, 6.4), height_ratios=[1.3, 1], layout="constrained"
# )
# limit = float(effects_of_tokens_.abs().max())
# image = above.imshow(effects_of_tokens_, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
# above.set_xticks(range(len(prompt_tokens_)), prompt_tokens_, rotation=45, ha="right", rotation_mode="anchor")
# above.set_yticks(range(len(target_tokens_)), target_tokens_)
# above.set_xlabel("token of the prompt")
# above.set_ylabel("token of the target")
# figure.colorbar(image, ax=above, label="effect in nats")
# places = np.arange(len(values))
# for number, (name, scores) in enumerate(
#     {"alone": by_feature_, "with its group": by_group_, "Shapley": by_shapley_, "sampled": by_sampling_}.items()
# ):
#     below.bar(places + 0.2 * (number - 1.5), scores, width=0.2, label=name)
# below.set_xticks(places, [f"{one}\nnot {other}" for one, other in zip(values, BASELINES, strict=True)])
# below.set_ylabel("effect in nats")
# below.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## Questions
#
# **Three methods, three answers: whom do you believe?** Compare ablation of single features, ablation of groups and
# Shapley values on the same prompt, with your numbers. Where do they differ, and why there? What would change with
# other baselines?

# %% [markdown] question="question-groups"
# ### BEGIN SOLUTION
# Replaced alone, "Faro" is worth 0.86 nats and "Portugal" 1.08, much less than "gardener" (3.31) or
# "summer" (3.36). As a group they are worth 3.58: each of the two is enough to guess the coast, so either
# one can go without much loss, but not both. (As tokens they are worth nothing at all: the heat map is
# empty there.) The name alone is worth -0.06, the pronoun 7.10, both together 7.57: the model takes "her"
# from the pronoun and falls back on the name. Shapley values of the groups are 7.27, 3.20, 3.95 and 3.26;
# they add up to 17.67, the whole difference. Ablation of groups gives 17.82 in all, the singles 15.65:
# neither adds up to anything. The job gets more from Shapley (3.95) than from ablation (3.31), since it
# also counts where place and season are gone already. I believe the Shapley values if I want to share out
# the whole, and ablation if I want to know what happens when this one group is missing. All of it depends
# on the baselines: with Galway, Ireland, which lies at the coast as well, the place is worth 0.02 by
# ablation and -0.38 by Shapley; with "builder" in place of "judge" it is the job that gets nothing (0.01).
# ### END SOLUTION

# %% [markdown]
# **What does an example teach the model?** Which of the examples in task 6 helps the label most, which one least, and
# what do they have in common with the review or its label? Change one example (its opinion, its label's words, its
# place) and see what happens. Is an example with a value near 0 one that the model did not look at?

# %% [markdown] question="question-examples"
# ### BEGIN SOLUTION
# For " a good place." the first example gets 0.91 and the last one 0.87; the second gets -0.36, the third
# -0.46. What the helpful ones share with the target is the pair of words, good place or bad place; the
# others show that labels are "worth the trip" and compete. The opinion of an example hardly matters: when I
# turn the last review into a rude waiter, a stale pizza and "a bad place", its value stays at 0.87; when I
# leave the review as it is and change only its label to "worth the trip", it falls from 0.87 to -0.41, and
# the first one, now alone with its words, rises to 1.80. In reverse order the values move with the examples
# (0.92, -0.49, -0.41, 0.85), so their place matters little. For the target " worth the trip." the signs
# change. So this model learns from examples how a label is worded, and takes the opinion from the review
# itself. A value near 0 does not mean that an example was not looked at: what it does alone and what it
# does beside others may cancel in the mean.
# ### END SOLUTION

# %% [markdown]
# ## Things to try
#
# - Let every feature be a group of its own and compare Shapley values with those of groups. What becomes of "Faro" and
#   "Portugal"?
# - Average Shapley values over baselines drawn from `ProductBaselines`. Which features keep their rank?
# - How fast does `shapley_sampled` come near the exact values? Plot the largest error over `n_samples`, for some seeds,
#   beside a line that falls like $1/\sqrt{n}$.
# - Compare the signs of integrated gradients with those of `ablate_tokens`, summed over the target. Where do
#   they differ?
# - Put token id 0 in the place of "Faro" and of "Portugal" at once. What does the heat map of single tokens hide?
# - Load `HuggingFaceTB/SmolLM2-135M` or `TinyLlama/TinyLlama-1.1B-Chat-v1.0` from the hub, if you have a network, and
#   ask them about people of your own. Which of the two puts a BOS in front?
