"""Known mistakes with the embeddings of question answering, as functions and as tables of one step.

A mistake takes the reference module and then the task's own arguments. Some are missing here on purpose: dropout
left on, whose results are random (the visible check of embedding_attributions asks twice), and what gives the right
result after all, since the scores are brought to length 1: the mean over the hidden dimension in place of the sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from autograder.attribution.quadrature import (
    Rule,
    gauss_legendre,
    gauss_legendre_unmapped,
    riemann_left,
    riemann_right,
    trapezoid,
)
from autograder.checks import Feedback, memoised, misconception, misconceptions, misconceptions_around

ANSWER = "predict_answer"
INPUTS = "build_inputs"
EMBEDDINGS = "embedding_attributions"
PARTS = "subembedding_attributions"
TOP = "top_tokens"
CONDUCTANCE = "layer_conductance"
ENTROPY = "attribution_entropy"

FIXED_POSITION = Feedback(
    "The token that wins at the end of the path was explained all along the path.",
    "Which token has the largest logit near the baseline? The target is the largest one at every point.",
).on(lambda model, inputs, position: {"score": _fixed_score(model, inputs, position)})
FIXED_IN_THE_BEGINNING = Feedback(
    "The token that wins at the beginning of the path was explained all along the path.",
    "Which token has the largest logit at the end of the path? The target is the largest one at every point.",
)
NODES = Feedback(
    "The nodes were left on the interval from -1 to 1.",
    "Between which two numbers do your nodes lie, and where on the path is a negative one?",
)
PROBABILITY = Feedback(
    "The probability is explained instead of the logit.",
    "Is what comes out of your forward function still one of the model's logits?",
).on(lambda model, inputs, position: {"score": partial(_probability, position=position)})
LOG_PROBABILITY = Feedback(
    "The log-probability is explained instead of the logit.",
    "Is what comes out of your forward function still one of the model's logits?",
).on(lambda model, inputs, position: {"score": partial(_log_probability, position=position)})
RIGHT_SUM = Feedback(
    "The integral was taken with a right Riemann sum, not with Gauss-Legendre.",
    "Which rule does the task ask for? Captum's default is not its only one.",
).on(lambda model, inputs, position: {"rule": riemann_right(STEPS)})
FIVE_STEPS = Feedback(
    "Five steps were taken in place of 50.",
    "How many points of the path do you look at? With few of them the integral is rough.",
).on(lambda model, inputs, position: {"rule": gauss_legendre(5)})
ALWAYS_START = Feedback(
    "The start logits were explained where the end was asked for.",
    "Do your attributions differ between start and end? What does `position` change in your code?",
).on(lambda right, model, inputs, position: right(model, inputs, "start"))
ALWAYS_END = Feedback(
    "The end logits were explained where the start was asked for.",
    "Which of the model's two results belongs to the start? What does `position` change in your code?",
).on(lambda right, model, inputs, position: right(model, inputs, "end"))
NORM = Feedback(
    "The norm over the hidden dimension was taken instead of the sum.",
    "Can a token of yours speak against the answer? A length has no sign.",
).on(lambda vectors: _unit(vectors.norm(dim=-1)))
ABSOLUTE_SUM = Feedback(
    "Absolute values were summed over the hidden dimension.",
    "What happens to the entries of a token's vector that speak against the answer?",
).on(lambda vectors: _unit(vectors.abs().sum(dim=-1)))
"""Mistakes that can be made in more functions than one: title and hint, and the step where it is the same."""

STEPS = 50
PART_NAMES = ("word", "token_type", "position")

Inputs = dict[str, Tensor]
Score = Callable[[Any], Tensor]
"""From a model's output to one score a row, shape (row,)."""


# predict_answer
def _answered(model: Any, tokenizer: Any, question: str, text: str) -> tuple[Tensor, Any]:
    """Return the ids (token,) and the model's output, batch of one."""
    inputs = tokenizer(question, text, return_tensors="pt").to(model.device)
    with torch.no_grad():
        return inputs["input_ids"][0].cpu(), model(**inputs)


def _pieces(tokenizer: Any, ids: Tensor) -> list[str]:
    return tokenizer.convert_ids_to_tokens(ids)


def _in_the_passage(tokenizer: Any, ids: Tensor, start: int, end: int, answer: str) -> tuple:
    """Count the positions from the passage's first token."""
    first = ids.tolist().index(tokenizer.sep_token_id) + 1
    return start - first, end - first, answer


