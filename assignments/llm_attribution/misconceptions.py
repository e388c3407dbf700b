"""Known mistakes with attribution for a language model, as functions and as tables of one step.

A mistake takes the reference module and then the task's own arguments. Some are missing here on purpose, since no
run of them reproduces a student's numbers or nothing shows them: a seed that is ignored (the visible check asks twice),
too few samples (they are honest, only fewer), dropout left on (these models have none).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from captum.attr import FeatureAblation, LLMAttribution, TextTemplateInput, TextTokenInput
from torch import Tensor

from autograder.checks import Feedback, accepted_variant, misconception, misconceptions

TOKENS = "ablate_tokens"
TEMPLATE = "ablate_template"
GROUPS = "ablate_groups"
SHAPLEY = "shapley_groups"
SAMPLED = "shapley_sampled"
EXAMPLES = "attribute_examples"
GRADIENTS = "integrated_gradients"

FIRST_DROPPED = Feedback(
    "The first token was left out, whether it is a BOS or not.",
    "Does every tokenizer put a token in front? How can you ask the one that you are given?",
)
TARGET_WITH_BOS = Feedback(
    "The target was encoded with a BOS of its own: it stands between prompt and target.",
    "Decode the ids that you give to the model, all of them together. Is there one that the text does not have?",
)
PROMPT_WITHOUT_BOS = Feedback(
    "The prompt was encoded without its BOS.",
    "Decode the ids that you give to the model. Do they begin as those of tokenizer(prompt) do?",
)
ONE_PLACE_LATE = Feedback(
    "Logits were read one place too late: at the token itself instead of before it.",
    "At which position of the output does the model say what it expects in position 5 of the input?",
)
CACHED = Feedback(
    "Captum's cached outputs were left on.",
    "Compute one effect by hand, token by token of the target: which of the log-probabilities agree with the "
    "library's? Look through its options.",
)
MEAN_OVER_TARGET = Feedback(
    "The target's tokens were averaged instead of summed.",
    "By which factor are all of your values off, and how many tokens does the target have?",
)
FIRST_TOKEN = Feedback(
    "Only the first token of the target was looked at.",
    "How many log-probabilities make up the target's, and how many does your score hold?",
)
PROBABILITY = Feedback(
    "The difference of the target's probabilities instead of its log-probabilities.",
    "Can an effect of yours be larger than 1?",
)
ONE_NUMBER_EACH = Feedback(
    "One number for each group instead of one for each feature.",
    "How long is your result, and how many features are there?",
)
NORMALISED = Feedback(
    "The values were normalised.",
    "What do your values add up to, and what should they?",
)
PLAYERS = Feedback(
    "The mask was ignored: each feature is a player of its own.",
    "Who are the players of your game, features or groups?",
)
SPLIT = Feedback(
    "A group's value was divided among its members.",
    "Compare a group of one with a group of two: by which factor is each off? What does a member carry?",
)
SIGN = Feedback(
    "The sign is turned round.",
    "What do your values add up to, and what should they?",
)
"""Title and hint of mistakes that can be made in more functions than one."""

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


class _Asked(NamedTuple):
    """What the functions of features and groups are asked."""

    model: Any
    tokenizer: Any
    template: str
    values: Texts
    baselines: Texts
    mask: Any
    target: str

    def text(self, kept: Collection[int]) -> str:
        """Return the text in which these groups keep their values."""
        triples = zip(self.values, self.baselines, self.mask, strict=True)
        return self.template.format(*[value if group in kept else empty for value, empty, group in triples])


# ablate_tokens
def _captum_tokens(model: Any, tokenizer: Any, prompt: str, target: str, *, skip: bool) -> Any:
    """Return Captum's effects of tokens, with its cached outputs left on."""
    front = _prompt_ids(tokenizer, prompt)[1]
    text = TextTokenInput(prompt, tokenizer, skip_tokens=[tokenizer.bos_token_id] if skip and front else None)
    return LLMAttribution(FeatureAblation(model), tokenizer).attribute(text, target=target).token_attr


def _ablated(
    model: Any,
    tokenizer: Any,
    prompt: str,
    target: str,
    *,
    replaced: Callable[[list[int], int, int], list[int]] = lambda before, *_: [*before, 0],
    score: Callable[[Any, Sequence[list[int]], list[int]], Tensor] = _log_probabilities,
    every_column: bool = False,
    prompt_special: bool = True,
    target_special: bool = False,
) -> Tensor:
    """Ablate tokens, save for what is given; float32, shape (target token, prompt token).

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompt: The prompt.
        target: The target.
        replaced: From the ids before a token, how many are a BOS, and the end-of-sequence id to those with the token.
        score: From the model, prompts and the target's ids to numbers (prompt, target token).
        every_column: Whether a BOS is ablated, too.
        prompt_special: Whether the prompt keeps its BOS.
        target_special: Whether the target has one.
    """
    ids, front = _prompt_ids(tokenizer, prompt)
    ids, front = (ids, front) if prompt_special else (ids[front:], 0)
    ends = tokenizer(target, add_special_tokens=target_special)["input_ids"]
    places, end = range(0 if every_column else front, len(ids)), tokenizer.eos_token_id
    scores = score(
        model, [ids, *[[*replaced(ids[:one], front, end), *ids[one + 1 :]] for one in places]], ends
    )
    return (scores[0] - scores[1:]).T.float()


