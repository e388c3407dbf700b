"""Known mistakes with attention, conductance and vector norms, as functions and as tables of one step.

A mistake takes the reference module and then the task's own arguments. Two are missing here on purpose, since no run of
them reproduces a student's tensor: dropout left on (the visible checks ask twice), and attention that is not eager
(the weights are missing then, so that the student's own function fails or the library computes it eagerly after all).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.checks import Feedback, misconception, misconceptions

MATRICES = "attention_matrices"
HEAD_NORM = "head_norm"
CONDUCTANCE = "attention_attributions"
VECTORS = "transformed_vectors"
WEIGHTED = "weighted_norms"
SUMMED = "summed_norms"

HEADS_BEHIND = Feedback(
    "Heads and queries are swapped: (layer, token, head, token).",
    "Print your shape beside the number of heads and of tokens: which axis is which?",
)
REVERSED = Feedback(
    "The layers stand in reverse order.",
    "Which layer works on the embeddings, and where does it stand in your result?",
)
WITHOUT_TYPES = Feedback(
    "The model did not get the token types.",
    "How does the model know where the question ends? Compare what you pass with the names of its arguments.",
)
SQUARED = Feedback(
    "The square root is missing: the norms are squared.",
    "Compare one vector by hand: which step comes last when a length is computed?",
)
DISTRIBUTION = Feedback(
    "The rows were divided by their sum.",
    "What do your rows sum to? The task asks for a norm and no more.",
)
"""Title and hint of mistakes that can be made in more functions than one."""

Inputs = dict[str, Tensor]


# How the model is asked
def _asked(model: Any, inputs: Inputs, **changed: Any) -> Any:
    """Return the model's output with attentions and hidden states; some arguments in place of the input's own."""
    given: dict[str, Any] = {
        name: inputs[name] for name in ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    } | changed
    if "inputs_embeds" in changed:
        del given["input_ids"]
    placed = {name: value.to(model.device) for name, value in given.items() if value is not None}
    with torch.no_grad():
        return model(**placed, output_attentions=True, output_hidden_states=True)


def _weights(model: Any, inputs: Inputs, **changed: Any) -> Tensor:
    """Return the model's attention weights (layer, head, query, key); some arguments in place of the input's own."""
    return torch.stack([weights[0] for weights in _asked(model, inputs, **changed).attentions])


def _states(model: Any, inputs: Inputs, **changed: Any) -> list[Tensor]:
    """Return what comes into each layer, (token, hidden) each, and what comes out of the last one."""
    return [state[0] for state in _asked(model, inputs, **changed).hidden_states]


def _inflow(model: Any, inputs: Inputs) -> Tensor:
    """Return what comes into each layer, shape (layer, 1, token, hidden)."""
    return torch.stack(_states(model, inputs)[:-1])[:, None]


def _embedded(model: Any, inputs: Inputs) -> Tensor:
    """Return what the whole embedding module gives, shape (1, token, hidden)."""
    ids, types, positions = (
        inputs[name].to(model.device) for name in ("input_ids", "token_type_ids", "position_ids")
    )
    with torch.no_grad():
        embedded: Tensor = model.bert.embeddings(input_ids=ids, token_type_ids=types, position_ids=positions)
    return embedded


def _scores(model: Any, states: list[Tensor], scale: float | None = None) -> Tensor:
    """Return attention scores before the softmax, shape (layer, head, query, key).

    Args:
        model: The model.
        states: What comes into each layer, (..., token, hidden) each.
        scale: What the products are multiplied by; the model's own, one over the root of a head's width.
    """
    heads = model.config.num_attention_heads
    width = model.config.hidden_size // heads
    rows = []
    for layer, state in zip(model.bert.encoder.layer, states, strict=False):
        part = layer.attention.self
        query, key = (
            linear(state).unflatten(-1, (heads, width)).transpose(-2, -3) for linear in (part.query, part.key)
        )
        rows.append(query @ key.transpose(-1, -2) * (width**-0.5 if scale is None else scale))
    return torch.stack(rows)


def _scores_of(model: Any, inputs: Inputs, scale: float | None = None) -> Tensor:
    return _scores(model, _states(model, inputs), scale)


# attention_matrices
@misconceptions(
    task=MATRICES,
    scores_before_the_softmax=Feedback(
        "Scores before the softmax were returned.",
        "What does a row of yours sum to, and can a weight be negative?",
    ).on(_scores_of),
    scores_not_scaled=Feedback(
        "The scores were not divided by the root of a head's width before the softmax.",
        "Your rows are too sharp. What happens to the products of queries and keys before the softmax?",
    ).on(lambda model, inputs: _scores_of(model, inputs, 1.0).softmax(dim=-1)),
    scores_scaled_by_the_hidden_size=Feedback(
        "The scores were divided by the root of the hidden size instead of a head's width.",
        "Your rows are too flat. How many numbers does the query of one head have?",
    ).on(lambda model, inputs: _scores_of(model, inputs, model.config.hidden_size**-0.5).softmax(dim=-1)),
    softmax_over_queries=Feedback(
        "The softmax runs over the queries instead of the keys.",
        "Along which axis do your values sum to 1? Who shares out attention: the token that looks, or the one seen?",
    ).on(lambda model, inputs: _scores_of(model, inputs).softmax(dim=-2)),
    matrices_transposed=Feedback(
        "Query and key are swapped: the matrices are transposed.",
        "Along which of the two token axes do your values sum to 1, and which of them is the query's?",
    ).on(lambda *asked: _weights(*asked).transpose(-1, -2)),
    matrices_with_heads_behind_queries=HEADS_BEHIND.on(lambda *asked: _weights(*asked).transpose(1, 2)),
    matrices_with_heads_first=Feedback(
        "Layers and heads are swapped: (head, layer, token, token).",
        "Does your function hold for a model with unequal numbers of layers and heads? Which axis comes first?",
    ).on(lambda *asked: _weights(*asked).transpose(0, 1)),
    matrices_with_batch_axis=Feedback(
        "The batch axis of length 1 was kept.",
        "How many axes does your result have, and how many does the task name?",
    ).on(lambda *asked: _weights(*asked)[:, None]),
    matrices_averaged_over_heads=Feedback(
        "The heads were averaged.",
        "How many matrices does one layer of the model have?",
    ).on(lambda *asked: _weights(*asked).mean(dim=1)),
    matrices_of_the_last_layer=Feedback(
        "Only the last layer's matrices were returned.",
        "Compare the number of your matrices with the model's layers and heads.",
    ).on(lambda *asked: _weights(*asked)[-1]),
    matrices_with_layers_reversed=REVERSED.on(lambda *asked: _weights(*asked).flip(0)),
    matrices_without_token_types=WITHOUT_TYPES.on(partial(_weights, token_type_ids=None)),
    matrices_with_baseline_positions=Feedback(
        "The model got the baseline's positions, which are all 0.",
        "Which of the entries of `inputs` belong to the input, and which to the baseline?",
    ).on(lambda model, inputs: _weights(model, inputs, position_ids=inputs["baseline_position_ids"])),
    matrices_of_the_baseline=Feedback(
        "These are the attention weights of the baseline.",
        "Which of the entries of `inputs` belong to the input, and which to the baseline?",
    ).on(lambda model, inputs: _weights(model, inputs, input_ids=inputs["baseline_ids"])),
    matrices_of_an_input_embedded_twice=Feedback(
        "What model.bert.embeddings gives was passed as inputs_embeds, so that positions and types are added twice.",
        "What does the model do with inputs_embeds before the first layer sees them?",
    ).on(lambda model, inputs: _weights(model, inputs, inputs_embeds=_embedded(model, inputs))),
)
def _weights_by(weights_of: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Make something else of the scores than the right weights, or take one last step on these."""
    with torch.no_grad():
        weights: Tensor = weights_of(model, inputs)
    return weights


