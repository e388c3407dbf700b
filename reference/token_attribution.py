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
# # Token attribution: which words decide?
#
# Someone says to a voice assistant: *"Wird es morgen in Hamburg regnen?"* A small neural network answers:
# `weather/find`. Which of the words made it say so? **Token attribution** gives every token of the input
# a number: how much it spoke for (above zero) or against (below zero) the class that the model chose.
#
# In this project you write the whole way from a model's logits to a picture of its words:
#
# 1. a *baseline*: the sentence with everything taken out of it,
# 2. *integrated gradients*: what happens to the logit on the way from the baseline to the sentence,
# 3. a normalisation that makes sentences of different lengths comparable,
# 4. words in place of word pieces,
# 5. a method of your own, which is measured by how *faithful* it is to the model.
#
# Everything runs on a laptop without a GPU, in less than a minute.

# %% [markdown]
# ## The idea, and its formula
#
# The gradient of a logit tells how the logit reacts to a tiny change of the input. It tells little about
# the whole word: once the model is sure, the logit hardly moves any more, and the gradient of an
# important word may be close to zero. **Integrated gradients** (Sundararajan et al. 2017) therefore
# collect the gradient all along a straight line that leads from a baseline $x'$, which says nothing, to
# the input $x$:
#
# $$
# \mathrm{IG}_i(x) \;=\; (x_i - x'_i) \int_0^1
#     \frac{\partial F\big(x' + \alpha\,(x - x')\big)}{\partial x_i}\; d\alpha
# \;\approx\; (x_i - x'_i) \sum_{k=1}^{n} w_k\,
#     \frac{\partial F\big(x' + \alpha_k\,(x - x')\big)}{\partial x_i}
# $$
#
# $F$ is the logit of one class. The nodes $\alpha_k$ and the weights $w_k$ come from a rule for numerical
# integration; we use $n = 50$ nodes of Gauss-Legendre, as Captum does unless told otherwise (in code of
# your own: `numpy.polynomial.legendre.leggauss`, moved from $[-1, 1]$ to $[0, 1]$).
#
# A token is no number, so what is $x$? It is what comes out of the model's *embedding layer*: a vector
# for each token. The formula gives one value for each entry of that vector; their **sum** is the token's
# attribution.
#
# Integrated gradients are **complete**: the attributions add up to the difference that they explain,
#
# $$ \sum_i \mathrm{IG}_i(x) = F(x) - F(x'). $$
#
# That makes a good test of your own code, and you will use it below.
#
# **Sources**
#
# - M. Sundararajan, A. Taly, Q. Yan (2017): *Axiomatic Attribution for Deep Networks*. ICML.
# - N. Kokhlikyan et al. (2020): *Captum: A unified and generic model interpretability library for
#   PyTorch*. See `captum.attr.LayerIntegratedGradients`.
# - J. DeYoung et al. (2020): *ERASER: A Benchmark to Evaluate Rationalized NLP Models*. ACL.
#   Comprehensiveness and sufficiency, which measure your own method at the end.
# - R. van der Goot et al. (2021): *From Masked Language Modeling to Translation: Non-English Auxiliary
#   Tasks Improve Zero-shot Spoken Language Understanding*. NAACL. The 18 intents and the slots of xSID.

# %% [markdown]
# ## Setting up
#
# The notebook expects to lie in the folder that you were given, beside `course`, `models` and `data`. In JupyterLab and
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
# NEEDED = Path("models/intent-de")
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
from captum.attr import LayerIntegratedGradients

# %% tags=["active-ipynb"]
# import matplotlib.pyplot as plt
# from course import checking as check_
# from course.intent_classifier import INTENTS, TokenBaselineModel, encode, load_sentences
# from transformers import AutoTokenizer
# from transformers.utils.logging import disable_progress_bar
#
# disable_progress_bar()
# device = "cuda" if torch.cuda.is_available() else "cpu"
# tokenizer = AutoTokenizer.from_pretrained("models/intent-de")
# model = TokenBaselineModel.from_pretrained("models/intent-de").eval().to(device)
# sentences = load_sentences("data/intents_de_examples.tsv")
# print(f"{len(sentences)} sentences, {len(INTENTS)} intents, {model.num_parameters():,} weights")
# for sentence in sentences[:5]:
#     print(f"{sentence.intent:28} {sentence.text}")

