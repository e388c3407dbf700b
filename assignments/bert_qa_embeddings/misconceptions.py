"""Known mistakes with the embeddings of question answering, each as a function that makes it.

A mistake takes the reference module and then the task's own arguments. Some are missing here on purpose: dropout
left on, whose results are random (the visible check of embedding_attributions asks twice), and what gives the right
result after all, since the scores are brought to length 1: the mean over the hidden dimension in place of the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from autograder.attribution.quadrature import Rule, gauss_legendre, riemann_left, riemann_right, trapezoid
from autograder.checks import misconception

ANSWER = "predict_answer"
INPUTS = "build_inputs"
EMBEDDINGS = "embedding_attributions"
PARTS = "subembedding_attributions"
TOP = "top_tokens"
CONDUCTANCE = "layer_conductance"
ENTROPY = "attribution_entropy"

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


@misconception(
    task=ANSWER,
    title="The answer ends before its last token: the end index was taken as exclusive.",
    hint="How many tokens has your answer where start and end are the same position?",
    calls=(ANSWER,),
)
def end_exclusive(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return start, end, tokenizer.decode(ids[start:end])


@misconception(
    task=ANSWER,
    title="The answer reaches one token too far.",
    hint="Python leaves the end of a slice out; your answer has one token more than start and end say.",
    calls=(ANSWER,),
)
def one_token_too_far(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return start, end, tokenizer.decode(ids[start : end + 2])


@misconception(
    task=ANSWER,
    title="The end index that is returned is the one behind the answer.",
    hint="Which token does your end index point at: the answer's last one, or the one that follows?",
    calls=(ANSWER,),
)
def end_index_behind_the_answer(
    reference: Any, model: Any, tokenizer: Any, question: str, text: str
) -> tuple:
    start, end, answer = reference.predict_answer(model, tokenizer, question, text)
    return start, end + 1, answer


@misconception(
    task=ANSWER,
    title="Word pieces were joined with their ## marks.",
    hint="Look at the answer to a question about an unusual name: would a reader know how to read it?",
    calls=(ANSWER,),
)
def pieces_joined(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return start, end, " ".join(tokenizer.convert_ids_to_tokens(ids[start : end + 1]))


@misconception(
    task=ANSWER,
    title="The answer is a list of word pieces, not a string.",
    hint="Which type has the third result? The tokenizer can make a text of ids.",
    calls=(ANSWER,),
)
def list_of_pieces(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return start, end, tokenizer.convert_ids_to_tokens(ids[start : end + 1])


@misconception(
    task=ANSWER,
    title="The positions are counted from the passage's first token, not from [CLS].",
    hint="Which token has position 0 in the sequence that the model sees?",
    calls=(ANSWER,),
)
def positions_in_the_passage(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, answer = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    first = ids.tolist().index(tokenizer.sep_token_id) + 1
    return start - first, end - first, answer


@misconception(
    task=ANSWER,
    title="The positions are counted from the first token behind [CLS].",
    hint="Which token has position 0 in the sequence that the model sees?",
    calls=(ANSWER,),
)
def positions_without_cls(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, answer = reference.predict_answer(model, tokenizer, question, text)
    return start - 1, end - 1, answer


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
    title="The end was taken from the start logits.",
    hint="How long are your answers? Where they have two words, one is missing.",
    calls=(ANSWER,),
)
def end_from_the_start_logits(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, _, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return start, start, tokenizer.decode(ids[start : start + 1])


@misconception(
    task=ANSWER,
    title="Start and end logits were taken for each other.",
    hint="Your answer begins where it should end. Which logits belong to which of the two?",
    calls=(ANSWER,),
)
def start_and_end_exchanged(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    start, end, _ = reference.predict_answer(model, tokenizer, question, text)
    ids, _ = _answered(model, tokenizer, question, text)
    return end, start, tokenizer.decode(ids[end : start + 1])


@misconception(
    task=ANSWER,
    title="The smallest logits were taken in place of the largest.",
    hint="Which logit belongs to the token that the model is surest of?",
)
def smallest_logits(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    ids, output = _answered(model, tokenizer, question, text)
    start, end = int(output.start_logits[0].argmin()), int(output.end_logits[0].argmin())
    return start, end, tokenizer.decode(ids[start : end + 1])


@misconception(
    task=ANSWER,
    title="The answer alone is returned, without start and end.",
    hint="The task asks for three results, in an order.",
    calls=(ANSWER,),
)
def answer_alone(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> str:
    return reference.predict_answer(model, tokenizer, question, text)[2]


# build_inputs


def _with_baseline(reference: Any, tokenizer: Any, question: str, text: str, kept: Sequence[int]) -> Inputs:
    """Return the inputs with [PAD] everywhere but where an id is one of `kept`."""
    inputs = reference.build_inputs(tokenizer, question, text)
    stays = torch.isin(inputs["input_ids"], torch.tensor(list(kept)))
    return inputs | {"baseline_ids": torch.where(stays, inputs["input_ids"], tokenizer.pad_token_id)}


@misconception(
    task=INPUTS,
    title="[CLS] and [SEP] became [PAD] as well.",
    hint="Everything turned into [PAD]. Which tokens carry the form of the input and none of its content?",
    calls=(INPUTS,),
)
def all_padding(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, [tokenizer.pad_token_id])


@misconception(
    task=INPUTS,
    title="[CLS] became [PAD] in the baseline.",
    hint="Look at the first token of your baseline: does the sequence still begin as every one does?",
    calls=(INPUTS,),
)
def cls_not_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, [tokenizer.sep_token_id])


@misconception(
    task=INPUTS,
    title="Both [SEP] became [PAD] in the baseline.",
    hint="Does your baseline still say where the question ends and where the passage ends?",
    calls=(INPUTS,),
)
def sep_not_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, [tokenizer.cls_token_id])


@misconception(
    task=INPUTS,
    title="Only one of the two [SEP] was kept, the last one.",
    hint="How often does [SEP] stand in the input, and how often in your baseline?",
    calls=(INPUTS,),
)
def first_sep_not_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    baseline = inputs["baseline_ids"].clone()
    baseline[0, inputs["input_ids"][0].tolist().index(tokenizer.sep_token_id)] = tokenizer.pad_token_id
    return inputs | {"baseline_ids": baseline}


@misconception(
    task=INPUTS,
    title="Only one of the two [SEP] was kept, the one between question and passage.",
    hint="How often does [SEP] stand in the input, and how often in your baseline?",
    calls=(INPUTS,),
)
def last_sep_not_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    baseline = inputs["baseline_ids"].clone()
    baseline[0, -1] = tokenizer.pad_token_id
    return inputs | {"baseline_ids": baseline}


@misconception(
    task=INPUTS,
    title="[UNK] was kept in the baseline.",
    hint="An unknown word is a word of the text. Does your baseline still hold content?",
    calls=(INPUTS,),
)
def unknown_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    kept = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.unk_token_id]
    return _with_baseline(reference, tokenizer, question, text, kept)


@misconception(
    task=INPUTS,
    title="[MASK] in the text was kept in the baseline.",
    hint="A [MASK] stands where a word was. Should it stay in a text without content?",
    calls=(INPUTS,),
)
def mask_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    kept = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id]
    return _with_baseline(reference, tokenizer, question, text, kept)


@misconception(
    task=INPUTS,
    title="All special tokens were kept in the baseline, [UNK] and [MASK] among them.",
    hint="The tokenizer's list of special tokens is longer than the two that the baseline keeps.",
    calls=(INPUTS,),
)
def all_special_kept(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, tokenizer.all_special_ids)


@misconception(
    task=INPUTS,
    title="[MASK] was put in place of the words instead of [PAD].",
    hint="Which token does the task ask for in place of the words? It also fills up short texts.",
    calls=(INPUTS,),
)
def filled_with_mask(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    right = inputs["baseline_ids"]
    return inputs | {
        "baseline_ids": torch.where(right == tokenizer.pad_token_id, tokenizer.mask_token_id, right)
    }


@misconception(
    task=INPUTS,
    title="The ids 0, 101 and 102 of the published BERT vocabularies are written into the code.",
    hint="Ids differ from one vocabulary to the next: ask the tokenizer that you were given.",
    calls=(INPUTS,),
)
def published_ids(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, [101, 102])


@misconception(
    task=INPUTS,
    title="The ids of the shipped vocabulary are written into the code.",
    hint="Your function is also called with another vocabulary: ask the tokenizer that you were given.",
    calls=(INPUTS,),
)
def shipped_ids(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return _with_baseline(reference, tokenizer, question, text, [2, 3])


@misconception(
    task=INPUTS,
    title="The token types change one token too early: the first [SEP] counts as passage.",
    hint="Compare your token types with the tokenizer's at the first [SEP]: to which text does it belong?",
    calls=(INPUTS,),
)
def types_off_by_one(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    types = inputs["token_type_ids"].clone()
    types[0, inputs["input_ids"][0].tolist().index(tokenizer.sep_token_id)] = 1
    return inputs | {"token_type_ids": types}


@misconception(
    task=INPUTS,
    title="All token types are 0.",
    hint="How does the model know where the question ends and the passage begins?",
    calls=(INPUTS,),
)
def types_all_zero(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}


@misconception(
    task=INPUTS,
    title="The token types are exchanged: 1 for the question, 0 for the passage.",
    hint="Compare your token types with the tokenizer's: which text has which number?",
    calls=(INPUTS,),
)
def types_exchanged(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"token_type_ids": 1 - inputs["token_type_ids"]}


@misconception(
    task=INPUTS,
    title="The baseline of the token types is the input's own types.",
    hint="Where does the path of the token types begin? If at its end, there is nothing to attribute to them.",
    calls=(INPUTS,),
)
def types_as_their_baseline(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"baseline_token_type_ids": inputs["token_type_ids"]}


@misconception(
    task=INPUTS,
    title="The baseline of the positions is the input's own positions.",
    hint="Where does the path of the positions begin? If at its end, there is nothing to attribute to them.",
    calls=(INPUTS,),
)
def positions_as_their_baseline(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"baseline_position_ids": inputs["position_ids"]}


@misconception(
    task=INPUTS,
    title="Types and positions are their own baselines.",
    hint="The path of part 4 runs through all three tables. Where do types and positions begin?",
    calls=(INPUTS,),
)
def types_and_positions_as_baselines(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {
        "baseline_token_type_ids": inputs["token_type_ids"],
        "baseline_position_ids": inputs["position_ids"],
    }


@misconception(
    task=INPUTS,
    title="The positions are counted from 1.",
    hint="Which position does [CLS] have for BERT?",
    calls=(INPUTS,),
)
def positions_from_one(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"position_ids": inputs["position_ids"] + 1}


@misconception(
    task=INPUTS,
    title="The positions begin anew with the passage.",
    hint="Does BERT count the positions of the two texts apart? Look at what position_embeddings is given.",
    calls=(INPUTS,),
)
def positions_begin_anew(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    passage = inputs["token_type_ids"] == 1
    moved = inputs["position_ids"] - int((~passage).sum())
    return inputs | {"position_ids": torch.where(passage, moved, inputs["position_ids"])}


@misconception(
    task=INPUTS,
    title="The attention mask leaves out what is [PAD] in the baseline.",
    hint="The mask belongs to the input, which has no padding. What would the model see of it with yours?",
    calls=(INPUTS,),
)
def mask_of_the_baseline(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return inputs | {"attention_mask": (inputs["baseline_ids"] != tokenizer.pad_token_id).long()}


@misconception(
    task=INPUTS,
    title="The text was given to the tokenizer first, the question second.",
    hint="Decode your input ids: which of the two texts comes first?",
    calls=(INPUTS,),
)
def text_encoded_first(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return reference.build_inputs(tokenizer, text, question)


@misconception(
    task=INPUTS,
    title="The tensors have no batch axis.",
    hint="Which shape does the model expect: how many axes, and which comes first?",
    calls=(INPUTS,),
)
def no_batch_axis(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    return {name: values[0] for name, values in reference.build_inputs(tokenizer, question, text).items()}


@misconception(
    task=INPUTS,
    title="The values are right, but floats.",
    hint="Ids are looked up in tables, so they are whole numbers: which dtype do your tensors have?",
    calls=(INPUTS,),
)
def floats(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    return {name: values.float() for name, values in inputs.items()}


@misconception(
    task=INPUTS,
    title="The input was filled up with [PAD].",
    hint="How many tokens have question and passage together, and how many your tensors?",
    calls=(INPUTS,),
)
def padded(reference: Any, tokenizer: Any, question: str, text: str) -> Inputs:
    inputs = reference.build_inputs(tokenizer, question, text)
    length = tokenizer.model_max_length - inputs["input_ids"].shape[1]
    filling = dict.fromkeys(inputs, 0) | dict.fromkeys(("input_ids", "baseline_ids"), tokenizer.pad_token_id)
    found = {
        name: nn.functional.pad(values, (0, length), value=filling[name]) for name, values in inputs.items()
    }
    return found | {"position_ids": torch.arange(length + inputs["input_ids"].shape[1])[None]}


# Paths: what the attributions share


def _remembered(reference: Any, label: str, compute: Callable[..., Any], *args: Any) -> Any:
    """Return compute(*args), kept by a reference that keeps answers: mistakes share most of the work."""
    memoise = getattr(reference, "memoise", None)
    return compute(*args) if memoise is None else memoise(label, compute, *args)


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
    layer: nn.Module | None = None,
) -> Tensor:
    """Integrate as the contract of embedding_attributions says, save for what is given: vectors (token, hidden)."""
    modules = [layer or model.bert.embeddings]
    starts = _looked_up(model, modules, start or _empty(inputs, "ids"))
    ends = _looked_up(model, modules, inputs)
    chosen = score or partial(_largest, position=position)
    return _integrated(model, inputs, modules, starts, ends, chosen, rule)[0]


def _right_whole(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _remembered(reference, "whole", _whole, model, inputs, position)


@misconception(
    task=EMBEDDINGS,
    title="[CLS] and [SEP] became [PAD] at the start of the path.",
    hint="Which attribution does [CLS] get? Where input and baseline agree it must be exactly 0.",
)
def path_from_padding(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    pad = model.config.pad_token_id or 0
    start = inputs | {"input_ids": torch.full_like(inputs["input_ids"], pad)}
    return _summarised(_whole(model, inputs, position, start=start))


@misconception(
    task=EMBEDDINGS,
    title="The path begins at zero vectors instead of the baseline's embeddings.",
    hint="Where does your path begin? The embedding of [PAD] at a position is a vector, not zeros.",
)
def path_from_zero_vectors(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_remembered(reference, "from zero", _from_zero, model, inputs, position))


def _from_zero(model: Any, inputs: Inputs, position: str) -> Tensor:
    modules = [model.bert.embeddings]
    ends = _looked_up(model, modules, inputs)
    score = partial(_largest, position=position)
    return _integrated(model, inputs, modules, [torch.zeros_like(ends[0])], ends, score)[0]


@misconception(
    task=EMBEDDINGS,
    title="Types and positions start from zero as well.",
    hint="The path of part 3 changes the words alone. Which types and positions does your baseline have?",
)
def types_and_positions_from_zero(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, start=_empty(inputs, *EVERYTHING)))


@misconception(
    task=EMBEDDINGS,
    title="The positions start from zero as well.",
    hint="The path of part 3 changes the words alone. Which positions does your baseline have?",
)
def positions_from_zero(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, start=_empty(inputs, "ids", "position_ids")))


@misconception(
    task=EMBEDDINGS,
    title="The token types start from zero as well.",
    hint="The path of part 3 changes the words alone. Which types does your baseline have?",
)
def types_from_zero(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, start=_empty(inputs, "ids", "token_type_ids")))


@misconception(
    task=EMBEDDINGS,
    title="All token types were left at 0, at both ends of the path.",
    hint="What does the model assume if it is given no token types? Does your forward function pass them on?",
)
def types_left_out(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    untyped = inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}
    return _summarised(_whole(model, untyped, position))


@misconception(
    task=EMBEDDINGS,
    title="The embedding layer was applied twice: its output was given to the model as inputs_embeds.",
    hint="What does BERT do with inputs_embeds: are positions, types and the norm still to come?",
)
def embedded_twice(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    modules = [model.bert.embeddings]
    starts, ends = (_looked_up(model, modules, one) for one in (_empty(inputs, "ids"), inputs))
    words = [model.bert.embeddings.word_embeddings]
    score = partial(_largest, position=position)
    return _summarised(_integrated(model, inputs, words, starts, ends, score)[0])


@misconception(
    task=EMBEDDINGS,
    title="The layer is the table of word embeddings alone, not the embedding module.",
    hint="Which module's output does your path run through? Positions, types and the norm belong to it.",
)
def word_embeddings_as_layer(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    layer = model.bert.embeddings.word_embeddings
    return _summarised(_whole(model, inputs, position, layer=layer))


@misconception(
    task=EMBEDDINGS,
    title="The token that wins at the end of the path was explained all along the path.",
    hint="Which token has the largest logit near the baseline? The target is the largest one at every point.",
)
def fixed_position(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, score=_fixed_score(model, inputs, position)))


@misconception(
    task=EMBEDDINGS,
    title="The start logits were explained where the end was asked for.",
    hint="Do your attributions differ between start and end? What does `position` change in your code?",
    calls=(EMBEDDINGS,),
)
def always_start(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.embedding_attributions(model, inputs, "start")


@misconception(
    task=EMBEDDINGS,
    title="The end logits were explained where the start was asked for.",
    hint="Which of the model's two results belongs to the start? What does `position` change in your code?",
    calls=(EMBEDDINGS,),
)
def always_end(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.embedding_attributions(model, inputs, "end")


@misconception(
    task=EMBEDDINGS,
    title="The probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def probability_as_target(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, score=partial(_probability, position=position)))


@misconception(
    task=EMBEDDINGS,
    title="The log-probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def log_probability_as_target(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, score=partial(_log_probability, position=position)))


@misconception(
    task=EMBEDDINGS,
    title="The norm over the hidden dimension was taken instead of the sum.",
    hint="Can a token of yours speak against the answer? A length has no sign.",
)
def norm_over_hidden(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_right_whole(reference, model, inputs, position).norm(dim=-1))


@misconception(
    task=EMBEDDINGS,
    title="Absolute values were summed over the hidden dimension.",
    hint="What happens to the entries of a token's vector that speak against the answer?",
)
def absolute_sum_over_hidden(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_right_whole(reference, model, inputs, position).abs().sum(dim=-1))


@misconception(
    task=EMBEDDINGS,
    title="The magnitudes of the scores were returned.",
    hint="Can a token of yours speak against the answer? Look for negative scores.",
)
def magnitudes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_right_whole(reference, model, inputs, position)).abs()


@misconception(
    task=EMBEDDINGS,
    title="The scores were not divided by their norm.",
    hint="What is the L2 norm of your scores, and what should it be?",
)
def not_normalised(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _right_whole(reference, model, inputs, position).sum(dim=-1)


@misconception(
    task=EMBEDDINGS,
    title="The hidden dimension was averaged, and the scores were not divided by their norm.",
    hint="What is the L2 norm of your scores, and what should it be?",
)
def mean_not_normalised(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _right_whole(reference, model, inputs, position).mean(dim=-1)


@misconception(
    task=EMBEDDINGS,
    title="The vectors were divided by their common norm before they were summed.",
    hint="In which order does the task sum and normalise? Print the norm of what you return.",
)
def normalised_before_the_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    vectors = _right_whole(reference, model, inputs, position)
    return (vectors / vectors.norm()).sum(dim=-1)


@misconception(
    task=EMBEDDINGS,
    title="The scores were divided by the sum of their magnitudes (L1) instead of the L2 norm.",
    hint="Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
)
def divided_by_l1(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    scores = _right_whole(reference, model, inputs, position).sum(dim=-1)
    return scores / scores.abs().sum()


@misconception(
    task=EMBEDDINGS,
    title="The scores were divided by their sum.",
    hint="Which norm did you divide by? With scores of both signs a sum can be close to 0.",
)
def divided_by_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    scores = _right_whole(reference, model, inputs, position).sum(dim=-1)
    return scores / scores.sum()


@misconception(
    task=EMBEDDINGS,
    title="The scores were divided by the largest magnitude.",
    hint="What is the L2 norm of your scores, and what should it be?",
)
def divided_by_largest(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    scores = _right_whole(reference, model, inputs, position).sum(dim=-1)
    return scores / scores.abs().max()


@misconception(
    task=EMBEDDINGS,
    title="A softmax was taken over the tokens.",
    hint="Which values can a softmax not give? The task asks for scores of both signs.",
)
def softmax_over_tokens(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _right_whole(reference, model, inputs, position).sum(dim=-1).softmax(dim=0)


@misconception(
    task=EMBEDDINGS,
    title="The gradient was integrated, but not multiplied by the way from baseline to input.",
    hint="Which factor stands before the integral in the formula?",
)
def average_gradient(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    modules = [model.bert.embeddings]
    starts, ends = (_looked_up(model, modules, one) for one in (_empty(inputs, "ids"), inputs))
    nodes = torch.tensor(gauss_legendre(STEPS).nodes, dtype=ends[0].dtype, device=model.device)
    weights = torch.tensor(gauss_legendre(STEPS).weights, dtype=ends[0].dtype, device=model.device)
    points = starts[0] + nodes[:, None, None] * (ends[0] - starts[0])
    gradients = _gradient(model, inputs, position, points)
    return _summarised((weights[:, None, None] * gradients).sum(dim=0))


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


@misconception(
    task=EMBEDDINGS,
    title="The gradient at the input was summed: no path, no baseline.",
    hint="At how many points do you ask for a gradient, and what is it multiplied by?",
)
def gradient_only(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_remembered(reference, "gradient there", _gradient_there, model, inputs, position)[1])


@misconception(
    task=EMBEDDINGS,
    title="The gradient at the input was multiplied by the embeddings: no path, no baseline.",
    hint="At how many points do you ask for a gradient? The formula has an integral.",
)
def gradient_times_input(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    there, gradient = _remembered(reference, "gradient there", _gradient_there, model, inputs, position)
    return _summarised(there * gradient)


@misconception(
    task=EMBEDDINGS,
    title="The path runs in the wrong direction, from the input to the baseline.",
    hint="Which sign has the score of the token that the answer begins at? Look at where your path begins.",
)
def path_backwards(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return -_summarised(_right_whole(reference, model, inputs, position))


@misconception(
    task=EMBEDDINGS,
    title="The integral was taken with a right Riemann sum, not with Gauss-Legendre.",
    hint="Which rule does the task ask for? Captum's default is not its only one.",
)
def right_riemann_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, rule=riemann_right(STEPS)))


@misconception(
    task=EMBEDDINGS,
    title="The integral was taken with a left Riemann sum, not with Gauss-Legendre.",
    hint="Which rule does the task ask for? Captum's default is not its only one.",
)
def left_riemann_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, rule=riemann_left(STEPS)))


@misconception(
    task=EMBEDDINGS,
    title="Five steps were taken in place of 50.",
    hint="How many points of the path do you look at? With few of them the integral is rough.",
)
def five_steps(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _summarised(_whole(model, inputs, position, rule=gauss_legendre(5)))


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
    return _remembered(reference, "parts", _parts, model, inputs, position)


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


@misconception(
    task=PARTS,
    title="The three were divided by their common norm.",
    hint="What is the norm of each of your three results?",
)
def common_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    summed = [one.sum(dim=-1) for one in _right_parts(reference, model, inputs, position)]
    return _named([one / torch.cat(summed).norm() for one in summed])


@misconception(
    task=PARTS,
    title="All three were divided by the norm of the word scores.",
    hint="What is the norm of each of your three results?",
)
def norm_of_the_words(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    summed = [one.sum(dim=-1) for one in _right_parts(reference, model, inputs, position)]
    return _named([one / summed[0].norm() for one in summed])


@misconception(
    task=PARTS,
    title="The scores were not divided by their norms.",
    hint="What is the norm of each of your three results, and what should it be?",
)
def parts_not_normalised(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _named([one.sum(dim=-1) for one in _right_parts(reference, model, inputs, position)])


@misconception(
    task=PARTS,
    title="The scores were divided by the sums of their magnitudes (L1) instead of the L2 norms.",
    hint="Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
)
def parts_divided_by_l1(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    summed = [one.sum(dim=-1) for one in _right_parts(reference, model, inputs, position)]
    return _named([one / one.abs().sum() for one in summed])


@misconception(
    task=PARTS,
    title="The norm over the hidden dimension was taken instead of the sum.",
    hint="Can a token of yours speak against the answer? A length has no sign.",
)
def parts_by_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _named([_unit(one.norm(dim=-1)) for one in _right_parts(reference, model, inputs, position)])


@misconception(
    task=PARTS,
    title="Absolute values were summed over the hidden dimension.",
    hint="What happens to the entries of a token's vector that speak against the answer?",
)
def parts_by_absolute_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _named([_unit(one.abs().sum(dim=-1)) for one in _right_parts(reference, model, inputs, position)])


@misconception(
    task=PARTS,
    title="No baselines were given: the path begins at id 0 everywhere, at [CLS] and [SEP] too.",
    hint="Which score has [CLS] among the words? Where input and baseline agree it must be exactly 0.",
)
def parts_from_padding(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    pad = model.config.pad_token_id or 0
    start = _empty(inputs, *EVERYTHING) | {"input_ids": torch.full_like(inputs["input_ids"], pad)}
    return _summarised_parts(_parts(model, inputs, position, start=start))


@misconception(
    task=PARTS,
    title="The token that wins at the end of the path was explained all along the path.",
    hint="Which token has the largest logit near the baseline? The target is the largest one at every point.",
)
def parts_fixed_position(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _summarised_parts(_parts(model, inputs, position, score=_fixed_score(model, inputs, position)))


@misconception(
    task=PARTS,
    title="The start logits were explained where the end was asked for.",
    hint="Do your attributions differ between start and end? What does `position` change in your code?",
    calls=(PARTS,),
)
def parts_always_start(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return reference.subembedding_attributions(model, inputs, "start")


@misconception(
    task=PARTS,
    title="The end logits were explained where the start was asked for.",
    hint="Which of the model's two results belongs to the start? What does `position` change in your code?",
    calls=(PARTS,),
)
def parts_always_end(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return reference.subembedding_attributions(model, inputs, "end")


@misconception(
    task=PARTS,
    title="The probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def parts_of_probability(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _summarised_parts(_parts(model, inputs, position, score=partial(_probability, position=position)))


@misconception(
    task=PARTS,
    title="The log-probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def parts_of_log_probability(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    score = partial(_log_probability, position=position)
    return _summarised_parts(_parts(model, inputs, position, score=score))


@misconception(
    task=PARTS,
    title="Types and positions were taken for each other.",
    hint="Which of your results is 0 at position 0, and which is 0 in the whole question?",
    calls=(PARTS,),
)
def types_and_positions_exchanged(
    reference: Any, model: Any, inputs: Inputs, position: str
) -> dict[str, Tensor]:
    right = reference.subembedding_attributions(model, inputs, position)
    return right | {"token_type": right["position"], "position": right["token_type"]}


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


@misconception(
    task=PARTS,
    title="The integral was taken with a right Riemann sum, not with Gauss-Legendre.",
    hint="Which rule does the task ask for? Captum's default is not its only one.",
)
def parts_by_right_riemann_sum(
    reference: Any, model: Any, inputs: Inputs, position: str
) -> dict[str, Tensor]:
    return _summarised_parts(_parts(model, inputs, position, rule=riemann_right(STEPS)))


@misconception(
    task=PARTS,
    title="Five steps were taken in place of 50.",
    hint="How many points of the path do you look at? With few of them the integral is rough.",
)
def parts_in_five_steps(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _summarised_parts(_parts(model, inputs, position, rule=gauss_legendre(5)))


# top_tokens


def _values(scores: Any) -> list[float]:
    return torch.as_tensor(scores).tolist()


def _listed(values: Sequence[float], tokens: Sequence[str], order: Sequence[int]) -> list[tuple]:
    return [(tokens[index], index, values[index]) for index in order]


@misconception(
    task=TOP,
    title="The tokens are ordered by magnitude, not by value.",
    hint="Did one of your best tokens speak against the answer? Look at the signs.",
)
def by_magnitude(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    values = _values(scores)
    return _listed(values, tokens, sorted(range(len(values)), key=lambda index: -abs(values[index]))[:k])


@misconception(
    task=TOP,
    title="The magnitudes are returned in place of the scores.",
    hint="Did one of your best tokens speak against the answer? Look at the signs.",
    calls=(TOP,),
)
def magnitudes_listed(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return reference.top_tokens(torch.as_tensor(scores).abs(), tokens, k)


@misconception(
    task=TOP,
    title="The k smallest scores are listed.",
    hint="Which end of the sorted scores did you take?",
)
def smallest(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    values = _values(scores)
    return _listed(values, tokens, sorted(range(len(values)), key=lambda index: values[index])[:k])


@misconception(
    task=TOP,
    title="The right tokens are there, but the best comes last.",
    hint="In which order does the task want the tokens?",
    calls=(TOP,),
)
def best_last(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return reference.top_tokens(scores, tokens, k)[::-1]


@misconception(
    task=TOP,
    title="The right tokens are there, but in the order of the text.",
    hint="In which order does the task want the tokens?",
    calls=(TOP,),
)
def in_reading_order(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return sorted(reference.top_tokens(scores, tokens, k), key=lambda entry: entry[1])


@misconception(
    task=TOP,
    title="Of two equal scores the one with the larger index comes first.",
    hint="Look at two tokens with exactly the same score: which one does the task want first?",
)
def ties_from_behind(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    values = _values(scores)
    order = sorted(range(len(values)), key=lambda index: (-values[index], -index))
    return _listed(values, tokens, order[:k])


@misconception(
    task=TOP,
    title="Of two equal scores the token that comes first in the alphabet is listed first.",
    hint="Look at two tokens with exactly the same score: what decides between them in your code?",
)
def ties_by_alphabet(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    values = _values(scores)
    order = sorted(range(len(values)), key=lambda index: (-values[index], tokens[index]))
    return _listed(values, tokens, order[:k])


@misconception(
    task=TOP,
    title="The index is that of the word's first occurrence in the text.",
    hint="Take a text in which a word stands twice: which index does the second one get?",
    calls=(TOP,),
)
def index_of_the_first_occurrence(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    right = reference.top_tokens(scores, tokens, k)
    return [(token, tokens.index(token), score) for token, _, score in right]


@misconception(
    task=TOP,
    title="A word that stands twice is listed once.",
    hint="Take a text in which a word stands twice: what becomes of the second one?",
    calls=(TOP,),
)
def repeated_words_once(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    everything = reference.top_tokens(scores, tokens, len(tokens))
    seen: set[str] = set()
    fresh = [entry for entry in everything if not (entry[0] in seen or seen.add(entry[0]))]
    return fresh[:k]


@misconception(
    task=TOP,
    title="[CLS] and [SEP] were left out.",
    hint="May a special token be among the best? The task leaves nothing out.",
    calls=(TOP,),
)
def special_tokens_left_out(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    everything = reference.top_tokens(scores, tokens, len(tokens))
    return [entry for entry in everything if entry[0] not in ("[CLS]", "[SEP]")][:k]


@misconception(
    task=TOP,
    title="The index is counted from 1.",
    hint="Which index has the first token of the list that you are given?",
    calls=(TOP,),
)
def index_from_one(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return [(token, index + 1, score) for token, index, score in reference.top_tokens(scores, tokens, k)]


@misconception(
    task=TOP,
    title="The index is the rank in the list, not the position in the text.",
    hint="Can a reader find the token in the text by your index?",
    calls=(TOP,),
)
def rank_as_index(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    right = reference.top_tokens(scores, tokens, k)
    return [(token, rank, score) for rank, (token, _, score) in enumerate(right)]


@misconception(
    task=TOP,
    title="The three things stand in another order.",
    hint="In which order does the task want token, index and score?",
    calls=(TOP,),
)
def another_order(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return [(token, score, index) for token, index, score in reference.top_tokens(scores, tokens, k)]


@misconception(
    task=TOP,
    title="The tokens come without their index.",
    hint="How many things has each entry of your list, and how many does the task ask for?",
    calls=(TOP,),
)
def without_index(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return [(token, score) for token, _, score in reference.top_tokens(scores, tokens, k)]


@misconception(
    task=TOP,
    title="One token too few is listed.",
    hint="How many entries has your list for k = 3?",
    calls=(TOP,),
)
def one_too_few(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    return reference.top_tokens(scores, tokens, k - 1)


@misconception(
    task=TOP,
    title="Three lists are returned instead of a list of triples.",
    hint="Is each entry of your list one token with its index and its score?",
    calls=(TOP,),
)
def three_lists(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[list]:
    return [list(column) for column in zip(*reference.top_tokens(scores, tokens, k), strict=True)]


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
    return _remembered(reference, "flow", _flow, model, inputs, position)


def _conducted(flow: tuple[list[Tensor], list[Tensor]]) -> list[Tensor]:
    """Return conductance by Captum's rule, (token, hidden) for each layer."""
    return [((one[1:] - one[:-1]) * slope[:-1]).sum(dim=0) for one, slope in zip(*flow, strict=True)]