# head_norm
@misconceptions(
    task=HEAD_NORM,
    mean_over_heads=Feedback(
        "The heads were averaged.",
        "Two heads with the weights 0.6 and 0.8: what is their L2 norm, and what do you get?",
    ).on(lambda matrices: matrices.mean(dim=1)),
    sum_over_heads=Feedback(
        "The weights of the heads were added: the L1 norm.",
        "Two heads with the weights 0.6 and 0.8: what is their L2 norm, and what do you get?",
    ).on(lambda matrices: matrices.sum(dim=1)),
    largest_head=Feedback(
        "The largest of the heads was taken.",
        "Two heads with the weights 0.6 and 0.8: what is their L2 norm, and what do you get?",
    ).on(lambda matrices: matrices.amax(dim=1)),
    norm_without_root=Feedback(
        "The square root is missing: squares were added.",
        "Two heads with the weights 0.6 and 0.8: what is their L2 norm, and which step comes last?",
    ).on(lambda matrices: matrices.square().sum(dim=1)),
    root_of_mean_square=Feedback(
        "The mean of the squares was taken instead of their sum.",
        "Does your number for 0.6 and 0.8 change if you add two heads with weight 0? Should a length?",
    ).on(lambda matrices: matrices.square().mean(dim=1).sqrt()),
    norm_over_layers=Feedback(
        "The norm was taken over the layers.",
        "Print the shape of what you are given: which axis holds the heads?",
    ).on(lambda matrices: matrices.norm(dim=0)),
    norm_over_keys=Feedback(
        "The norm was taken over the keys.",
        "Print the shape of what you are given: which axis holds the heads?",
    ).on(lambda matrices: matrices.norm(dim=-1)),
    norm_over_queries=Feedback(
        "The norm was taken over the queries.",
        "Print the shape of what you are given: which axis holds the heads?",
    ).on(lambda matrices: matrices.norm(dim=-2)),
    norm_made_a_distribution=Feedback(
        "The rows were divided by their sum afterwards.",
        "What do your rows sum to? The task asks for a norm and no more.",
    ).on(lambda matrices: matrices.norm(dim=1) / matrices.norm(dim=1).sum(dim=-1, keepdim=True)),
    norm_divided_by_the_largest=Feedback(
        "Each layer was divided by its largest value afterwards.",
        "What is the largest value of each of your layers? The task asks for a norm and no more.",
    ).on(lambda matrices: matrices.norm(dim=1) / matrices.norm(dim=1).amax(dim=(1, 2), keepdim=True)),
    norm_transposed=Feedback(
        "Query and key are swapped: the matrices are transposed.",
        "Compare one cell by hand: which of its two tokens looks at the other one?",
    ).on(lambda matrices: matrices.norm(dim=1).transpose(-1, -2)),
)
def _over_heads(step: Any, reference: Any, matrices: Tensor) -> Tensor:
    """Make something else of the heads than their norm."""
    return step(matrices)


# attention_attributions
def _nodes(count: int) -> Tensor:
    """Return the Gauss-Legendre nodes between 0 and 1."""
    return torch.tensor((np.polynomial.legendre.leggauss(count)[0] + 1) / 2)


def _largest(logits: Tensor) -> Tensor:
    return logits.max(dim=-1).values