# %% [markdown]
# ## The model
#
# `TokenBaselineModel` is small enough to be read at one sitting (`course/intent_classifier.py`):
#
# 1. `model.embedding_model` is a BERT encoder. Its first module, `model.embedding_model.embeddings`,
#    turns token ids into vectors: word, position and type embeddings are added, then normalised.
# 2. The sentence is the **mean** of the encoder's outputs over **all 64 positions**, padding included.
# 3. `model.classifier_in` is a linear layer with 256 outputs, a ReLU follows.
# 4. `model.classifier_out` is a linear layer with one *logit* for each of the 18 intents.
#
# `model(batch)` takes a dictionary and returns the logits, shape (batch, label). The dictionary comes
# from `encode`:
#
# - `input_ids`, shape (batch, token): every sentence is `[CLS]`, its word pieces, `[SEP]`, then `[PAD]`
#   up to 64;
# - `attention_mask`, shape (batch, token): 1 for a real token, 0 for padding;
# - `labels`, shape (batch, label): one-hot. The model does not look at them.
#
# That the mean runs over the padding as well is a choice of this model, not a mistake of yours: a padded
# position attends to the real tokens, so it has something to say about the sentence, too.

# %% tags=["active-ipynb"]
# shown = sentences[::4]  # six sentences of different intents
# example = encode([sentence.text for sentence in shown], [sentence.intent for sentence in shown], tokenizer)
# with torch.no_grad():
#     logits = model({name: values.to(device) for name, values in example.items()})
# for sentence, row in zip(shown, logits, strict=True):
#     predicted = int(row.argmax())
#     print(f"{INTENTS[predicted]:28} {row.softmax(dim=-1)[predicted]:.2f}   {sentence.text}")
# print(tokenizer.convert_ids_to_tokens(example["input_ids"][0])[:14], "...")

# %% [markdown]
# ## A worked example: the plain gradient
#
# Before the integral, look at one gradient. A *forward hook* keeps what comes out of the embedding layer;
# then we ask how the predicted logit reacts to it. A token's *saliency* is the length of its gradient: it
# has no sign, and it knows only the neighbourhood of the input, but it takes a single backward pass.

# %% tags=["active-ipynb"]
# one = {name: values[:1].to(device) for name, values in example.items()}
# kept = {}
# hook = model.embedding_model.embeddings.register_forward_hook(
#     lambda module, inputs, output: kept.update(embeddings=output)
# )
# logits = model(one)  # (1, 18)
# hook.remove()
#
# (gradient,) = torch.autograd.grad(logits[0].max(), kept["embeddings"])  # (1, 64, hidden)
# saliency = gradient[0].norm(dim=-1)  # (64,)
#
# length = int(one["attention_mask"].sum())
# tokens = tokenizer.convert_ids_to_tokens(one["input_ids"][0])[:length]
# figure, axes = plt.subplots(figsize=(7, 2.4))
# axes.bar(range(length), saliency[:length].cpu())
# axes.set_xticks(range(length), tokens, rotation=45, ha="right")
# axes.set_ylabel("length of the gradient")
# axes.set_title(f"Saliency for {INTENTS[int(logits[0].argmax())]}")
# plt.show()

# %% [markdown]
# ## 1. The baseline
#
# The baseline of a sentence is the same sequence with its content removed: `[PAD]` in place of every
# token, while `[CLS]` and `[SEP]`, which carry the form and no content, stay where they are. All other
# special tokens are content, too: `[UNK]` and `[MASK]` stand for a word and become `[PAD]`.
#
# Your function is called with several tokenizers, whose ids differ: ask the tokenizer for its ids, do not
# write numbers. What is `[CLS]` or `[SEP]` in another vocabulary (101 and 102 in the published BERT models)
# may be a word here.


# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    """Replace every token but [CLS] and [SEP] by [PAD].

    Args:
        input_ids: LongTensor, shape (batch, token). Leave it unchanged.
        tokenizer: The model's tokenizer; it knows `pad_token_id`, `cls_token_id` and `sep_token_id`.

    Returns:
        LongTensor, shape (batch, token).
    """
    ### BEGIN SOLUTION
    kept = (input_ids == tokenizer.cls_token_id) | (input_ids == tokenizer.sep_token_id)
    return torch.where(kept, input_ids, torch.full_like(input_ids, tokenizer.pad_token_id))
    ### END SOLUTION


# %% check="build_baseline" tags=["active-ipynb"]
# batch_size_, length_ = example["input_ids"].shape
# baseline_ = check_.integers(build_baseline(example["input_ids"], tokenizer), batch=batch_size_, token=length_)
# check_.close(baseline_[:, 0], [tokenizer.cls_token_id] * batch_size_, "[CLS] stays at the front")
# separators_ = (baseline_ == tokenizer.sep_token_id).sum(dim=1)
# check_.close(separators_, [1] * batch_size_, "each sentence keeps its [SEP]")
# print(tokenizer.convert_ids_to_tokens(baseline_[0])[:14], "...")
# content_ = [tokenizer.cls_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id, 101, 102, tokenizer.sep_token_id]
# removed_ = check_.integers(build_baseline(torch.tensor([content_]), tokenizer), batch=1, token=6)
# check_.close(removed_[0, 1:-1], [tokenizer.pad_token_id] * 4, "[UNK], [MASK] and words with ids 101, 102 are content")

# %% [markdown]
# ## 2. Integrated gradients
#
# Now the heart of it. Use `LayerIntegratedGradients` from Captum, or write the sum yourself. What is
# asked:
#
# - the layer is the embedding module as a whole, `model.embedding_model.embeddings`;
# - the path begins at the baseline ids of `build_baseline`;
# - the target is the logit of the class that the **model predicts** for each sentence, whatever `labels`
#   say;
# - `n_steps=50`, Gauss-Legendre, Captum's default;
# - the attention mask is the input's own, all along the path;
# - the attributions of a token's vector are **summed** over the hidden dimension.
#
# The function is called with several models of this form, and the batch may lie on the CPU while the
# model is on a GPU. Leave both as you found them.


# %% task="compute_feature_attribution_scores"
def compute_feature_attribution_scores(batch, model, tokenizer):
    """Attribute the predicted class of each sentence to its tokens by integrated gradients.

    Args:
        batch: Dictionary with `input_ids` and `attention_mask`, shape (batch, token), and `labels`,
            shape (batch, label).
        model: A `TokenBaselineModel` in eval mode.
        tokenizer: Its tokenizer.

    Returns:
        (attributions, predictions): float tensors of shape (batch, token) and (batch, label);
        `predictions` are the model's logits.
    """
    ### BEGIN SOLUTION
    input_ids = batch["input_ids"].to(model.device)
    attention_mask = batch["attention_mask"].to(model.device)

    def forward(ids, mask):
        return model({"input_ids": ids, "attention_mask": mask})

    with torch.no_grad():
        predictions = forward(input_ids, attention_mask)
    integrated_gradients = LayerIntegratedGradients(forward, model.embedding_model.embeddings)
    attributions = integrated_gradients.attribute(
        input_ids,
        baselines=build_baseline(input_ids, tokenizer),
        target=predictions.argmax(dim=-1),
        additional_forward_args=(attention_mask,),
        n_steps=50,
        # All 50 copies of a large batch at once would need gigabytes.
        internal_batch_size=max(100, len(input_ids)),
    )
    return attributions.sum(dim=-1).detach(), predictions
    ### END SOLUTION


# %% check="compute_feature_attribution_scores" tags=["active-ipynb"]
# few_ = {name: values[:3] for name, values in example.items()}  # three sentences are quick
# results_ = compute_feature_attribution_scores(few_, model, tokenizer)
# attributions_, predictions_ = check_.parts(results_, "attributions", "predictions")
# attributions_ = check_.tensor(attributions_, "attributions", batch=3, token=length_)
# predictions_ = check_.tensor(predictions_, "predictions", batch=3, label=len(INTENTS))
# target_ = predictions_.argmax(dim=-1, keepdim=True)
# padding_ = torch.full_like(few_["input_ids"], tokenizer.pad_token_id)  # a path may also begin at [PAD] throughout
# explained_ = []
# for start_ in (torch.as_tensor(build_baseline(few_["input_ids"].to(device), tokenizer)), padding_):
#     with torch.no_grad():
#         empty_ = model({"input_ids": start_.to(device), "attention_mask": few_["attention_mask"].to(device)}).cpu()
#     explained_.append((predictions_.gather(1, target_) - empty_.gather(1, target_))[:, 0])
# for row_, *differences_ in zip(attributions_, *explained_, strict=True):
#     difference_ = min(map(float, differences_), key=lambda value: abs(value - float(row_.sum())))
#     print(f"sum of attributions {float(row_.sum()):8.3f}   difference of logits {difference_:8.3f}")
#     most_ = 0.05 * float(row_.abs().sum())
#     check_.close(row_.sum(), difference_, "completeness: the two columns agree", atol=most_)


# %% [markdown]
# ## 3. Importance: attributions that sum to one
#
# Logits of one sentence are larger than those of another, and so are their attributions. A softmax over
# the tokens of a sentence makes them comparable: `importance` is positive and sums to 1 in each row.
# Padding must get exactly 0, and it must not take part in the softmax.
#
# Valid is what `attention_mask` marks with 1, `[CLS]` and `[SEP]` included. Do not rely on where the ones
# stand: a mask may have holes in the middle.


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    """Turn attributions into importances by a softmax over the valid tokens of each row.

    Args:
        attributions: Float tensor, shape (batch, token).
        attention_mask: Integer tensor, shape (batch, token): 1 valid, 0 padding; each row has a valid token.

    Returns:
        Float tensor, shape (batch, token): rows sum to 1, padding is 0.
    """
    ### BEGIN SOLUTION
    padding = attention_mask.to(attributions.device) == 0
    return attributions.masked_fill(padding, float("-inf")).softmax(dim=-1)
    ### END SOLUTION


# %% check="token_importance" tags=["active-ipynb"]
# some_scores_ = torch.linspace(-2, 2, 64).expand(example["attention_mask"].shape)
# importance_ = token_importance(some_scores_, example["attention_mask"])
# assert not isinstance(importance_, list), f"expected one tensor for the batch, got a list of {len(importance_)}"
# importance_ = check_.tensor(importance_, batch=batch_size_, token=length_)
# check_.sums(importance_, what="the importance of a sentence's tokens sums to 1")
# check_.between(importance_.where(example["attention_mask"] == 0, torch.zeros(())), 0, 0, "padding is exactly 0")
# small_ = token_importance(torch.tensor([[1.0, 5.0, 1.0, 9.0]]), torch.tensor([[1, 0, 1, 0]]))
# check_.close(small_, [[0.5, 0.0, 0.5, 0.0]], "two equal tokens share")
# print(importance_[0, :12])

# %% [markdown]
# ## 4. From word pieces to words
#
# The tokenizer cuts rare words into pieces: `Wetter ##vor ##her ##sage`. A reader wants one number for
# the word. Since attributions add up, the word's score is the **sum** of its pieces' scores, and the
# total stays what it was.
#
# Special tokens stay words of their own, side by side, too; a word that stands twice in the sentence stays
# twice in the list. A long text is read in windows, and a window may begin in the middle of a word: a `##` piece with
# nothing or a special token before it starts a word.


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    """Join "##" pieces to words and add up their scores.

    Args:
        tokens: List of str, as `tokenizer.convert_ids_to_tokens` gives them.
        scores: List of float, one a token.

    Returns:
        List of (word, score), in the order of the sentence; words without "##".
    """
    ### BEGIN SOLUTION
    words = []
    for token, score in zip(tokens, scores, strict=True):
        follows_word = bool(words) and not words[-1][0].startswith("[")
        if token.startswith("##") and follows_word:
            word, total = words[-1]
            words[-1] = (word + token[2:], total + float(score))
        else:
            words.append((token.removeprefix("##"), float(score)))
    return words
    ### END SOLUTION


# %% check="merge_subtokens" tags=["active-ipynb"]
# pieces_ = ["[CLS]", "Wetter", "##vor", "##her", "##sage", "[SEP]"]
# merged_ = check_.records(merge_subtokens(pieces_, [0.5, 1.0, 2.0, 3.0, -1.0, 0.25]), "word", "score")
# check_.equal([word for word, score in merged_], ["[CLS]", "Wettervorhersage", "[SEP]"], "pieces are joined")
# check_.equal([float(score) for word, score in merged_], [0.5, 5.0, 0.25], "scores are added up")
# window_ = merge_subtokens(["[CLS]", "##her", "##sage", "[SEP]"], [0.5, 1.0, 2.0, 0.25])
# window_ = [float(score) for word, score in check_.records(window_, "word", "score")]
# check_.equal(window_, [0.5, 3.0, 0.25], "a piece behind [CLS] is no part of [CLS]")
# print(merged_)
# twice_ = merge_subtokens(["Regen", "##schirm", "Regen", "##schirm", "[SEP]", "[PAD]"], [1.0, 2.0, 0.5, 0.5, 0.2, 0])
# twice_ = [word for word, score in check_.records(twice_, "word", "score")]
# check_.equal(twice_, ["Regenschirm", "Regenschirm", "[SEP]", "[PAD]"], "each word of the sentence is in the list")
# front_ = check_.records(merge_subtokens(["##her", "##sage", "heute"], [1.0, 2.0, 0.5]), "word", "score")
# check_.equal([float(score) for word, score in front_], [3.0, 0.5], "a piece at the front starts a word")

# %% [markdown]
# ## See it
#
# Show the attributions of two or three sentences in one figure: bars, a heat map, coloured words, as you
# like. Use your words from part 4, name the predicted intent, and make the sign visible. Your picture
# appears in your feedback.

# %% plot="plot-attributions" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# figure, panels = plt.subplots(3, 1, figsize=(8, 7.5), layout="constrained")
# for panel, row in zip(panels, range(3), strict=True):
#     length = int(example["attention_mask"][row].sum())
#     tokens = tokenizer.convert_ids_to_tokens(example["input_ids"][row])[:length]
#     words = merge_subtokens(tokens, attributions_[row, :length].tolist())
#     values = [score for _, score in words]
#     colours = ["tab:blue" if value >= 0 else "tab:red" for value in values]
#     panel.bar(range(len(words)), values, color=colours)
#     panel.axhline(0, color="black", linewidth=0.8)
#     panel.set_xticks(range(len(words)), [word for word, _ in words], rotation=30, ha="right", rotation_mode="anchor")
#     panel.set_ylabel("attribution")
#     panel.set_title(INTENTS[int(predictions_[row].argmax())])
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## 5. A method of your own
#
# There is no single right attribution, but some tell more truly than others what the model uses. DeYoung
# et al. (2020) measure it by taking words away. Sort the tokens of a sentence by your scores, best first,
# and let $p$ be the probability of the predicted class. Then for $k$ = 10 %, 20 %, ..., 100 % of the
# tokens:
#
# - **comprehensiveness**: how far does $p$ fall without the best $k$? The further the better.
# - **sufficiency**: how far does $p$ fall if only the best $k$ are left? The less the better.
#
# Both are averaged over $k$ (the *area over the perturbation curve*, AOPC). A token that is taken away
# becomes `[PAD]` with attention 0; `[CLS]` and `[SEP]` always stay, so their scores do not matter; only
# the *order* of the others does. On sentences that you have not seen, your ranking is compared with 100
# random rankings of the same sentence: the 50th percentile is chance, points begin at the 60th and are
# full at the 80th, and the class has a leaderboard.
#
# Any method will do: your integrated gradients, another baseline, another target, gradient times input,
# leaving out words, Shapley values ... The function is asked about eight sentences at a time, some seventy in
# all, and a call is stopped after five seconds: ask the model about many variants of a sentence in one batch
# rather than about one after the other.


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    """Score each token by how much the model uses it for the class that it predicts.

    Args:
        batch: As for `compute_feature_attribution_scores`.
        model: A `TokenBaselineModel` in eval mode, not always the notebook's own. A quarter of the points needs
            scores that come from the model that is passed.
        tokenizer: Its tokenizer.

    Returns:
        Float tensor, shape (batch, token): the higher, the more important. Values at padding, [CLS] and [SEP]
        are not looked at.
    """
    ### BEGIN SOLUTION
    # Occlusion from both ends: what a token's absence costs the whole sentence, and what its presence
    # gives to the empty one. Their mean is near the Shapley value, for two forward passes a token.
    ids = batch["input_ids"].to(model.device)
    mask = batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape, device=ids.device)
    with torch.no_grad():
        targets = model({"input_ids": ids, "attention_mask": mask}).argmax(dim=-1)
        for row in range(len(ids)):
            framing = (ids[row] == tokenizer.cls_token_id) | (ids[row] == tokenizer.sep_token_id)
            places = torch.nonzero((mask[row] == 1) & ~framing)[:, 0]
            number = len(places)
            if number == 0:
                continue
            alone = torch.zeros(number, ids.shape[1], dtype=torch.bool, device=ids.device)
            alone[torch.arange(number), places] = True
            present = (mask[row] == 1).expand(number, -1)
            # The first `number` rows lack one token each, the next have that token alone, the last has none.
            keep = torch.cat([present & ~alone, framing | alone, framing[None]])
            kept_ids = torch.where(keep, ids[row], tokenizer.pad_token_id)
            logits = model({"input_ids": kept_ids, "attention_mask": keep.long()})
            log_odds = torch.logit(logits.softmax(dim=-1)[:, targets[row]].double(), eps=1e-9)
            scores[row, places] = (log_odds[number:-1] - log_odds[:number]).float()
    return scores
    ### END SOLUTION


# %% check="my_attribution" tags=["active-ipynb"]
# scores_ = check_.tensor(my_attribution(example, model, tokenizer), batch=batch_size_, token=length_)
# untrained_ = TokenBaselineModel(model.config).eval().to(device)
# other_scores_ = check_.tensor(my_attribution(example, untrained_, tokenizer), batch=batch_size_, token=length_)
# same_ = float((scores_ == other_scores_).double().mean())
# assert same_ < 1, f"an untrained model gets the same scores ({same_:.0%} of them): ask the model that is passed"
# for row_, ids_, mask_ in zip(scores_, example["input_ids"], example["attention_mask"], strict=True):
#     inner_ = range(1, int(mask_.sum()) - 1)
#     best_ = sorted(inner_, key=lambda place: -float(row_[place]))[:3]
#     print("  ".join(tokenizer.convert_ids_to_tokens([int(ids_[place]) for place in best_])))

# %% [markdown]
# ## Questions
#
# **Which tokens decide?** Choose two sentences with different intents. Which tokens decide the intent,
# and why these? Name the numbers that you rely on, and one token whose attribution surprised you.

# %% [markdown] question="question-words"
# ### BEGIN SOLUTION
# In "Stell mir bitte einen Wecker auf Viertel nach sechs ." (`alarm/set_alarm`) three words share the most:
# "einen" (1.50 of 4.49), "wecker" (1.35) and "stell" (1.27), then "auf" (0.65). The noun says that it is about
# an alarm, verb and article which of the alarm intents it is: who asks for *a* clock asks for a new one. When I
# replace "einen" by nothing, the logit falls from 4.5 to 2.2 and the model says `alarm/modify_alarm`. The time
# itself ("viertel nach sechs", 0.36 together) adds little, since times occur with alarms, reminders and the
# weather alike. In "Wird es am Wochenende in den Vogesen schneien ?" (`weather/find`) "vogesen" (1.12), "es"
# (1.11) and "schneien" (1.03) decide: a verb that hardly occurs with another intent in the training sentences,
# its "es", and a name of a region. Surprising is "mir" in the first sentence: it speaks against
# `alarm/set_alarm` (-0.67). It is frequent in requests to show, to play or to look for something, so the model may
# have learnt it as a sign of those; without it the logit rises from 4.5 to 4.7.
# ### END SOLUTION

# %% [markdown]
# **What does the baseline do?** Explain the choice of the baseline: what would the attributions tell you
# if `[CLS]` and `[SEP]` became `[PAD]`, too, and what do they tell you with these two kept? Use
# completeness in your answer.

# %% [markdown] question="question-baseline"
# ### BEGIN SOLUTION
# Integrated gradients explain a difference, F(x) - F(x'), and only what differs between x and x' can get
# a share of it. With [CLS] and [SEP] kept, x and x' are equal there, so both get exactly 0 and the whole
# difference is distributed over the words. If they became [PAD], they would get shares of their own: a
# part of the sum would explain that a sequence has a beginning and an end, which every sentence has, and
# the words' shares would change with it. The sum would still be complete, but for the difference to
# another, more unusual starting point.
# ### END SOLUTION

# %% [markdown]
# ## Things to try
#
# - Take another baseline (the `[MASK]` token, the zero vector, the mean of all embeddings). Which ranks
#   of words change?
# - Use 5, 20, 50 and 300 steps and plot how far the sum is from the difference of the logits. Where does
#   the ReLU make the path rough?
# - Explain the *second* best class, or the difference between the best two. Which words speak for one and
#   against the other?
# - Compare your attributions with the slots in the data (`sentence.slots`): does the model look where a
#   person would?
# - Look for a sentence that the model gets wrong, and find out from the attributions why.