def _masked_out(model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Hide tokens by the attention mask."""
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
    tokens_cached=Feedback(
        "Captum's cached outputs were left on: all rows after the first are wrong.",
        "Your first row is right, the others are not. Which of the library's options reuses what the model computed "
        "for an earlier token of the target?",
    ).on(partial(_captum_tokens, skip=True)),
    tokens_cached_with_bos=Feedback(
        "Captum's cached outputs were left on, and the BOS was ablated, too.",
        "Compare the number of your columns with that of the words' tokens, and your second row with what you compute "
        "by hand.",
    ).on(partial(_captum_tokens, skip=False)),
    tokens_with_bos=Feedback(
        "The BOS was ablated and has a column of its own.",
        "How many columns does your result have, and which of them is no token of the text?",
    ).on(partial(_ablated, every_column=True)),
    tokens_first_dropped=FIRST_DROPPED.on(lambda *question: _ablated(*question, every_column=True)[:, 1:]),
    tokens_target_with_bos=TARGET_WITH_BOS.on(partial(_ablated, target_special=True)),
    tokens_prompt_without_bos=PROMPT_WITHOUT_BOS.on(partial(_ablated, prompt_special=False)),
    tokens_deleted=Feedback(
        "Tokens were deleted instead of replaced.",
        "How long is the prompt when a token is ablated? What happens to the places of all that come after it?",
    ).on(partial(_ablated, replaced=lambda before, *_: before)),
    tokens_replaced_by_eos=Feedback(
        "Tokens were replaced by the end-of-sequence token.",
        "Which id stands in the place of an ablated token in your code, and which one does the task name?",
    ).on(partial(_ablated, replaced=lambda before, front, end: [*before, end])),
    tokens_cumulative=Feedback(
        "Once replaced, tokens stayed replaced: nothing was put back before the next one.",
        "Print the ids for the last column: how many of them are 0? Do you change a copy or the prompt itself?",
    ).on(
        partial(
            _ablated, replaced=lambda before, front, _: [*before[:front], *[0] * (len(before) + 1 - front)]
        )
    ),
    tokens_masked_out=Feedback(
        "Tokens were hidden by the attention mask instead of replaced.",
        "What does the model see in the place of an ablated token: another token, or nothing at all?",
    ).on(_masked_out),
    tokens_probabilities=Feedback(
        "Differences of probabilities instead of log-probabilities.",
        "Can a difference of yours be larger than 1? Which quantity adds up over the tokens of a target?",
    ).on(partial(_ablated, score=lambda *asked: _log_probabilities(*asked).exp())),
    tokens_logits=Feedback(
        "Differences of logits: the softmax is missing.",
        "A logit alone says nothing about a probability: what else does ln p depend on?",
    ).on(partial(_ablated, score=lambda *asked: _of_targets(_logits(*asked), asked[2]))),
    tokens_one_place_late=ONE_PLACE_LATE.on(partial(_ablated, score=partial(_log_probabilities, shift=1))),
    tokens_not_continued=Feedback(
        "All tokens of the target were looked for right after the prompt, without those before them.",
        "Your first row is right. What has the model read before it says the target's second token?",
    ).on(partial(_ablated, score=_not_continued)),
    tokens_bits=Feedback(
        "The logarithm has base 2.",
        "By which factor are all of your values off? Which logarithm does log_softmax use?",
    ).on(lambda *question: _ablated(*question) / math.log(2)),
    tokens_sign=Feedback(
        "Perturbed minus original: the sign is turned round.",
        "A token that speaks for the target is missed when it is gone. Which sign has its effect with you?",
    ).on(lambda *question: -_ablated(*question)),
)
def _tokens_by(effects_of: Any, reference: Any, *question: Any) -> Tensor:
    """Ablate tokens in another way."""
    effects: Tensor = effects_of(*question)
    return effects


@misconceptions(
    task=TOKENS,
    calls=(TOKENS,),
    tokens_transposed=Feedback(
        "Tokens of the prompt and of the target have changed places.",
        "Which axis of your result is as long as the target?",
    ).on(lambda effects: effects.T),
    tokens_summed=Feedback(
        "The target's tokens were summed: one row only.",
        "How many numbers does the task ask for at each token of the prompt?",
    ).on(lambda effects: effects.sum(dim=0)),
    tokens_normalised=Feedback(
        "The effects were normalised.",
        "What does a row of yours sum to, and what should it tell?",
    ).on(lambda effects: effects / effects.abs().sum(dim=-1, keepdim=True)),
    tokens_magnitudes=Feedback(
        "The effects have lost their sign.",
        "Some tokens speak against the target. How would one see that in your result?",
    ).on(lambda effects: effects.abs()),
)
def _after_tokens(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right effects of tokens."""
    return step(reference.ablate_tokens(*question))


# ablate_template
def _groups(asked: _Asked, how: str = "sum") -> Tensor:
    """Ablate groups with some score of the target; float32, shape (feature,)."""
    groups = range(max(asked.mask) + 1)
    return _losses(asked, [set(groups) - {group} for group in groups], how)


def _losses(asked: _Asked, kept: Sequence[Collection[int]], how: str = "sum") -> Tensor:
    """Return what is lost where these groups alone keep their values; one set for each group; shape (feature,)."""
    texts = [asked.template.format(*asked.values), *map(asked.text, kept)]
    scores = _whole(asked.model, asked.tokenizer, texts, asked.target, how)
    return (scores[0] - scores[1:])[list(asked.mask)].float()


def _alone(asked: _Asked) -> Tensor:
    """Ablate each feature alone."""
    return _groups(asked._replace(mask=range(len(asked.values))))


def _put_in(asked: _Asked) -> Tensor:
    """Put each group into the baselines."""
    return -_groups(asked._replace(values=asked.baselines, baselines=asked.values))


def _by_target_token(asked: _Asked) -> Tensor:
    """Ablate features without summing over the target's tokens, shape (target token, feature)."""
    texts = [asked.text(asked.mask), *[asked.text({*asked.mask} - {one}) for one in asked.mask]]
    prompts = [_prompt_ids(asked.tokenizer, text)[0] for text in texts]
    scores = _log_probabilities(asked.model, prompts, _target_ids(asked.tokenizer, asked.target))
    return (scores[0] - scores[1:]).T.float()


def _summed_by_group(alone: Tensor, mask: Sequence[int]) -> Tensor:
    """Give each feature the sum over its group."""
    return torch.zeros(max(mask) + 1).index_add(0, torch.tensor(mask), alone)[mask]


def _captum_groups(asked: _Asked) -> Tensor:
    """Return Captum's ablation of groups for the whole target, with its cached outputs left on."""
    text = TextTemplateInput(
        asked.template, values=list(asked.values), baselines=list(asked.baselines), mask=asked.mask
    )
    explained = LLMAttribution(FeatureAblation(asked.model), asked.tokenizer)
    return explained.attribute(text, target=asked.target).seq_attr


def _captum_worth(model: Any, tokenizer: Any, texts: Texts, target: str, how: str = "sum") -> Tensor:
    """Return what Captum makes of F of each text, less F of the first one, with its cached outputs left on."""
    asked = [_Asked(model, tokenizer, "{}", [text], [texts[0]], None, target) for text in texts]
    return torch.stack([_captum_groups(one)[0] for one in asked])


@misconceptions(
    task=TEMPLATE,
    features_cached=CACHED.on(lambda asked: _captum_groups(asked._replace(mask=None))),
    features_mean=MEAN_OVER_TARGET.on(partial(_groups, how="mean")),
    features_first_token=FIRST_TOKEN.on(partial(_groups, how="first")),
    features_last_token=Feedback(
        "Only the last token of the target was looked at.",
        "How many log-probabilities make up the target's? Which of them does your index pick?",
    ).on(partial(_groups, how="last")),
    features_probability=PROBABILITY.on(partial(_groups, how="probability")),
    features_probabilities_summed=Feedback(
        "The probabilities of the target's tokens were added up.",
        "Which quantity of the single tokens adds up to that of the whole target?",
    ).on(partial(_groups, how="probabilities")),
    features_logits=Feedback(
        "Logits were added up: the softmax is missing.",
        "A logit alone says nothing about a probability: what else does ln p depend on?",
    ).on(partial(_groups, how="logits")),
    features_bits=Feedback(
        "The logarithm has base 2.",
        "By which factor are all of your values off?",
    ).on(partial(_groups, how="bits")),
    features_target_with_bos=TARGET_WITH_BOS.on(partial(_groups, how="target with BOS")),
    features_prompt_without_bos=PROMPT_WITHOUT_BOS.on(partial(_groups, how="prompt without BOS")),
    features_one_place_late=ONE_PLACE_LATE.on(partial(_groups, how="one place late")),
    features_not_continued=Feedback(
        "All tokens of the target were looked for right after the prompt, without those before them.",
        "What has the model read before it says the target's second token?",
    ).on(partial(_groups, how="not continued")),
    features_sign=Feedback(
        "Perturbed minus original: the sign is turned round.",
        "A feature that speaks for the target is missed when it is gone. Which sign has its effect with you?",
    ).on(lambda asked: -_groups(asked)),
    features_deleted=Feedback(
        "Values were deleted instead of replaced by their baselines.",
        "Print the texts that your function looks at: what stands in the gap of an ablated feature?",
    ).on(lambda asked: _groups(asked._replace(baselines=[""] * len(asked.values)))),
    features_cumulative=Feedback(
        "Once replaced, values stayed replaced: nothing was put back before the next one.",
        "Print the texts that your function looks at. Do you change a copy of the values or the list itself?",
    ).on(lambda asked: _losses(asked, [asked.mask[place + 1 :] for place in asked.mask])),
    features_put_in=Feedback(
        "Each value was put into the baselines, instead of each baseline into the values.",
        "Print the texts that your function looks at: with which one does each of them share all values but one?",
    ).on(_put_in),
    features_by_target_token=Feedback(
        "One row for each token of the target: they were not summed.",
        "How many numbers does the task ask for at each feature?",
    ).on(_by_target_token),
)
def _features_by(effects_of: Any, reference: Any, *question: Any) -> Tensor:
    """Ablate features in another way."""
    *asked, target = question
    effects: Tensor = effects_of(_Asked(*asked, list(range(len(asked[3]))), target))
    return effects


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


# ablate_groups
@misconceptions(
    task=GROUPS,
    groups_cached=CACHED.on(_captum_groups),
    groups_ignored=Feedback(
        "The mask was ignored: each feature was replaced alone.",
        "Print the texts that your function looks at: how many values are replaced in each?",
    ).on(_alone),
    groups_sum_of_singles=Feedback(
        "The members' single effects were added up; they were never replaced together.",
        "Print the texts that your function looks at: is there one in which all members of a group are replaced?",
    ).on(lambda asked: _summed_by_group(_alone(asked), asked.mask)),
    groups_first_member=Feedback(
        "Of each group only the first member was replaced.",
        "Print the texts that your function looks at: how many values are replaced in each?",
    ).on(lambda asked: _alone(asked)[[asked.mask.index(group) for group in asked.mask]]),
    groups_others_replaced=Feedback(
        "All other groups were replaced instead of the group itself.",
        "Print the texts that your function looks at: which values are still there in the text for group 0?",
    ).on(lambda asked: _losses(asked, [[group] for group in range(max(asked.mask) + 1)])),
    groups_put_in=Feedback(
        "Each group was put into the baselines, instead of its baselines into the values.",
        "With which text is each of your texts compared: with that of all values, or with that of all baselines?",
    ).on(_put_in),
    groups_sign=Feedback(
        "Perturbed minus original: the sign is turned round.",
        "A group that speaks for the target is missed when it is gone. Which sign has its effect with you?",
    ).on(lambda asked: -_groups(asked)),
    groups_mean=MEAN_OVER_TARGET.on(partial(_groups, how="mean")),
    groups_first_token=FIRST_TOKEN.on(partial(_groups, how="first")),
    groups_probability=PROBABILITY.on(partial(_groups, how="probability")),
    groups_prompt_without_bos=PROMPT_WITHOUT_BOS.on(partial(_groups, how="prompt without BOS")),
)
def _groups_by(effects_of: Any, reference: Any, *question: Any) -> Tensor:
    """Ablate groups in another way."""
    effects: Tensor = effects_of(_Asked(*question))
    return effects


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
    groups_split=Feedback(
        "A group's score was divided among its members.",
        "Compare a group of one with a group of two: by which factor is each off? What does a member carry?",
    ).on(lambda scores, mask: scores / _sizes(mask)),
    groups_counted_by_member=Feedback(
        "A group's score was multiplied by the number of its members.",
        "Compare a group of one with a group of two: by which factor is each off? Is a group counted more than once?",
    ).on(lambda scores, mask: scores * _sizes(mask)),
    groups_one_number_each=ONE_NUMBER_EACH.on(_one_each),
    groups_in_order_of_appearance=Feedback(
        "The groups' scores stand in the order in which groups first appear, not by their numbers.",
        "Which group does your first score belong to: number 0, or the group of the first feature?",
    ).on(_by_appearance),
)
def _after_groups(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right effects of groups."""
    return step(reference.ablate_groups(*question), list(question[5]))


# shapley_groups


Worth = dict[frozenset[int], float]

Weight = Callable[[int, int], float]
"""From a coalition's size and the number of players to the weight of a marginal contribution to it."""


def _coalitions(players: int) -> list[frozenset[int]]:
    sizes = range(players + 1)
    return [frozenset(some) for size in sizes for some in itertools.combinations(range(players), size)]


def _game(asked: _Asked, how: str = "sum", worths: Callable[..., Tensor] = _whole) -> Worth:
    """Return what each coalition of groups is worth."""
    coalitions = _coalitions(max(asked.mask) + 1)
    found = worths(asked.model, asked.tokenizer, [asked.text(some) for some in coalitions], asked.target, how)
    return dict(zip(coalitions, found.tolist(), strict=True))


def _right_weight(size: int, players: int) -> float:
    return math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)