def _rows(vectors: Sequence[Tensor]) -> Tensor:
    return torch.stack([_summarised(one) for one in vectors])


@misconception(
    task=CONDUCTANCE,
    title="The embeddings have a row of their own: one row too many.",
    hint="How many encoder layers has the model, and how many rows your result?",
)
def embeddings_as_a_row(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    layers = [model.bert.embeddings, *model.bert.encoder.layer]
    return _rows(_conducted(_flow(model, inputs, position, layers=layers)))


@misconception(
    task=CONDUCTANCE,
    title="Row i is what goes into layer i, not what comes out of it.",
    hint="Your second row is the right first one. Do you look at a layer's input or at its output?",
)
def inputs_of_the_layers(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    layers = [model.bert.embeddings, *model.bert.encoder.layer[:-1]]
    return _rows(_conducted(_flow(model, inputs, position, layers=layers)))


@misconception(
    task=CONDUCTANCE,
    title="The rows stand in the opposite order, the last layer first.",
    hint="Which layer does your first row belong to?",
    calls=(CONDUCTANCE,),
)
def last_layer_first(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.layer_conductance(model, inputs, position).flip(0)


@misconception(
    task=CONDUCTANCE,
    title="Every row is that of the last layer.",
    hint="Are your rows all the same? Which layer does the loop hand over?",
    calls=(CONDUCTANCE,),
)
def last_layer_for_all(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    right = reference.layer_conductance(model, inputs, position)
    return right[-1:].expand_as(right).clone()


@misconception(
    task=CONDUCTANCE,
    title="All rows were divided by their common norm.",
    hint="What is the norm of each of your rows?",
)
def one_norm_for_all_rows(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(
        torch.stack([one.sum(dim=-1) for one in _conducted(_right_flow(reference, model, inputs, position))])
    )


@misconception(
    task=CONDUCTANCE,
    title="The rows were not divided by their norms.",
    hint="What is the norm of each of your rows, and what should it be?",
)
def rows_not_normalised(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return torch.stack(
        [one.sum(dim=-1) for one in _conducted(_right_flow(reference, model, inputs, position))]
    )


@misconception(
    task=CONDUCTANCE,
    title="The rows were divided by the sums of their magnitudes (L1) instead of the L2 norms.",
    hint="Which norm does torch.norm compute unless told otherwise, and which one did you divide by?",
)
def rows_divided_by_l1(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    summed = [one.sum(dim=-1) for one in _conducted(_right_flow(reference, model, inputs, position))]
    return torch.stack([one / one.abs().sum() for one in summed])


@misconception(
    task=CONDUCTANCE,
    title="The norm over the hidden dimension was taken instead of the sum.",
    hint="Can a token of yours speak against the answer? A length has no sign.",
)
def rows_by_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    vectors = _conducted(_right_flow(reference, model, inputs, position))
    return torch.stack([_unit(one.norm(dim=-1)) for one in vectors])


@misconception(
    task=CONDUCTANCE,
    title="Absolute values were summed over the hidden dimension.",
    hint="What happens to the entries of a token's vector that speak against the answer?",
)
def rows_by_absolute_sum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    vectors = _conducted(_right_flow(reference, model, inputs, position))
    return torch.stack([_unit(one.abs().sum(dim=-1)) for one in vectors])


@misconception(
    task=CONDUCTANCE,
    title="The sum runs over the tokens, not over the hidden dimension: a layer returns a tensor, not a tuple, so "
    "that output[0] takes the batch axis away.",
    hint="Print the shape of what a layer returns, and of what you sum over. Which axis holds the tokens?",
)
def summed_over_tokens(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    vectors = _conducted(_right_flow(reference, model, inputs, position))
    return torch.stack([_unit(one.sum(dim=0)) for one in vectors])


@misconception(
    task=CONDUCTANCE,
    title="The path begins at [PAD] for [CLS] and [SEP], too.",
    hint="Which ids does your path begin at? The dictionary has them.",
)
def conductance_from_padding(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    empty = inputs | {"input_ids": torch.full_like(inputs["input_ids"], model.config.pad_token_id or 0)}
    (start,) = _looked_up(model, [model.bert.embeddings.word_embeddings], empty)
    return _rows(_conducted(_flow(model, inputs, position, start=start)))


@misconception(
    task=CONDUCTANCE,
    title="The path begins at zero vectors, not at the word vectors of the baseline.",
    hint="Where does your path begin? Captum takes zeros if it is given no baseline.",
)
def conductance_from_zero_vectors(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    (end,) = _looked_up(model, [model.bert.embeddings.word_embeddings], inputs)
    return _rows(_conducted(_flow(model, inputs, position, start=torch.zeros_like(end))))


@misconception(
    task=CONDUCTANCE,
    title="The output of the whole embedding module was given as inputs_embeds: positions, types and norm come twice.",
    hint="What does BERT still do with inputs_embeds before the first layer?",
)
def conductance_embedded_twice(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    module = [model.bert.embeddings]
    (start,), (end,) = _looked_up(model, module, _empty(inputs, "ids")), _looked_up(model, module, inputs)
    return _rows(_conducted(_flow(model, inputs, position, start=start, end=end)))


@misconception(
    task=CONDUCTANCE,
    title="The path runs through the output of the embedding module, not through the word vectors.",
    hint="Between which vectors does your path run: before or after positions, types and the norm are added?",
)
def path_behind_the_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rows(_conducted(_flow(model, inputs, position, module=model.bert.embeddings)))


@misconception(
    task=CONDUCTANCE,
    title="Token types were not passed on: all are 0.",
    hint="What does the model assume if it is given no token types? Does your forward function pass them on?",
)
def conductance_without_types(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    untyped = inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}
    return _rows(_conducted(_flow(model, untyped, position)))


@misconception(
    task=CONDUCTANCE,
    title="The token that wins at the end of the path was explained all along the path.",
    hint="Which token has the largest logit near the baseline? The target is the largest one at every point.",
)
def conductance_of_a_fixed_position(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    score = _fixed_score(model, inputs, position)
    return _rows(_conducted(_flow(model, inputs, position, score=score)))


@misconception(
    task=CONDUCTANCE,
    title="The start logits were explained where the end was asked for.",
    hint="Do your rows differ between start and end? What does `position` change in your code?",
    calls=(CONDUCTANCE,),
)
def conductance_always_start(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.layer_conductance(model, inputs, "start")


@misconception(
    task=CONDUCTANCE,
    title="The end logits were explained where the start was asked for.",
    hint="Which of the model's two results belongs to the start? What does `position` change in your code?",
    calls=(CONDUCTANCE,),
)
def conductance_always_end(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.layer_conductance(model, inputs, "end")


@misconception(
    task=CONDUCTANCE,
    title="The probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def conductance_of_probability(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    score = partial(_probability, position=position)
    return _rows(_conducted(_flow(model, inputs, position, score=score)))


@misconception(
    task=CONDUCTANCE,
    title="The log-probability is explained instead of the logit.",
    hint="Is what comes out of your forward function still one of the model's logits?",
)
def conductance_of_log_probability(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    score = partial(_log_probability, position=position)
    return _rows(_conducted(_flow(model, inputs, position, score=score)))


@misconception(
    task=CONDUCTANCE,
    title="The gradient was taken at the next node, not at the one before.",
    hint="Which of the two nodes of a step does Captum take the gradient at?",
)
def gradient_at_the_next_node(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    flow = _right_flow(reference, model, inputs, position)
    return _rows([((one[1:] - one[:-1]) * slope[1:]).sum(dim=0) for one, slope in zip(*flow, strict=True)])


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


@misconception(
    task=CONDUCTANCE,
    title="The steps of the path are equally long: the nodes are not those of Gauss-Legendre.",
    hint="Which nodes does Captum take unless told otherwise?",
)
def equal_steps(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rows(_conducted(_flow(model, inputs, position, rule=trapezoid(STEPS + 1))))


@misconception(
    task=CONDUCTANCE,
    title="Five steps were taken in place of 50.",
    hint="How many points of the path do you look at?",
)
def conductance_in_five_steps(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rows(_conducted(_flow(model, inputs, position, rule=gauss_legendre(6))))


# attribution_entropy


def _counts(scores: Tensor, bins: int, low: float, high: float) -> Tensor:
    return torch.histc(scores.double().cpu(), bins=bins, min=low, max=high)


def _bits(counts: Tensor, total: float) -> Tensor:
    shares = counts[counts > 0] / total
    return -(shares * shares.log2()).sum()


def _rows_of_entropy(layer_scores: Tensor, entropy: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack([entropy(row) for row in torch.as_tensor(layer_scores).double().cpu()]).float()


@misconception(
    task=ENTROPY,
    title="The natural logarithm was taken: nats, not bits.",
    hint="Two bins with equal counts should give 1. What do you get, and which logarithm gives it?",
    calls=(ENTROPY,),
)
def nats(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(layer_scores, bins) * torch.log(torch.tensor(2.0))


@misconception(
    task=ENTROPY,
    title="The logarithm to base 10 was taken, not to base 2.",
    hint="Two bins with equal counts should give 1. What do you get, and which logarithm gives it?",
    calls=(ENTROPY,),
)
def decimal_logarithm(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(layer_scores, bins) * torch.log10(torch.tensor(2.0))


@misconception(
    task=ENTROPY,
    title="The entropy was divided by its largest possible value.",
    hint="What is the entropy of four bins with equal counts, in bits?",
    calls=(ENTROPY,),
)
def share_of_the_maximum(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(layer_scores, bins) / torch.log2(torch.tensor(float(bins)))


@misconception(
    task=ENTROPY,
    title="The sign is missing: the entropy is negative.",
    hint="Can an entropy be negative? Look for the minus in the formula.",
    calls=(ENTROPY,),
)
def sign_missing(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return -reference.attribution_entropy(layer_scores, bins)


@misconception(
    task=ENTROPY,
    title="All layers share one range of bins.",
    hint="Between which values do the bins of the first layer lie: its own smallest and largest score?",
)
def common_range(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    low, high = float(torch.as_tensor(layer_scores).min()), float(torch.as_tensor(layer_scores).max())
    return _rows_of_entropy(layer_scores, lambda row: _bits(_counts(row, bins, low, high), len(row)))


@misconception(
    task=ENTROPY,
    title="The bins lie between 0 and 1, or between -1 and 1.",
    hint="Between which values do your bins lie, and where do the scores lie?",
)
def fixed_range(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _rows_of_entropy(layer_scores, lambda row: _bits(_counts(row, bins, -1, 1), len(row)))


@misconception(
    task=ENTROPY,
    title="The bins reach equally far to both sides of 0.",
    hint="Between which values do the bins of a layer lie: its own smallest and largest score?",
)
def symmetric_range(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    def entropy(row: Tensor) -> Tensor:
        reach = float(row.abs().max())
        return _bits(_counts(row, bins, -reach, reach), len(row))

    return _rows_of_entropy(layer_scores, entropy)


@misconception(
    task=ENTROPY,
    title="Densities were taken for probabilities.",
    hint="Do the probabilities of your bins sum to 1? A density is a probability divided by the width of its bin.",
)
def density(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    def entropy(row: Tensor) -> Tensor:
        width = float(row.max() - row.min()) / bins
        return _bits(_counts(row, bins, float(row.min()), float(row.max())) / width, len(row))

    return _rows_of_entropy(layer_scores, entropy)


@misconception(
    task=ENTROPY,
    title="Every bin was given one count more, so that none is empty.",
    hint="What does an empty bin add to the entropy by the definition? Do your probabilities sum to 1?",
)
def one_added_to_each_bin(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    def entropy(row: Tensor) -> Tensor:
        counts = _counts(row, bins, float(row.min()), float(row.max())) + 1
        return _bits(counts, float(counts.sum()))

    return _rows_of_entropy(layer_scores, entropy)


@misconception(
    task=ENTROPY,
    title="The magnitudes were sorted into bins, not the scores.",
    hint="Do scores of opposite signs fall into the same bin?",
    calls=(ENTROPY,),
)
def histogram_of_magnitudes(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(torch.as_tensor(layer_scores).abs(), bins)


@misconception(
    task=ENTROPY,
    title="There is no histogram: the scores' shares of their sum were taken for probabilities.",
    hint="What do you count? The probabilities are those of bins.",
)
def shares_of_the_magnitudes(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    magnitudes_of = torch.as_tensor(layer_scores).abs()
    return _rows_of_entropy(magnitudes_of, lambda row: _bits(row, float(row.sum())))


@misconception(
    task=ENTROPY,
    title="There is no histogram: a softmax of the scores was taken for probabilities.",
    hint="What do you count? The probabilities are those of bins.",
)
def softmax_of_the_scores(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _rows_of_entropy(layer_scores, lambda row: _bits(row.softmax(dim=0), 1.0))


@misconception(
    task=ENTROPY,
    title="There is one bin too few: as many edges as bins were asked for.",
    hint="How many edges have three bins?",
    calls=(ENTROPY,),
)
def one_bin_too_few(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(layer_scores, bins - 1)


@misconception(
    task=ENTROPY,
    title="There is one bin too many.",
    hint="How many bins lie between your edges?",
    calls=(ENTROPY,),
)
def one_bin_too_many(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(layer_scores, bins + 1)


@misconception(
    task=ENTROPY,
    title="The largest score fell out of the last bin.",
    hint="How many scores do your bins hold together? The largest one belongs to the last bin.",
)
def largest_lost(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    def entropy(row: Tensor) -> Tensor:
        counts = _counts(row, bins, float(row.min()), float(row.max()))
        counts[-1] -= (row == row.max()).sum()
        return _bits(counts, len(row))

    return _rows_of_entropy(layer_scores, entropy)


@misconception(
    task=ENTROPY,
    title="The histogram is that of all layers together, the same entropy for each.",
    hint="How many histograms do you make? Each layer has its own.",
    calls=(ENTROPY,),
)
def one_histogram(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    everything = torch.as_tensor(layer_scores).flatten()[None]
    return reference.attribution_entropy(everything, bins).expand(len(layer_scores)).clone()


@misconception(
    task=ENTROPY,
    title="There is one entropy for each hidden dimension, not for each layer.",
    hint="Which axis of the scores are the layers, and which shape should your result have?",
    calls=(ENTROPY,),
)
def over_the_layers(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return reference.attribution_entropy(torch.as_tensor(layer_scores).T, bins)
