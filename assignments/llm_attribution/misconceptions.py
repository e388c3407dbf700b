"""Known mistakes with attribution for a language model, as functions and as tables of one step.

A mistake takes the reference module and then the task's own arguments. Some are missing here on purpose, since no
run of them reproduces a student's numbers or nothing shows them: a seed that is ignored (the visible check asks twice),
too few samples (they are honest, only fewer), dropout left on (these models have none).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import FeatureAblation, LLMAttribution, TextTemplateInput, TextTokenInput
from torch import Tensor

from autograder.checks import accepted_variant, misconception, misconceptions

TOKENS = "ablate_tokens"


TEMPLATE = "ablate_template"


GROUPS = "ablate_groups"


SHAPLEY = "shapley_groups"


SAMPLED = "shapley_sampled"


EXAMPLES = "attribute_examples"


GRADIENTS = "integrated_gradients"


Texts = Sequence[str]


# Log-probabilities, in right and in wrong ways


def _prompt_ids(tokenizer: Any, prompt: str) -> tuple[list[int], int]:
    """Return a prompt's ids, and how many of them are a BOS in front."""
    ids = tokenizer(prompt)["input_ids"]
    return ids, int(tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id])


def _target_ids(tokenizer: Any, target: str) -> list[int]:
    ids: list[int] = tokenizer(target, add_special_tokens=False)["input_ids"]
    return ids


def _logits(model: Any, prompts: Sequence[list[int]], ends: list[int], shift: int = 0) -> list[Tensor]:
    """Return for each prompt the logits at the places before the target's tokens, float64, (target token, vocab).

    Args:
        model: The model.
        prompts: Ids; lengths may differ.
        ends: Ids of the target.
        shift: How many places too late to look.
    """
    found = []
    for ids in prompts:
        row = torch.tensor([[*ids, *ends]], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=row, use_cache=False).logits[0].double().cpu()
        start = len(ids) - 1 + shift
        found.append(logits[start : start + len(ends)])
    return found


def _of_targets(logits: Sequence[Tensor], ends: list[int]) -> Tensor:
    """Return the numbers that belong to the target's tokens, shape (prompt, target token)."""
    chosen = torch.tensor(ends)[:, None]
    return torch.stack([one.gather(1, chosen)[:, 0] for one in logits])


def _log_probabilities(model: Any, prompts: Sequence[list[int]], ends: list[int], shift: int = 0) -> Tensor:
    """Return ln p of the target's tokens, float64, shape (prompt, target token)."""
    return _of_targets([one.log_softmax(dim=-1) for one in _logits(model, prompts, ends, shift)], ends)


def _not_continued(model: Any, prompts: Sequence[list[int]], ends: list[int]) -> Tensor:
    """Return ln p of each of the target's tokens right after the prompt, without the target's tokens before it."""
    logits = [one[:1].expand(len(ends), -1) for one in _logits(model, prompts, ends)]
    return _of_targets([one.log_softmax(dim=-1) for one in logits], ends)


def _whole(model: Any, tokenizer: Any, texts: Texts, target: str, how: str = "sum") -> Tensor:
    """Return a score of the whole target after each text, float64, shape (text,)."""
    special = how != "prompt without BOS"
    prompts = [tokenizer(text, add_special_tokens=special)["input_ids"] for text in texts]
    ends = tokenizer(target, add_special_tokens=how == "target with BOS")["input_ids"]
    if how == "logits":
        return _of_targets(_logits(model, prompts, ends), ends).sum(dim=-1)
    if how == "not continued":
        return _not_continued(model, prompts, ends).sum(dim=-1)
    scores = _log_probabilities(model, prompts, ends, shift=int(how == "one place late"))
    ways: dict[str, Callable[[], Tensor]] = {
        "mean": lambda: scores.mean(dim=-1),
        "first": lambda: scores[:, 0],
        "last": lambda: scores[:, -1],
        "probability": lambda: scores.sum(dim=-1).exp(),
        "probabilities": lambda: scores.exp().sum(dim=-1),
        "bits": lambda: scores.sum(dim=-1) / math.log(2),
    }
    return ways.get(how, lambda: scores.sum(dim=-1))()


def _mixed(
    template: str, values: Texts, baselines: Texts, mask: Sequence[int], kept: frozenset[int] | set[int]
) -> str:
    """Return the text in which these groups keep their values."""
    triples = zip(values, baselines, mask, strict=True)
    return template.format(*[value if group in kept else baseline for value, baseline, group in triples])


def _everyone(mask: Sequence[int]) -> frozenset[int]:
    return frozenset(mask)


# ablate_tokens


def _captum_tokens(
    model: Any, tokenizer: Any, prompt: str, target: str, *, skip: bool, **options: Any
) -> Any:
    """Return Captum's result for an ablation of tokens."""
    front = _prompt_ids(tokenizer, prompt)[1]
    text = TextTokenInput(prompt, tokenizer, skip_tokens=[tokenizer.bos_token_id] if skip and front else None)
    explained = LLMAttribution(
        FeatureAblation(model), tokenizer, attr_target=options.pop("attr_target", "log_prob")
    )
    return explained.attribute(text, target=target, **options)


def _ablated(
    model: Any,
    tokenizer: Any,
    prompt: str,
    target: str,
    *,
    replace: Callable[[list[int], int], list[int]] | None = None,
    score: Callable[[Sequence[list[int]], list[int]], Tensor] | None = None,
) -> Tensor:
    """Ablate tokens, with another replacement or another score; float32, shape (target token, prompt token)."""
    ids, front = _prompt_ids(tokenizer, prompt)
    ends = _target_ids(tokenizer, target)
    swap = replace or (lambda row, place: [*row[:place], 0, *row[place + 1 :]])
    rows = [ids, *[swap(ids, place) for place in range(front, len(ids))]]
    scores = score(rows, ends) if score else _log_probabilities(model, rows, ends)
    return (scores[0] - scores[1:]).T.float()


@misconceptions(
    task=TOKENS,
    tokens_cached=(
        "Captum's cached outputs were left on: all rows after the first are wrong.",
        "Your first row is right, the others are not. Which of the library's options reuses what the model computed "
        "for an earlier token of the target?",
        True,
    ),
    tokens_cached_with_bos=(
        "Captum's cached outputs were left on, and the BOS was ablated, too.",
        "Compare the number of your columns with that of the words' tokens, and your second row with what you compute "
        "by hand.",
        False,
    ),
)
def _tokens_cached(skip: bool, reference: Any, *question: Any) -> Tensor:
    """Ablate with Captum's cached outputs, the token in front skipped or not."""
    return _captum_tokens(*question, skip=skip).token_attr