def _weighted(worth: Worth, weight: Weight = _right_weight) -> Tensor:
    """Return each player's weighted sum of marginal contributions, float64, shape (player,)."""
    players = max(map(len, worth))
    result = torch.zeros(players, dtype=torch.float64)
    for coalition in worth:
        for player in set(range(players)) - coalition:
            gain = worth[coalition | {player}] - worth[coalition]
            result[player] += weight(len(coalition), players) * gain
    return result


def _played(asked: _Asked, *, weight: Weight = _right_weight, how: str = "sum") -> Tensor:
    """Return weighted marginal contributions, float64, shape (group,)."""
    return _weighted(_game(asked, how), weight)


def _unweighted(size: int, players: int) -> float:
    return 1 / 2 ** (players - 1)


def _leave_one_out(size: int, players: int) -> float:
    return float(size == players - 1)


def _add_one_in(size: int, players: int) -> float:
    return float(size == 0)


def _ends_only(size: int, players: int) -> float:
    return 0.5 * (size == 0) + 0.5 * (size == players - 1)


@misconceptions(
    task=SHAPLEY,
    shapley_cached=Feedback(
        "Captum's cached outputs were left on.",
        "Compute F of one text by hand, token by token of the target: which of the log-probabilities agree with "
        "the library's? Look through its options.",
    ).on(lambda asked: _weighted(_game(asked, worths=_captum_worth))),
    shapley_leave_one_out=Feedback(
        "Each group was taken out of the full text alone: that is ablation.",
        "In which coalitions does your function look at a group's contribution? What if others are missing already?",
    ).on(partial(_played, weight=_leave_one_out)),
    shapley_add_one_in=Feedback(
        "Each group was put into the baselines alone.",
        "In which coalitions does your function look at a group's contribution? What if others are there already?",
    ).on(partial(_played, weight=_add_one_in)),
    shapley_ends_only=Feedback(
        "Only the empty and the fullest coalition were looked at, half and half.",
        "How many coalitions without a given group are there, and how many of them does your function look at?",
    ).on(partial(_played, weight=_ends_only)),
    shapley_unweighted=Feedback(
        "All coalitions have the same weight: a plain mean over them (Banzhaf's value).",
        "Do your values add up? In how many of all orders do exactly the groups of a given coalition come first?",
    ).on(partial(_played, weight=_unweighted)),
    shapley_sum_of_all=Feedback(
        "Marginal contributions were added up without any weight.",
        "Do your values add up? A mean needs weights that sum to 1.",
    ).on(partial(_played, weight=lambda size, players: 1.0)),
    shapley_sizes_not_averaged=Feedback(
        "Coalitions of one size were averaged, but the sizes were added up.",
        "By which factor are all of your values off? How many sizes can a coalition have?",
    ).on(partial(_played, weight=lambda size, players: 1 / math.comb(players - 1, size))),
    shapley_wrong_binomial=Feedback(
        "The weights count coalitions among all groups instead of among the others.",
        "From how many groups are the members of a coalition chosen that a given group is not part of?",
    ).on(partial(_played, weight=lambda size, players: 1 / (players * math.comb(players, size)))),
    shapley_weights_of_features=Feedback(
        "The weights count the features instead of the groups.",
        "Which n stands in your weights: the number of values in the template, or that of the players?",
    ).on(lambda asked: _played(asked, weight=lambda size, _: _right_weight(size, len(asked.mask)))),
    shapley_mean=MEAN_OVER_TARGET.on(partial(_played, how="mean")),
    shapley_first_token=FIRST_TOKEN.on(partial(_played, how="first")),
    shapley_probability=Feedback(
        "The game's worth is a probability instead of a log-probability.",
        "Can a value of yours be larger than 1? What does the formula call the worth of a coalition?",
    ).on(partial(_played, how="probability")),
    shapley_prompt_without_bos=PROMPT_WITHOUT_BOS.on(partial(_played, how="prompt without BOS")),
    shapley_one_order=Feedback(
        "The groups came in by one order alone, 0, 1, 2 and so on.",
        "Your values add up, and yet: what would they be if the groups were numbered the other way round?",
    ).on(lambda asked: _over_orders(_game(asked), [range(max(asked.mask) + 1)])),
    shapley_normalised=NORMALISED.on(lambda asked: _played(asked) / _played(asked).sum()),
)
def _shapley_by(values_of: Any, reference: Any, *question: Any) -> Tensor:
    """Compute other values of the groups, and give each feature its group's."""
    asked = _Asked(*question)
    values: Tensor = values_of(asked)
    return values[list(asked.mask)].float()