class _Path:
    """What happens to the attention weights on the way from the baseline to the input.

    Args:
        model: The model.
        inputs: As the task's.
        position: start or end.
        nodes: Places on the path; 51 Gauss-Legendre nodes.
        score: From logits (node, token) to what is explained (node,); the largest.
        ends: The path's two ends (1, token, hidden), as inputs_embeds; the word embeddings of baseline and input.
        inside: Whether the points stand for what the whole embedding module gives.
        **changed: Arguments of the model in place of the input's own.
    """

    def __init__(
        self,
        model: Any,
        inputs: Inputs,
        position: str,
        *,
        nodes: Tensor | None = None,
        score: Callable[[Tensor], Tensor] = _largest,
        ends: tuple[Tensor, Tensor] | None = None,
        inside: bool = False,
        **changed: Any,
    ) -> None:
        start, end = _word_ends(model, inputs) if ends is None else ends
        where = (_nodes(51) if nodes is None else nodes).to(end)
        self.points = (start + where[:, None, None] * (end - start)).detach().requires_grad_()
        given = {"input_ids": inputs["input_ids"]} if inside else {"inputs_embeds": self.points}
        names = ("token_type_ids", "position_ids", "attention_mask")
        given |= {name: inputs[name] for name in names} | changed
        placed = {
            name: value.to(model.device).expand(len(where), *[-1] * (value.dim() - 1))
            for name, value in given.items()
            if value is not None
        }
        hooks = [model.bert.embeddings.register_forward_hook(self._replace)] if inside else []
        try:
            with torch.enable_grad():
                output = model(**placed, output_attentions=True, output_hidden_states=True)
        finally:
            for hook in hooks:
                hook.remove()
        logits = output.start_logits if position == "start" else output.end_logits
        self.scores = score(logits)
        self.states = output.hidden_states
        self.weights = torch.stack([one.detach() for one in output.attentions])
        found = torch.autograd.grad(self.scores.sum(), output.attentions)
        self.gradients = torch.stack(found)  # (layer, node, head, query, key), as the weights

    def _replace(self, module: Any, args: Any, output: Tensor) -> Tensor:
        return self.points

    def conductance(self) -> Tensor:
        """Return (weights at the next node - weights at the node) x gradient at the node, summed."""
        return self.steps().sum(dim=1)

    def steps(self) -> Tensor:
        """Return the summands, shape (layer, step, head, query, key)."""
        return self.weights.diff(dim=1) * self.gradients[:, :-1]