@misconception(
    task=TOKENS,
    title="The BOS was ablated and has a column of its own.",
    hint="How many columns does your result have, and which of them is no token of the text?",
)
def tokens_with_bos(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    ids, _ = _prompt_ids(tokenizer, prompt)
    rows = [ids, *[[*ids[:place], 0, *ids[place + 1 :]] for place in range(len(ids))]]
    scores = _log_probabilities(model, rows, _target_ids(tokenizer, target))
    return (scores[0] - scores[1:]).T.float()


@misconception(
    task=TOKENS,
    title="The first token was left out, whether it is a BOS or not.",
    hint="Does every tokenizer put a token in front? How can you ask the one that you are given?",
)
def tokens_first_dropped(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    return tokens_with_bos(reference, model, tokenizer, prompt, target)[:, 1:]


@misconception(
    task=TOKENS,
    title="The target was encoded with a BOS of its own: it stands between prompt and target.",
    hint="Decode the ids that you give to the model, all of them together. Is there one that the text does not have?",
)
def tokens_target_with_bos(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    ids, front = _prompt_ids(tokenizer, prompt)
    rows = [ids, *[[*ids[:place], 0, *ids[place + 1 :]] for place in range(front, len(ids))]]
    scores = _log_probabilities(model, rows, tokenizer(target)["input_ids"])
    return (scores[0] - scores[1:]).T.float()


@misconception(
    task=TOKENS,
    title="The prompt was encoded without its BOS.",
    hint="Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
)
def tokens_prompt_without_bos(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    ids, front = _prompt_ids(tokenizer, prompt)
    bare = ids[front:]
    rows = [bare, *[[*bare[:place], 0, *bare[place + 1 :]] for place in range(len(bare))]]
    scores = _log_probabilities(model, rows, _target_ids(tokenizer, target))
    return (scores[0] - scores[1:]).T.float()


@misconceptions(
    task=TOKENS,
    tokens_deleted=(
        "Tokens were deleted instead of replaced.",
        "How long is the prompt when a token is ablated? What happens to the places of all that come after it?",
        lambda before, front, tokenizer: before,
    ),
    tokens_replaced_by_eos=(
        "Tokens were replaced by the end-of-sequence token.",
        "Which id stands in the place of an ablated token in your code, and which one does the task name?",
        lambda before, front, tokenizer: [*before, tokenizer.eos_token_id],
    ),
    tokens_cumulative=(
        "Once replaced, tokens stayed replaced: nothing was put back before the next one.",
        "Print the ids for the last column: how many of them are 0? Do you change a copy or the prompt itself?",
        lambda before, front, tokenizer: [*before[:front], *[0] * (len(before) + 1 - front)],
    ),
)
def _replaced(
    replacement: Any, reference: Any, model: Any, tokenizer: Any, prompt: str, target: str
) -> Tensor:
    """Ablate a token otherwise than by replacing it, alone, by id 0."""
    front = _prompt_ids(tokenizer, prompt)[1]

    def replace(row: list[int], place: int) -> list[int]:
        return [*replacement(row[:place], front, tokenizer), *row[place + 1 :]]

    return _ablated(model, tokenizer, prompt, target, replace=replace)


@misconception(
    task=TOKENS,
    title="Tokens were hidden by the attention mask instead of replaced.",
    hint="What does the model see in the place of an ablated token: another token, or nothing at all?",
)
def tokens_masked_out(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    ids, front = _prompt_ids(tokenizer, prompt)
    ends = _target_ids(tokenizer, target)
    row = torch.tensor([[*ids, *ends]], device=model.device)
    found = []
    for place in (None, *range(front, len(ids))):
        mask = torch.ones_like(row)
        if place is not None:
            mask[0, place] = 0
        with torch.no_grad():
            logits = model(input_ids=row, attention_mask=mask, use_cache=False).logits[0, len(ids) - 1 : -1]
        found.append(_of_targets([logits.double().cpu().log_softmax(dim=-1)], ends)[0])
    return (found[0] - torch.stack(found[1:])).T.float()


@misconceptions(
    task=TOKENS,
    tokens_probabilities=(
        "Differences of probabilities instead of log-probabilities.",
        "Can a difference of yours be larger than 1? Which quantity adds up over the tokens of a target?",
        lambda model, rows, ends: _log_probabilities(model, rows, ends).exp(),
    ),
    tokens_logits=(
        "Differences of logits: the softmax is missing.",
        "A logit alone says nothing about a probability: what else does ln p depend on?",
        lambda model, rows, ends: _of_targets(_logits(model, rows, ends), ends),
    ),
    tokens_one_place_late=(
        "Logits were read one place too late: at the token itself instead of before it.",
        "At which position of the output does the model say what it expects in position 5 of the input?",
        lambda model, rows, ends: _log_probabilities(model, rows, ends, shift=1),
    ),
    tokens_not_continued=(
        "All tokens of the target were looked for right after the prompt, without those before them.",
        "Your first row is right. What has the model read before it says the target's second token?",
        _not_continued,
    ),
)
def _explaining(score: Any, reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Ablate tokens with another score than the log-probabilities of the target's tokens."""
    return _ablated(model, tokenizer, prompt, target, score=partial(score, model))


@misconceptions(
    task=TOKENS,
    tokens_bits=(
        "The logarithm has base 2.",
        "By which factor are all of your values off? Which logarithm does log_softmax use?",
        lambda effects: effects / math.log(2),
    ),
    tokens_sign=(
        "Perturbed minus original: the sign is turned round.",
        "A token that speaks for the target is missed when it is gone. Which sign has its effect with you?",
        lambda effects: -effects,
    ),
)
def _after_ablation(
    step: Any, reference: Any, model: Any, tokenizer: Any, prompt: str, target: str
) -> Tensor:
    """Take one last step on the effects of tokens."""
    return step(_ablated(model, tokenizer, prompt, target))


@misconceptions(
    task=TOKENS,
    calls=(TOKENS,),
    tokens_transposed=(
        "Tokens of the prompt and of the target have changed places.",
        "Which axis of your result is as long as the target?",
        lambda effects: effects.T,
    ),
    tokens_summed=(
        "The target's tokens were summed: one row only.",
        "How many numbers does the task ask for at each token of the prompt?",
        lambda effects: effects.sum(dim=0),
    ),
    tokens_normalised=(
        "The effects were normalised.",
        "What does a row of yours sum to, and what should it tell?",
        lambda effects: effects / effects.abs().sum(dim=-1, keepdim=True),
    ),
    tokens_magnitudes=(
        "The effects have lost their sign.",
        "Some tokens speak against the target. How would one see that in your result?",
        lambda effects: effects.abs(),
    ),
)
def _after_tokens(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right effects of tokens."""
    return step(reference.ablate_tokens(*question))


# ablate_template


def _features(
    model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str, how: str = "sum"
) -> Tensor:
    """Ablate features with some score of the target; float32, shape (feature,)."""
    alone = range(len(values))
    return _groups(model, tokenizer, template, values, baselines, list(alone), target, how)


def _groups(
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Sequence[int],
    target: str,
    how: str = "sum",
) -> Tensor:
    """Ablate groups with some score of the target; float32, shape (feature,)."""
    everyone = _everyone(mask)
    texts = [_mixed(template, values, baselines, mask, everyone - {group}) for group in range(max(mask) + 1)]
    scores = _whole(model, tokenizer, [template.format(*values), *texts], target, how)
    return (scores[0] - scores[1:])[list(mask)].float()


def _captum_groups(
    model: Any, tokenizer: Any, template: Any, values: Any, baselines: Any, mask: Any, target: str
) -> Tensor:
    """Return Captum's ablation of groups for the whole target, with its cached outputs left on."""
    text = TextTemplateInput(template, values=list(values), baselines=list(baselines), mask=mask)
    return LLMAttribution(FeatureAblation(model), tokenizer).attribute(text, target=target).seq_attr


def _captum_worth(model: Any, tokenizer: Any, texts: Texts, target: str) -> list[float]:
    """Return what Captum makes of F of each text, less F of the first one, with its cached outputs left on."""
    gaps = [_captum_groups(model, tokenizer, "{}", [text], [texts[0]], None, target) for text in texts]
    return [float(gap[0]) for gap in gaps]


@misconception(
    task=TEMPLATE,
    title="Captum's cached outputs were left on.",
    hint="Compute one effect by hand, token by token of the target: which of the log-probabilities agree with the "
    "library's? Look through its options.",
)
def features_cached(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    return _captum_groups(model, tokenizer, template, values, baselines, None, target)


@misconceptions(
    task=TEMPLATE,
    features_mean=(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the target have?",
        "mean",
    ),
    features_first_token=(
        "Only the first token of the target was looked at.",
        "How many log-probabilities make up the target's, and how many does your score hold?",
        "first",
    ),
    features_last_token=(
        "Only the last token of the target was looked at.",
        "How many log-probabilities make up the target's? Which of them does your index pick?",
        "last",
    ),
    features_probability=(
        "The difference of the target's probabilities instead of its log-probabilities.",
        "Can an effect of yours be larger than 1?",
        "probability",
    ),
    features_probabilities_summed=(
        "The probabilities of the target's tokens were added up.",
        "Which quantity of the single tokens adds up to that of the whole target?",
        "probabilities",
    ),
    features_logits=(
        "Logits were added up: the softmax is missing.",
        "A logit alone says nothing about a probability: what else does ln p depend on?",
        "logits",
    ),
    features_bits=(
        "The logarithm has base 2.",
        "By which factor are all of your values off?",
        "bits",
    ),
    features_target_with_bos=(
        "The target was encoded with a BOS of its own: it stands between prompt and target.",
        "Decode the ids that you give to the model, all of them together. Is there one that the text does not have?",
        "target with BOS",
    ),
    features_prompt_without_bos=(
        "The prompt was encoded without its BOS.",
        "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
        "prompt without BOS",
    ),
    features_one_place_late=(
        "Logits were read one place too late: at the token itself instead of before it.",
        "At which position of the output does the model say what it expects in position 5 of the input?",
        "one place late",
    ),
    features_not_continued=(
        "All tokens of the target were looked for right after the prompt, without those before them.",
        "What has the model read before it says the target's second token?",
        "not continued",
    ),
)
def _features_by(how: str, reference: Any, *question: Any) -> Tensor:
    """Ablate features with another score of the target."""
    return _features(*question, how)


@misconception(
    task=TEMPLATE,
    title="Perturbed minus original: the sign is turned round.",
    hint="A feature that speaks for the target is missed when it is gone. Which sign has its effect with you?",
)
def features_sign(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    return -_features(model, tokenizer, template, values, baselines, target)


@misconception(
    task=TEMPLATE,
    title="Values were deleted instead of replaced by their baselines.",
    hint="Print the texts that your function looks at: what stands in the gap of an ablated feature?",
)
def features_deleted(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    return _features(model, tokenizer, template, values, [""] * len(values), target)


@misconception(
    task=TEMPLATE,
    title="Once replaced, values stayed replaced: nothing was put back before the next one.",
    hint="Print the texts that your function looks at. Do you change a copy of the values or the list itself?",
)
def features_cumulative(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    texts = [template.format(*baselines[: place + 1], *values[place + 1 :]) for place in range(len(values))]
    scores = _whole(model, tokenizer, [template.format(*values), *texts], target)
    return (scores[0] - scores[1:]).float()


@misconception(
    task=TEMPLATE,
    title="Each value was put into the baselines, instead of each baseline into the values.",
    hint="Print the texts that your function looks at: with which one does each of them share all values but one?",
)
def features_put_in(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    return -_features(model, tokenizer, template, baselines, values, target)


@misconception(
    task=TEMPLATE,
    title="The effects were normalised.",
    hint="What do your effects sum to, and what should one of them tell?",
    calls=(TEMPLATE,),
)
def features_normalised(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    effects = reference.ablate_template(model, tokenizer, template, values, baselines, target)
    return effects / effects.abs().sum()


@misconception(
    task=TEMPLATE,
    title="One row for each token of the target: they were not summed.",
    hint="How many numbers does the task ask for at each feature?",
)
def features_by_target_token(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Texts, baselines: Texts, target: str
) -> Tensor:
    texts = [template.format(*values)]
    for place, baseline in enumerate(baselines):
        texts.append(template.format(*values[:place], baseline, *values[place + 1 :]))
    prompts = [_prompt_ids(tokenizer, text)[0] for text in texts]
    scores = _log_probabilities(model, prompts, _target_ids(tokenizer, target))
    return (scores[0] - scores[1:]).T.float()


# ablate_groups


@misconception(
    task=GROUPS,
    title="Captum's cached outputs were left on.",
    hint="Compute one effect by hand, token by token of the target: which of the log-probabilities agree with the "
    "library's? Look through its options.",
)
def groups_cached(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Any,
    target: str,
) -> Tensor:
    return _captum_groups(model, tokenizer, template, values, baselines, mask, target)


@misconceptions(
    task=GROUPS,
    groups_ignored=(
        "The mask was ignored: each feature was replaced alone.",
        "Print the texts that your function looks at: how many values are replaced in each?",
        lambda alone, mask: alone,
    ),
    groups_sum_of_singles=(
        "The members' single effects were added up; they were never replaced together.",
        "Print the texts that your function looks at: is there one in which all members of a group are replaced?",
        lambda alone, mask: torch.zeros(max(mask) + 1).index_add(0, torch.tensor(mask), alone)[mask],
    ),
    groups_first_member=(
        "Of each group only the first member was replaced.",
        "Print the texts that your function looks at: how many values are replaced in each?",
        lambda alone, mask: alone[[mask.index(group) for group in mask]],
    ),
)
def _from_features(step: Any, reference: Any, *question: Any) -> Tensor:
    """Make groups' effects out of effects of single features."""
    *texts, mask, target = question
    return step(_features(*texts, target), list(mask))


def _sizes(mask: Sequence[int]) -> Tensor:
    """Return the size of each feature's group."""
    return torch.tensor([float(list(mask).count(group)) for group in mask])


def _one_each(scores: Tensor, mask: list[int]) -> Tensor:
    """Return one number for each group."""
    return scores[[mask.index(group) for group in range(max(mask) + 1)]]


def _by_appearance(scores: Tensor, mask: list[int]) -> Tensor:
    """Take the groups' numbers for their places in the order of appearance."""
    found = [scores[mask.index(group)] for group in dict.fromkeys(mask)]
    return torch.stack([found[group] for group in mask])


@misconceptions(
    task=GROUPS,
    calls=(GROUPS,),
    groups_split=(
        "A group's score was divided among its members.",
        "Compare a group of one with a group of two: by which factor is each off? What does a member carry?",
        lambda scores, mask: scores / _sizes(mask),
    ),
    groups_counted_by_member=(
        "A group's score was multiplied by the number of its members.",
        "Compare a group of one with a group of two: by which factor is each off? Is a group counted more than once?",
        lambda scores, mask: scores * _sizes(mask),
    ),
    groups_one_number_each=(
        "One number for each group instead of one for each feature.",
        "How long is your result, and how many features are there?",
        _one_each,
    ),
    groups_in_order_of_appearance=(
        "The groups' scores stand in the order in which groups first appear, not by their numbers.",
        "Which group does your first score belong to: number 0, or the group of the first feature?",
        _by_appearance,
    ),
)
def _after_groups(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right effects of groups."""
    return step(reference.ablate_groups(*question), list(question[5]))


@misconception(
    task=GROUPS,
    title="All other groups were replaced instead of the group itself.",
    hint="Print the texts that your function looks at: which values are still there in the text for group 0?",
)
def groups_others_replaced(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Any,
    target: str,
) -> Tensor:
    texts = [_mixed(template, values, baselines, mask, {group}) for group in range(max(mask) + 1)]
    scores = _whole(model, tokenizer, [template.format(*values), *texts], target)
    return (scores[0] - scores[1:])[list(mask)].float()


@misconception(
    task=GROUPS,
    title="Each group was put into the baselines, instead of its baselines into the values.",
    hint="With which text is each of your texts compared: with that of all values, or with that of all baselines?",
)
def groups_put_in(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Any,
    target: str,
) -> Tensor:
    return -_groups(model, tokenizer, template, baselines, values, mask, target)


@misconception(
    task=GROUPS,
    title="Perturbed minus original: the sign is turned round.",
    hint="A group that speaks for the target is missed when it is gone. Which sign has its effect with you?",
)
def groups_sign(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Any,
    target: str,
) -> Tensor:
    return -_groups(model, tokenizer, template, values, baselines, mask, target)


@misconceptions(
    task=GROUPS,
    groups_mean=(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the target have?",
        "mean",
    ),
    groups_first_token=(
        "Only the first token of the target was looked at.",
        "How many log-probabilities make up the target's, and how many does your score hold?",
        "first",
    ),
    groups_probability=(
        "The difference of the target's probabilities instead of its log-probabilities.",
        "Can an effect of yours be larger than 1?",
        "probability",
    ),
    groups_prompt_without_bos=(
        "The prompt was encoded without its BOS.",
        "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
        "prompt without BOS",
    ),
)
def _groups_by(how: str, reference: Any, *question: Any) -> Tensor:
    """Ablate groups with another score of the target."""
    return _groups(*question, how)


# shapley_groups


Worth = dict[frozenset[int], float]


Weight = Callable[[int, int], float]
"""From a coalition's size and the number of players to the weight of a marginal contribution to it."""


def _coalitions(players: int) -> list[frozenset[int]]:
    sizes = range(players + 1)
    return [frozenset(some) for size in sizes for some in itertools.combinations(range(players), size)]


def _game(
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Sequence[int],
    target: str,
    how: str = "sum",
) -> Worth:
    """Return what each coalition of groups is worth."""
    coalitions = _coalitions(max(mask) + 1)
    texts = [_mixed(template, values, baselines, mask, coalition) for coalition in coalitions]
    return dict(zip(coalitions, _whole(model, tokenizer, texts, target, how).tolist(), strict=True))


def _right_weight(size: int, players: int) -> float:
    return math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)


def _weighted(worth: Worth, players: int, weight: Weight = _right_weight) -> Tensor:
    """Return each player's weighted sum of marginal contributions, float64, shape (player,)."""
    result = torch.zeros(players, dtype=torch.float64)
    for coalition in worth:
        for player in set(range(players)) - coalition:
            gain = worth[coalition | {player}] - worth[coalition]
            result[player] += weight(len(coalition), players) * gain
    return result


def _played(question: tuple[Any, ...], *, weight: Weight = _right_weight, how: str = "sum") -> Tensor:
    """Return weighted marginal contributions of groups, float32, shape (feature,).

    Args:
        question: Arguments of shapley_groups.
        weight: Of a marginal contribution.
        how: The target's score.
    """
    mask = list(question[5])
    return _weighted(_game(*question, how=how), max(mask) + 1, weight)[mask].float()


def _unweighted(size: int, players: int) -> float:
    return 1 / 2 ** (players - 1)


def _leave_one_out(size: int, players: int) -> float:
    return float(size == players - 1)


def _add_one_in(size: int, players: int) -> float:
    return float(size == 0)


def _ends_only(size: int, players: int) -> float:
    return 0.5 * (size == 0) + 0.5 * (size == players - 1)


def _sizes_not_averaged(size: int, players: int) -> float:
    return 1 / math.comb(players - 1, size)


def _all_sizes_counted(size: int, players: int) -> float:
    return 1 / (players * math.comb(players, size))


def _order(question: tuple[Any, ...], order: Sequence[int]) -> Tensor:
    """Return the marginal contributions in one order, float64, shape (group,)."""
    worth = _game(*question)
    gains = torch.zeros(len(order), dtype=torch.float64)
    for place, group in enumerate(order):
        gains[group] = worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return gains


@misconception(
    task=SHAPLEY,
    title="Captum's cached outputs were left on.",
    hint="Compute F of one text by hand, token by token of the target: which of the log-probabilities agree with "
    "the library's? Look through its options.",
)
def shapley_cached(reference: Any, *question: Any) -> Tensor:
    model, tokenizer, template, values, baselines, mask, target = question
    coalitions = _coalitions(max(mask) + 1)
    texts = [_mixed(template, values, baselines, mask, coalition) for coalition in coalitions]
    worth = dict(zip(coalitions, _captum_worth(model, tokenizer, texts, target), strict=True))
    return _weighted(worth, max(mask) + 1)[list(mask)].float()


@misconceptions(
    task=SHAPLEY,
    shapley_leave_one_out=(
        "Each group was taken out of the full text alone: that is ablation.",
        "In which coalitions does your function look at a group's contribution? What if others are missing already?",
        {"weight": _leave_one_out},
    ),
    shapley_add_one_in=(
        "Each group was put into the baselines alone.",
        "In which coalitions does your function look at a group's contribution? What if others are there already?",
        {"weight": _add_one_in},
    ),
    shapley_ends_only=(
        "Only the empty and the fullest coalition were looked at, half and half.",
        "How many coalitions without a given group are there, and how many of them does your function look at?",
        {"weight": _ends_only},
    ),
    shapley_unweighted=(
        "All coalitions have the same weight: a plain mean over them (Banzhaf's value).",
        "Do your values add up? In how many of all orders do exactly the groups of a given coalition come first?",
        {"weight": _unweighted},
    ),
    shapley_sum_of_all=(
        "Marginal contributions were added up without any weight.",
        "Do your values add up? A mean needs weights that sum to 1.",
        {"weight": lambda size, players: 1.0},
    ),
    shapley_sizes_not_averaged=(
        "Coalitions of one size were averaged, but the sizes were added up.",
        "By which factor are all of your values off? How many sizes can a coalition have?",
        {"weight": _sizes_not_averaged},
    ),
    shapley_wrong_binomial=(
        "The weights count coalitions among all groups instead of among the others.",
        "From how many groups are the members of a coalition chosen that a given group is not part of?",
        {"weight": _all_sizes_counted},
    ),
    shapley_mean=(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the target have?",
        {"how": "mean"},
    ),
    shapley_first_token=(
        "Only the first token of the target was looked at.",
        "How many log-probabilities make up the target's, and how many does your score hold?",
        {"how": "first"},
    ),
    shapley_probability=(
        "The game's worth is a probability instead of a log-probability.",
        "Can a value of yours be larger than 1? What does the formula call the worth of a coalition?",
        {"how": "probability"},
    ),
    shapley_prompt_without_bos=(
        "The prompt was encoded without its BOS.",
        "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
        {"how": "prompt without BOS"},
    ),
)
def _shapley_with(options: dict[str, Any], reference: Any, *question: Any) -> Tensor:
    """Give the coalitions another weight, or the target another score."""
    return _played(question, **options)


@misconception(
    task=SHAPLEY,
    title="The groups came in by one order alone, 0, 1, 2 and so on.",
    hint="Your values add up, and yet: what would they be if the groups were numbered the other way round?",
)
def shapley_one_order(reference: Any, *question: Any) -> Tensor:
    mask = list(question[5])
    return _order(question, range(max(mask) + 1))[mask].float()


@misconception(
    task=SHAPLEY,
    title="The mask was ignored: each feature is a player of its own.",
    hint="Who are the players of your game, features or groups?",
    calls=(SHAPLEY,),
)
def shapley_of_features(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Texts,
    baselines: Texts,
    mask: Any,
    target: str,
) -> Tensor:
    alone = list(range(len(values)))
    return reference.shapley_groups(model, tokenizer, template, values, baselines, alone, target)


@misconception(
    task=SHAPLEY,
    title="Each feature is a player of its own, and a group's value is the sum of its members'.",
    hint="Who are the players of your game? Members of a group are always there together, or all away.",
    calls=(SHAPLEY,),
)
def shapley_of_features_summed(reference: Any, *question: Any) -> Tensor:
    mask = torch.tensor(question[5])
    alone = shapley_of_features(reference, *question)
    return torch.zeros(int(mask.max()) + 1).index_add(0, mask, alone)[mask]


@misconception(
    task=SHAPLEY,
    title="The weights count the features instead of the groups.",
    hint="Which n stands in your weights: the number of values in the template, or that of the players?",
)
def shapley_weights_of_features(reference: Any, *question: Any) -> Tensor:
    features = len(question[5])
    return _played(question, weight=lambda size, players: _right_weight(size, features))


@misconceptions(
    task=SHAPLEY,
    calls=(SHAPLEY,),
    shapley_split=(
        "A group's value was divided among its members.",
        "Compare a group of one with a group of two: by which factor is each off? What does a member carry?",
        lambda values, mask: values / _sizes(mask),
    ),
    shapley_one_number_each=(
        "One number for each group instead of one for each feature.",
        "How long is your result, and how many features are there?",
        _one_each,
    ),
    shapley_sign=(
        "The sign is turned round.",
        "What do your values add up to, and what should they?",
        lambda values, mask: -values,
    ),
)
def _after_shapley(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right Shapley values."""
    return step(reference.shapley_groups(*question), list(question[5]))


@misconception(
    task=SHAPLEY,
    title="The values were normalised.",
    hint="What do your values add up to, and what should they?",
)
def shapley_normalised(reference: Any, *question: Any) -> Tensor:
    result = _played(question)
    mask = list(question[5])
    return result / result[[mask.index(group) for group in range(max(mask) + 1)]].sum()


# shapley_sampled


def _orders(players: int, count: int, seed: int) -> list[list[int]]:
    rng = random.Random(seed)
    return [rng.sample(range(players), players) for _ in range(count)]


def _over_orders(worth: Worth, orders: Sequence[Sequence[int]]) -> Tensor:
    """Return the mean marginal contributions, float64, shape (player,)."""
    total = torch.zeros(len(orders[0]), dtype=torch.float64)
    for order in orders:
        for place, player in enumerate(order):
            total[player] += worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return total / len(orders)


def _sampled(question: tuple[Any, ...], count: int, seed: int, how: str = "sum") -> Tensor:
    """Return sampled Shapley values, float32, shape (feature,)."""
    mask = list(question[5])
    orders = _orders(max(mask) + 1, count, seed)
    return _over_orders(_game(*question, how=how), orders)[mask].float()


@misconceptions(
    task=SAMPLED,
    needs_whole=True,  # other draws than the student's: compared loosely
    sampled_not_divided=(
        "The contributions were added up, but not divided by the number of samples.",
        "What happens to your values if n_samples is doubled?",
        lambda values, mask, count: values * count,
    ),
    sampled_divided_by_groups=(
        "The contributions were divided by samples and groups.",
        "What do your values add up to? How many contributions does one order give to each group?",
        lambda values, mask, count: values / (max(mask) + 1),
    ),
    sampled_split=(
        "A group's value was divided among its members.",
        "Compare a group of one with a group of two: by which factor is each off? What does a member carry?",
        lambda values, mask, count: values / _sizes(mask),
    ),
    sampled_one_number_each=(
        "One number for each group instead of one for each feature.",
        "How long is your result, and how many features are there?",
        lambda values, mask, count: _one_each(values, mask),
    ),
    sampled_sign=(
        "The sign is turned round.",
        "What do your values add up to, and what should they?",
        lambda values, mask, count: -values,
    ),
)
def _after_sampling(step: Any, reference: Any, *arguments: Any) -> Tensor:
    """Take one last step on sampled Shapley values."""
    *question, count, seed = arguments
    return step(_sampled(tuple(question), count, seed), list(question[5]), count)


@misconceptions(
    task=SAMPLED,
    sampled_leave_one_out=(
        "Each group was taken out of the full text alone: that is ablation.",
        "In an order, who is there already when a group comes in?",
        _leave_one_out,
    ),
    sampled_add_one_in=(
        "Each group was put into the baselines alone.",
        "In an order, who is there already when a group comes in?",
        _add_one_in,
    ),
)
def _sampled_weighed(weight: Weight, reference: Any, *arguments: Any) -> Tensor:
    """Weigh all coalitions instead of sampling orders."""
    return _played(arguments[:7], weight=weight)


@misconception(
    task=SAMPLED,
    title="Coalitions were drawn at random instead of orders.",
    hint="Do your values add up? In a random order, is a coalition of half of the groups as likely as in your draws?",
    needs_whole=True,  # other draws than the student's: compared loosely
)
def sampled_coalitions(reference: Any, *arguments: Any) -> Tensor:
    *question, count, seed = arguments
    mask = list(question[5])
    worth = _game(*question)
    rng = random.Random(seed)
    total = torch.zeros(max(mask) + 1, dtype=torch.float64)
    for player in range(len(total)):
        for _ in range(count):
            some = frozenset(other for other in range(len(total)) if other != player and rng.random() < 0.5)
            total[player] += worth[some | {player}] - worth[some]
    return (total / count)[mask].float()


@misconception(
    task=SAMPLED,
    title="Orders were drawn with replacement: a group may come in twice, another one not at all.",
    hint="Print the first three orders that your function uses: does each group come in exactly once?",
    needs_whole=True,  # other draws than the student's: compared loosely
)
def sampled_with_replacement(reference: Any, *arguments: Any) -> Tensor:
    *question, count, seed = arguments
    mask = list(question[5])
    rng = random.Random(seed)
    orders = [rng.choices(range(max(mask) + 1), k=max(mask) + 1) for _ in range(count)]
    return _over_orders(_game(*question), orders)[mask].float()


@misconception(
    task=SAMPLED,
    title="The groups always came in by the same order: 0, 1, 2 and so on.",
    hint="Print the first three orders that your function uses.",
)
def sampled_never_shuffled(reference: Any, *arguments: Any) -> Tensor:
    mask = list(arguments[5])
    return _order(arguments[:7], range(max(mask) + 1))[mask].float()


@misconception(
    task=SAMPLED,
    title="The generator was seeded anew for each sample: all orders are the same.",
    hint="Print the first three orders that your function uses. Where does the seeding stand?",
)
def sampled_seeded_in_the_loop(reference: Any, *arguments: Any) -> Tensor:
    *question, _, seed = arguments
    mask = list(question[5])
    return _order(tuple(question), _orders(max(mask) + 1, 1, seed)[0])[mask].float()


@misconception(
    task=SAMPLED,
    title="The mask was ignored: each feature is a player of its own.",
    hint="Who are the players of your game, features or groups?",
    needs_whole=True,  # other draws than the student's: compared loosely
)
def sampled_features(reference: Any, *arguments: Any) -> Tensor:
    model, tokenizer, template, values, baselines, _, target, count, seed = arguments
    alone = list(range(len(values)))
    return _sampled((model, tokenizer, template, values, baselines, alone, target), count, seed)


@misconceptions(
    task=SAMPLED,
    needs_whole=True,  # other draws than the student's: compared loosely
    sampled_mean=(
        "The target's tokens were averaged instead of summed.",
        "What do your values add up to, and how many tokens does the target have?",
        "mean",
    ),
    sampled_probability=(
        "The game's worth is a probability instead of a log-probability.",
        "What do your values add up to? What does the formula call the worth of a coalition?",
        "probability",
    ),
)
def _sampled_by(how: str, reference: Any, *arguments: Any) -> Tensor:
    """Sample with another score of the target."""
    *question, count, seed = arguments
    return _sampled(tuple(question), count, seed, how)


# attribute_examples


Prompt = Callable[[Sequence[int]], str]


def _examples_game(
    model: Any, tokenizer: Any, count: int, target: str, prompt_of: Prompt, how: str = "sum"
) -> Worth:
    """Return what each coalition of examples is worth.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        count: Number of examples.
        target: The label.
        prompt_of: From the numbers of the examples that are there, in order, to a prompt.
        how: The target's score.
    """
    coalitions = _coalitions(count)
    texts = [prompt_of(sorted(some)) for some in coalitions]
    return dict(zip(coalitions, _whole(model, tokenizer, texts, target, how).tolist(), strict=True))


def _examples(
    reference: Any,
    question: tuple[Any, ...],
    *,
    prompt_of: Prompt | None = None,
    weight: Weight = _right_weight,
    how: str = "sum",
) -> Tensor:
    """Return weighted marginal contributions of examples, float32, shape (example,)."""
    model, tokenizer, examples, review, target = question

    def usual(there: Sequence[int]) -> str:
        text: str = reference.few_shot_prompt([examples[number] for number in there], review)
        return text

    worth = _examples_game(model, tokenizer, len(examples), target, prompt_of or usual, how)
    return _weighted(worth, len(examples), weight).float()


@misconception(
    task=EXAMPLES,
    title="Captum's cached outputs were left on.",
    hint="Compute F of one prompt by hand, token by token of the label: which of the log-probabilities agree with "
    "the library's? Look through its options.",
)
def examples_cached(reference: Any, *question: Any) -> Tensor:
    model, tokenizer, examples, review, target = question
    coalitions = _coalitions(len(examples))
    texts = [
        reference.few_shot_prompt([examples[number] for number in sorted(some)], review)
        for some in coalitions
    ]
    worth = dict(zip(coalitions, _captum_worth(model, tokenizer, texts, target), strict=True))
    return _weighted(worth, len(examples)).float()


@misconceptions(
    task=EXAMPLES,
    examples_leave_one_out=(
        "Each example was left out of the full prompt alone.",
        "In which coalitions does your function look at an example's gain? What if others are missing already?",
        {"weight": _leave_one_out},
    ),
    examples_add_one_in=(
        "Each example was shown alone.",
        "In which coalitions does your function look at an example's contribution? What if others are there already?",
        {"weight": _add_one_in},
    ),
    examples_unweighted=(
        "All coalitions have the same weight: a plain mean over them (Banzhaf's value).",
        "Do your values add up? In how many of all orders do exactly the examples of a given coalition come first?",
        {"weight": _unweighted},
    ),
    examples_mean=(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the label have?",
        {"how": "mean"},
    ),
    examples_first_token=(
        "Only the first token of the label was looked at.",
        "How many log-probabilities make up the label's, and how many does your score hold?",
        {"how": "first"},
    ),
    examples_last_token=(
        "Only the last token of the label was looked at.",
        "How many log-probabilities make up the label's? Which of them does your index pick?",
        {"how": "last"},
    ),
    examples_probability=(
        "The game's worth is a probability instead of a log-probability.",
        "Can a value of yours be larger than 1? What does the task call the worth of a coalition?",
        {"how": "probability"},
    ),
    examples_prompt_without_bos=(
        "The prompt was encoded without its BOS.",
        "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
        {"how": "prompt without BOS"},
    ),
)
def _examples_with(options: dict[str, Any], reference: Any, *question: Any) -> Tensor:
    """Give the coalitions of examples another weight, or the target another score."""
    return _examples(reference, question, **options)


@misconception(
    task=EXAMPLES,
    title="The first line of the prompt stays when there is no example.",
    hint="Print the prompt of the empty coalition beside what few_shot_prompt gives for no example.",
)
def examples_header_kept(reference: Any, *question: Any) -> Tensor:
    _, _, examples, review, _ = question
    header = reference.few_shot_prompt(["x"], review).partition("\n")[0]

    def prompt_of(there: Sequence[int]) -> str:
        text: str = reference.few_shot_prompt([examples[number] for number in there], review)
        return text if there else f"{header}\n{text}"

    return _examples(reference, question, prompt_of=prompt_of)


@misconception(
    task=EXAMPLES,
    title="The first line of the prompt is missing throughout.",
    hint="Print the prompts that your function looks at beside what few_shot_prompt gives.",
)
def examples_without_header(reference: Any, *question: Any) -> Tensor:
    _, _, examples, review, _ = question

    def prompt_of(there: Sequence[int]) -> str:
        last = reference.few_shot_prompt([], review)
        return "\n".join([*[examples[number] for number in there], last])

    return _examples(reference, question, prompt_of=prompt_of)


def _unlabelled(example: str) -> str:
    return example.rpartition("Label:")[0] + "Label:"


@misconceptions(
    task=EXAMPLES,
    examples_empty_lines=(
        "An absent example leaves an empty line behind.",
        "Print the prompts that your function looks at: how many lines does each of them have?",
        lambda examples, there: [one if place in there else "" for place, one in enumerate(examples)],
    ),
    examples_label_removed=(
        "Of an absent example only the label was taken away.",
        "Print the prompts that your function looks at: what is left of an absent example?",
        lambda examples, there: [
            one if place in there else _unlabelled(one) for place, one in enumerate(examples)
        ],
    ),
    examples_reversed=(
        "The examples stand in the prompt in reverse order.",
        "Print the prompts that your function looks at: which example stands next to the review?",
        lambda examples, there: [examples[number] for number in reversed(there)],
    ),
)
def _prompted(lines_of: Any, reference: Any, *question: Any) -> Tensor:
    """Write other lines into the prompt than the coalition's examples."""
    _, _, examples, review, _ = question

    def prompt_of(there: Sequence[int]) -> str:
        text: str = reference.few_shot_prompt(lines_of(examples, there), review)
        return text

    return _examples(reference, question, prompt_of=prompt_of)


@misconception(
    task=EXAMPLES,
    title="Examples stand in the prompt in the order in which they came into the coalition.",
    hint="Print the prompts that your function looks at: do examples always keep the order that they came in?",
)
def examples_in_order_of_arrival(reference: Any, *question: Any) -> Tensor:
    model, tokenizer, examples, review, target = question
    players = range(len(examples))
    starts = [some for size in range(len(players) + 1) for some in itertools.permutations(players, size)]
    texts = [reference.few_shot_prompt([examples[number] for number in some], review) for some in starts]
    worth = dict(zip(starts, _whole(model, tokenizer, texts, target).tolist(), strict=True))
    orders = list(itertools.permutations(players))
    result = torch.zeros(len(examples), dtype=torch.float64)
    for order in orders:
        for place, player in enumerate(order):
            result[player] += (worth[order[: place + 1]] - worth[order[:place]]) / len(orders)
    return result.float()


@misconception(
    task=EXAMPLES,
    title="The sign is turned round.",
    hint="What do your values add up to, and what should they?",
    calls=(EXAMPLES,),
)
def examples_sign(reference: Any, *question: Any) -> Tensor:
    return -reference.attribute_examples(*question)


@misconception(
    task=EXAMPLES,
    title="The values were normalised.",
    hint="What do your values add up to, and what should they?",
)
def examples_normalised(reference: Any, *question: Any) -> Tensor:
    result = _examples(reference, question)
    return result / result.abs().sum()


# integrated_gradients


def _gauss_legendre(steps: int) -> tuple[list[float], list[float]]:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def _unmapped(factor: float) -> tuple[list[float], list[float]]:
    nodes, weights = _gauss_legendre(50)
    return [2 * node - 1 for node in nodes], [factor * weight for weight in weights]


def _gradients(
    model: Any,
    tokenizer: Any,
    prompt: str,
    target: str,
    *,
    rule: tuple[list[float], list[float]] | None = None,
    fill: int | None = 0,
    bos_on_path: bool = False,
    target_on_path: bool = False,
    special: bool = True,
    score: str = "sum",
    factor: str = "difference",
) -> Tensor:
    """Integrate gradients along a path; float32, shape (prompt token, hidden), a BOS in front included.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompt: The prompt.
        target: The target.
        rule: Nodes and weights; 50 of Gauss-Legendre unless given.
        fill: Id whose embedding the path begins at; None: the zero vector.
        bos_on_path: Whether a BOS begins there, too.
        target_on_path: Whether the target's tokens begin there, too.
        special: Whether the prompt is encoded with a BOS.
        score: What is differentiated: sum, mean, first, last, logits, probability.
        factor: What the gradient is multiplied with: difference, input or nothing.
    """
    ids = tokenizer(prompt, add_special_tokens=special)["input_ids"]
    front = int(bool(ids) and ids[0] == tokenizer.bos_token_id)
    ends = _target_ids(tokenizer, target)
    embed = model.get_input_embeddings()
    row = torch.tensor([*ids, *ends], device=model.device)
    with torch.no_grad():
        end = embed(row).detach()
        filler = torch.zeros_like(end[0]) if fill is None else embed(torch.tensor(fill, device=row.device))
    start = end.clone()
    start[(0 if bos_on_path else front) : (len(row) if target_on_path else len(ids))] = filler
    nodes, weights = (
        torch.tensor(one, dtype=end.dtype, device=end.device) for one in rule or _gauss_legendre(50)
    )
    total = torch.zeros_like(end)
    for some, shares in zip(nodes.split(25), weights.split(25), strict=True):
        points = (start + some[:, None, None] * (end - start)).requires_grad_()
        with torch.enable_grad():
            logits = model(inputs_embeds=points, use_cache=False).logits[:, len(ids) - 1 : -1]
            explained = _explained(logits, ends, score)
            (gradient,) = torch.autograd.grad(explained.sum(), points)
        total += (shares[:, None, None] * gradient).sum(dim=0)
    factors = {"difference": end - start, "input": end, "nothing": torch.ones_like(end)}
    return (factors[factor] * total)[: len(ids)].float().cpu()


def _explained(logits: Tensor, ends: list[int], score: str) -> Tensor:
    """Return one number for the whole target at each point of the path, shape (point,)."""
    chosen = torch.tensor(ends, device=logits.device).expand(len(logits), -1)[..., None]
    if score == "logits":
        return logits.gather(2, chosen).sum(dim=(1, 2))
    scores = logits.log_softmax(dim=-1).gather(2, chosen)[..., 0]
    ways: dict[str, Callable[[], Tensor]] = {
        "mean": lambda: scores.mean(dim=1),
        "first": lambda: scores[:, 0],
        "last": lambda: scores[:, -1],
        "probability": lambda: scores.sum(dim=1).exp(),
    }
    return ways.get(score, lambda: scores.sum(dim=1))()


def _of_tokens(tokenizer: Any, prompt: str, gradients: Tensor) -> Tensor:
    """Sum over the hidden dimension and leave the BOS out."""
    return gradients.sum(dim=-1)[_prompt_ids(tokenizer, prompt)[1] :]


INPUT_ONLY = ([1.0], [1.0])
"""A single node at the input itself."""


@misconceptions(
    task=GRADIENTS,
    gradients_zero_vectors=(
        "The path begins at zero vectors instead of the embedding of token id 0.",
        "Which vector stands at the beginning of your path: that of a token, or one that no token has?",
        {"fill": None},
    ),
    gradients_bos_on_path=(
        "The BOS is on the path, too, though it has no number.",
        "What stands in front at the beginning of your path?",
        {"bos_on_path": True},
    ),
    gradients_plain=(
        "The gradient at the prompt itself was summed: no path, and no difference to multiply with.",
        "Print the sum of your values beside the difference of F between the two ends of the path.",
        {"rule": INPUT_ONLY, "factor": "nothing"},
    ),
    gradients_times_input=(
        "Gradient times embedding at the prompt itself: there is no path.",
        "At how many points do you take the gradient, and what do you multiply it with?",
        {"rule": INPUT_ONLY, "factor": "input"},
    ),
    gradients_at_the_end=(
        "The gradient was taken at the prompt alone: there is no path.",
        "At how many points do you take the gradient?",
        {"rule": INPUT_ONLY},
    ),
    gradients_times_embedding=(
        "The mean gradient was multiplied with the embedding instead of its difference to the path's beginning.",
        "What does the formula multiply the integral with?",
        {"factor": "input"},
    ),
    gradients_not_multiplied=(
        "The mean gradient was multiplied with nothing.",
        "What does the formula multiply the integral with?",
        {"factor": "nothing"},
    ),
    gradients_of_logits=(
        "The target's logits were explained instead of its log-probabilities.",
        "Print the sum of your values beside the difference of F between the two ends of the path. What is F?",
        {"score": "logits"},
    ),
    gradients_of_probability=(
        "The target's probability was explained instead of its log-probability.",
        "Print the sum of your values beside the difference of F between the two ends of the path. What is F?",
        {"score": "probability"},
    ),
    gradients_first_token=(
        "Only the first token of the target was explained.",
        "How many log-probabilities make up the target's, and how many does your score hold?",
        {"score": "first"},
    ),
    gradients_last_token=(
        "Only the last token of the target was explained.",
        "How many log-probabilities make up the target's? Which of them does your index pick?",
        {"score": "last"},
    ),
    gradients_mean_over_target=(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the target have?",
        {"score": "mean"},
    ),
    gradients_target_on_path=(
        "The target's own tokens are on the path, too.",
        "What does the model read behind the prompt at the beginning of your path?",
        {"target_on_path": True},
    ),
    gradients_left_sum=(
        "A left Riemann sum instead of Gauss-Legendre.",
        "Your values are nearly right. Which nodes and which weights does the task name?",
        {"rule": ([number / 50 for number in range(50)], [1 / 50] * 50)},
    ),
    gradients_right_sum=(
        "A right Riemann sum instead of Gauss-Legendre.",
        "Your values are nearly right. Which nodes and which weights does the task name?",
        {"rule": ([number / 50 for number in range(1, 51)], [1 / 50] * 50)},
    ),
    gradients_captum_trapezoid=(
        "Captum's trapezoid rule, whose weights sum to 49/50.",
        "Your values are nearly right, but all a little too small. Which nodes and which weights does the task name?",
        {"rule": ([number / 49 for number in range(50)], [0.01, *[0.02] * 48, 0.01])},
    ),
    gradients_from_minus_one=(
        "The nodes were left on the interval from -1 to 1.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
        {"rule": _unmapped(2.0)},
    ),
    gradients_from_minus_one_with_halved_weights=(
        "The nodes were left on the interval from -1 to 1; only the weights were halved.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
        {"rule": _unmapped(1.0)},
    ),
    gradients_twenty_steps=(
        "Twenty steps instead of fifty.",
        "Your values are nearly right. How many steps does the task name?",
        {"rule": _gauss_legendre(20)},
    ),
)
def _integrated(
    options: dict[str, Any], reference: Any, model: Any, tokenizer: Any, prompt: str, target: str
) -> Tensor:
    """Integrate with another start, rule, factor, score or path."""
    return _of_tokens(tokenizer, prompt, _gradients(model, tokenizer, prompt, target, **options))


@misconception(
    task=GRADIENTS,
    title="The path begins at the end-of-sequence token.",
    hint="Which id stands at the beginning of your path, and which one does the task name?",
)
def gradients_from_eos(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    found = _gradients(model, tokenizer, prompt, target, fill=tokenizer.eos_token_id)
    return _of_tokens(tokenizer, prompt, found)


@misconceptions(
    task=GRADIENTS,
    gradients_with_bos=(
        "The BOS is on the path and has a number.",
        "How many numbers does your result have, and which of them belongs to no token of the text?",
        {"bos_on_path": True},
    ),
    gradients_prompt_without_bos=(
        "The prompt was encoded without its BOS.",
        "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
        {"special": False},
    ),
)
def _all_tokens(options: dict[str, bool], reference: Any, *question: Any) -> Tensor:
    """Handle the BOS in another way."""
    return _gradients(*question, **options).sum(dim=-1)


@misconceptions(
    task=GRADIENTS,
    gradients_bos_counted=(
        "The BOS stays what it is, but has a number (which is 0).",
        "How many numbers does your result have, and which of them is always 0?",
        lambda vectors, front: vectors.sum(dim=-1),
    ),
    gradients_first_dropped=(
        "The first token was left out, whether it is a BOS or not.",
        "Does every tokenizer put a token in front? How can you ask the one that you are given?",
        lambda vectors, front: vectors.sum(dim=-1)[1:],
    ),
    gradients_norm_over_hidden=(
        "The norm over the hidden dimension instead of the sum.",
        "Is any of your values negative? Do they add up?",
        lambda vectors, front: vectors.norm(dim=-1)[front:],
    ),
    gradients_magnitudes=(
        "Magnitudes were summed over the hidden dimension.",
        "Is any of your values negative? Do they add up?",
        lambda vectors, front: vectors.abs().sum(dim=-1)[front:],
    ),
    gradients_not_summed=(
        "The hidden dimension was not summed at all.",
        "How many numbers does the task ask for at each token?",
        lambda vectors, front: vectors[front:],
    ),
)
def _of_vectors(step: Any, reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Make something else of the vectors than their sums behind the BOS."""
    return step(_gradients(model, tokenizer, prompt, target), _prompt_ids(tokenizer, prompt)[1])


@misconceptions(
    task=GRADIENTS,
    calls=(GRADIENTS,),
    gradients_mean_over_hidden=(
        "The hidden dimension was averaged instead of summed.",
        "By which factor are all of your values off?",
        lambda right, model: right / model.get_input_embeddings().weight.shape[1],
    ),
    gradients_normalised=(
        "The attributions were divided by their norm.",
        "What do the squares of your values add up to?",
        lambda right, model: right / right.norm(),
    ),
    gradients_sign=(
        "The sign is turned round.",
        "Which way does your path lead: to the prompt, or away from it?",
        lambda right, model: -right,
    ),
)
def _after_gradients(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right integrated gradients."""
    return step(reference.integrated_gradients(*question), question[0])


@accepted_variant(task=GRADIENTS, remark="The midpoint rule is nearer to the integral than one can tell.")
def midpoint_rule(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    rule = ([(number + 0.5) / 50 for number in range(50)], [1 / 50] * 50)
    return _of_tokens(tokenizer, prompt, _gradients(model, tokenizer, prompt, target, rule=rule))


@accepted_variant(task=GRADIENTS, remark="The trapezoid rule on 51 nodes is fifty steps, too.")
def trapezoid_rule(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    rule = ([number / 50 for number in range(51)], [0.01, *[0.02] * 49, 0.01])
    return _of_tokens(tokenizer, prompt, _gradients(model, tokenizer, prompt, target, rule=rule))
