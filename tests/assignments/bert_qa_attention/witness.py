"""BERT for question answering from its weights alone, in float64: no module of the model is called."""

import math

import numpy as np
import torch


def layer_norm(x, weights, name, eps):
    moved = x - x.mean(dim=-1, keepdim=True)
    scaled = moved / (moved.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


class Plain:
    """A model's weights in float64."""

    def __init__(self, model):
        self.weights = {name: value.detach().double() for name, value in model.state_dict().items()}
        self.layers, self.heads = model.config.num_hidden_layers, model.config.num_attention_heads
        self.width = model.config.hidden_size // self.heads
        self.eps = model.config.layer_norm_eps

    def words(self, ids):
        """Return word embeddings (token, hidden)."""
        return self.weights["bert.embeddings.word_embeddings.weight"][ids[0]]

    def run(self, words, types, added=None):
        """Compute one input.

        Args:
            words: Word embeddings, (token, hidden).
            types: Token types, (token,).
            added: Added to the attention weights after the softmax, (layer, head, token, token).

        Returns:
            Dictionary: start and end logits (token,); inputs and attention outputs, by layer (token, hidden);
            matrices (layer, head, token, token).
        """
        table = self.weights
        tokens = len(words)
        state = words + table["bert.embeddings.position_embeddings.weight"][:tokens]
        state = state + table["bert.embeddings.token_type_embeddings.weight"][types]
        state = layer_norm(state, table, "bert.embeddings.LayerNorm", self.eps)
        found = {"inputs": [], "outputs": [], "matrices": []}
        for number in range(self.layers):
            name = f"bert.encoder.layer.{number}"
            found["inputs"].append(state)
            heads = []
            for head in range(self.heads):
                mine = slice(head * self.width, (head + 1) * self.width)
                query, key, value = (
                    linear(state, table, f"{name}.attention.self.{part}")[:, mine]
                    for part in ("query", "key", "value")
                )
                alpha = (query @ key.T / math.sqrt(self.width)).softmax(dim=-1)
                if added is not None:
                    alpha = alpha + added[number, head]
                found["matrices"].append(alpha)
                heads.append(alpha @ value)
            output = linear(torch.cat(heads, dim=-1), table, f"{name}.attention.output.dense")
            found["outputs"].append(output)
            state = layer_norm(state + output, table, f"{name}.attention.output.LayerNorm", self.eps)
            inner = linear(state, table, f"{name}.intermediate.dense")
            inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
            state = layer_norm(
                state + linear(inner, table, f"{name}.output.dense"),
                table,
                f"{name}.output.LayerNorm",
                self.eps,
            )
        logits = linear(state, table, "qa_outputs")
        matrices = torch.stack(found["matrices"]).view(self.layers, self.heads, tokens, tokens)
        return found | {"start": logits[:, 0], "end": logits[:, 1], "matrices": matrices}

    def transformed(self, states):
        """Return f(x) (layer, head, token, hidden), by einsum over weights cut into heads."""
        rows = []
        for number, state in enumerate(states):
            name = f"bert.encoder.layer.{number}.attention"
            into = self.weights[f"{name}.self.value.weight"].view(
                self.heads, self.width, -1
            )  # (head, width, in)
            bias = self.weights[f"{name}.self.value.bias"].view(self.heads, 1, self.width)
            out = self.weights[f"{name}.output.dense.weight"].view(
                -1, self.heads, self.width
            )  # (out, head, width)
            values = torch.einsum("hwi,ti->htw", into, state) + bias
            rows.append(torch.einsum("htw,ohw->hto", values, out))
        return torch.stack(rows)

    def conductance(self, inputs, position):
        """Return conductance by one backward pass a node: gradients of numbers added to the weights."""
        types = inputs["token_type_ids"][0]
        start, end = self.words(inputs["baseline_ids"]), self.words(inputs["input_ids"])
        tokens = len(types)
        weights, slopes = [], []
        for node in (np.polynomial.legendre.leggauss(51)[0] + 1) / 2:
            added = torch.zeros(
                self.layers, self.heads, tokens, tokens, dtype=torch.float64, requires_grad=True
            )
            found = self.run(start + float(node) * (end - start), types, added)
            (slope,) = torch.autograd.grad(found[position].max(), added)
            weights.append(found["matrices"].detach())
            slopes.append(slope)
        total = torch.zeros_like(weights[0])
        for step in range(50):
            total += (weights[step + 1] - weights[step]) * slopes[step]
        return total