@misconceptions(
    task=ANSWER,
    calls=(ANSWER,),
    end_exclusive=Feedback(
        "The answer ends before its last token: the end index was taken as exclusive.",
        "How many tokens has your answer where start and end are the same position?",
    ).on(lambda tokenizer, ids, start, end, _: (start, end, tokenizer.decode(ids[start:end]))),
    one_token_too_far=Feedback(
        "The answer reaches one token too far.",
        "Python leaves the end of a slice out; your answer has one token more than start and end say.",
    ).on(lambda tokenizer, ids, start, end, _: (start, end, tokenizer.decode(ids[start : end + 2]))),
    pieces_joined=Feedback(
        "Word pieces were joined with their ## marks.",
        "Look at the answer to a question about an unusual name: would a reader know how to read it?",
    ).on(
        lambda tokenizer, ids, start, end, _: (
            start,
            end,
            " ".join(_pieces(tokenizer, ids[start : end + 1])),
        )
    ),
    list_of_pieces=Feedback(
        "The answer is a list of word pieces, not a string.",
        "Which type has the third result? The tokenizer can make a text of ids.",
    ).on(lambda tokenizer, ids, start, end, _: (start, end, _pieces(tokenizer, ids[start : end + 1]))),
    end_from_the_start_logits=Feedback(
        "The end was taken from the start logits.",
        "How long are your answers? Where they have two words, one is missing.",
    ).on(lambda tokenizer, ids, start, *_: (start, start, tokenizer.decode(ids[start : start + 1]))),
    start_and_end_exchanged=Feedback(
        "Start and end logits were taken for each other.",
        "Your answer begins where it should end. Which logits belong to which of the two?",
    ).on(lambda tokenizer, ids, start, end, _: (end, start, tokenizer.decode(ids[end : start + 1]))),
    end_index_behind_the_answer=Feedback(
        "The end index that is returned is the one behind the answer.",
        "Which token does your end index point at: the answer's last one, or the one that follows?",
    ).on(lambda tokenizer, ids, start, end, answer: (start, end + 1, answer)),
    positions_without_cls=Feedback(
        "The positions are counted from the first token behind [CLS].",
        "Which token has position 0 in the sequence that the model sees?",
    ).on(lambda tokenizer, ids, start, end, answer: (start - 1, end - 1, answer)),
    answer_alone=Feedback(
        "The answer alone is returned, without start and end.",
        "The task asks for three results, in an order.",
    ).on(lambda *told: told[-1]),
    positions_in_the_passage=Feedback(
        "The positions are counted from the passage's first token, not from [CLS].",
        "Which token has position 0 in the sequence that the model sees?",
    ).on(_in_the_passage),
)
def _retold(tell: Any, reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> Any:
    """Take other ends, or make another text of the answer's tokens."""
    ids, _ = _answered(model, tokenizer, question, text)
    return tell(tokenizer, ids, *reference.predict_answer(model, tokenizer, question, text))


@misconception(
    task=ANSWER,
    title="The text was given to the tokenizer first, the question second.",
    hint="In which order does the model expect the two texts? Print the decoded ids.",
    calls=(ANSWER,),
)
def text_before_question(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    return reference.predict_answer(model, tokenizer, text, question)


@misconception(
    task=ANSWER,
    title="The smallest logits were taken in place of the largest.",
    hint="Which logit belongs to the token that the model is surest of?",
)
def smallest_logits(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    ids, output = _answered(model, tokenizer, question, text)
    start, end = int(output.start_logits[0].argmin()), int(output.end_logits[0].argmin())
    return start, end, tokenizer.decode(ids[start : end + 1])


# build_inputs
def _framing(tokenizer: Any) -> list[int]:
    return [tokenizer.cls_token_id, tokenizer.sep_token_id]


def _keeping(kept_of: Callable[[Any], list[int]], inputs: Inputs, tokenizer: Any) -> Inputs:
    """Return a baseline of [PAD] everywhere but where an id is one of those kept."""
    stays = torch.isin(inputs["input_ids"], torch.tensor(list(kept_of(tokenizer))))
    return {"baseline_ids": torch.where(stays, inputs["input_ids"], tokenizer.pad_token_id)}


def _padded(inputs: Inputs, tokenizer: Any) -> Inputs:
    """Fill the inputs up with [PAD]."""
    length = tokenizer.model_max_length - inputs["input_ids"].shape[1]
    filling = dict.fromkeys(inputs, 0) | dict.fromkeys(("input_ids", "baseline_ids"), tokenizer.pad_token_id)
    found = {
        name: nn.functional.pad(values, (0, length), value=filling[name]) for name, values in inputs.items()
    }
    return found | {"position_ids": torch.arange(length + inputs["input_ids"].shape[1])[None]}


@misconceptions(
    task=INPUTS,
    calls=(INPUTS,),
    all_padding=Feedback(
        "[CLS] and [SEP] became [PAD] as well.",
        "Everything turned into [PAD]. Which tokens carry the form of the input and none of its content?",
    ).on(partial(_keeping, lambda tokenizer: [tokenizer.pad_token_id])),
    cls_not_kept=Feedback(
        "[CLS] became [PAD] in the baseline.",
        "Look at the first token of your baseline: does the sequence still begin as every one does?",
    ).on(partial(_keeping, lambda tokenizer: [tokenizer.sep_token_id])),
    sep_not_kept=Feedback(
        "Both [SEP] became [PAD] in the baseline.",
        "Does your baseline still say where the question ends and where the passage ends?",
    ).on(partial(_keeping, lambda tokenizer: [tokenizer.cls_token_id])),
    unknown_kept=Feedback(
        "[UNK] was kept in the baseline.",
        "An unknown word is a word of the text. Does your baseline still hold content?",
    ).on(partial(_keeping, lambda tokenizer: [*_framing(tokenizer), tokenizer.unk_token_id])),
    mask_kept=Feedback(
        "[MASK] in the text was kept in the baseline.",
        "A [MASK] stands where a word was. Should it stay in a text without content?",
    ).on(partial(_keeping, lambda tokenizer: [*_framing(tokenizer), tokenizer.mask_token_id])),
    all_special_kept=Feedback(
        "All special tokens were kept in the baseline, [UNK] and [MASK] among them.",
        "The tokenizer's list of special tokens is longer than the two that the baseline keeps.",
    ).on(partial(_keeping, lambda tokenizer: tokenizer.all_special_ids)),
    published_ids=Feedback(
        "The ids 0, 101 and 102 of the published BERT vocabularies are written into the code.",
        "Ids differ from one vocabulary to the next: ask the tokenizer that you were given.",
    ).on(partial(_keeping, lambda tokenizer: [101, 102])),
    shipped_ids=Feedback(
        "The ids of the shipped vocabulary are written into the code.",
        "Your function is also called with another vocabulary: ask the tokenizer that you were given.",
    ).on(partial(_keeping, lambda tokenizer: [2, 3])),
    first_sep_not_kept=Feedback(
        "Only one of the two [SEP] was kept, the last one.",
        "How often does [SEP] stand in the input, and how often in your baseline?",
    ).on(
        lambda inputs, tokenizer: {
            "baseline_ids": _put(
                inputs["baseline_ids"], _first_sep(inputs, tokenizer), tokenizer.pad_token_id
            )
        }
    ),
    last_sep_not_kept=Feedback(
        "Only one of the two [SEP] was kept, the one between question and passage.",
        "How often does [SEP] stand in the input, and how often in your baseline?",
    ).on(
        lambda inputs, tokenizer: {"baseline_ids": _put(inputs["baseline_ids"], -1, tokenizer.pad_token_id)}
    ),
    filled_with_mask=Feedback(
        "[MASK] was put in place of the words instead of [PAD].",
        "Which token does the task ask for in place of the words? It also fills up short texts.",
    ).on(lambda inputs, tokenizer: {"baseline_ids": _filled(inputs["baseline_ids"], tokenizer)}),
    types_off_by_one=Feedback(
        "The token types change one token too early: the first [SEP] counts as passage.",
        "Compare your token types with the tokenizer's at the first [SEP]: to which text does it belong?",
    ).on(
        lambda inputs, tokenizer: {
            "token_type_ids": _put(inputs["token_type_ids"], _first_sep(inputs, tokenizer), 1)
        }
    ),
    types_all_zero=Feedback(
        "All token types are 0.",
        "How does the model know where the question ends and the passage begins?",
    ).on(lambda inputs, tokenizer: {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}),
    types_exchanged=Feedback(
        "The token types are exchanged: 1 for the question, 0 for the passage.",
        "Compare your token types with the tokenizer's: which text has which number?",
    ).on(lambda inputs, tokenizer: {"token_type_ids": 1 - inputs["token_type_ids"]}),
    types_as_their_baseline=Feedback(
        "The baseline of the token types is the input's own types.",
        "Where does the path of the token types begin? If at its end, there is nothing to attribute to them.",
    ).on(lambda inputs, tokenizer: {"baseline_token_type_ids": inputs["token_type_ids"]}),
    positions_as_their_baseline=Feedback(
        "The baseline of the positions is the input's own positions.",
        "Where does the path of the positions begin? If at its end, there is nothing to attribute to them.",
    ).on(lambda inputs, tokenizer: {"baseline_position_ids": inputs["position_ids"]}),
    types_and_positions_as_baselines=Feedback(
        "Types and positions are their own baselines.",
        "The path of part 4 runs through all three tables. Where do types and positions begin?",
    ).on(
        lambda inputs, tokenizer: {
            f"baseline_{name}": inputs[name] for name in ("token_type_ids", "position_ids")
        }
    ),
    positions_from_one=Feedback(
        "The positions are counted from 1.",
        "Which position does [CLS] have for BERT?",
    ).on(lambda inputs, tokenizer: {"position_ids": inputs["position_ids"] + 1}),
    positions_begin_anew=Feedback(
        "The positions begin anew with the passage.",
        "Does BERT count the positions of the two texts apart? Look at what position_embeddings is given.",
    ).on(lambda inputs, tokenizer: {"position_ids": _begun_anew(inputs)}),
    mask_of_the_baseline=Feedback(
        "The attention mask leaves out what is [PAD] in the baseline.",
        "The mask belongs to the input, which has no padding. What would the model see of it with yours?",
    ).on(
        lambda inputs, tokenizer: {
            "attention_mask": (inputs["baseline_ids"] != tokenizer.pad_token_id).long()
        }
    ),
    no_batch_axis=Feedback(
        "The tensors have no batch axis.",
        "Which shape does the model expect: how many axes, and which comes first?",
    ).on(lambda inputs, tokenizer: {name: values[0] for name, values in inputs.items()}),
    floats=Feedback(
        "The values are right, but floats.",
        "Ids are looked up in tables, so they are whole numbers: which dtype do your tensors have?",
    ).on(lambda inputs, tokenizer: {name: values.float() for name, values in inputs.items()}),
    padded=Feedback(
        "The input was filled up with [PAD].",
        "How many tokens have question and passage together, and how many your tensors?",
    ).on(_padded),
)
def _changed(change: Any, reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    """Change some of the right inputs."""
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | change(inputs, tokenizer)


def _filled(ids: Tensor, tokenizer: Any) -> Tensor:
    return torch.where(ids == tokenizer.pad_token_id, tokenizer.mask_token_id, ids)


def _first_sep(inputs: Inputs, tokenizer: Any) -> int:
    return inputs["input_ids"][0].tolist().index(tokenizer.sep_token_id)


def _put(values: Tensor, place: int, value: int) -> Tensor:
    return values.index_fill(1, torch.tensor([place % values.shape[1]]), value)


def _begun_anew(inputs: Inputs) -> Tensor:
    passage = inputs["token_type_ids"] == 1
    return torch.where(passage, inputs["position_ids"] - int((~passage).sum()), inputs["position_ids"])


@misconception(
    task=INPUTS,
    title="The text was given to the tokenizer first, the question second.",
    hint="Decode your input ids: which of the two texts comes first?",
    calls=(INPUTS,),
)
def text_encoded_first(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return reference.build_inputs(tokenizer, text, question)


# Paths: what the attributions share
def _largest(output: Any, position: str) -> Tensor:
    return output[f"{position}_logits"].max(dim=1).values


def _on(model: Any, inputs: Inputs) -> Inputs:
    return {name: values.to(model.device) for name, values in inputs.items()}


def _asked(model: Any, inputs: Inputs, rows: int = 1) -> Any:
    """Run the model on that many copies of the inputs."""
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    return model(**{name: _on(model, inputs)[name].expand(rows, -1) for name in names})


def _tables(model: Any) -> list[nn.Module]:
    embeddings = model.bert.embeddings
    return [embeddings.word_embeddings, embeddings.token_type_embeddings, embeddings.position_embeddings]


def _looked_up(model: Any, modules: Sequence[nn.Module], inputs: Inputs) -> list[Tensor]:
    """Return what each module puts out for inputs, shape (1, token, hidden)."""
    kept: dict[nn.Module, Tensor] = {}
    with ExitStack() as hooks, torch.no_grad():
        for module in modules:
            handle = module.register_forward_hook(lambda this, args, output: kept.update({this: output}))
            hooks.callback(handle.remove)
        _asked(model, inputs)
    return [kept[module].detach() for module in modules]


def _empty(inputs: Inputs, *names: str) -> Inputs:
    """Return the inputs with the baseline in place of those of these names: ids, token_type_ids, position_ids."""
    sources = {"ids": "input_ids", "token_type_ids": "token_type_ids", "position_ids": "position_ids"}
    return inputs | {sources[name]: inputs[f"baseline_{name}"] for name in names}


EVERYTHING = ("ids", "token_type_ids", "position_ids")


class _Replaced(ExitStack):
    """Puts points (row, token, hidden) in place of what modules put out."""

    def __init__(self, modules: Sequence[nn.Module], points: Sequence[Tensor]) -> None:
        super().__init__()
        for module, point in zip(modules, points, strict=True):
            handle = module.register_forward_hook(lambda this, args, output, point=point: point)
            self.callback(handle.remove)


def _integrated(
    model: Any,
    inputs: Inputs,
    modules: Sequence[nn.Module],
    starts: Sequence[Tensor],
    ends: Sequence[Tensor],
    score: Score,
    rule: Rule | None = None,
) -> list[Tensor]:
    """Integrate gradients along the joint straight path of several modules' outputs.

    Returns:
        For each module (token, hidden).
    """
    chosen = rule or gauss_legendre(STEPS)
    nodes = torch.tensor(chosen.nodes, dtype=starts[0].dtype, device=model.device)[:, None, None]
    weights = torch.tensor(chosen.weights, dtype=starts[0].dtype, device=model.device)[:, None, None]
    points = [
        (start + nodes * (end - start)).requires_grad_() for start, end in zip(starts, ends, strict=True)
    ]
    with _Replaced(modules, points), torch.enable_grad():
        total = score(_asked(model, inputs, len(nodes))).sum()
    gradients = torch.autograd.grad(total, points)
    return [
        ((end - start) * (weights * gradient).sum(dim=0, keepdim=True))[0]
        for start, end, gradient in zip(starts, ends, gradients, strict=True)
    ]


def _unit(scores: Tensor) -> Tensor:
    return scores / scores.norm()


def _summarised(vectors: Tensor) -> Tensor:
    return _unit(vectors.sum(dim=-1))


def _fixed(output: Any, position: str, where: int) -> Tensor:
    return output[f"{position}_logits"][:, where]


def _probability(output: Any, position: str) -> Tensor:
    return output[f"{position}_logits"].softmax(dim=1).max(dim=1).values


def _log_probability(output: Any, position: str) -> Tensor:
    return output[f"{position}_logits"].log_softmax(dim=1).max(dim=1).values


def _fixed_score(model: Any, inputs: Inputs, position: str) -> Score:
    """Return the logit of the token that wins at the path's end."""
    with torch.no_grad():
        where = int(_asked(model, inputs)[f"{position}_logits"][0].argmax())
    return partial(_fixed, position=position, where=where)


# embedding_attributions
def _whole(
    model: Any,
    inputs: Inputs,
    position: str,
    *,
    score: Score | None = None,
    rule: Rule | None = None,
    start: Inputs | None = None,
    starts: Sequence[Tensor] | None = None,
    layer: nn.Module | None = None,
) -> Tensor:
    """Integrate as the contract of embedding_attributions says, save for what is given: vectors (token, hidden)."""
    modules = [layer or model.bert.embeddings]
    starts = starts or _looked_up(model, modules, start or _empty(inputs, "ids"))
    ends = _looked_up(model, modules, inputs)
    chosen = score or partial(_largest, position=position)
    return _integrated(model, inputs, modules, starts, ends, chosen, rule)[0]


def _embedded_ends(model: Any, inputs: Inputs) -> dict[str, Tensor]:
    """Return what the embedding module puts out at both ends of the path."""
    (start,), (end,) = (
        _looked_up(model, [model.bert.embeddings], one) for one in (_empty(inputs, "ids"), inputs)
    )
    return {"start": start, "end": end}


def _untyped(inputs: Inputs) -> Inputs:
    return inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}


def _embedded_twice(model: Any, inputs: Inputs, position: str) -> Tensor:
    """Give what the embedding module puts out to the model as inputs_embeds."""
    ends = _embedded_ends(model, inputs)
    words, score = [model.bert.embeddings.word_embeddings], partial(_largest, position=position)
    return _integrated(model, inputs, words, [ends["start"]], [ends["end"]], score)[0]


def _average_gradient(model: Any, inputs: Inputs, position: str) -> Tensor:
    """Integrate the gradient without multiplying it."""
    start, end = _embedded_ends(model, inputs).values()
    rule = gauss_legendre(STEPS)
    nodes, weights = (torch.tensor(one).to(end)[:, None, None] for one in (rule.nodes, rule.weights))
    return (weights * _gradient(model, inputs, position, start + nodes * (end - start))).sum(dim=0)


def _gradient(model: Any, inputs: Inputs, position: str, points: Tensor) -> Tensor:
    """Return the gradient of the largest logit at points (row, token, hidden) of the embedding module."""
    points = points.detach().requires_grad_()
    with _Replaced([model.bert.embeddings], [points]), torch.enable_grad():
        total = _largest(_asked(model, inputs, len(points)), position).sum()
    return torch.autograd.grad(total, points)[0]


def _gradient_there(model: Any, inputs: Inputs, position: str) -> tuple[Tensor, Tensor]:
    """Return embeddings and gradient at the input, (token, hidden) each."""
    (there,) = _looked_up(model, [model.bert.embeddings], inputs)
    return there[0], _gradient(model, inputs, position, there)[0]


def _right_whole(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return memoised(reference, "whole", _whole, model, inputs, position)


def _padding(model: Any, inputs: Inputs) -> Inputs:
    """Return the inputs with [PAD] everywhere."""
    return inputs | {"input_ids": torch.full_like(inputs["input_ids"], model.config.pad_token_id or 0)}


@misconceptions(
    task=EMBEDDINGS,
    path_from_padding=Feedback(
        "[CLS] and [SEP] became [PAD] at the start of the path.",
        "Which attribution does [CLS] get? Where input and baseline agree it must be exactly 0.",
    ).on(lambda model, inputs, position: {"start": _padding(model, inputs)}),
    types_and_positions_from_zero=Feedback(
        "Types and positions start from zero as well.",
        "The path of part 3 changes the words alone. Which types and positions does your baseline have?",
    ).on(lambda model, inputs, position: {"start": _empty(inputs, *EVERYTHING)}),
    positions_from_zero=Feedback(
        "The positions start from zero as well.",
        "The path of part 3 changes the words alone. Which positions does your baseline have?",
    ).on(lambda model, inputs, position: {"start": _empty(inputs, "ids", "position_ids")}),
    types_from_zero=Feedback(
        "The token types start from zero as well.",
        "The path of part 3 changes the words alone. Which types does your baseline have?",
    ).on(lambda model, inputs, position: {"start": _empty(inputs, "ids", "token_type_ids")}),
    word_embeddings_as_layer=Feedback(
        "The layer is the table of word embeddings alone, not the embedding module.",
        "Which module's output does your path run through? Positions, types and the norm belong to it.",
    ).on(lambda model, inputs, position: {"layer": model.bert.embeddings.word_embeddings}),
    fixed_position=FIXED_POSITION,
    position_of_the_baseline=FIXED_IN_THE_BEGINNING.on(
        lambda model, inputs, position: {"score": _fixed_score(model, _empty(inputs, "ids"), position)}
    ),
    nodes_from_minus_one=NODES.on(lambda model, inputs, position: {"rule": gauss_legendre_unmapped(STEPS)}),
    probability_as_target=PROBABILITY,
    log_probability_as_target=LOG_PROBABILITY,
    right_riemann_sum=RIGHT_SUM,
    left_riemann_sum=Feedback(
        "The integral was taken with a left Riemann sum, not with Gauss-Legendre.",
        "Which rule does the task ask for? Captum's default is not its only one.",
    ).on(lambda model, inputs, position: {"rule": riemann_left(STEPS)}),
    five_steps=FIVE_STEPS,
    path_from_zero_vectors=Feedback(
        "The path begins at zero vectors instead of the baseline's embeddings.",
        "Where does your path begin? The embedding of [PAD] at a position is a vector, not zeros.",
    ).on(
        lambda model, inputs, position: {"starts": [torch.zeros_like(_embedded_ends(model, inputs)["end"])]}
    ),
    types_left_out=Feedback(
        "All token types were left at 0, at both ends of the path.",
        "What does the model assume if it is given no token types? Does your forward function pass them on?",
    ).on(lambda model, inputs, position: _whole(model, _untyped(inputs), position)),
    embedded_twice=Feedback(
        "The embedding layer was applied twice: its output was given to the model as inputs_embeds.",
        "What does BERT do with inputs_embeds: are positions, types and the norm still to come?",
    ).on(_embedded_twice),
    average_gradient=Feedback(
        "The gradient was integrated, but not multiplied by the way from baseline to input.",
        "Which factor stands before the integral in the formula?",
    ).on(_average_gradient),
    gradient_only=Feedback(
        "The gradient at the input was summed: no path, no baseline.",
        "At how many points do you ask for a gradient, and what is it multiplied by?",
    ).on(lambda model, inputs, position: _gradient_there(model, inputs, position)[1]),
    gradient_times_input=Feedback(
        "The gradient at the input was multiplied by the embeddings: no path, no baseline.",
        "At how many points do you ask for a gradient? The formula has an integral.",
    ).on(lambda model, inputs, position: torch.stack(_gradient_there(model, inputs, position)).prod(dim=0)),
)
def _scores_by(vectors_of: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Integrate with another start, layer, score or rule, or without a path."""
    found = vectors_of(model, inputs, position)
    return _summarised(found if isinstance(found, Tensor) else _whole(model, inputs, position, **found))


_at_one_end = misconceptions_around(task=EMBEDDINGS, always_start=ALWAYS_START, always_end=ALWAYS_END)


@misconceptions(
    task=EMBEDDINGS,
    norm_over_hidden=NORM,
    absolute_sum_over_hidden=ABSOLUTE_SUM,
    magnitudes=Feedback(
        "The magnitudes of the scores were returned.",
        "Can a token of yours speak against the answer? Look for negative scores.",
    ).on(lambda vectors: _summarised(vectors).abs()),
    not_normalised=Feedback(
        "The scores were not divided by their norm.",
        "What is the L2 norm of your scores, and what should it be?",
    ).on(lambda vectors: vectors.sum(dim=-1)),
    mean_not_normalised=Feedback(
        "The hidden dimension was averaged, and the scores were not divided by their norm.",
        "What is the L2 norm of your scores, and what should it be?",
    ).on(lambda vectors: vectors.mean(dim=-1)),
    normalised_before_the_sum=Feedback(
        "The vectors were divided by their common norm before they were summed.",
        "In which order does the task sum and normalise? Print the norm of what you return.",
    ).on(lambda vectors: (vectors / vectors.norm()).sum(dim=-1)),
    divided_by_l1=Feedback(
        "The scores were divided by the sum of their magnitudes (L1) instead of the L2 norm.",
        "Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
    ).on(lambda vectors: vectors.sum(dim=-1) / vectors.sum(dim=-1).abs().sum()),
    divided_by_sum=Feedback(
        "The scores were divided by their sum.",
        "Which norm did you divide by? With scores of both signs a sum can be close to 0.",
    ).on(lambda vectors: vectors.sum(dim=-1) / vectors.sum(dim=-1).sum()),
    divided_by_largest=Feedback(
        "The scores were divided by the largest magnitude.",
        "What is the L2 norm of your scores, and what should it be?",
    ).on(lambda vectors: vectors.sum(dim=-1) / vectors.sum(dim=-1).abs().max()),
    softmax_over_tokens=Feedback(
        "A softmax was taken over the tokens.",
        "Which values can a softmax not give? The task asks for scores of both signs.",
    ).on(lambda vectors: vectors.sum(dim=-1).softmax(dim=0)),
    path_backwards=Feedback(
        "The path runs in the wrong direction, from the input to the baseline.",
        "Which sign has the score of the token that the answer begins at? Look at where your path begins.",
    ).on(lambda vectors: -_summarised(vectors)),
)
def _of_vectors(step: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Make something else of the right vectors than their sums, divided by the norm."""
    return step(_right_whole(reference, model, inputs, position))


# subembedding_attributions
def _parts(
    model: Any,
    inputs: Inputs,
    position: str,
    *,
    score: Score | None = None,
    rule: Rule | None = None,
    start: Inputs | None = None,
) -> list[Tensor]:
    """Integrate as the contract of subembedding_attributions says, save for what is given: three (token, hidden)."""
    modules = _tables(model)
    starts = _looked_up(model, modules, start or _empty(inputs, *EVERYTHING))
    ends = _looked_up(model, modules, inputs)
    chosen = score or partial(_largest, position=position)
    return _integrated(model, inputs, modules, starts, ends, chosen, rule)


def _right_parts(reference: Any, model: Any, inputs: Inputs, position: str) -> list[Tensor]:
    return memoised(reference, "parts", _parts, model, inputs, position)


def _named(parts: Sequence[Tensor]) -> dict[str, Tensor]:
    return dict(zip(PART_NAMES, parts, strict=True))


def _summarised_parts(parts: Sequence[Tensor]) -> dict[str, Tensor]:
    return _named([_summarised(one) for one in parts])


@misconception(
    task=PARTS,
    title="Each of the three has a path of its own, while the others stay at the input's values.",
    hint="How many paths do you integrate along? Words, types and positions start together.",
)
def paths_of_their_own(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    score = partial(_largest, position=position)
    found = []
    for module, name in zip(_tables(model), EVERYTHING, strict=True):
        start = _looked_up(model, [module], _empty(inputs, name))
        end = _looked_up(model, [module], inputs)
        found += _integrated(model, inputs, [module], start, end, score)
    return _summarised_parts(found)


@misconception(
    task=PARTS,
    title="Each of the three has a path of its own, while the others stay at their baselines.",
    hint="How many paths do you integrate along? Words, types and positions start together.",
)
def paths_of_their_own_from_empty(
    reference: Any, model: Any, inputs: Inputs, position: str
) -> dict[str, Tensor]:
    score = partial(_largest, position=position)
    empty = _empty(inputs, *EVERYTHING)
    found = []
    for module in _tables(model):
        (start,), (end,) = _looked_up(model, [module], empty), _looked_up(model, [module], inputs)
        found += _integrated(model, empty, [module], [start], [end], score)
    return _summarised_parts(found)


@misconceptions(
    task=PARTS,
    common_norm=Feedback(
        "The three were divided by their common norm.",
        "What is the norm of each of your three results?",
    ).on(lambda summed: torch.cat(summed).norm()),
    norm_of_the_words=Feedback(
        "All three were divided by the norm of the word scores.",
        "What is the norm of each of your three results?",
    ).on(lambda summed: summed[0].norm()),
)
def _one_norm(norm_of: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    """Divide all parts by one norm."""
    summed = [one.sum(dim=-1) for one in _right_parts(reference, model, inputs, position)]
    return _named([one / norm_of(summed) for one in summed])


@misconceptions(
    task=PARTS,
    parts_not_normalised=Feedback(
        "The scores were not divided by their norms.",
        "What is the norm of each of your three results, and what should it be?",
    ).on(lambda vectors: vectors.sum(dim=-1)),
    parts_divided_by_l1=Feedback(
        "The scores were divided by the sums of their magnitudes (L1) instead of the L2 norms.",
        "Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
    ).on(lambda vectors: vectors.sum(dim=-1) / vectors.sum(dim=-1).abs().sum()),
    parts_by_norm=NORM,
    parts_by_absolute_sum=ABSOLUTE_SUM,
)
def _each_part(step: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    """Make something else of each part's vectors than their sums, divided by the norm."""
    return _named([step(one) for one in _right_parts(reference, model, inputs, position)])


@misconceptions(
    task=PARTS,
    parts_from_padding=Feedback(
        "No baselines were given: the path begins at id 0 everywhere, at [CLS] and [SEP] too.",
        "Which score has [CLS] among the words? Where input and baseline agree it must be exactly 0.",
    ).on(lambda model, inputs, position: {"start": _padding(model, _empty(inputs, *EVERYTHING))}),
    parts_fixed_position=FIXED_POSITION,
    parts_position_of_the_baseline=FIXED_IN_THE_BEGINNING.on(
        lambda model, inputs, position: {"score": _fixed_score(model, _empty(inputs, *EVERYTHING), position)}
    ),
    parts_nodes_from_minus_one=NODES.on(
        lambda model, inputs, position: {"rule": gauss_legendre_unmapped(STEPS)}
    ),
    parts_of_probability=PROBABILITY,
    parts_of_log_probability=LOG_PROBABILITY,
    parts_by_right_riemann_sum=RIGHT_SUM,
    parts_in_five_steps=FIVE_STEPS,
)
def _parts_with(options: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    """Integrate over the parts with another start, score or rule."""
    return _summarised_parts(_parts(model, inputs, position, **options(model, inputs, position)))


def _exchanged(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    return parts | {"token_type": parts["position"], "position": parts["token_type"]}


_around_the_parts = misconceptions_around(
    task=PARTS,
    parts_always_start=ALWAYS_START,
    parts_always_end=ALWAYS_END,
    types_and_positions_exchanged=Feedback(
        "Types and positions were taken for each other.",
        "Which of your results is 0 at position 0, and which is 0 in the whole question?",
    ).on(lambda right, *asked: _exchanged(right(*asked))),
)


@misconception(
    task=PARTS,
    title="The layer is the embedding module as a whole, for all three.",
    hint="Are your three results the same? Each of the three tables is a layer of its own.",
)
def whole_module_for_all_three(
    reference: Any, model: Any, inputs: Inputs, position: str
) -> dict[str, Tensor]:
    whole = _summarised(_whole(model, inputs, position, start=_empty(inputs, *EVERYTHING)))
    return dict.fromkeys(PART_NAMES, whole)


@misconception(
    task=PARTS,
    title="The gradients at the input were multiplied by the embeddings: no path, no baselines. Or the path began at "
    "zero vectors, which comes to the same: behind the norm the sum of the three does not move on it.",
    hint="Which vectors does your path begin at, and at how many points of it do you ask for a gradient?",
)
def parts_gradient_times_input(
    reference: Any, model: Any, inputs: Inputs, position: str
) -> dict[str, Tensor]:
    modules = _tables(model)
    ends = [one.requires_grad_() for one in _looked_up(model, modules, inputs)]
    with _Replaced(modules, ends), torch.enable_grad():
        total = _largest(_asked(model, inputs), position).sum()
    gradients = torch.autograd.grad(total, ends)
    return _summarised_parts(
        [(end * gradient)[0].detach() for end, gradient in zip(ends, gradients, strict=True)]
    )


# top_tokens
def _values(scores: Any) -> list[float]:
    return torch.as_tensor(scores).tolist()


def _listed(values: Sequence[float], tokens: Sequence[str], order: Sequence[int]) -> list[tuple]:
    return [(tokens[index], index, values[index]) for index in order]


def _each_word_once(right: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """List each word at its best place alone."""
    best: dict[str, tuple] = {}
    for entry in right(scores, tokens, len(tokens)):
        best.setdefault(entry[0], entry)
    return list(best.values())[:k]


@misconceptions(
    task=TOP,
    by_magnitude=Feedback(
        "The tokens are ordered by magnitude, not by value.",
        "Did one of your best tokens speak against the answer? Look at the signs.",
    ).on(lambda value, index, token: -abs(value)),
    smallest=Feedback(
        "The k smallest scores are listed.",
        "Which end of the sorted scores did you take?",
    ).on(lambda value, index, token: value),
    ties_from_behind=Feedback(
        "Of two equal scores the one with the larger index comes first.",
        "Look at two tokens with exactly the same score: which one does the task want first?",
    ).on(lambda value, index, token: (-value, -index)),
    ties_by_alphabet=Feedback(
        "Of two equal scores the token that comes first in the alphabet is listed first.",
        "Look at two tokens with exactly the same score: what decides between them in your code?",
    ).on(lambda value, index, token: (-value, token)),
)
def _ordered(key: Any, reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """Sort by something else than falling score, then place."""
    values = _values(scores)
    order = sorted(range(len(values)), key=lambda index: key(values[index], index, tokens[index]))
    return _listed(values, tokens, order[:k])


_listed_otherwise = misconceptions_around(
    task=TOP,
    magnitudes_listed=Feedback(
        "The magnitudes are returned in place of the scores.",
        "Did one of your best tokens speak against the answer? Look at the signs.",
    ).on(lambda right, scores, tokens, k: right(torch.as_tensor(scores).abs(), tokens, k)),
    best_last=Feedback(
        "The right tokens are there, but the best comes last.",
        "In which order does the task want the tokens?",
    ).on(lambda right, *asked: right(*asked)[::-1]),
    in_reading_order=Feedback(
        "The right tokens are there, but in the order of the text.",
        "In which order does the task want the tokens?",
    ).on(lambda right, *asked: sorted(right(*asked), key=lambda entry: entry[1])),
    index_of_the_first_occurrence=Feedback(
        "The index is that of the word's first occurrence in the text.",
        "Take a text in which a word stands twice: which index does the second one get?",
    ).on(
        lambda right, scores, tokens, k: [
            (token, tokens.index(token), score) for token, _, score in right(scores, tokens, k)
        ]
    ),
    index_from_one=Feedback(
        "The index is counted from 1.",
        "Which index has the first token of the list that you are given?",
    ).on(lambda right, *asked: [(token, index + 1, score) for token, index, score in right(*asked)]),
    rank_as_index=Feedback(
        "The index is the rank in the list, not the position in the text.",
        "Can a reader find the token in the text by your index?",
    ).on(
        lambda right, *asked: [(token, rank, score) for rank, (token, _, score) in enumerate(right(*asked))]
    ),
    another_order=Feedback(
        "The three things stand in another order.",
        "In which order does the task want token, index and score?",
    ).on(lambda right, *asked: [(token, score, index) for token, index, score in right(*asked)]),
    without_index=Feedback(
        "The tokens come without their index.",
        "How many things has each entry of your list, and how many does the task ask for?",
    ).on(lambda right, *asked: [(token, score) for token, _, score in right(*asked)]),
    scores_rounded=Feedback(
        "The scores were rounded to two digits.",
        "Compare one of your scores with the one that your function was given.",
    ).on(lambda right, *asked: [(token, index, round(score, 2)) for token, index, score in right(*asked)]),
    three_lists=Feedback(
        "Three lists are returned instead of a list of triples.",
        "Is each entry of your list one token with its index and its score?",
    ).on(lambda right, *asked: [list(column) for column in zip(*right(*asked), strict=True)]),
    repeated_words_once=Feedback(
        "A word that stands twice is listed once.",
        "Take a text in which a word stands twice: what becomes of the second one?",
    ).on(_each_word_once),
    special_tokens_left_out=Feedback(
        "[CLS] and [SEP] were left out.",
        "May a special token be among the best? The task leaves nothing out.",
    ).on(
        lambda right, scores, tokens, k: [
            one for one in right(scores, tokens, len(tokens)) if one[0] not in ("[CLS]", "[SEP]")
        ][:k]
    ),
    one_too_few=Feedback(
        "One token too few is listed.",
        "How many entries has your list for k = 3?",
    ).on(lambda right, scores, tokens, k: right(scores, tokens, k - 1)),
)


# layer_conductance
def _flow(
    model: Any,
    inputs: Inputs,
    position: str,
    *,
    score: Score | None = None,
    rule: Rule | None = None,
    start: Tensor | None = None,
    layers: Sequence[nn.Module] | None = None,
    module: nn.Module | None = None,
    end: Tensor | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Follow the path of layer_conductance, save for what is given.

    Returns:
        What each layer puts out at the nodes, and the gradients there: (node, token, hidden) each.
    """
    through = module or model.bert.embeddings.word_embeddings
    if start is None:
        (start,) = _looked_up(model, [through], _empty(inputs, "ids"))
    if end is None:
        (end,) = _looked_up(model, [through], inputs)
    chosen = rule or gauss_legendre(STEPS + 1)
    nodes = torch.tensor(chosen.nodes, dtype=end.dtype, device=model.device)[:, None, None]
    points = (start + nodes * (end - start)).requires_grad_()
    seen: list[Tensor] = []
    with _Replaced([through], [points]) as hooks, torch.enable_grad():
        for layer in layers or model.bert.encoder.layer:
            handle = layer.register_forward_hook(lambda this, args, output: seen.append(_plain(output)))
            hooks.callback(handle.remove)
        total = (score or partial(_largest, position=position))(_asked(model, inputs, len(nodes))).sum()
    gradients = torch.autograd.grad(total, seen)
    return [one.detach() for one in seen], list(gradients)


def _plain(output: Any) -> Tensor:
    """Return a layer's states: some versions of the library wrap them in a tuple."""
    return output[0] if isinstance(output, tuple) else output


def _right_flow(reference: Any, model: Any, inputs: Inputs, position: str) -> tuple[list, list]:
    return memoised(reference, "flow", _flow, model, inputs, position)


def _conducted(flow: tuple[list[Tensor], list[Tensor]]) -> list[Tensor]:
    """Return conductance by Captum's rule, (token, hidden) for each layer."""
    return [((one[1:] - one[:-1]) * slope[:-1]).sum(dim=0) for one, slope in zip(*flow, strict=True)]


def _rows(vectors: Sequence[Tensor]) -> Tensor:
    return torch.stack([_summarised(one) for one in vectors])


def _words_looked_up(model: Any, inputs: Inputs) -> Tensor:
    return _looked_up(model, [model.bert.embeddings.word_embeddings], inputs)[0]


@misconceptions(
    task=CONDUCTANCE,
    embeddings_as_a_row=Feedback(
        "The embeddings have a row of their own: one row too many.",
        "How many encoder layers has the model, and how many rows your result?",
    ).on(lambda model, inputs, position: {"layers": [model.bert.embeddings, *model.bert.encoder.layer]}),
    inputs_of_the_layers=Feedback(
        "Row i is what goes into layer i, not what comes out of it.",
        "Your second row is the right first one. Do you look at a layer's input or at its output?",
    ).on(lambda model, inputs, position: {"layers": [model.bert.embeddings, *model.bert.encoder.layer[:-1]]}),
    conductance_from_padding=Feedback(
        "The path begins at [PAD] for [CLS] and [SEP], too.",
        "Which ids does your path begin at? The dictionary has them.",
    ).on(lambda model, inputs, position: {"start": _words_looked_up(model, _padding(model, inputs))}),
    conductance_from_zero_vectors=Feedback(
        "The path begins at zero vectors, not at the word vectors of the baseline.",
        "Where does your path begin? Captum takes zeros if it is given no baseline.",
    ).on(lambda model, inputs, position: {"start": torch.zeros_like(_words_looked_up(model, inputs))}),
    conductance_embedded_twice=Feedback(
        "The output of the whole embedding module was given as inputs_embeds: positions, types and norm come twice.",
        "What does BERT still do with inputs_embeds before the first layer?",
    ).on(lambda model, inputs, position: _embedded_ends(model, inputs)),
    path_behind_the_norm=Feedback(
        "The path runs through the output of the embedding module, not through the word vectors.",
        "Between which vectors does your path run: before or after positions, types and the norm are added?",
    ).on(lambda model, inputs, position: {"module": model.bert.embeddings}),
    conductance_of_a_fixed_position=FIXED_POSITION,
    conductance_position_of_the_baseline=FIXED_IN_THE_BEGINNING.on(
        lambda model, inputs, position: {"score": _fixed_score(model, _empty(inputs, "ids"), position)}
    ),
    conductance_nodes_from_minus_one=NODES.on(
        lambda model, inputs, position: {"rule": gauss_legendre_unmapped(STEPS + 1)}
    ),
    conductance_of_probability=PROBABILITY,
    conductance_of_log_probability=LOG_PROBABILITY,
    equal_steps=Feedback(
        "The steps of the path are equally long: the nodes are not those of Gauss-Legendre.",
        "Which nodes does Captum take unless told otherwise?",
    ).on(lambda model, inputs, position: {"rule": trapezoid(STEPS + 1)}),
    conductance_in_five_steps=Feedback(
        "Five steps were taken in place of 50.",
        "How many points of the path do you look at?",
    ).on(lambda model, inputs, position: {"rule": gauss_legendre(6)}),
    conductance_without_types=Feedback(
        "Token types were not passed on: all are 0.",
        "What does the model assume if it is given no token types? Does your forward function pass them on?",
    ).on(lambda model, inputs, position: {"inputs": _untyped(inputs)}),
)
def _conductance_by(options: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Follow the path with other layers or inputs, or with another start, module, score or rule."""
    return _rows(
        _conducted(
            _flow(model, **{"inputs": inputs, "position": position} | options(model, inputs, position))
        )
    )


def _last_for_all(rows: Tensor) -> Tensor:
    return rows[-1:].expand_as(rows).clone()


_rows_moved = misconceptions_around(
    task=CONDUCTANCE,
    last_layer_first=Feedback(
        "The rows stand in the opposite order, the last layer first.",
        "Which layer does your first row belong to?",
    ).on(lambda right, *asked: right(*asked).flip(0)),
    last_layer_for_all=Feedback(
        "Every row is that of the last layer.",
        "Are your rows all the same? Which layer does the loop hand over?",
    ).on(lambda right, *asked: _last_for_all(right(*asked))),
)


@misconception(
    task=CONDUCTANCE,
    title="All rows were divided by their common norm.",
    hint="What is the norm of each of your rows?",
)
def one_norm_for_all_rows(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(
        torch.stack([one.sum(dim=-1) for one in _conducted(_right_flow(reference, model, inputs, position))])
    )


@misconceptions(
    task=CONDUCTANCE,
    rows_not_normalised=Feedback(
        "The rows were not divided by their norms.",
        "What is the norm of each of your rows, and what should it be?",
    ).on(lambda vectors: vectors.sum(dim=-1)),
    rows_divided_by_l1=Feedback(
        "The rows were divided by the sums of their magnitudes (L1) instead of the L2 norms.",
        "Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
    ).on(lambda vectors: vectors.sum(dim=-1) / vectors.sum(dim=-1).abs().sum()),
    rows_by_norm=NORM,
    rows_by_absolute_sum=ABSOLUTE_SUM,
    summed_over_tokens=Feedback(
        "The sum runs over the tokens, not over the hidden dimension: a layer returns a tensor, not a tuple, so "
        "that output[0] takes the batch axis away.",
        "Print the shape of what a layer returns, and of what you sum over. Which axis holds the tokens?",
    ).on(lambda vectors: _unit(vectors.sum(dim=0))),
)
def _each_row(step: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Make something else of each layer's vectors than their sums, divided by the norm."""
    rows = [step(one) for one in _conducted(_right_flow(reference, model, inputs, position))]
    return torch.stack(rows)


_rows_at_one_end = misconceptions_around(
    task=CONDUCTANCE,
    conductance_always_start=Feedback(
        "The start logits were explained where the end was asked for.",
        "Do your rows differ between start and end? What does `position` change in your code?",
    ).on(lambda right, model, inputs, position: right(model, inputs, "start")),
    conductance_always_end=ALWAYS_END,
)


@misconceptions(
    task=CONDUCTANCE,
    gradient_at_the_next_node=Feedback(
        "The gradient was taken at the next node, not at the one before.",
        "Which of the two nodes of a step does Captum take the gradient at?",
    ).on(lambda states, slopes: ((states[1:] - states[:-1]) * slopes[1:]).sum(dim=0)),
    change_times_mean_gradient=Feedback(
        "The layer's change between first and last node was multiplied by the mean gradient.",
        "Does the layer change evenly along the path? Each step has a difference and a gradient of its own.",
    ).on(lambda states, slopes: (states[-1] - states[0]) * slopes.mean(dim=0)),
    activation_times_mean_gradient=Feedback(
        "The layer's output at the end of the path was multiplied by the mean gradient.",
        "What if a layer puts out the same all along the path: does it pass anything on, and what do you get for it?",
    ).on(lambda states, slopes: states[-1] * slopes.mean(dim=0)),
    gradients_without_the_difference=Feedback(
        "The gradients were added up, without the differences of the layer's outputs.",
        "What is each gradient multiplied by in the formula? What if the layer does not change on the path?",
    ).on(lambda states, slopes: slopes.mean(dim=0)),
)
def _added_up(rule: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Add the right path's steps up by another rule."""
    flow = _right_flow(reference, model, inputs, position)
    return _rows([rule(states, slopes) for states, slopes in zip(*flow, strict=True)])


@misconception(
    task=CONDUCTANCE,
    title="The gradient at the input was multiplied by the layer's output: no path.",
    hint="At how many points of the path do you look at the layer? Gradient x activation is another method.",
)
def gradient_times_activation(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rows([(one * slope)[0] for one, slope in zip(*_at_the_end(model, inputs, position), strict=True)])


def _at_the_end(model: Any, inputs: Inputs, position: str) -> tuple[list[Tensor], list[Tensor]]:
    """Return the layers' outputs and gradients at the input alone."""
    there = Rule(name="the input", nodes=(1.0,), weights=(1.0,))
    return _flow(model, inputs, position, rule=there)


@misconception(
    task=CONDUCTANCE,
    title="The gradient at the input was multiplied by the layer's change between baseline and input: no path.",
    hint="At how many points of the path do you ask for a gradient?",
)
def gradient_times_difference(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    there, slopes = _at_the_end(model, inputs, position)
    before = _looked_up(model, list(model.bert.encoder.layer), _empty(inputs, "ids"))
    return _rows([((one - zero) * slope)[0] for one, zero, slope in zip(there, before, slopes, strict=True)])


@misconception(
    task=CONDUCTANCE,
    title="These are integrated gradients of each layer, on a straight path in the layer's own space.",
    hint="Where is your path straight: in the space of the word vectors, or in that of the layer's output?",
)
def integrated_gradients_of_the_layers(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    score = partial(_largest, position=position)
    found = []
    for layer in model.bert.encoder.layer:
        starts, ends = (_looked_up(model, [layer], one) for one in (_empty(inputs, "ids"), inputs))
        found += _integrated(model, inputs, [layer], starts, ends, score)
    return _rows(found)


# attribution_entropy
def _counts(scores: Tensor, bins: int, low: float, high: float) -> Tensor:
    return torch.histc(scores.double().cpu(), bins=bins, min=low, max=high)


def _bits(counts: Tensor, total: float) -> Tensor:
    shares = counts[counts > 0] / total
    return -(shares * shares.log2()).sum()


_around_the_entropy = misconceptions_around(
    task=ENTROPY,
    nats=Feedback(
        "The natural logarithm was taken: nats, not bits.",
        "Two bins with equal counts should give 1. What do you get, and which logarithm gives it?",
    ).on(lambda right, *asked: right(*asked) * math.log(2)),
    decimal_logarithm=Feedback(
        "The logarithm to base 10 was taken, not to base 2.",
        "Two bins with equal counts should give 1. What do you get, and which logarithm gives it?",
    ).on(lambda right, *asked: right(*asked) * math.log10(2)),
    share_of_the_maximum=Feedback(
        "The entropy was divided by its largest possible value.",
        "What is the entropy of four bins with equal counts, in bits?",
    ).on(lambda right, scores, bins: right(scores, bins) / math.log2(bins)),
    sign_missing=Feedback(
        "The sign is missing: the entropy is negative.",
        "Can an entropy be negative? Look for the minus in the formula.",
    ).on(lambda right, *asked: -right(*asked)),
    histogram_of_magnitudes=Feedback(
        "The magnitudes were sorted into bins, not the scores.",
        "Do scores of opposite signs fall into the same bin?",
    ).on(lambda right, scores, bins: right(scores.abs(), bins)),
    one_bin_too_few=Feedback(
        "There is one bin too few: as many edges as bins were asked for.",
        "How many edges have three bins?",
    ).on(lambda right, scores, bins: right(scores, bins - 1)),
    one_bin_too_many=Feedback(
        "There is one bin too many.",
        "How many bins lie between your edges?",
    ).on(lambda right, scores, bins: right(scores, bins + 1)),
    over_the_layers=Feedback(
        "There is one entropy for each hidden dimension, not for each layer.",
        "Which axis of the scores are the layers, and which shape should your result have?",
    ).on(lambda right, scores, bins: right(scores.T, bins)),
    one_histogram=Feedback(
        "The histogram is that of all layers together, the same entropy for each.",
        "How many histograms do you make? Each layer has its own.",
    ).on(lambda right, scores, bins: right(scores.flatten()[None], bins).expand(len(scores)).clone()),
)


@misconceptions(
    task=ENTROPY,
    common_range=Feedback(
        "All layers share one range of bins.",
        "Between which values do the bins of the first layer lie: its own smallest and largest score?",
    ).on(
        lambda row, bins, every: _bits(_counts(row, bins, float(every.min()), float(every.max())), len(row))
    ),
    fixed_range=Feedback(
        "The bins lie between 0 and 1, or between -1 and 1.",
        "Between which values do your bins lie, and where do the scores lie?",
    ).on(lambda row, bins, _: _bits(_counts(row, bins, -1, 1), len(row))),
    shares_of_a_fixed_range=Feedback(
        "The bins lie between -1 and 1, and scores outside were left out.",
        "Between which values do your bins lie, and where do the scores lie? How many of them fall into a bin?",
    ).on(lambda row, bins, _: _within(row, bins, -1)),
    shares_of_the_unit_range=Feedback(
        "The bins lie between 0 and 1, and scores outside were left out.",
        "Between which values do your bins lie, and where do the scores lie? How many of them fall into a bin?",
    ).on(lambda row, bins, _: _within(row, bins, 0)),
    a_thousandth_inside_the_logarithm=Feedback(
        "0.001 was added inside the logarithm.",
        "How large are the shares of your bins, and how large is what you add to them?",
    ).on(lambda row, bins, _: _raised(row, bins, 1e-3)),
    symmetric_range=Feedback(
        "The bins reach equally far to both sides of 0.",
        "Between which values do the bins of a layer lie: its own smallest and largest score?",
    ).on(lambda row, bins, _: _bits(_counts(row, bins, *_symmetric(row)), len(row))),
    density=Feedback(
        "Densities were taken for probabilities.",
        "Do the probabilities of your bins sum to 1? A density is a probability divided by the width of its bin.",
    ).on(lambda row, bins, _: _bits(_binned(row, bins) / (float(row.max() - row.min()) / bins), len(row))),
    one_added_to_each_bin=Feedback(
        "Every bin was given one count more, so that none is empty.",
        "What does an empty bin add to the entropy by the definition? Do your probabilities sum to 1?",
    ).on(lambda row, bins, _: _bits(_binned(row, bins) + 1, len(row) + bins)),
    softmax_of_the_scores=Feedback(
        "There is no histogram: a softmax of the scores was taken for probabilities.",
        "What do you count? The probabilities are those of bins.",
    ).on(lambda row, *_: _bits(row.softmax(dim=0), 1.0)),
    largest_lost=Feedback(
        "The largest score fell out of the last bin.",
        "How many scores do your bins hold together? The largest one belongs to the last bin.",
    ).on(lambda row, bins, _: _without_largest(row, bins)),
    shares_of_the_magnitudes=Feedback(
        "There is no histogram: the scores' shares of their sum were taken for probabilities.",
        "What do you count? The probabilities are those of bins.",
    ).on(lambda row, *_: _bits(row.abs(), float(row.abs().sum()))),
)
def _entropy_of(entropy: Any, reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    """Make other shares of a layer's scores."""
    every = torch.as_tensor(layer_scores).double().cpu()
    return torch.stack([entropy(row, bins, every) for row in every]).float()


def _binned(row: Tensor, bins: int) -> Tensor:
    return _counts(row, bins, float(row.min()), float(row.max()))


def _symmetric(row: Tensor) -> tuple[float, float]:
    reach = float(row.abs().max())
    return -reach, reach


def _within(row: Tensor, bins: int, low: float) -> Tensor:
    """Return the entropy of the scores between a bound and 1 alone; 0 if there are none."""
    counts = _counts(row, bins, low, 1)
    return _bits(counts, float(counts.sum()) or 1.0)


def _raised(row: Tensor, bins: int, more: float) -> Tensor:
    shares = _binned(row, bins) / len(row)
    return -(shares * (shares + more).log2()).sum()


def _without_largest(row: Tensor, bins: int) -> Tensor:
    counts = _binned(row, bins)
    counts[-1] -= (row == row.max()).sum()
    return _bits(counts, len(row))