@misconceptions(
    task=SHAPLEY,
    calls=(SHAPLEY,),
    shapley_of_features=PLAYERS.on(lambda alone, mask: alone),
    shapley_of_features_summed=Feedback(
        "Each feature is a player of its own, and a group's value is the sum of its members'.",
        "Who are the players of your game? Members of a group are always there together, or all away.",
    ).on(_summed_by_group),
)
def _of_features(step: Any, reference: Any, *question: Any) -> Tensor:
    """Let each feature be a player of its own."""
    *asked, mask, target = question
    return step(reference.shapley_groups(*asked, list(range(len(mask))), target), list(mask))


@misconceptions(
    task=SHAPLEY,
    calls=(SHAPLEY,),
    shapley_split=SPLIT.on(lambda values, mask: values / _sizes(mask)),
    shapley_one_number_each=ONE_NUMBER_EACH.on(_one_each),
    shapley_sign=SIGN.on(lambda values, mask: -values),
)
def _after_shapley(step: Any, reference: Any, *question: Any) -> Tensor:
    """Take one last step on the right Shapley values."""
    return step(reference.shapley_groups(*question), list(question[5]))


# shapley_sampled
def _shuffled(rng: random.Random, players: Sequence[int]) -> list[int]:
    return rng.sample(players, len(players))