def _word_ends(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return the word embeddings of baseline and input."""
    table = model.bert.embeddings.word_embeddings
    with torch.no_grad():
        start, end = (table(inputs[name].to(model.device)) for name in ("baseline_ids", "input_ids"))
    return start, end


def _remembered(reference: Any, label: str, compute: Callable[..., Any], *args: Any) -> Any:
    """Return compute(*args), kept by a reference that keeps answers: mistakes share most of the work."""
    memoise = getattr(reference, "memoise", None)
    return compute(*args) if memoise is None else memoise(label, compute, *args)


def _right_path(reference: Any, model: Any, inputs: Inputs, position: str) -> tuple[Tensor, Tensor]:
    """Return weights and gradients on the contract's path, (layer, node, head, query, key) each."""

    def compute(*args: Any) -> tuple[Tensor, Tensor]:
        path = _Path(*args)
        return path.weights, path.gradients

    found: tuple[Tensor, Tensor] = _remembered(
        reference, "path of the weights", compute, model, inputs, position
    )
    return found


@misconceptions(
    task=CONDUCTANCE,
    gradient_times_weight=Feedback(
        "Gradient times weight at the input: there is no path.",
        "How often does your function ask the model? Conductance follows the weights from the baseline to the input.",
    ).on(lambda weights, gradients: weights * gradients),
    gradient_alone=Feedback(
        "The gradient at the input alone was returned.",
        "How often does your function ask the model? Conductance follows the weights from the baseline to the input.",
    ).on(lambda weights, gradients: gradients),
)
def _without_path(step: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Attribute by the gradient at the input alone."""
    path = _Path(model, inputs, position, nodes=torch.ones(1))
    return step(path.weights, path.gradients)[:, 0]


@misconception(
    task=CONDUCTANCE,
    title="The mean gradient was multiplied by the difference of the weights at the path's two ends.",
    hint="Do the weights change evenly along the path? Each step has a difference and a gradient of its own.",
)
def ends_times_mean_gradient(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    ends = _Path(model, inputs, position, nodes=torch.tensor([0.0, 1.0])).weights
    _, gradients = _right_path(reference, model, inputs, position)
    share = torch.tensor(np.polynomial.legendre.leggauss(51)[1] / 2).to(gradients)
    mean = (gradients * share[:, None, None, None]).sum(dim=1)
    return (ends[:, 1] - ends[:, 0]) * mean


@misconceptions(
    task=CONDUCTANCE,
    weights_times_mean_gradient=Feedback(
        "The mean gradient was multiplied by the weights at the input.",
        "What if a weight is the same all along the path: does it pass anything on, and what do you get for it?",
    ).on(lambda _, gradients, *asked: _weights(*asked) * gradients.mean(dim=1)),
    change_times_mean_gradient=Feedback(
        "The change of the weights between first and last node was multiplied by the mean gradient.",
        "Do the weights change evenly along the path? Each step has a difference and a gradient of its own.",
    ).on(lambda weights, gradients, *_: (weights[:, -1] - weights[:, 0]) * gradients.mean(dim=1)),
    gradients_without_the_difference=Feedback(
        "The gradients were added up, without the differences of the weights.",
        "What is each gradient multiplied by in the formula? What if a weight does not change on the path?",
    ).on(lambda weights, gradients, *_: gradients[:, :-1].sum(dim=1)),
    mean_gradient_alone=Feedback(
        "The gradients were averaged, without the differences of the weights.",
        "What is each gradient multiplied by in the formula? What if a weight does not change on the path?",
    ).on(lambda weights, gradients, *_: gradients.mean(dim=1)),
    gradient_at_the_later_node=Feedback(
        "Each difference of weights was multiplied by the gradient at the later of its two nodes.",
        "Which node of a step does the formula take the gradient at? Look at its index.",
    ).on(lambda weights, gradients, *_: (weights.diff(dim=1) * gradients[:, 1:]).sum(dim=1)),
    gradient_averaged_over_the_step=Feedback(
        "The gradients at a step's two nodes were averaged.",
        "Your rule is finer than the one asked for. Which node of a step does the formula take the gradient at?",
    ).on(
        lambda weights, gradients, *_: (weights.diff(dim=1) * (gradients[:, 1:] + gradients[:, :-1]) / 2).sum(
            dim=1
        )
    ),
    mean_over_steps=Feedback(
        "The steps were averaged instead of summed.",
        "Print the ratio of your values to the right ones: it is the same everywhere. What do you do with the steps?",
    ).on(lambda weights, gradients, *_: (weights.diff(dim=1) * gradients[:, :-1]).mean(dim=1)),
)
def _added_up(rule: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Add the right path's steps up by another rule."""
    found: Tensor = rule(*_right_path(reference, model, inputs, position), model, inputs)
    return found


def _from_zero(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    _, end = _word_ends(model, inputs)
    return torch.zeros_like(end), end


def _from_padding(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    padding = torch.full_like(inputs["input_ids"], int(model.config.pad_token_id or 0))
    return _word_ends(model, {**inputs, "baseline_ids": padding})


def _embedded_ends(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    return _embedded(model, {**inputs, "input_ids": inputs["baseline_ids"]}), _embedded(model, inputs)


def _embedded_by_ids(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        start, end = (
            model.bert.embeddings(input_ids=inputs[name].to(model.device))
            for name in ("baseline_ids", "input_ids")
        )
    return start, end


def _as_baseline(inputs: Inputs) -> Inputs:
    names = {"input_ids": "baseline_ids"}
    names |= {f"{name}_ids": f"baseline_{name}_ids" for name in ("token_type", "position")}
    return {**inputs, **{name: inputs[source] for name, source in names.items()}}


@misconceptions(
    task=CONDUCTANCE,
    equidistant_nodes=Feedback(
        "The nodes are equidistant instead of Gauss-Legendre nodes.",
        "Print your nodes beside those that the text names: where do they lie close together?",
    ).on(lambda model, inputs: {"nodes": torch.linspace(0, 1, 51)}),
    fifty_nodes=Feedback(
        "One node too few: 50 nodes have 49 differences.",
        "How many nodes are needed for 50 differences?",
    ).on(lambda model, inputs: {"nodes": _nodes(50)}),
    twenty_steps=Feedback(
        "20 steps were taken instead of 50.",
        "How many nodes does your path have, and how many does the task ask for?",
    ).on(lambda model, inputs: {"nodes": _nodes(21)}),
    path_backwards=Feedback(
        "The path runs from the input to the baseline: all signs are turned round.",
        "Which end of the path is your first node at? What does a weight that speaks for the answer get?",
    ).on(lambda model, inputs: {"ends": _word_ends(model, inputs)[::-1]}),
    log_probability_explained=Feedback(
        "The largest log-probability was explained instead of the largest logit.",
        "What is F here? Is what you take the maximum of still what the model returns?",
    ).on(lambda model, inputs: {"score": lambda rows: _largest(rows.log_softmax(dim=-1))}),
    probability_explained=Feedback(
        "The largest probability was explained instead of the largest logit.",
        "What is F here? Is what you take the maximum of still what the model returns?",
    ).on(lambda model, inputs: {"score": lambda rows: _largest(rows.softmax(dim=-1))}),
    all_logits_explained=Feedback(
        "All logits were added up instead of taking the largest.",
        "What is F here: how many positions of the text does it look at?",
    ).on(lambda model, inputs: {"score": lambda rows: rows.sum(dim=-1)}),
    path_from_zero=Feedback(
        "The path begins at the zero vector.",
        "Which vector does the word embedding table hold for [PAD], and what do [CLS] and [SEP] keep?",
    ).on(lambda model, inputs: {"ends": _from_zero(model, inputs)}),
    path_from_padding=Feedback(
        "The path begins at [PAD] everywhere: [CLS] and [SEP] were lost.",
        "Which tokens of your baseline agree with those of the input? Compare with baseline_ids.",
    ).on(lambda model, inputs: {"ends": _from_padding(model, inputs)}),
    path_embedded_twice=Feedback(
        "The path runs through what model.bert.embeddings gives, which the model then embeds a second time.",
        "What does the model do with inputs_embeds before the first layer sees them?",
    ).on(lambda model, inputs: {"ends": _embedded_ends(model, inputs)}),
    path_embedded_twice_by_ids_alone=Feedback(
        "The path runs through what model.bert.embeddings gives for the ids alone, which the model embeds again.",
        "What does the model do with inputs_embeds before the first layer sees them?",
    ).on(lambda model, inputs: {"ends": _embedded_by_ids(model, inputs)}),
    path_embedded_twice_from_the_baselines=Feedback(
        "The path runs through what model.bert.embeddings gives, from the baselines' types and positions on, and the "
        "model embeds it a second time.",
        "What does the model do with inputs_embeds before the first layer sees them? What changes on the path?",
    ).on(lambda model, inputs: {"ends": (_embedded(model, _as_baseline(inputs)), _embedded(model, inputs))}),
    nodes_from_minus_one=Feedback(
        "The nodes were left on the interval from -1 to 1.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
    ).on(lambda model, inputs: {"nodes": 2 * _nodes(51) - 1}),
    path_behind_the_embeddings=Feedback(
        "The path runs through the output of the whole embedding module instead of the word embeddings.",
        "Which vectors does your path join: before or after positions and types were added and normalised?",
    ).on(lambda model, inputs: {"ends": _embedded_ends(model, inputs), "inside": True}),
    path_without_token_types=Feedback(
        "The token types are missing on the path.",
        "What does the model get beside inputs_embeds, and what does it assume where something is missing?",
    ).on(lambda model, inputs: {"token_type_ids": None}),
    path_with_baseline_positions=Feedback(
        "All points of the path stand at position 0.",
        "Which of the entries of `inputs` belong to the input, and which to the baseline?",
    ).on(lambda model, inputs: {"position_ids": inputs["baseline_position_ids"]}),
)
def _on_another_path(options: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Follow a path with other nodes, ends, arguments or another score."""
    return _Path(model, inputs, position, **options(model, inputs)).conductance()


@misconceptions(
    task=CONDUCTANCE,
    calls=(CONDUCTANCE,),
    absolute_conductance=Feedback(
        "Absolute values were returned.",
        "Is any of your values negative? A weight can also speak against the answer.",
    ).on(lambda right: right.abs()),
    conductance_normalised_by_layer=Feedback(
        "Each layer was divided by its L2 norm.",
        "What is the norm of each of your layers? The task asks for no normalisation here.",
    ).on(lambda right: right / right.flatten(1).norm(dim=1)[:, None, None, None]),
    conductance_normalised_by_head=Feedback(
        "Each head's matrix was divided by its L2 norm.",
        "What is the norm of each of your matrices? The task asks for no normalisation here.",
    ).on(lambda right: right / right.flatten(2).norm(dim=2)[:, :, None, None]),
    conductance_normalised=Feedback(
        "All values were divided by their common L2 norm.",
        "What is the norm of your whole result? The task asks for no normalisation here.",
    ).on(lambda right: right / right.norm()),
    conductance_transposed=Feedback(
        "Query and key are swapped: the matrices are transposed.",
        "Which of the two token axes looks, and which one is looked at? Compare with your attention matrices.",
    ).on(lambda right: right.transpose(-1, -2)),
    conductance_with_heads_behind_queries=HEADS_BEHIND.on(lambda right: right.transpose(1, 2)),
    conductance_summed_over_heads=Feedback(
        "The heads were summed.",
        "How many matrices does one layer of your attention have?",
    ).on(lambda right: right.sum(dim=1)),
    conductance_averaged_over_heads=Feedback(
        "The heads were averaged.",
        "How many matrices does one layer of your attention have?",
    ).on(lambda right: right.mean(dim=1)),
    conductance_with_layers_reversed=REVERSED.on(lambda right: right.flip(0)),
)
def _after_conductance(step: Any, reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Take one last step on the right conductance."""
    return step(reference.attention_attributions(model, inputs, position))


@misconception(
    task=CONDUCTANCE,
    title="One fixed position was explained all along the path: the one where the input's logit is largest.",
    hint="Print at each node of the path where the largest logit stands. Does it stay where it is in the end?",
)
def fixed_position(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    output = _asked(model, inputs)
    logits = output.start_logits if position == "start" else output.end_logits
    place = int(logits[0].argmax())
    return _Path(model, inputs, position, score=lambda rows: rows[:, place]).conductance()


@misconception(
    task=CONDUCTANCE,
    title="The end's logits were explained for the start, and the start's for the end.",
    hint="Which logits does your function look at for each of the two values of `position`?",
    calls=(CONDUCTANCE,),
)
def the_other_position(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, "end" if position == "start" else "start")


@misconception(
    task=CONDUCTANCE,
    title="Scores before the softmax were explained instead of the weights.",
    hint="Which tensor does the model multiply the values with: the one before or the one after the softmax?",
)
def conductance_of_scores(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    path = _Path(model, inputs, position)
    with torch.no_grad():
        scores = _scores(model, list(path.states))  # (layer, node, head, query, key)
        moved = path.gradients - (path.weights * path.gradients).sum(dim=-1, keepdim=True)
        return (scores.diff(dim=1) * (path.weights * moved)[:, :-1]).sum(dim=1)


# transformed_vectors
def _chunks(values: Tensor, heads: int) -> Sequence[Tensor]:
    return values.chunk(heads, dim=-1)


def _every_so_many(values: Tensor, heads: int) -> Sequence[Tensor]:
    return [values[..., head::heads] for head in range(heads)]


def _transformed(
    model: Any,
    inputs: Inputs,
    *,
    source: str = "value",
    value_bias: int = 1,
    parts: Callable[[Tensor, int], Any] = _chunks,
    slices: Callable[[Tensor, int], Any] = _chunks,
    dense: Callable[[Any], Any] = lambda layer: layer.attention.output.dense,
    chosen: Callable[[list[Tensor], Any], list[Tensor]] = lambda states, model: states,
    **changed: Any,
) -> Tensor:
    """Return f(x), (layer, head, token, hidden), with something changed.

    Args:
        model: The model.
        inputs: As the task's.
        source: Which projection's vectors are passed on.
        value_bias: How often they have their bias.
        parts: From vectors and the number of heads to one (token, width) tensor a head.
        slices: From the output projection's weight and the number of heads to one (hidden, width) matrix a head.
        dense: From a layer to the output projection.
        chosen: From what comes into the layers, and out of the last one, and the model to what is transformed.
        **changed: Arguments of the model in place of the input's own.
    """
    heads, rows = model.config.num_attention_heads, []
    with torch.no_grad():
        states = chosen(_states(model, inputs, **changed), model)
        for layer, state in zip(model.bert.encoder.layer, states, strict=False):
            linear = getattr(layer.attention.self, source)
            values = linear(state) + (value_bias - 1) * linear.bias
            weight = dense(layer).weight[:, : values.shape[-1]]
            pairs = zip(parts(values, heads), slices(weight, heads), strict=True)
            rows.append(torch.stack([value @ part.T for value, part in pairs]))
    return torch.stack(rows)


def _values(model: Any, inputs: Inputs) -> Tensor:
    """Return the value vectors, shape (layer, head, token, width)."""
    with torch.no_grad():
        pairs = zip(model.bert.encoder.layer, _states(model, inputs), strict=False)
        values = [layer.attention.self.value(state) for layer, state in pairs]
    return torch.stack([torch.stack(list(_chunks(one, model.config.num_attention_heads))) for one in values])


def _normalised(vectors: Any, model: Any) -> list[Tensor]:
    """Return each layer's vectors behind its attention's norm."""
    pairs = zip(model.bert.encoder.layer, vectors, strict=False)
    return [layer.attention.output.LayerNorm(one) for layer, one in pairs]


def _lengths(vectors: Tensor) -> Tensor:
    """Return the length of each key's vector, shape (layer, head, 1, key)."""
    return vectors.norm(dim=-1)[:, :, None, :]


def _output_biases(model: Any) -> Tensor:
    """Return the output projections' biases, shape (layer, 1, 1, hidden)."""
    biases = [layer.attention.output.dense.bias.detach() for layer in model.bert.encoder.layer]
    return torch.stack(biases)[:, None, None]


@misconceptions(
    task=VECTORS,
    value_bias_missing=Feedback(
        "The value vectors lack their bias.",
        "What does the module attention.self.value add to the product with its weight?",
    ).on(partial(_transformed, value_bias=0)),
    value_bias_twice=Feedback(
        "The value vectors have their bias twice.",
        "What does the module attention.self.value add to the product with its weight, and what do you add to it?",
    ).on(partial(_transformed, value_bias=2)),
    rows_of_the_projection=Feedback(
        "The head's rows of the output projection's weight were taken, not its columns.",
        "A linear layer computes x @ weight.T: which axis of the weight meets the entries of x that belong to a head?",
    ).on(partial(_transformed, slices=lambda weight, heads: weight.T.chunk(heads, dim=1))),
    slices_reversed=Feedback(
        "The heads' slices of the output projection stand in reverse order.",
        "Which columns of the output projection meet the first head's entries?",
    ).on(partial(_transformed, slices=lambda weight, heads: weight.chunk(heads, dim=1)[::-1])),
    keys_for_values=Feedback(
        "The keys were taken for the values.",
        "Three vectors are made of each token: which of them is passed on?",
    ).on(partial(_transformed, source="key")),
    queries_for_values=Feedback(
        "The queries were taken for the values.",
        "Three vectors are made of each token: which of them is passed on?",
    ).on(partial(_transformed, source="query")),
    biases_swapped=Feedback(
        "The value bias is missing, and the output bias was added.",
        "Two biases stand in the formula of y. Which of them belongs to a token's value, which to the sum?",
    ).on(lambda model, inputs: _transformed(model, inputs, value_bias=0) + _output_biases(model)),
    heads_interleaved=Feedback(
        "The entries of the heads were taken alternately: the last axis was split as (width, head).",
        "Which entries of the value vector belong to the first head: neighbours, or every so many?",
    ).on(partial(_transformed, parts=_every_so_many, slices=_every_so_many)),
    viewed_without_transpose=Feedback(
        "The value vectors were viewed as (head, token, width) without moving the axes: tokens and heads are mixed.",
        "view only renames places. After cutting the last axis into heads, which axis has to move to the front?",
    ).on(partial(_transformed, parts=lambda values, heads: values.reshape(heads, len(values), -1))),
    whole_projection_in_every_head=Feedback(
        "Every head got the whole value vector and the whole output projection.",
        "Are the vectors of your heads different from each other? Which entries belong to one head?",
    ).on(
        lambda model, inputs: (
            _transformed(model, inputs)
            .sum(dim=1, keepdim=True)
            .repeat(1, model.config.num_attention_heads, 1, 1)
        )
    ),
    of_the_layers_outputs=Feedback(
        "Off by one: f was computed of each layer's output instead of its input.",
        "Which entry of hidden_states comes into the first layer?",
    ).on(partial(_transformed, chosen=lambda states, model: states[1:])),
    of_the_embeddings=Feedback(
        "f was computed of the embeddings in every layer.",
        "What comes into the second layer: the embeddings, or what the first layer has made of them?",
    ).on(partial(_transformed, chosen=lambda states, model: [states[0]] * len(states))),
    of_normalised_inputs=Feedback(
        "The layer's input was normalised first.",
        "Where does BERT normalise: before the attention or after it?",
    ).on(partial(_transformed, chosen=_normalised)),
    values_alone=Feedback(
        "The output projection is missing: these are the value vectors.",
        "How long is one vector of yours, and how long the vectors that the layer passes on?",
    ).on(_values),
    projection_of_the_feed_forward_step=Feedback(
        "The feed-forward step's output projection was taken for the attention's.",
        "A layer has two modules named output. Which of them belongs to the attention?",
    ).on(partial(_transformed, dense=lambda layer: layer.output.dense)),
    vectors_without_token_types=WITHOUT_TYPES.on(partial(_transformed, token_type_ids=None)),
    vectors_of_the_baseline=Feedback(
        "These are the vectors of the baseline.",
        "Which of the entries of `inputs` belong to the input, and which to the baseline?",
    ).on(lambda model, inputs: _transformed(model, inputs, input_ids=inputs["baseline_ids"])),
)
def _vectors_by(vectors_of: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Transform other states, or transform them in another way."""
    vectors: Tensor = vectors_of(model, inputs)
    return vectors


@misconceptions(
    task=VECTORS,
    calls=(VECTORS,),
    output_bias_added=Feedback(
        "The output projection's bias was added in every head.",
        "Add your vectors up with the attention weights: how often is the output bias in the sum, and how often in y?",
    ).on(lambda right, model, _: right + _output_biases(model)),
    output_bias_shared=Feedback(
        "The output projection's bias was shared out among the heads.",
        "Does the output bias depend on any token? Look at where it stands in the formula of y.",
    ).on(lambda right, model, _: right + _output_biases(model) / model.config.num_attention_heads),
    vectors_with_tokens_first=Feedback(
        "Heads and tokens are swapped: (layer, token, head, hidden).",
        "Print your shape beside the number of heads and of tokens: which axis is which?",
    ).on(lambda right, *_: right.transpose(1, 2)),
    vectors_summed_over_heads=Feedback(
        "The heads were summed.",
        "How many vectors does one token have in one layer?",
    ).on(lambda right, *_: right.sum(dim=1)),
    vectors_averaged_over_heads=Feedback(
        "The heads were averaged.",
        "How many vectors does one token have in one layer?",
    ).on(lambda right, *_: right.mean(dim=1)),
    vectors_normalised=Feedback(
        "The layer norm was applied to the vectors.",
        "What does the layer norm of a sum have to do with its summands? f stops before it.",
    ).on(lambda right, model, _: torch.stack(_normalised(right, model))),
    residual_added=Feedback(
        "The layer's input was added: the residual connection.",
        "Which part of the layer adds its input: the attention's output projection, or what comes after it?",
    ).on(lambda right, *asked: right + _inflow(*asked)),
    residual_shared=Feedback(
        "The layer's input, the residual connection, was shared out among the heads.",
        "Which part of the layer adds its input: the attention's output projection, or what comes after it?",
    ).on(lambda right, *asked: right + _inflow(*asked) / right.shape[1]),
    attention_included=Feedback(
        "The attention weights are in already: these are what each head gives to each query.",
        "f(x) belongs to one token alone. Does yours change if another token of the text changes its attention?",
    ).on(lambda right, *asked: _weights(*asked) @ right),
)
def _after_vectors(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Take one last step on the right vectors."""
    with torch.no_grad():
        vectors: Tensor = step(reference.transformed_vectors(model, inputs).to(model.device), model, inputs)
    return vectors


# weighted_norms
@misconceptions(
    task=WEIGHTED,
    calls=(MATRICES, VECTORS),
    norms_without_attention=Feedback(
        "The attention weights are missing: the norm of f for every query.",
        "Compare two rows of one head: does each token get the same from everybody?",
    ).on(lambda weights, f, *_: _lengths(f).expand_as(weights).contiguous()),
    vectors_of_the_queries=Feedback(
        "The weight was multiplied by the norm of the query's vector instead of the key's.",
        "Whose vector is it that flows: that of the token that looks, or that of the token it looks at?",
    ).on(lambda weights, f, *_: weights * f.norm(dim=-1)[:, :, :, None]),
    sum_of_magnitudes=Feedback(
        "The L1 norm was taken.",
        "Which norm does the task name? Compare one vector by hand.",
    ).on(lambda weights, f, *_: weights * f.abs().sum(dim=-1)[:, :, None, :]),
    sum_of_entries=Feedback(
        "The entries of the vectors were summed instead of taking the norm.",
        "Is any of your values negative? What is the length of a vector?",
    ).on(lambda weights, f, *_: weights * f.sum(dim=-1)[:, :, None, :]),
    weight_inside_the_root=Feedback(
        "The attention weight stands inside the square root.",
        "Compare one norm by hand: by how much does a vector's length change if the vector is multiplied by 0.25?",
    ).on(lambda weights, f, *_: weights.sqrt() * _lengths(f)),
    norms_of_head_outputs=Feedback(
        "Vectors were added over the keys first: one norm for each query.",
        "How many axes does your result have? What flows from each single key is asked.",
    ).on(lambda weights, f, *_: (weights @ f).norm(dim=-1)),
    norms_with_output_bias=Feedback(
        "The output projection's bias is in the vectors that were weighed here.",
        "Does this function use your transformed_vectors, or does it compute them anew? Compare the two.",
    ).on(lambda weights, f, model, _: weights * _lengths(f + _output_biases(model))),
    norms_with_residual=Feedback(
        "The layer's input, the residual connection, is in the vectors that were weighed here.",
        "Which part of the layer adds its input: the attention's output projection, or what comes after it?",
    ).on(lambda weights, f, *asked: weights * _lengths(f + _inflow(*asked))),
)
def _combined(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Combine the right weights and vectors in another way."""
    parts = (reference.attention_matrices(model, inputs), reference.transformed_vectors(model, inputs))
    return step(*(one.to(model.device) for one in parts), model, inputs)


@misconceptions(
    task=WEIGHTED,
    calls=(MATRICES,),
    attention_alone=Feedback(
        "The attention weights alone were returned.",
        "How wide the gate is and how much comes through it are two things. Where are the vectors?",
    ).on(lambda model, inputs: torch.ones((1, 1, 1, 1), device=model.device)),
    norms_of_values=Feedback(
        "The norm of the value vector was weighed: the output projection is missing.",
        "What is f? Two matrices stand in its formula.",
    ).on(_values),
    norms_of_inputs=Feedback(
        "The norm of the layer's input was weighed instead of that of f.",
        "What does a head pass on: the vector that comes into the layer, or what it makes of it?",
    ).on(lambda model, inputs: _inflow(model, inputs)),
    norms_without_value_bias=Feedback(
        "The values' bias is missing in the vectors that were weighed here.",
        "Does this function use your transformed_vectors, or does it compute them anew? Compare the two.",
    ).on(partial(_transformed, value_bias=0)),
)
def _lengths_weighed(vectors_of: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Weigh the lengths of other vectors than f(x)."""
    return reference.attention_matrices(model, inputs).to(model.device) * _lengths(vectors_of(model, inputs))


@misconceptions(
    task=WEIGHTED,
    calls=(WEIGHTED,),
    norms_transposed=Feedback(
        "Query and key are swapped: the matrices are transposed.",
        "Divide your result by the attention weights: along which axis is it the same?",
    ).on(lambda right, model: right.transpose(-1, -2)),
    norms_squared=SQUARED.on(lambda right, model: right.square()),
    norms_of_mean_squares=Feedback(
        "The root of the mean square was taken instead of the norm.",
        "By which factor are your values off, and how many numbers does a vector have?",
    ).on(lambda right, model: right / model.config.hidden_size**0.5),
    norms_made_a_distribution=DISTRIBUTION.on(lambda right, model: right / right.sum(dim=-1, keepdim=True)),
    norms_with_heads_behind_queries=HEADS_BEHIND.on(lambda right, model: right.transpose(1, 2)),
    norms_averaged_over_heads=Feedback(
        "The heads were averaged.",
        "How many norms does one pair of tokens have in one layer? The task asks for them head by head.",
    ).on(lambda right, model: right.mean(dim=1)),
)
def _after_norms(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Take one last step on the right norms."""
    return step(reference.weighted_norms(model, inputs), model)


@misconception(
    task=WEIGHTED,
    title="The attention weight was multiplied in twice.",
    hint="Is the weight in your vectors already? Divide your result by the attention weights and look at a column.",
    calls=(MATRICES, WEIGHTED),
)
def attention_twice(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs) * reference.attention_matrices(model, inputs)


# summed_norms
def _added(alpha: Tensor, f: Tensor) -> Tensor:
    """Return the sum over heads of alpha f, shape (query, key, hidden)."""
    return torch.einsum("hqk,hkd->qkd", alpha, f)


@misconceptions(
    task=SUMMED,
    calls=(WEIGHTED,),
    sum_of_norms=Feedback(
        "The norms of the heads were summed instead of taking the norm of the sum.",
        "Two heads may send opposite vectors: what arrives then, and what does your function say?",
    ).on(lambda norms: norms.sum(dim=1)),
    mean_of_norms=Feedback(
        "The norms of the heads were averaged.",
        "Two heads may send opposite vectors: what arrives then, and what does your function say?",
    ).on(lambda norms: norms.mean(dim=1)),
    norm_of_norms=Feedback(
        "The L2 norm of the heads' norms was taken: vectors laid end to end instead of added.",
        "Two heads may send opposite vectors: what arrives then, and what does your function say?",
    ).on(lambda norms: norms.norm(dim=1)),
    largest_of_norms=Feedback(
        "The largest of the heads' norms was taken.",
        "Two heads may send opposite vectors: what arrives then, and what does your function say?",
    ).on(lambda norms: norms.amax(dim=1)),
    heads_not_added=Feedback(
        "The heads were not added at all.",
        "How many axes does your result have, and which one should be gone?",
    ).on(lambda norms: norms),
)
def _norms_joined(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Join the heads' norms instead of their vectors."""
    return step(reference.weighted_norms(model, inputs))


@misconceptions(
    task=SUMMED,
    calls=(SUMMED,),
    norm_of_mean=Feedback(
        "The vectors of the heads were averaged instead of summed.",
        "By which factor are your values off, and how many heads are there?",
    ).on(lambda right, model: right / model.config.num_attention_heads),
    sum_transposed=Feedback(
        "Query and key are swapped: the matrices are transposed.",
        "Take one cell by hand: which of its two tokens sends, and which one gets?",
    ).on(lambda right, model: right.transpose(-1, -2)),
    sum_squared=SQUARED.on(lambda right, model: right.square()),
    sum_made_a_distribution=DISTRIBUTION.on(lambda right, model: right / right.sum(dim=-1, keepdim=True)),
)
def _after_sum(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Take one last step on the right norms of the sum."""
    return step(reference.summed_norms(model, inputs), model)


@misconceptions(
    task=SUMMED,
    calls=(MATRICES, VECTORS),
    sum_without_attention=Feedback(
        "The attention weights are missing: the norm of the heads' vectors for every query.",
        "Compare two rows of one layer: does each token get the same from everybody?",
    ).on(lambda alpha, f, *_: _added(torch.ones_like(alpha), f).norm(dim=-1)),
    summed_before_weighed=Feedback(
        "Weights and vectors were summed over the heads separately before they were multiplied.",
        "Each head has a weight and a vector of its own. Which of the two comes first: to multiply or to add?",
    ).on(lambda alpha, f, *_: alpha.sum(dim=0) * f.sum(dim=0).norm(dim=-1)),
    mean_weight_for_all_heads=Feedback(
        "The mean weight of the heads was multiplied by the norm of the sum of their vectors.",
        "Each head has a weight and a vector of its own. Which of the two comes first: to multiply or to add?",
    ).on(lambda alpha, f, *_: alpha.mean(dim=0) * f.sum(dim=0).norm(dim=-1)),
    sum_of_the_queries_vectors=Feedback(
        "The vectors of the queries were weighed instead of those of the keys.",
        "Whose vector is it that flows: that of the token that looks, or that of the token it looks at?",
    ).on(lambda alpha, f, *_: torch.einsum("hqk,hqd->qkd", alpha, f).norm(dim=-1)),
    magnitudes_of_the_sum=Feedback(
        "The L1 norm of the sum was taken.",
        "Which norm does the task name? Compare one vector by hand.",
    ).on(lambda alpha, f, *_: _added(alpha, f).abs().sum(dim=-1)),
    weights_inside_the_root=Feedback(
        "The attention weights stand inside the square root, beside the squared lengths of the vectors.",
        "Compare one norm by hand: in which order do you weigh, add and square?",
    ).on(lambda alpha, f, *_: (alpha * f.square().sum(dim=-1)[:, None, :]).sum(dim=0).sqrt()),
    sum_over_keys=Feedback(
        "The vectors were added over the keys, too: one norm for each query.",
        "How many axes does your result have? What flows from each single key is asked.",
    ).on(lambda alpha, f, *_: _added(alpha, f).sum(dim=1).norm(dim=-1)),
    sum_with_residual=Feedback(
        "The layer's input was added to what each token sends to itself: the residual connection.",
        "Which part of the layer adds its input: the attention's output projection, or what comes after it?",
    ).on(
        lambda alpha, f, _, inflow: (
            _added(alpha, f) + torch.eye(inflow.shape[1]).to(f)[:, :, None] * inflow[0]
        ).norm(dim=-1)
    ),
    sum_with_output_bias=Feedback(
        "The output projection's bias was added to every sum.",
        "Does the output bias come from any token? Look at where it stands in the formula of y.",
    ).on(lambda alpha, f, layer, _: (_added(alpha, f) + layer.attention.output.dense.bias).norm(dim=-1)),
    sum_normalised=Feedback(
        "The layer norm was applied before the norm was taken.",
        "What is left of a length once a layer norm has made all vectors alike?",
    ).on(lambda alpha, f, layer, _: layer.attention.output.LayerNorm(_added(alpha, f)).norm(dim=-1)),
)
def _each_layer(step: Any, reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """Add the heads of a layer up in another way."""
    parts = (reference.attention_matrices(model, inputs), reference.transformed_vectors(model, inputs))
    layers = zip(
        *(one.to(model.device) for one in parts),
        model.bert.encoder.layer,
        _inflow(model, inputs),
        strict=True,
    )
    with torch.no_grad():
        return torch.stack([step(*layer) for layer in layers])


@misconception(
    task=SUMMED,
    title="The values' bias is missing in the vectors that were added here.",
    hint="Does this function use your transformed_vectors, or does it compute them anew? Compare the two.",
    calls=(MATRICES,),
)
def sum_without_value_bias(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    pairs = zip(
        reference.attention_matrices(model, inputs), _transformed(model, inputs, value_bias=0), strict=True
    )
    return torch.stack([_added(alpha.to(f), f).norm(dim=-1) for alpha, f in pairs])