def _orders(asked: _Asked, count: int, seed: int, draw: Any = _shuffled) -> list[list[int]]:
    rng = random.Random(seed)
    return [draw(rng, range(max(asked.mask) + 1)) for _ in range(count)]


def _over_orders(worth: Worth, orders: Sequence[Sequence[int]]) -> Tensor:
    """Return the mean marginal contributions, float64, shape (player,)."""
    total = torch.zeros(len(orders[0]), dtype=torch.float64)
    for order in orders:
        for place, player in enumerate(order):
            total[player] += worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return total / len(orders)


def _sampled(asked: _Asked, count: int, seed: int, how: str = "sum", draw: Any = _shuffled) -> Tensor:
    """Return sampled Shapley values, float32, shape (feature,)."""
    orders = _orders(asked, count, seed, draw)
    return _over_orders(_game(asked, how), orders)[list(asked.mask)].float()


def _by_coalitions(asked: _Asked, count: int, seed: int) -> Tensor:
    """Draw coalitions at random."""
    worth, rng = _game(asked), random.Random(seed)
    players = range(max(asked.mask) + 1)
    total = torch.zeros(len(players), dtype=torch.float64)
    for player in players:
        for _ in range(count):
            some = frozenset(other for other in players if other != player and rng.random() < 0.5)
            total[player] += worth[some | {player}] - worth[some]
    return (total / count)[list(asked.mask)].float()


@misconceptions(
    task=SAMPLED,
    needs_whole=True,
    sampled_not_divided=Feedback(
        "The contributions were added up, but not divided by the number of samples.",
        "What happens to your values if n_samples is doubled?",
    ).on(lambda asked, count, seed: _sampled(asked, count, seed) * count),
    sampled_divided_by_groups=Feedback(
        "The contributions were divided by samples and groups.",
        "What do your values add up to? How many contributions does one order give to each group?",
    ).on(lambda asked, count, seed: _sampled(asked, count, seed) / (max(asked.mask) + 1)),
    sampled_split=SPLIT.on(lambda asked, count, seed: _sampled(asked, count, seed) / _sizes(asked.mask)),
    sampled_one_number_each=ONE_NUMBER_EACH.on(
        lambda asked, count, seed: _one_each(_sampled(asked, count, seed), list(asked.mask))
    ),
    sampled_sign=SIGN.on(lambda asked, count, seed: -_sampled(asked, count, seed)),
    sampled_coalitions=Feedback(
        "Coalitions were drawn at random instead of orders.",
        "Do your values add up? In a random order, is a coalition of half of the groups as likely as in your draws?",
    ).on(_by_coalitions),
    sampled_with_replacement=Feedback(
        "Orders were drawn with replacement: a group may come in twice, another one not at all.",
        "Print the first three orders that your function uses: does each group come in exactly once?",
    ).on(partial(_sampled, draw=lambda rng, players: rng.choices(players, k=len(players)))),
    sampled_features=PLAYERS.on(
        lambda asked, *drawn: _sampled(asked._replace(mask=range(len(asked.values))), *drawn)
    ),
    sampled_mean=Feedback(
        "The target's tokens were averaged instead of summed.",
        "What do your values add up to, and how many tokens does the target have?",
    ).on(partial(_sampled, how="mean")),
    sampled_probability=Feedback(
        "The game's worth is a probability instead of a log-probability.",
        "What do your values add up to? What does the formula call the worth of a coalition?",
    ).on(partial(_sampled, how="probability")),
)
def _sampled_by(values_of: Any, reference: Any, *arguments: Any) -> Tensor:
    """Sample in another way: with other draws than the student's, so that it is compared loosely."""
    *question, count, seed = arguments
    values: Tensor = values_of(_Asked(*question), count, seed)
    return values


@misconceptions(
    task=SAMPLED,
    sampled_leave_one_out=Feedback(
        "Each group was taken out of the full text alone: that is ablation.",
        "In an order, who is there already when a group comes in?",
    ).on(lambda asked, seed: _played(asked, weight=_leave_one_out)),
    sampled_add_one_in=Feedback(
        "Each group was put into the baselines alone.",
        "In an order, who is there already when a group comes in?",
    ).on(lambda asked, seed: _played(asked, weight=_add_one_in)),
    sampled_never_shuffled=Feedback(
        "The groups always came in by the same order: 0, 1, 2 and so on.",
        "Print the first three orders that your function uses.",
    ).on(lambda asked, seed: _over_orders(_game(asked), [range(max(asked.mask) + 1)])),
    sampled_seeded_in_the_loop=Feedback(
        "The generator was seeded anew for each sample: all orders are the same.",
        "Print the first three orders that your function uses. Where does the seeding stand?",
    ).on(lambda asked, seed: _over_orders(_game(asked), _orders(asked, 1, seed))),
)
def _drawing_nothing(values_of: Any, reference: Any, *arguments: Any) -> Tensor:
    """Weigh all coalitions, or follow one order, instead of sampling orders."""
    *question, _, seed = arguments
    asked = _Asked(*question)
    values: Tensor = values_of(asked, seed)
    return values[list(asked.mask)].float()


# attribute_examples
def _usual(prompt: Any, examples: Texts, review: str, there: Sequence[int]) -> str:
    text: str = prompt([examples[number] for number in there], review)
    return text


def _header_kept(prompt: Any, examples: Texts, review: str, there: Sequence[int]) -> str:
    header = prompt(["x"], review).partition("\n")[0]
    text = _usual(prompt, examples, review, there)
    return text if there else f"{header}\n{text}"


def _unlabelled(example: str) -> str:
    return example.rpartition("Label:")[0] + "Label:"


def _with_absent(line: Callable[[str], str]) -> Callable[..., str]:
    """Return a prompt in which a line stands for each absent example."""
    return lambda prompt, examples, review, there: prompt(
        [one if place in there else line(one) for place, one in enumerate(examples)], review
    )


def _examples(
    reference: Any,
    question: tuple[Any, ...],
    *,
    prompt_of: Callable[..., str] = _usual,
    weight: Weight = _right_weight,
    how: str = "sum",
    worths: Callable[..., Tensor] = _whole,
) -> Tensor:
    """Return weighted marginal contributions of examples, float32, shape (example,).

    Args:
        reference: Makes prompts.
        question: Arguments of attribute_examples.
        prompt_of: From few_shot_prompt, examples, review and the numbers of those that are there to a prompt.
        weight: Of a marginal contribution.
        how: The target's score.
        worths: From model, tokenizer, texts, target and score to what the texts are worth.
    """
    model, tokenizer, examples, review, target = question
    coalitions = _coalitions(len(examples))
    texts = [prompt_of(reference.few_shot_prompt, examples, review, sorted(some)) for some in coalitions]
    found = worths(model, tokenizer, texts, target, how)
    return _weighted(dict(zip(coalitions, found.tolist(), strict=True)), weight).float()


def _in_order_of_arrival(reference: Any, question: tuple[Any, ...]) -> Tensor:
    """Let examples stand in the prompt in the order in which they came."""
    model, tokenizer, examples, review, target = question
    players = range(len(examples))
    starts = [some for size in range(len(players) + 1) for some in itertools.permutations(players, size)]
    texts = [_usual(reference.few_shot_prompt, examples, review, some) for some in starts]
    worth = dict(zip(starts, _whole(model, tokenizer, texts, target).tolist(), strict=True))
    orders = list(itertools.permutations(players))
    result = torch.zeros(len(examples), dtype=torch.float64)
    for order in orders:
        for place, player in enumerate(order):
            result[player] += (worth[order[: place + 1]] - worth[order[:place]]) / len(orders)
    return result.float()


@misconceptions(
    task=EXAMPLES,
    examples_cached=Feedback(
        "Captum's cached outputs were left on.",
        "Compute F of one prompt by hand, token by token of the label: which of the log-probabilities agree with "
        "the library's? Look through its options.",
    ).on(partial(_examples, worths=_captum_worth)),
    examples_leave_one_out=Feedback(
        "Each example was left out of the full prompt alone.",
        "In which coalitions does your function look at an example's gain? What if others are missing already?",
    ).on(partial(_examples, weight=_leave_one_out)),
    examples_add_one_in=Feedback(
        "Each example was shown alone.",
        "In which coalitions does your function look at an example's contribution? What if others are there already?",
    ).on(partial(_examples, weight=_add_one_in)),
    examples_unweighted=Feedback(
        "All coalitions have the same weight: a plain mean over them (Banzhaf's value).",
        "Do your values add up? In how many of all orders do exactly the examples of a given coalition come first?",
    ).on(partial(_examples, weight=_unweighted)),
    examples_mean=Feedback(
        "The target's tokens were averaged instead of summed.",
        "By which factor are all of your values off, and how many tokens does the label have?",
    ).on(partial(_examples, how="mean")),
    examples_first_token=Feedback(
        "Only the first token of the label was looked at.",
        "How many log-probabilities make up the label's, and how many does your score hold?",
    ).on(partial(_examples, how="first")),
    examples_last_token=Feedback(
        "Only the last token of the label was looked at.",
        "How many log-probabilities make up the label's? Which of them does your index pick?",
    ).on(partial(_examples, how="last")),
    examples_probability=Feedback(
        "The game's worth is a probability instead of a log-probability.",
        "Can a value of yours be larger than 1? What does the task call the worth of a coalition?",
    ).on(partial(_examples, how="probability")),
    examples_prompt_without_bos=PROMPT_WITHOUT_BOS.on(partial(_examples, how="prompt without BOS")),
    examples_header_kept=Feedback(
        "The first line of the prompt stays when there is no example.",
        "Print the prompt of the empty coalition beside what few_shot_prompt gives for no example.",
    ).on(partial(_examples, prompt_of=_header_kept)),
    examples_without_header=Feedback(
        "The first line of the prompt is missing throughout.",
        "Print the prompts that your function looks at beside what few_shot_prompt gives.",
    ).on(
        partial(
            _examples,
            prompt_of=lambda prompt, examples, review, there: "\n".join(
                [*[examples[number] for number in there], prompt([], review)]
            ),
        )
    ),
    examples_empty_lines=Feedback(
        "An absent example leaves an empty line behind.",
        "Print the prompts that your function looks at: how many lines does each of them have?",
    ).on(partial(_examples, prompt_of=_with_absent(lambda example: ""))),
    examples_label_removed=Feedback(
        "Of an absent example only the label was taken away.",
        "Print the prompts that your function looks at: what is left of an absent example?",
    ).on(partial(_examples, prompt_of=_with_absent(_unlabelled))),
    examples_reversed=Feedback(
        "The examples stand in the prompt in reverse order.",
        "Print the prompts that your function looks at: which example stands next to the review?",
    ).on(
        partial(
            _examples,
            prompt_of=lambda prompt, examples, review, there: prompt(
                [examples[number] for number in reversed(there)], review
            ),
        )
    ),
    examples_in_order_of_arrival=Feedback(
        "Examples stand in the prompt in the order in which they came into the coalition.",
        "Print the prompts that your function looks at: do examples always keep the order that they came in?",
    ).on(_in_order_of_arrival),
    examples_normalised=NORMALISED.on(
        lambda reference, question: (
            _examples(reference, question) / _examples(reference, question).abs().sum()
        )
    ),
)
def _examples_by(values_of: Any, reference: Any, *question: Any) -> Tensor:
    """Give the coalitions of examples another weight, the target another score, or the prompt other lines."""
    values: Tensor = values_of(reference, question)
    return values


@misconception(
    task=EXAMPLES,
    title="The sign is turned round.",
    hint="What do your values add up to, and what should they?",
    calls=(EXAMPLES,),
)
def examples_sign(reference: Any, *question: Any) -> Tensor:
    return -reference.attribute_examples(*question)


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
    gradients_zero_vectors=Feedback(
        "The path begins at zero vectors instead of the embedding of token id 0.",
        "Which vector stands at the beginning of your path: that of a token, or one that no token has?",
    ).on({"fill": None}),
    gradients_bos_on_path=Feedback(
        "The BOS is on the path, too, though it has no number.",
        "What stands in front at the beginning of your path?",
    ).on({"bos_on_path": True}),
    gradients_plain=Feedback(
        "The gradient at the prompt itself was summed: no path, and no difference to multiply with.",
        "Print the sum of your values beside the difference of F between the two ends of the path.",
    ).on({"rule": INPUT_ONLY, "factor": "nothing"}),
    gradients_times_input=Feedback(
        "Gradient times embedding at the prompt itself: there is no path.",
        "At how many points do you take the gradient, and what do you multiply it with?",
    ).on({"rule": INPUT_ONLY, "factor": "input"}),
    gradients_at_the_end=Feedback(
        "The gradient was taken at the prompt alone: there is no path.",
        "At how many points do you take the gradient?",
    ).on({"rule": INPUT_ONLY}),
    gradients_times_embedding=Feedback(
        "The mean gradient was multiplied with the embedding instead of its difference to the path's beginning.",
        "What does the formula multiply the integral with?",
    ).on({"factor": "input"}),
    gradients_not_multiplied=Feedback(
        "The mean gradient was multiplied with nothing.",
        "What does the formula multiply the integral with?",
    ).on({"factor": "nothing"}),
    gradients_of_logits=Feedback(
        "The target's logits were explained instead of its log-probabilities.",
        "Print the sum of your values beside the difference of F between the two ends of the path. What is F?",
    ).on({"score": "logits"}),
    gradients_of_probability=Feedback(
        "The target's probability was explained instead of its log-probability.",
        "Print the sum of your values beside the difference of F between the two ends of the path. What is F?",
    ).on({"score": "probability"}),
    gradients_first_token=Feedback(
        "Only the first token of the target was explained.",
        "How many log-probabilities make up the target's, and how many does your score hold?",
    ).on({"score": "first"}),
    gradients_last_token=Feedback(
        "Only the last token of the target was explained.",
        "How many log-probabilities make up the target's? Which of them does your index pick?",
    ).on({"score": "last"}),
    gradients_mean_over_target=MEAN_OVER_TARGET.on({"score": "mean"}),
    gradients_target_on_path=Feedback(
        "The target's own tokens are on the path, too.",
        "What does the model read behind the prompt at the beginning of your path?",
    ).on({"target_on_path": True}),
    gradients_left_sum=Feedback(
        "A left Riemann sum instead of Gauss-Legendre.",
        "Your values are nearly right. Which nodes and which weights does the task name?",
    ).on({"rule": ([number / 50 for number in range(50)], [1 / 50] * 50)}),
    gradients_right_sum=Feedback(
        "A right Riemann sum instead of Gauss-Legendre.",
        "Your values are nearly right. Which nodes and which weights does the task name?",
    ).on({"rule": ([number / 50 for number in range(1, 51)], [1 / 50] * 50)}),
    gradients_captum_trapezoid=Feedback(
        "Captum's trapezoid rule, whose weights sum to 49/50.",
        "Your values are nearly right, but all a little too small. Which nodes and which weights does the task name?",
    ).on({"rule": ([number / 49 for number in range(50)], [0.01, *[0.02] * 48, 0.01])}),
    gradients_from_minus_one=Feedback(
        "The nodes were left on the interval from -1 to 1.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
    ).on({"rule": _unmapped(2.0)}),
    gradients_from_minus_one_with_halved_weights=Feedback(
        "The nodes were left on the interval from -1 to 1; only the weights were halved.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
    ).on({"rule": _unmapped(1.0)}),
    gradients_twenty_steps=Feedback(
        "Twenty steps instead of fifty.",
        "Your values are nearly right. How many steps does the task name?",
    ).on({"rule": _gauss_legendre(20)}),
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
    gradients_with_bos=Feedback(
        "The BOS is on the path and has a number.",
        "How many numbers does your result have, and which of them belongs to no token of the text?",
    ).on({"bos_on_path": True}),
    gradients_prompt_without_bos=PROMPT_WITHOUT_BOS.on({"special": False}),
)
def _all_tokens(options: dict[str, bool], reference: Any, *question: Any) -> Tensor:
    """Handle the BOS in another way."""
    return _gradients(*question, **options).sum(dim=-1)


@misconceptions(
    task=GRADIENTS,
    gradients_bos_counted=Feedback(
        "The BOS stays what it is, but has a number (which is 0).",
        "How many numbers does your result have, and which of them is always 0?",
    ).on(lambda vectors, front: vectors.sum(dim=-1)),
    gradients_first_dropped=FIRST_DROPPED.on(lambda vectors, front: vectors.sum(dim=-1)[1:]),
    gradients_norm_over_hidden=Feedback(
        "The norm over the hidden dimension instead of the sum.",
        "Is any of your values negative? Do they add up?",
    ).on(lambda vectors, front: vectors.norm(dim=-1)[front:]),
    gradients_magnitudes=Feedback(
        "Magnitudes were summed over the hidden dimension.",
        "Is any of your values negative? Do they add up?",
    ).on(lambda vectors, front: vectors.abs().sum(dim=-1)[front:]),
    gradients_not_summed=Feedback(
        "The hidden dimension was not summed at all.",
        "How many numbers does the task ask for at each token?",
    ).on(lambda vectors, front: vectors[front:]),
)
def _of_vectors(step: Any, reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Make something else of the vectors than their sums behind the BOS."""
    return step(_gradients(model, tokenizer, prompt, target), _prompt_ids(tokenizer, prompt)[1])


@misconceptions(
    task=GRADIENTS,
    calls=(GRADIENTS,),
    gradients_mean_over_hidden=Feedback(
        "The hidden dimension was averaged instead of summed.",
        "By which factor are all of your values off?",
    ).on(lambda right, model: right / model.get_input_embeddings().weight.shape[1]),
    gradients_normalised=Feedback(
        "The attributions were divided by their norm.",
        "What do the squares of your values add up to?",
    ).on(lambda right, model: right / right.norm()),
    gradients_sign=Feedback(
        "The sign is turned round.",
        "Which way does your path lead: to the prompt, or away from it?",
    ).on(lambda right, model: -right),
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
